"""One attempt to deliver: a POST to an endpoint, and its answer.

The other side is a program that we do not control, and may be hostile. So one time limit covers everything, from
resolving the name to the slowest answer. Only the beginning of an answer is read, and nothing is decompressed.
Redirects are answers like any other and never followed. Proxies of the environment are not used, as they would connect
to addresses that we have not checked.

A connection is kept for half a minute, for the endpoint alone that it was made for: endpoints of several organizations
may be on one host. If the other side has closed it or has sent more than its answer, a new one is made before anything
is sent (`exchange.py`). An attempt that has begun to send is not repeated here but has failed, as only the caller knows
what may be sent twice. The callers limit how much is sent at once; there is no queue here in which endpoints that hang
would keep others waiting.
"""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit
from uuid import UUID

import h11

from services.events.webhooks.connection import AttemptCode, AttemptFailed, CheckedConnector, NameLookups, Resolver
from services.events.webhooks.exchange import HttpConnection, KeptConnections, Response
from services.events.webhooks.rules.addresses import DEFAULT_PORTS, Network, UnsafeUrl, parse_endpoint_url
from services.events.webhooks.rules.retry_after import parse_retry_after

ATTEMPT_SECONDS = 15.0
KEPT_SECONDS = 30.0
MOST_KEPT = 200
ANSWER_BYTES = 2000
USER_AGENT = "Upward-Webhooks/1"


class Answer(NamedTuple):
    """An endpoint's answer. `text` is the beginning of its body, from at most 2,000 bytes. `retry_after` is how long it
    asks to wait for the next attempt; `Schedule` limits it."""

    status: int
    retry_after: timedelta | None
    text: str


class Sender:
    """Sends to public addresses by https, and to addresses in `development_networks` also by http.

    Tests give their own `resolve`, other `seconds` as the limit of an attempt, and `trust` for their own certificates.
    By default the system's certificates are trusted."""

    def __init__(
        self,
        development_networks: Sequence[Network] = (),
        *,
        resolve: Resolver | None = None,
        seconds: float = ATTEMPT_SECONDS,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self._development = bool(development_networks)
        self._seconds = seconds
        self._lookups = NameLookups(search=self._development)
        resolve = resolve or self._lookups
        trust = trust or ssl.create_default_context()
        trust.set_alpn_protocols(["http/1.1"])
        self._connectors = {
            scheme: CheckedConnector(
                resolve, development_networks, trust=trust if scheme == "https" else None, seconds=seconds / 2
            )
            for scheme in DEFAULT_PORTS
        }
        self._kept = KeptConnections(MOST_KEPT, KEPT_SECONDS)

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, *, endpoint: UUID | None = None) -> Answer:
        """Sends once and returns whatever the endpoint answers. A connection is used again for the same `endpoint` and
        URL only. Raises AttemptFailed when it does not answer."""
        try:
            async with asyncio.timeout(self._seconds):
                return _answer(await self._exchange(endpoint, url, headers, body))
        except TimeoutError:
            code = AttemptCode.TIMED_OUT
        except UnsafeUrl:
            code = AttemptCode.ADDRESS_REFUSED
        raise AttemptFailed(code)

    async def close(self) -> None:
        """Closes the connections that are kept."""
        self._kept.close()
        self._lookups.close()

    async def _exchange(self, endpoint: UUID | None, url: str, headers: Mapping[str, str], body: bytes) -> Response:
        """Raises AttemptFailed, UnsafeUrl. The URL is parsed again, as the rules may have changed since it was
        stored."""
        parts = urlsplit(parse_endpoint_url(url, development=self._development))
        request = _request(parts, headers, body)
        key = endpoint, parts
        connection = self._kept.take(key)
        if connection is None:
            port = parts.port or DEFAULT_PORTS[parts.scheme]
            connection = HttpConnection(await self._connectors[parts.scheme].connect(parts.hostname or "", port))
        try:
            response = await connection.exchange(request, body, ANSWER_BYTES)
        except BaseException:
            connection.close()
            raise
        self._kept.put(key, connection)
        return response


def _request(parts: SplitResult, headers: Mapping[str, str], body: bytes) -> h11.Request:
    own = {
        "host": parts.netloc,
        "user-agent": USER_AGENT,
        "accept-encoding": "identity",
        "content-length": str(len(body)),
    }
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    return h11.Request(method="POST", target=target, headers=[*own.items(), *headers.items()])


def _answer(response: Response) -> Answer:
    # Postgres takes no NUL in a text.
    text = response.beginning[:ANSWER_BYTES].decode("utf-8", "replace").replace("\0", "")
    return Answer(response.status, parse_retry_after(response.retry_after, datetime.now(UTC)), text)
