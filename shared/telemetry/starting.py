"""Switching telemetry on, for the whole process, as the settings say: metrics that Prometheus reads at `/metrics`, and
spans and metrics that are sent to a collector."""

import socket
import ssl
from typing import Any

import httpx
import structlog
from temporalio.runtime import OpenTelemetryConfig, PrometheusConfig

from shared.config import Settings
from shared.telemetry.metrics import REGISTRY, exposition

log = structlog.get_logger(__name__)
SDK_SECONDS = 2.0
NO_TRUST = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""No TLS is used. Reading the certificates of all authorities would hold up the process for a moment at each scrape."""


class TelemetryMissing(Exception):
    """A collector is named, and OpenTelemetry is not installed."""


class Telemetry:
    """What was switched on. Close it when the process ends."""

    def __init__(self, settings: Settings, name: str) -> None:
        """`name` is what the process is called. Raises TelemetryMissing."""
        self.on = settings.metrics or bool(settings.otlp_url)
        self.serves_metrics = settings.metrics
        self._exporting: Any = None
        self.sdk: OpenTelemetryConfig | PrometheusConfig | None = None
        """Where Temporal's SDK brings its own metrics."""
        self._sdk_address: str | None = None
        if settings.otlp_url:
            self._exporting = _exporting(settings.otlp_url, name)
            metrics = f"{settings.otlp_url.rstrip('/')}/v1/metrics"
            self.sdk = OpenTelemetryConfig(metrics, http=True, durations_as_seconds=True)
        elif settings.metrics:
            self._sdk_address = f"127.0.0.1:{_free_port()}"
            self.sdk = PrometheusConfig(
                self._sdk_address, counters_total_suffix=True, unit_suffix=True, durations_as_seconds=True
            )

        REGISTRY.on = self.on

    @property
    def interceptors(self) -> list[Any]:
        """For clients of Temporal."""
        return [self._exporting.interceptor] if self._exporting is not None else []

    async def exposition(self) -> str:
        """All metrics of the process, with those of Temporal's SDK."""
        return exposition(REGISTRY) + await self._of_the_sdk()

    async def _of_the_sdk(self) -> str:
        """The SDK serves its metrics by itself, at an address that nobody else reaches."""
        if self._sdk_address is None:
            return ""
        try:
            async with httpx.AsyncClient(timeout=SDK_SECONDS, trust_env=False, verify=NO_TRUST) as client:
                return (await client.get(f"http://{self._sdk_address}/metrics")).text
        except httpx.HTTPError:  # no client of Temporal was made yet
            return ""

    def close(self) -> None:
        REGISTRY.on = False
        if self._exporting is not None:
            self._exporting.close()


def _exporting(url: str, name: str) -> Any:
    try:
        from shared.telemetry.otlp import Exporting
    except ImportError:
        raise TelemetryMissing(
            "UPWARD_OTLP_URL is set, and OpenTelemetry is not installed: install requirements/telemetry.txt."
        ) from None
    return Exporting(url, name, REGISTRY)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
