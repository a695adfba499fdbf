"""A collector for tests: it takes OTLP over HTTP, and keeps what it was sent. The packages are an extra."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="requirements/telemetry.txt is not installed")

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Collector:
    def __init__(self, url: str) -> None:
        self.url = url
        self._traces: list[Any] = []
        self._metrics: list[Any] = []

    def take(self, path: str, body: bytes) -> None:
        if path == "/v1/traces":
            self._traces.append(ExportTraceServiceRequest.FromString(body))
        elif path == "/v1/metrics":
            self._metrics.append(ExportMetricsServiceRequest.FromString(body))

    @property
    def spans(self) -> list[Any]:
        return [
            span
            for request in self._traces
            for of in request.resource_spans
            for scope in of.scope_spans
            for span in scope.spans
        ]

    def span(self, name: str) -> Any:
        [found] = [span for span in self.spans if span.name == name]
        return found

    @property
    def metrics(self) -> dict[str, Any]:
        return {
            metric.name: metric
            for request in self._metrics
            for of in request.resource_metrics
            for scope in of.scope_metrics
            for metric in scope.metrics
        }

    @property
    def resources(self) -> set[str]:
        """The names of the processes that sent something."""
        found = [of.resource for request in self._traces for of in request.resource_spans]
        return {
            one.value.string_value for resource in found for one in resource.attributes if one.key == "service.name"
        }


@contextmanager
def collecting() -> Iterator[Collector]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            collector.take(self.path, self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector = Collector(f"http://127.0.0.1:{server.server_address[1]}")
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        serving.join()
