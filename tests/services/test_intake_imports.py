"""Large imports stop nobody: no transaction is open while one is planned, and its answer is bounded."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import delete

from services.intake import imports, main
from services.intake.importing.problems import LISTED
from services.intake.imports import TRIES, Planned
from services.intake.models import Person
from services.intake.store import people as store
from shared.auth import Role
from shared.config import Settings
from shared.database import Database
from shared.http.application import create_application
from tests.services.conftest import CountedDatabase, client_of
from tests.services.intake_examples import add_people, person, staged

Key = Callable[..., Awaitable[dict[str, str]]]
CSV = b"id,name,email\n1,Ann Lee,ann@x.example\n2,Bob Ray,bob@x.example\n"


class Importer:
    def __init__(self, client: httpx.AsyncClient, database: CountedDatabase) -> None:
        self.client = client
        self.database = database

    async def send(self, content: bytes = CSV, **params: Any) -> httpx.Response:
        headers = {"content-type": "text/csv"}
        return await self.client.post("/v1/people/import", content=content, headers=headers, params=params)


@pytest.fixture
async def importer(db: Database, settings: Settings, access_key: Key) -> AsyncIterator[Importer]:
    database = CountedDatabase(db)
    async with client_of(create_application([main.router], database, settings)) as client:
        client.headers.update(await access_key(Role.ADMIN))
        yield Importer(client, database)


def meanwhile(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], Awaitable[None]]) -> None:
    """Has something happen while an import is planned."""
    plan, loop = imports._plan, asyncio.get_running_loop()

    def planned(*arguments: Any, skip_invalid: bool) -> Planned:
        asyncio.run_coroutine_threadsafe(_of(happens), loop).result()
        return plan(*arguments, skip_invalid=skip_invalid)

    monkeypatch.setattr(imports, "_plan", planned)


async def _of(happens: Callable[[], Awaitable[None]]) -> None:
    await happens()


async def test_no_transaction_is_open_while_an_import_is_planned(
    importer: Importer, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    async def look() -> None:
        seen.append(importer.database.open)

    meanwhile(monkeypatch, look)
    assert (await importer.send()).json()["created"] == 2
    assert seen == [0]


async def test_a_directory_that_changed_meanwhile_is_planned_again(
    importer: Importer, monkeypatch: pytest.MonkeyPatch, db: Database, organization_id: UUID
) -> None:
    planned = 0

    async def somebody_comes() -> None:
        nonlocal planned
        planned += 1
        if planned == 1:
            await add_people(db, organization_id, person("ann@x.example")._replace(external_id="1", name="Ann Lee"))

    meanwhile(monkeypatch, somebody_comes)
    report = (await importer.send()).json()
    assert (planned, report["created"], report["changed"]) == (2, 1, 1)
    assert [kind for kind, _ in await staged(db, organization_id)] == ["people.imported"]


async def test_a_directory_that_changes_all_the_time_is_409_and_nothing_is_imported(
    importer: Importer, monkeypatch: pytest.MonkeyPatch, db: Database, organization_id: UUID
) -> None:
    planned = 0

    async def somebody_comes() -> None:
        nonlocal planned
        planned += 1
        await add_people(db, organization_id, person(f"p{planned}@x.example"))

    meanwhile(monkeypatch, somebody_comes)
    answer = await importer.send()
    assert (answer.status_code, answer.json()["code"]) == (409, "directory_keeps_changing")
    assert planned == TRIES
    assert await staged(db, organization_id) == []


async def test_the_state_of_a_directory_is_another_one_after_every_change_and_after_nothing_else(
    db: Database, organization_id: UUID
) -> None:
    async def state() -> int:
        async with db.transaction() as session:
            return await store.read_state(session, organization_id)

    one, other = person("one@x.example"), person("other@x.example")
    states = [await state()]
    await add_people(db, organization_id, one, other)
    states.append(await state())
    async with db.transaction() as session:
        await store.change_people(session, organization_id, [one._replace(level=3)])
    states.append(await state())
    async with db.transaction() as session:
        await session.execute(delete(Person).where(Person.id == other.id))
    states.append(await state())
    assert len(set(states)) == 4
    await add_people(db, UUID(int=9), person("third@x.example"))
    assert await state() == states[-1]


async def test_what_an_import_left_out_or_notes_is_listed_up_to_a_number_and_counted(
    importer: Importer, db: Database, organization_id: UUID
) -> None:
    many = LISTED + 10
    bad = b"".join(b"%d,Name,no address,,2\n" % number for number in range(many))
    below = b"".join(b"%d,Name,p%d@x.example,%d,1\n" % (many + number, number, number) for number in range(many))
    report = (await importer.send(b"id,name,email,manager_id,level\n" + bad + below, skip_invalid=True)).json()
    assert (len(report["left_out"]), report["left_out_total"]) == (LISTED, many)
    assert (len(report["notes"]), report["notes_total"], report["created"]) == (LISTED, many, many)
    assert (await staged(db, organization_id))[-1][1]["skipped"] == many


async def test_people_are_encoded_beside_the_event_loop(importer: Importer, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []
    encode = store._as_json

    def observed(people: Any) -> str:
        threads.append(threading.current_thread())
        return encode(people)

    monkeypatch.setattr(store, "_as_json", observed)
    assert (await importer.send()).status_code == 200
    assert threads
    assert threading.main_thread() not in threads
