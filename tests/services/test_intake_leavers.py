"""Who leaves and who returns, as events: once each, in the transaction of the import, before the import's own event."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.log.models import Event
from services.events.log.positions import sequence_batch
from services.events.log.store.heard import read_departures
from services.intake import main
from services.intake.imports import EVENTS_AT_ONCE
from services.matching.pairs.store.leavers import read_paired
from shared.auth import Role
from shared.contracts.intake import Leaver
from shared.database import Database
from shared.rounds import store as rounds
from shared.rounds.recovery import read_asked
from tests.services.conftest import client_of
from tests.services.intake_examples import add_people, open_enrolment, person, staged
from upward.recovery.rows import read_leavers

Key = Callable[..., Awaitable[dict[str, str]]]
HEADER = "id,name,email,status\n"
MANY = 4 * EVENTS_AT_ONCE


@pytest.fixture
async def client(application: Callable[..., FastAPI], access_key: Key) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(application(main)) as client:
        client.headers.update(await access_key(Role.ADMIN))
        yield client


async def send(client: httpx.AsyncClient, rows: str, **params: Any) -> httpx.Response:
    headers = {"content-type": "text/csv"}
    return await client.post("/v1/people/import", content=(HEADER + rows).encode(), headers=headers, params=params)


async def ids(client: httpx.AsyncClient) -> dict[str, str]:
    """Ids of people by external id."""
    return {one["external_id"]: one["id"] for one in (await client.get("/v1/people")).json()["items"]}


async def told(db: Database, organization_id: UUID) -> list[tuple[str, str]]:
    """Type of every event, in order, and whom or which import it is about."""
    events = await staged(db, organization_id)
    return [(kind, data["person_id"] if "person_id" in data else data["import_id"]) for kind, data in events]


async def test_each_person_who_leaves_is_told_once_and_a_repeated_import_tells_nobody(
    client: httpx.AsyncClient, db: Database, organization_id: UUID
) -> None:
    await send(client, "1,A A,a@x.example,\n2,B B,b@x.example,\n3,C C,c@x.example,\n")
    leaving = "3,C C,,Resigned\n2,B B,b@x.example,\n1,A A,,Terminated\n4,D D,d@x.example,Terminated\n"
    imports = [(await send(client, leaving)).json() for _ in range(2)]
    people = await ids(client)

    assert (await told(db, organization_id))[1:] == [
        ("person.left", people["3"]),
        ("person.left", people["1"]),
        *(("people.imported", one["import_id"]) for one in imports),
    ]
    assert [one["deactivated"] for one in imports] == [2, 0]


async def test_who_returns_is_told_and_may_leave_again(
    client: httpx.AsyncClient, db: Database, organization_id: UUID
) -> None:
    for status in ("", "Resigned", "", "", "Resigned"):
        await send(client, f"1,A A,a@x.example,{status}\n")
    person_id = (await ids(client))["1"]

    moves = [row for row in await told(db, organization_id) if row[0] != "people.imported"]
    assert moves == [(kind, person_id) for kind in ("person.left", "person.returned", "person.left")]


async def test_an_import_that_is_refused_tells_of_nobody(
    client: httpx.AsyncClient, db: Database, organization_id: UUID
) -> None:
    await send(client, "1,A A,a@x.example,\n")
    before = await staged(db, organization_id)
    rows = "1,A A,,Resigned\n2,B B,nonsense,\n"
    assert (await send(client, rows)).status_code == 422
    assert await staged(db, organization_id) == before

    await send(client, rows, skip_invalid=True)
    kinds = [kind for kind, _ in await staged(db, organization_id)]
    assert kinds == ["people.imported", "person.left", "people.imported"]


async def test_who_was_never_here_does_not_leave(
    client: httpx.AsyncClient, db: Database, organization_id: UUID
) -> None:
    await send(client, "1,A A,a@x.example,Resigned\n")

    assert [kind for kind, _ in await staged(db, organization_id)] == ["people.imported"]


async def test_leavers_and_their_import_are_numbered_in_one_row_without_gaps(
    client: httpx.AsyncClient, db: Database, organization_id: UUID
) -> None:
    await send(client, "1,A A,a@x.example,\n2,B B,b@x.example,\n")
    await send(client, "1,A A,,Resigned\n2,B B,,Resigned\n")
    async with db.transaction() as session:
        await sequence_batch(session, 100)
        log = (
            select(Event.sequence, Event.type).where(Event.organization_id == organization_id).order_by(Event.sequence)
        )
        events = [tuple(row) for row in await session.execute(log)]

    kinds = ["people.imported", "person.left", "person.left", "people.imported"]
    assert events == list(enumerate(kinds, start=1))


async def test_thousands_of_leavers_are_a_few_statements(
    client: httpx.AsyncClient, db: Database, organization_id: UUID
) -> None:
    people = [person(f"p{number}@x.example")._replace(external_id=str(number)) for number in range(MANY)]
    await add_people(db, organization_id, *people)
    statements: list[str] = []
    engine = db.engine.sync_engine

    def note(*args: Any) -> None:
        statements.append(args[2])

    event.listen(engine, "before_cursor_execute", note)
    try:
        report = await send(client, "".join(f"{number},A A,,Resigned\n" for number in range(MANY)))
    finally:
        event.remove(engine, "before_cursor_execute", note)

    assert report.json()["deactivated"] == MANY
    assert len([statement for statement in statements if "staged_event" in statement]) == MANY / EVENTS_AT_ONCE + 1
    assert len(statements) < 25
    events = await staged(db, organization_id)
    assert [kind for kind, _ in events] == ["person.left"] * MANY + ["people.imported"]
    assert [data["person_id"] for _, data in events[:-1]] == [str(one.id) for one in people]


async def test_no_round_waits_for_somebody_who_has_left(
    client: httpx.AsyncClient, db: Database, organization_id: UUID
) -> None:
    await send(client, "1,A A,a@x.example,\n2,B B,b@x.example,\n")
    asked, people = await open_enrolment(db, organization_id), await ids(client)
    first, second = UUID(people["1"]), UUID(people["2"])
    async with db.transaction() as session:
        round_ = await rounds.lock_open_round(session, organization_id, asked.round_id)
        await rounds.mark_answered(session, round_, first, [asked.cycle_id])
    activities = main.create_activities(database=db)
    leaver = Leaver(organization_id=organization_id, person_id=second, left_at=datetime.now(UTC))
    assert (await activities.excuse_leaver(leaver)).gone is False  # there is no such news in the directory
    await send(client, "1,A A,a@x.example,Resigned\n2,B B,b@x.example,Resigned\n")
    for person_id in (first, second, second):
        leaver = Leaver(organization_id=organization_id, person_id=person_id, left_at=datetime.now(UTC))
        assert (await activities.excuse_leaver(leaver)).gone is True
    told = [kind for kind, _ in await staged(db, organization_id) if kind.startswith("round.")]
    assert told == ["round.opened", "round.answered"]
    async with db.transaction() as session:
        counts = await rounds.read_round(session, organization_id, asked.round_id)
    assert (counts.recipients, counts.answered, counts.pending) == (1, 1, 0)


async def test_a_leaver_whose_answer_a_round_still_waits_for_is_to_be_followed_by_the_event_that_told_it(
    client: httpx.AsyncClient, db: Database, organization_id: UUID
) -> None:
    """Their workflow was lost before it took them out of the round."""
    await send(client, "1,A A,a@x.example,\n2,B B,b@x.example,\n")
    await open_enrolment(db, organization_id)
    await send(client, "1,A A,,Resigned\n")
    async with db.transaction() as session:
        [(_, made_up)] = await mine(session, organization_id)
        await sequence_batch(session, 100)
        [(event_id, leaver)] = await mine(session, organization_id)
        wanted = select(Event.event_id).where(Event.organization_id == organization_id, Event.type == "person.left")
        assert event_id == await session.scalar(wanted)
    assert str(leaver.person_id) == (await ids(client))["1"]
    assert made_up.person_id == leaver.person_id
    await main.create_activities(database=db).excuse_leaver(leaver)
    async with db.transaction() as session:
        assert await mine(session, organization_id) == []


async def test_any_number_of_leavers_is_looked_up(db: Database) -> None:
    """Postgres takes 65,535 parameters of a statement, and all organizations together can have more leavers."""
    one = Leaver(organization_id=uuid4(), person_id=uuid4(), left_at=datetime.now(UTC))
    leavers = [one.model_copy(update={"person_id": UUID(int=number)}) for number in range(65_536)]
    ids = {one.person_id for one in leavers}
    async with db.transaction() as session:
        assert await read_asked(session, ids) | await read_paired(session, ids) == set()
        assert [leaver for _, leaver in await read_departures(session, leavers)] == leavers


async def mine(session: AsyncSession, organization_id: UUID) -> list[tuple[UUID, Leaver]]:
    return [one for one in await read_leavers(session) if one[1].organization_id == organization_id]
