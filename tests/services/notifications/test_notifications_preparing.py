"""Who gets a message, and when it is due."""

from datetime import UTC, datetime, time
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from services.notifications import preparing
from services.notifications.activities import Activities
from services.notifications.rules.sending_hours import next_sending_moment
from services.notifications.store import delivering as store
from services.notifications.store.unfinished import read_unfinished
from shared.contracts.notifications import (
    Audience,
    DropMessages,
    PrepareMessages,
    Template,
)
from shared.contracts.programs import Calendar, CycleRef, SendingHours
from shared.database import Database
from shared.rounds.store import read_round
from tests.patience import PATIENCE_SECONDS
from tests.services.notifications.conftest import deliver, messages, prepare
from tests.services.notifications.world import Post, World


async def test_preparing_twice_is_preparing_once(
    activities: Activities, database: Database, world: World, post: Post
) -> None:
    world.ask("a@acme.example", "b@acme.example")
    await world.open_round(database)
    announcement = world.announcement()
    assert await prepare(activities, announcement) == 2
    await deliver(activities, announcement)
    assert await prepare(activities, announcement) == 0
    assert (await deliver(activities, announcement)).sent == 2
    assert post.recipients() == ["a@acme.example", "b@acme.example"]


async def test_what_was_prepared_for_nobody_is_prepared_again_when_there_is_somebody(
    activities: Activities, database: Database, world: World, post: Post
) -> None:
    """A preparation that began before Postgres was restored to an earlier moment finds nobody, and the same round is
    opened once more later."""
    await world.open_round(database)
    announcement = world.announcement()
    assert await prepare(activities, announcement) == 0
    world.ask("a@acme.example")
    assert await prepare(activities, announcement) == 1
    await deliver(activities, announcement)
    assert post.recipients() == ["a@acme.example"]


async def test_a_round_knows_when_its_people_were_told_something(
    activities: Activities, database: Database, world: World
) -> None:
    world.ask("a@acme.example")
    await world.open_round(database)
    async with database.transaction() as session:
        before = await read_round(session, world.organization_id, world.round_id)
    await prepare(activities, world.announcement())
    async with database.transaction() as session:
        after = await read_round(session, world.organization_id, world.round_id)
    assert before.told_at is None
    assert after.told_at is not None


