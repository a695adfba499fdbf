"""The console of one organization: its routes, its table of roles, and its pages, each opened once for each role."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
from fastapi import FastAPI
from sqlalchemy import inspect
from sqlalchemy.ext.asyncio import AsyncConnection

from services.console.admin.form_tokens import FIELD, new_form_token
from services.events.webhooks.models import EndpointRow
from services.matching.models import MatchRun
from services.programs.models import CycleRow, ProgramRow
from shared.auth import Role
from shared.contracts.endpoints import EndpointState
from shared.contracts.matching import MatchRunState
from shared.database import Database
from tests.architecture.documents import names_in, table_rows
from tests.services.every_page.documents import Form, Page, Pairs
from tests.services.pictures import png
from tests.services.wrong_input.public_routes import CSV, Row, named_in, routes_of

TABLE = ("docs/privacy.md", "## What each route answers")
OPEN = (
    "/console/sign-in",
    "/console/sign-out",
    "/console/static",
    "/console/accent",
    "/console/logos",
    "/console/{rest",
)
"""Routes of whoever is not signed in yet, or no more, and what all pages load."""


class Routes(NamedTuple):
    pages: tuple[Row, ...]
    actions: tuple[Row, ...]

    def action_at(self, address: str) -> Row | None:
        return next((row for row in self.actions if fits(row.path, address)), None)

    def page_at(self, address: str) -> Row | None:
        """The most exact one: `/console/people/new` is not the page of one person."""
        found = [row for row in self.pages if fits(row.path, address)]
        return min(found, key=lambda row: row.path.count("{"), default=None)


def fits(path: str, address: str) -> bool:
    pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))
    return re.fullmatch(pattern, urlsplit(address).path) is not None


def routes(app: FastAPI) -> Routes:
    """The routes of the console for whoever is signed in, with the lowest role of each, as the table has it."""
    roles = {
        names_in(row[0])[0]: next(role for role, cell in zip(Role, row[1:], strict=True) if cell != "no")
        for row in table_rows(*TABLE)
    }
    found = [
        Row(method, path, roles.get(f"{method} {path}", Role.VIEWER), named=named_in(path))
        for method, path in sorted(routes_of(app))
        if path.startswith("/console") and path != "/console/" and not path.startswith(OPEN)
    ]
    return Routes(
        tuple(row for row in found if row.method == "GET" and not row.path.endswith(".csv")),
        tuple(row for row in found if row.method == "POST"),
    )


class Console:
    def __init__(
        self, http: httpx.AsyncClient, db: Database, connection: AsyncConnection, ids: dict[str, Any],
        keys: dict[Role, str],
    ) -> None:  # fmt: skip
        self.http = http
        self.db = db
        self._connection = connection
        self.ids = ids
        self.keys = keys
        self._read: dict[int, Page | None] = {}
        self._opened: dict[tuple[str, Role], httpx.Response] = {}

    def as_(self, role: Role) -> dict[str, str]:
        return {"authorization": f"Bearer {self.keys[role]}"}

    async def open(self, address: str, role: Role = Role.OWNER) -> httpx.Response:
        """The page at this address. It is asked for once."""
        if (address, role) not in self._opened:
            self._opened[address, role] = await self.http.get(address, headers=self.as_(role))
        return self._opened[address, role]

    async def document(self, row: Row, role: Role = Role.OWNER) -> Page | None:
        """What is at this route, or None if that is no page."""
        address = row.address(self.ids)
        answer = await self.open(address, role)
        if id(answer) not in self._read:
            self._read[id(answer)] = Page(answer.text, address) if is_page(answer) else None
        return self._read[id(answer)]

    async def ask(self, row: Row, role: Role) -> httpx.Response:
        """Asks for a page, or sends an empty form."""
        if row.method == "GET":
            return await self.open(row.address(self.ids), role)
        return await self.send(Form(row.address(self.ids), (), ()), [], role)

    async def send(
        self, form: Form, pairs: Pairs, role: Role = Role.OWNER, token: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:  # fmt: skip
        """Sends a form as this role, with the right token unless one is given; an empty one is left out."""
        right = new_form_token(self.keys[role])
        fields = [*pairs, *([(FIELD, right if token is None else token)] if token != "" else [])]
        return await post(self.http, form.address, fields, self.as_(role) | (headers or {}))

    async def later(self) -> None:
        """What has been running stands still: other buttons are there now."""
        now = datetime.now(UTC)
        async with self.db.transaction() as session:
            (await session.get_one(CycleRow, self.ids["cycle_id"])).paused = True
            (await session.get_one(ProgramRow, self.ids["program_id"])).archived_at = now
            endpoint = await session.get_one(EndpointRow, self.ids["endpoint_id"])
            endpoint.state, endpoint.disabled_at = EndpointState.DISABLED, now
            run = await session.get_one(MatchRun, self.ids["match_run_id"])
            await session.refresh(run, ["inputs"])
            run.revision = 2
            columns = {one.key for one in inspect(MatchRun).column_attrs} - {"id", "revision", "state"}
            await session.flush()
            copied = {name: getattr(run, name) for name in columns}
            session.add(MatchRun(**copied, id=uuid4(), revision=1, state=MatchRunState.SUPERSEDED))
        self._opened = {}

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """What is stored within is gone afterwards."""
        opened, savepoint = self._opened, await self._connection.begin_nested()
        yield
        await savepoint.rollback()
        self._opened = opened


def is_page(answer: httpx.Response) -> bool:
    return "html" in answer.headers.get("content-type", "")


FILES = {"/console/people/import": ("people.csv", CSV), "/console/messages/brand/logo": ("logo.png", png(40, 20))}
"""What is chosen in forms with a file."""


async def post(http: httpx.AsyncClient, address: str, pairs: Pairs, headers: dict[str, str]) -> httpx.Response:
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    file = FILES.get(urlsplit(address).path)
    return await http.post(address, data=fields, files={"file": file} if file else None, headers=headers)
