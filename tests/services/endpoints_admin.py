"""An admin who makes and changes endpoints over HTTP: the services events and intake on real Postgres."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx
from fastapi import FastAPI

from services.events import main as events
from services.intake import main as intake
from shared.auth import Role
from shared.contracts.endpoints import EndpointRef
from shared.database import Database
from tests.services.conftest import client_of
from tests.services.intake_examples import add_people, person
from tests.services.programs_examples import once

Headers = dict[str, str]
KeyMaker = Callable[..., Awaitable[Headers]]
URL = "https://hooks.example.com/upward"


class Admin:
    """An admin of one organization, which has one active person and one who left."""

    def __init__(self, http: httpx.AsyncClient, headers: Headers, organization_id: UUID) -> None:
        self.http, self.headers, self.organization_id = http, headers, organization_id
        self.owner, self.leaver = person("owner@example.org"), person("leaver@example.org", active=False)

    def body(self, **changes: Any) -> dict[str, Any]:
        return {"url": URL, "owner_id": str(self.owner.id)} | changes

    async def post(self, path: str, body: Any = None, headers: Headers | None = None) -> httpx.Response:
        return await self.http.post(path, json=body, headers=once(self.headers) | (headers or {}))

    async def get(self, path: str, **query: object) -> httpx.Response:
        params = {name: str(value) for name, value in query.items()}
        return await self.http.get(path, params=params, headers=self.headers)

    async def put(self, endpoint_id: object, body: Any, if_match: str) -> httpx.Response:
        headers = self.headers | {"if-match": if_match}
        return await self.http.put(f"/v1/endpoints/{endpoint_id}", json=body, headers=headers)

    async def create(self, **changes: Any) -> dict[str, Any]:
        """A new endpoint, as it was answered."""
        answer = await self.post("/v1/endpoints", self.body(**changes))
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def ref(self, endpoint: dict[str, Any]) -> EndpointRef:
        return EndpointRef(organization_id=self.organization_id, endpoint_id=UUID(endpoint["id"]))


@asynccontextmanager
async def endpoints_admin(
    db: Database, application: Callable[..., FastAPI], access_key: KeyMaker, organization_id: UUID
) -> AsyncIterator[Admin]:
    async with client_of(application(events, intake)) as http:
        admin = Admin(http, await access_key(Role.ADMIN, organization_id), organization_id)
        await add_people(db, organization_id, admin.owner, admin.leaver)
        yield admin


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def fields(answer: httpx.Response) -> list[str]:
    return [error["field"] for error in answer.json()["errors"]]