async def test_one_activity_prepares_many_pages(
    activities: Activities, database: Database, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each activity is a billable action, which must not grow with the audience."""
    monkeypatch.setattr(preparing, "FIRST_SECONDS", PATIENCE_SECONDS)
    world.ask(*(f"p{number}@acme.example" for number in range(1001)))
    prepared = await activities.prepare_messages(PrepareMessages(announcement=world.announcement()))
    assert (prepared.prepared, prepared.after) == (1001, None)
    assert (await messages(database, world)).keys() == world.pending


async def test_an_activity_that_has_prepared_for_its_time_says_where_to_go_on(
    activities: Activities, database: Database, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "FIRST_SECONDS", 0.0)
    world.ask(*(f"p{number}@acme.example" for number in range(501)))
    announcement = world.announcement()
    first = await activities.prepare_messages(PrepareMessages(announcement=announcement))
    assert (first.prepared, first.after) == (500, sorted(world.pending)[499])
    second = await activities.prepare_messages(PrepareMessages(announcement=announcement, after=first.after))
    assert (second.prepared, second.after) == (1, None)
    assert (await messages(database, world)).keys() == world.pending


async def test_each_audience_is_read_where_it_is_known(
    activities: Activities, database: Database, world: World
) -> None:
    a, b, c, d, e = (world.add_person(f"{letter}@acme.example") for letter in "abcde")
    world.pair(a, b)
    world.unmatched, world.enrolled, world.coordinators, world.sponsor = [c], [a, b, c], (d,), e
    expected = {
        Audience.PARTICIPANTS: {a, b},
        Audience.UNMATCHED: {c},
        Audience.ENROLLED: {a, b, c},
        Audience.COORDINATORS: {d},
        Audience.SPONSOR: {e},
    }
    for occurrence, (audience, people) in enumerate(expected.items(), start=1):
        announcement = world.announcement(Template.CYCLE_CANCELLED, audience, occurrence)
        await prepare(activities, announcement)
        now = datetime.now(UTC)
        async with database.transaction() as session:
            due = await store.claim(session, world.organization_id, announcement.id, uuid4(), now, limit=10)
        assert {message.person_id for message in due} == people


async def test_without_a_sponsor_or_with_one_who_left_the_coordinators_are_told(
    activities: Activities, database: Database, world: World
) -> None:
    world.coordinators = (world.add_person("c@acme.example"),)
    await prepare(activities, world.announcement(Template.APPROVAL_ESCALATED, Audience.SPONSOR))
    world.sponsor = world.add_person("gone@acme.example", active=False)
    assert await prepare(activities, world.announcement(Template.CONCERN_ESCALATED, Audience.SPONSOR)) == 1
    assert set(await messages(database, world)) == set(world.coordinators)


async def test_unknown_and_inactive_people_get_no_message(
    activities: Activities, database: Database, world: World
) -> None:
    [stays, leaves, unknown] = world.ask("a@acme.example", "b@acme.example", "c@acme.example")
    world.contacts[leaves] = world.contacts[leaves].model_copy(update={"active": False})
    del world.contacts[unknown]
    assert await prepare(activities, world.announcement()) == 1
    assert set(await messages(database, world)) == {stays}


async def test_each_message_is_due_in_its_readers_sending_hours_and_waits_until_then(
    activities: Activities, database: Database, world: World, post: Post
) -> None:
    hours = SendingHours(start=time(8), end=time(18))
    world.calendar = Calendar(sending_hours=hours)
    zones = ["Etc/GMT+12", "Europe/Berlin", "Etc/GMT-12"]
    people = {world.add_person(f"{number}@acme.example", time_zone=zone): zone for number, zone in enumerate(zones)}
    world.pending.update(people)
    await world.open_round(database)
    announcement = world.announcement()
    before = datetime.now(UTC)
    await prepare(activities, announcement)
    rows, after = await messages(database, world), datetime.now(UTC)
    for person, zone in people.items():
        earliest, latest = (next_sending_moment(moment, hours, ZoneInfo(zone)) for moment in (before, after))
        assert earliest <= rows[person].due_at <= latest
    later = [row.due_at for row in rows.values() if row.due_at > after]
    assert later  # Berlin and the two others never work at the same hour
    answer = await deliver(activities, announcement)
    assert (answer.sent, answer.waiting, answer.next_due_at) == (3 - len(later), len(later), min(later))
    assert len(post.received) == 3 - len(later)


async def test_what_is_unfinished_is_found_until_each_message_is_prepared_and_sent(
    activities: Activities, database: Database, world: World, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "FIRST_SECONDS", 0.0)
    world.ask(*(f"p{number}@acme.example" for number in range(501)))
    await world.open_round(database)
    ref = CycleRef(organization_id=world.organization_id, cycle_id=world.cycle_id)

    async def found() -> list[tuple[Template, bool]]:
        standing = await activities.find_announcements(ref)
        return [(one.announcement.template, one.unfinished) for one in standing.announcements]

    asked = world.announcement()
    first = await activities.prepare_messages(PrepareMessages(announcement=asked))
    assert await found() == [(asked.template, True)]
    await activities.prepare_messages(PrepareMessages(announcement=asked, after=first.after))
    assert await found() == [(asked.template, True)], "it waits to be sent"
    await activities.drop_messages(DropMessages(organization_id=asked.organization_id, announcement_id=asked.id))
    assert await found() == [(asked.template, False)], "it is known as long as its round is open"
    told = world.announcement(Template.KICKOFF, Audience.PARTICIPANTS)
    world.pair(world.add_person("a@acme.example"), world.add_person("b@acme.example"))
    await prepare(activities, told)
    by_others = world.announcement(Template.PAIR_ENDED, Audience.PARTICIPANTS)
    await prepare(activities, by_others)
    assert await found() == [(asked.template, False), (told.template, True)]
    async with database.transaction() as session:
        ids = {one.id for one in await read_unfinished(session)}
    assert {told.id, by_others.id} <= ids
    assert asked.id not in ids
