"""The client by which one service reads from another at `/internal/...`, over TCP or inside the same process."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, TypeVar
from uuid import UUID

import httpx
from pydantic import BaseModel

from shared.config import Settings
from shared.contracts.base import Contract, PersonPage, Service
from shared.errors import BadRequest, Conflict, DomainError, Forbidden, Gone, Invalid, NotFound, Unauthorized

Answer = TypeVar("Answer", bound=Contract)

EXPECTED: dict[int, type[DomainError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
}
UNSERVED = NotFound.code
"""The code of the answer when no route serves the address. A NotFound that a service raises has another code."""


class Internal:
    """Calls the internal APIs of services.

    A problem that the service answers is raised as the same DomainError. If the service is away, answers 5xx or does
    not serve the address, `httpx.HTTPError` is raised. Activities do not catch it, so that Temporal tries again."""

    def __init__(self, settings: Settings, app: Any = None, *, timeout: float = 30) -> None:
        """`app` is the ASGI application of this process. Services without a URL in the settings are called in it."""
        self._token = settings.service_token.get_secret_value()
        self._clients = {
            service: httpx.AsyncClient(
                base_url=settings.service_urls.get(service.value, "http://in-process"),
                transport=None
                if service.value in settings.service_urls
                else httpx.ASGITransport(app=app, raise_app_exceptions=False),
                timeout=timeout,
            )
            for service in Service
        }

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

    async def post(
        self, service: Service, path: str, body: BaseModel, answer: type[Answer], organization_id: UUID
    ) -> Answer:
        return await self._call("POST", service, path, answer, organization_id, body=body)

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

    async def close(self) -> None:
        for client in self._clients.values():
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
    ) -> Answer:
        response = await self._clients[service].request(
            method,
            f"/internal/{service.value}{path}",
            params=params,
            content=body.model_dump_json() if body is not None else None,
            headers={
                "authorization": f"Bearer {self._token}",
                "upward-organization": str(organization_id),
                "content-type": "application/json",
            },
        )
        if (expected := _expected(response)) is not None:
            raise expected
        response.raise_for_status()
        return answer.model_validate_json(response.content)


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
