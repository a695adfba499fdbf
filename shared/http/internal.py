"""The client by which one service reads from another at `/internal/...`, over TCP or inside the same process."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from time import monotonic
from typing import Any, TypeVar
from uuid import UUID

import httpx
import structlog
from pydantic import BaseModel

from shared.config import Settings
from shared.contracts.base import Contract, PersonPage, Service
from shared.errors import BadRequest, Conflict, DomainError, Forbidden, Gone, Invalid, NotFound, Unauthorized
from shared.http.inside import Inside, answer_of
from shared.tracing import current_headers

Answer = TypeVar("Answer", bound=Contract)
log = structlog.get_logger(__name__)
IDLE_SECONDS = 5.0
"""How long an idle connection is kept: much shorter than servers keep it (upward/serving/connections.py)."""
CLOSED = (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)
"""How httpx says that a connection was closed before the answer began. A server may close an idle connection in the
moment in which a request is on its way to it."""

EXPECTED: dict[int, type[DomainError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
}
NO_TRUST = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients that use no TLS: it knows no authority, and so accepts no certificate."""
UNSERVED = NotFound.code
"""The code of the answer when no route serves the address. A NotFound that a service raises has another code."""
UNSERVED_SECONDS, AGAIN_SECONDS = 15.0, 0.5
"""During an upgrade a process of the previous release may be asked for what only the next one serves. It is asked again
for so long and so often."""


class Internal:
    """Calls the internal APIs of services.

    A problem that the service answers is raised as the same DomainError. If the service is away, answers 5xx or does
    not serve the address, `httpx.HTTPError` is raised. Activities do not catch it, so that Temporal tries again.

    A read whose connection was closed before any byte of an answer came is asked once more, on a new connection. What
    is not served is asked again for some seconds, on new connections, which may lead to a process of a newer
    release."""

    def __init__(self, settings: Settings, app: Any = None, *, timeout: float = 30) -> None:
        """`app` is the ASGI application of this process. Services without a URL in the settings are called in it."""
        self._token = settings.service_token.get_secret_value()
        self._inside = Inside(app)
        apart = {service: url for service in Service if (url := settings.service_urls.get(service.value))}
        # Reading the certificates of all authorities takes a megabyte and a moment, each time.
        trust = httpx.create_ssl_context() if any(url.startswith("https:") for url in apart.values()) else NO_TRUST
        self._clients = {service: _client(url, timeout, trust) for service, url in apart.items()}
        # Connections of these are never used twice, so none can be one that its server has closed.
        self._fresh = {service: _client(url, timeout, trust, kept=0) for service, url in apart.items()}

    async def get(
        self,
        service: Service,
        path: str,
        answer: type[Answer],
        organization_id: UUID,
        params: Mapping[str, Any] | None = None,
    ) -> Answer:
        """GET `/internal/{service}{path}`."""
        return await self._call("GET", service, path, answer, organization_id, params=params)

    async def ask(
        self, service: Service, path: str, body: BaseModel, answer: type[Answer], organization_id: UUID
    ) -> Answer:
        """A POST that reads and changes nothing, so that it may be asked twice."""
        return await self._call("POST", service, path, answer, organization_id, body=body)

    async def post(
        self, service: Service, path: str, body: BaseModel, answer: type[Answer], organization_id: UUID
    ) -> Answer:
        """A POST that changes something. It is sent once."""
        return await self._call("POST", service, path, answer, organization_id, body=body, reads=False)

    async def people(
        self, service: Service, path: str, organization_id: UUID, params: Mapping[str, Any] | None = None
    ) -> AsyncIterator[UUID]:
        """All people of a list that is read in pages."""
        after: UUID | None = None
        while True:
            query = dict(params or {}) | ({"after": str(after)} if after else {})
            page = await self.get(service, path, PersonPage, organization_id, query)
            for person_id in page.person_ids:
                yield person_id
            if (after := page.after) is None:
                return

    async def exchange(self, service: Service, request: Mapping[str, Any], *, reads: bool) -> httpx.Response:
        """Sends a request as it is, and returns the whole answer. The arguments are those of httpx's `build_request`.

        Raises httpx.HTTPError if the service is away."""
        request = {**request, "headers": current_headers() | dict(request["headers"])}
        if service not in self._clients:
            return await self._inside.exchange(request)
        try:
            response = await _begin(self._clients[service], request)
        except CLOSED as error:
            log.warning("internal.connection_closed", service=service.value, error=type(error).__name__, again=reads)
            if not reads:
                raise
            response = await _begin(self._fresh[service], request)
        response = await _whole(response)
        if _is_unserved(response):
            log.warning("internal.address_unserved", service=service.value)
            given_up = monotonic() + UNSERVED_SECONDS
            while _is_unserved(response) and monotonic() < given_up:
                await asyncio.sleep(AGAIN_SECONDS)
                response = await _whole(await _begin(self._fresh[service], request))
        return response

    async def close(self) -> None:
        for client in (*self._clients.values(), *self._fresh.values()):
            await client.aclose()

    async def _call(
        self,
        method: str,
        service: Service,
        path: str,
        answer: type[Answer],
        organization_id: UUID,
        *,
        params: Mapping[str, Any] | None = None,
        body: BaseModel | None = None,
        reads: bool = True,
    ) -> Answer:
        request: dict[str, Any] = {
            "method": method,
            "url": f"/internal/{service.value}{path}",
            "params": params,
            "content": body.model_dump_json() if body is not None else None,
            "headers": {
                "authorization": f"Bearer {self._token}",
                "upward-organization": str(organization_id),
                "content-type": "application/json",
            },
        }
        response = await self.exchange(service, request, reads=reads)
        if (expected := _expected(response)) is not None:
            raise expected
        if not response.is_success:
            response.raise_for_status()
        return answer_of(response, answer)


