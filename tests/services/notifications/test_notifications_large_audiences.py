"""A large audience is prepared, written to and given up in parts: no part of the work grows with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import event
from temporalio.testing import ActivityEnvironment

from services.notifications import audience, delivery, dropping, preparing
from services.notifications.activities import Activities
from shared.contracts.notifications import (
    Announcement,
    DropMessages,
    MessagesPrepared,
    PrepareMessages,
)
from shared.database import Database
from tests.patience import PATIENCE_SECONDS
from tests.services.notifications.conftest import deliver, messages
from tests.services.notifications.world import World


@contextmanager
def statements(database: Database, about: str) -> Iterator[list[str]]:
    """The statements that name `about`, while the block runs."""
    found: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if about in statement:
            found.append(statement)

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", note)


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audience, "PAGE", 10)
    monkeypatch.setattr(delivery, "BATCH", 10)
    monkeypatch.setattr(dropping, "AT_ONCE", 10)
    monkeypatch.setattr(preparing, "FIRST_SECONDS", 0.0)
    monkeypatch.setattr(preparing, "WORK_SECONDS", PATIENCE_SECONDS)


async def asked(world: World, database: Database, people: int) -> Announcement:
    world.ask(*(f"p{number}@acme.example" for number in range(people)))
    await world.open_round(database)
    return world.announcement()


async def prepare_rest(
    activities: Activities, announcement: Announcement, after: UUID, told: UUID | None = None
) -> MessagesPrepared:
    """In an attempt after one that had told by a heartbeat that it was there."""
    environment = ActivityEnvironment()
    if told is not None:
        environment.info = replace(environment.info, heartbeat_details=[str(told)])
    request = PrepareMessages(announcement=announcement, after=after, rest=True)
    found = await environment.run(activities.prepare_messages, request)
    assert isinstance(found, MessagesPrepared)
    return found


async def test_the_pages_after_the_first_are_prepared_by_one_call_page_by_page(
    activities: Activities, database: Database, world: World
) -> None:
    announcement = await asked(world, database, 45)
    first = await activities.prepare_messages(PrepareMessages(announcement=announcement))
    assert first.after is not None
    with statements(database, "INSERT INTO notifications.message") as found:
        rest = await prepare_rest(activities, announcement, first.after)
    assert rest == MessagesPrepared(prepared=35)
    assert len(found) == 4
    assert (await messages(database, world)).keys() == world.pending


async def test_a_call_that_has_worked_for_long_tells_where_it_was(
    activities: Activities, database: Database, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "WORK_SECONDS", -1.0)
    announcement = await asked(world, database, 45)
    people = sorted(world.pending)
    rest = await prepare_rest(activities, announcement, people[9])
    assert rest == MessagesPrepared(prepared=10, after=people[19])


async def test_an_attempt_goes_on_where_the_one_before_it_was(
    activities: Activities, database: Database, world: World
) -> None:
    announcement = await asked(world, database, 45)
    people = sorted(world.pending)
    rest = await prepare_rest(activities, announcement, people[9], told=people[29])
    assert rest == MessagesPrepared(prepared=15)
    assert sorted(await messages(database, world)) == people[30:]


async def test_what_is_given_up_is_given_up_in_parts_and_nothing_is_added_afterwards(
    activities: Activities, database: Database, world: World
) -> None:
    announcement = await asked(world, database, 45)
    people = sorted(world.pending)
    for after in (None, people[9], people[19]):
        await activities.prepare_messages(PrepareMessages(announcement=announcement, after=after))
    request = DropMessages(organization_id=world.organization_id, announcement_id=announcement.id)
    with statements(database, "UPDATE notifications.message") as found:
        assert (await ActivityEnvironment().run(activities.drop_messages, request)).dropped == 30
    assert len(found) == 4
    assert await prepare_rest(activities, announcement, people[29]) == MessagesPrepared(prepared=0)
    assert {row.state for row in (await messages(database, world)).values()} == {"dropped"}
    assert len(await messages(database, world)) == 30


async def test_a_batch_asks_only_about_its_own_people_whether_they_have_answered(
    activities: Activities, database: Database, world: World
) -> None:
    announcement = await asked(world, database, 45)
    after = None
    while True:
        page = await activities.prepare_messages(PrepareMessages(announcement=announcement, after=after))
        if (after := page.after) is None:
            break
    world.read_after.clear()
    assert (await deliver(activities, announcement)).sent == 45
    assert world.read_after == []
    assert (sum(world.asked_about), max(world.asked_about)) == (45, 10)
