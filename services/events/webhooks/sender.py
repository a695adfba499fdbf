"""One attempt to deliver: a POST to an endpoint, and its answer.

The other side is a program that we do not control, and may be hostile. So one time limit covers everything, from
resolving the name to the slowest answer. Only the beginning of an answer is read, and nothing is decompressed.
Redirects are answers like any other and never followed. Proxies of the environment are not used, as they would connect
to addresses that we have not checked.

A connection is kept for half a minute. If the other side has closed it, a new one is made before anything is sent. An
attempt that has begun to send is not repeated here but has failed, as only the caller knows what may be sent twice.
Requests do not wait for a place in the pool: a waiting request that is cancelled blocks its place for ever
(encode/httpcore#1093), and endpoints that hang would keep others waiting. The callers limit how much is sent at once.
"""

import asyncio
import re
import ssl
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import NamedTuple
from urllib.parse import urlsplit

import httpcore

from services.events.webhooks.connection import AttemptCode, AttemptFailed, CheckedBackend, NameLookups, Resolver
from services.events.webhooks.rules.addresses import DEFAULT_PORTS, Network, UnsafeUrl, parse_endpoint_url

ATTEMPT_SECONDS = 15.0
KEPT_SECONDS = 30.0
MOST_KEPT = 100
ANSWER_BYTES = 2000
USER_AGENT = "Upward-Webhooks/1"
SECONDS = re.compile(r"[0-9]{1,9}")


class Answer(NamedTuple):
    """An endpoint's answer. `text` is the beginning of its body, from at most 2,000 bytes. `retry_after` is how long it
    asks to wait for the next attempt, without a limit."""

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
        self._pools = {
            scheme: httpcore.AsyncConnectionPool(
                ssl_context=trust,
                max_connections=None,
                max_keepalive_connections=MOST_KEPT,
                keepalive_expiry=KEPT_SECONDS,
                network_backend=CheckedBackend(
                    resolve, development_networks, tls=scheme == "https", seconds=seconds / 2
                ),
            )
            for scheme in DEFAULT_PORTS
        }

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Sends once and returns whatever the endpoint answers. Raises AttemptFailed when it does not answer."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._exchange(self._request(url, headers, body))
        except TimeoutError:
            code = AttemptCode.TIMED_OUT
        except UnsafeUrl:
            code = AttemptCode.ADDRESS_REFUSED
        except httpcore.RemoteProtocolError:
            code = AttemptCode.ANSWER_INVALID
        except httpcore.NetworkError:
            code = AttemptCode.CONNECTION_FAILED
        raise AttemptFailed(code)

    async def close(self) -> None:
        """Closes the connections that are kept."""
        for pool in self._pools.values():
            await pool.aclose()
        self._lookups.close()

    def _request(self, url: str, headers: Mapping[str, str], body: bytes) -> httpcore.Request:
        """The request to send. The URL is parsed again, as the rules may have changed since it was stored. Raises
        UnsafeUrl."""
        parts = urlsplit(parse_endpoint_url(url, development=self._development))
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        own = {
            "host": parts.netloc,
            "user-agent": USER_AGENT,
            "accept-encoding": "identity",
            "content-length": str(len(body)),
        }
        return httpcore.Request(
            "POST",
            httpcore.URL(scheme=parts.scheme, host=parts.hostname or "", port=parts.port, target=target),
            headers=[*own.items(), *headers.items()],
            content=body,
        )

    async def _exchange(self, request: httpcore.Request) -> Answer:
        response = await self._pools[request.url.scheme.decode()].handle_async_request(request)
        beginning = b""
        try:
            async for part in response.aiter_stream():
                beginning += part
                if len(beginning) >= ANSWER_BYTES:
                    break
        finally:
            await response.aclose()
        given = next((value for name, value in response.headers if name.lower() == b"retry-after"), b"")
        # Postgres takes no NUL in a text.
        text = beginning[:ANSWER_BYTES].decode("utf-8", "replace").replace("\0", "")
        return Answer(response.status, parse_retry_after(given.decode("latin-1"), datetime.now(UTC)), text)


def parse_retry_after(text: str, now: datetime) -> timedelta | None:
    """How long an answer asks to wait by its Retry-After header, which holds seconds or a date (RFC 9110, 10.2.3). None
    for anything else and for a date in the past."""
    if SECONDS.fullmatch(text):
        return timedelta(seconds=int(text))
    try:
        date = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError, IndexError):
        return None
    wait = (date if date.tzinfo else date.replace(tzinfo=UTC)) - now
    return wait if wait > timedelta(0) else None