def _client(url: str, timeout: float, trust: ssl.SSLContext, kept: int | None = 20) -> httpx.AsyncClient:
    """`kept` is how many idle connections are kept for the next request."""
    return httpx.AsyncClient(
        base_url=url,
        limits=httpx.Limits(max_connections=100, max_keepalive_connections=kept, keepalive_expiry=IDLE_SECONDS),
        timeout=timeout,
        verify=trust,
        cookies=CookieJar(
            policy=DefaultCookiePolicy(allowed_domains=[])
        ),  # it keeps none: everybody shares this client
    )


async def _begin(client: httpx.AsyncClient, request: Mapping[str, Any]) -> httpx.Response:
    """Sends the request and returns the beginning of the answer."""
    return await client.send(client.build_request(**request), stream=True)


async def _whole(response: httpx.Response) -> httpx.Response:
    try:
        await response.aread()
    finally:
        await response.aclose()
    return response


def _is_unserved(response: httpx.Response) -> bool:
    """Whether no route serves the address, or another one that takes a part of it for an id that is none."""
    if response.status_code not in (404, 422) or "problem+json" not in response.headers.get("content-type", ""):
        return False
    document = response.json()
    if response.status_code == 404:
        return bool(document.get("code") == UNSERVED)
    return any(str(error.get("field", "")).startswith("path.") for error in document.get("errors", ()))


def _expected(response: httpx.Response) -> DomainError | None:
    """The failure that the service itself answered. None for every other answer, such as that of a proxy, or that of an
    older version which does not serve the address yet: these are temporary, and are tried again."""
    if response.status_code not in EXPECTED or "json" not in response.headers.get("content-type", ""):
        return None
    document = response.json()
    if not isinstance(document, dict) or document.get("code") in (None, UNSERVED):
        return None
    extra = {"errors": document["errors"]} if "errors" in document else {}
    return EXPECTED[response.status_code](
        str(document.get("detail", "The service refused.")), code=str(document["code"]), **extra
    )
