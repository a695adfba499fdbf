"""Refusals, lost connections, killed processes: nothing is lost, and a message is sent twice only as documented."""

import asyncio
import io
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from services.notifications import composing, delivery
from services.notifications.activities import Activities
from services.notifications.channels.mail_server import MailServerAway
from services.notifications.facts import DeliveryFacts
from services.notifications.rules.messages import ClaimedMessage
from services.notifications.store import delivering as store
from shared.contracts.notifications import Delivery, Template
from shared.contracts.programs import Calendar, SendingHours
from shared.database import Database
from shared.events import StagedEvent
from shared.logging import configure_logging
from tests.services.notifications.conftest import deliver, make_due, messages, prepare
from tests.services.notifications.world import Post, World


async def test_a_permanent_refusal_is_recorded_and_stops_nobody_else(
    activities: Activities, database: Database, world: World, post: Post
) -> None:
    people = world.ask("a@acme.example", "refused@acme.example", "z@acme.example")
    await world.open_round(database)
    post.answers = lambda address: "550 5.1.1 no such mailbox" if address.startswith("refused") else None
    announcement = world.announcement()
    await prepare(activities, announcement)
    answer = await deliver(activities, announcement)
    assert (answer.sent, answer.failed, answer.waiting) == (2, 1, 0)
    row = (await messages(database, world))[people[1]]
    assert (row.state, row.failure_code) == ("failed", "smtp_550")
    async with database.transaction() as session:
        found = await session.scalars(
            select(StagedEvent).where(
                StagedEvent.organization_id == world.organization_id, StagedEvent.type == "message.failed"
            )
        )
        [event] = found
    assert event.subject == f"message/{row.id}"
    assert event.data == {
        "message_id": str(row.id),
        "cycle_id": str(world.cycle_id),
        "person_id": str(people[1]),
        "template": "check_in_invitation",
        "code": "smtp_550",
    }


@pytest.mark.parametrize("fails", ["at once", "after it was put off too often"])
async def test_whose_reminder_of_a_check_in_failed_is_in_no_event_and_no_log(
    activities: Activities,
    database: Database,
    world: World,
    post: Post,
    fails: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A reminder goes to those who have not answered. The id of a message follows from its round and its person."""
    [person] = world.ask("refused@acme.example")
    await world.open_round(database)
    if fails == "at once":
        post.answers = lambda address: "550 5.1.1 no such mailbox"
    else:
        post.answers = lambda address: "451 4.7.1 greylisted"
        monkeypatch.setattr(delivery, "pause_after", lambda deferrals: None)
    reminder = world.announcement(Template.CHECK_IN_REMINDER)
    stream = io.StringIO()
    configure_logging("DEBUG", stream=stream)
    await prepare(activities, reminder)
    assert (await deliver(activities, reminder)).failed == 1
    row = (await messages(database, world))[person]
    assert row.state == "failed"
    async with database.transaction() as session:
        found = await session.scalars(select(StagedEvent).where(StagedEvent.organization_id == world.organization_id))
        assert "message.failed" not in [event.type for event in found]
    assert ("message.failed" in stream.getvalue()) is (fails == "at once")
    assert str(person) not in stream.getvalue()
    assert str(row.id) not in stream.getvalue()


async def test_a_temporary_refusal_waits_longer_each_time_and_gives_up_after_twelve(
    activities: Activities, database: Database, world: World, post: Post
) -> None:
    [person] = world.ask("busy@acme.example")
    await world.open_round(database)
    post.answers = lambda address: "451 4.7.1 greylisted"
    announcement = world.announcement()
    await prepare(activities, announcement)
    for minutes in (1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60):
        answer = await deliver(activities, announcement)
        assert (answer.sent, answer.failed, answer.waiting) == (0, 0, 1)
        assert answer.next_due_at is not None
        wait = answer.next_due_at - datetime.now(UTC)
        assert timedelta(minutes=minutes) - timedelta(seconds=30) < wait <= timedelta(minutes=minutes)
        await make_due(database, world)
    answer = await deliver(activities, announcement)
    row = (await messages(database, world))[person]
    assert (answer.failed, row.failure_code, row.attempts) == (1, "undeliverable", 12)


async def test_a_message_that_is_late_waits_for_the_next_sending_hours(
    activities: Activities, database: Database, world: World, post: Post
) -> None:
    """For example, a pause or an outage has ended at night."""
    [person] = world.ask("a@acme.example")
    await world.open_round(database)
    announcement = world.announcement()
    await prepare(activities, announcement)
    morning = datetime.now(ZoneInfo("Europe/Berlin")).hour < 12
    hours = SendingHours(start=time(18), end=time(19)) if morning else SendingHours(start=time(5), end=time(6))
    world.calendar = Calendar(sending_hours=hours)
    answer = await deliver(activities, announcement)
    assert (answer.sent, answer.waiting, post.received) == (0, 1, [])
    assert answer.next_due_at is not None
    assert answer.next_due_at.astimezone(ZoneInfo("Europe/Berlin")).time() == hours.start
    row = (await messages(database, world))[person]
    assert (row.attempts, row.deferrals) == (0, 0)


async def test_a_message_that_cannot_be_written_holds_nobody_else_up_and_is_given_up_in_the_end(
    activities: Activities, database: Database, world: World, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = world.ask(*(f"{name}@acme.example" for name in "abc"))
    await world.open_round(database)
    announcement = world.announcement()
    await prepare(activities, announcement)

    def compose(message: ClaimedMessage, *others: Any) -> composing.Composed:
        if message.person_id == people[1]:
            raise KeyError("what a bug raises")
        return composing.compose(message, *others)

    monkeypatch.setattr(delivery, "compose", compose)
    for _ in range(2):  # the second time the others go first
        with pytest.raises(KeyError):
            await deliver(activities, announcement)
    assert post.recipients() == ["a@acme.example", "c@acme.example"]
    monkeypatch.setattr(delivery, "LONGEST_WAIT", timedelta(0))
    with pytest.raises(KeyError):
        await deliver(activities, announcement)
    assert await deliver(activities, announcement) == Delivery(sent=2, failed=1, waiting=0)


async def test_a_greylisted_message_arrives_at_the_next_try(
    activities: Activities, database: Database, world: World, post: Post
) -> None:
    world.ask("a@acme.example")
    await world.open_round(database)
    announcement = world.announcement()
    await prepare(activities, announcement)
    post.answers = lambda address: "450 try later"
    await deliver(activities, announcement)
    post.answers = lambda address: None
    await make_due(database, world)
    assert (await deliver(activities, announcement)).sent == 1


async def test_while_the_server_is_away_delivering_fails_and_afterwards_all_arrive(
    activities: Activities, database: Database, world: World, post: Post
) -> None:
    world.ask("a@acme.example", "b@acme.example")
    await world.open_round(database)
    announcement = world.announcement()
    await prepare(activities, announcement)
    post.stop()
    for _ in range(3):
        with pytest.raises(MailServerAway):
            await deliver(activities, announcement)
    assert {(row.state, row.attempts) for row in (await messages(database, world)).values()} == {("waiting", 0)}
    post.start()
    assert (await deliver(activities, announcement)).sent == 2
    assert post.recipients() == ["a@acme.example", "b@acme.example"]


@pytest.mark.parametrize("trouble", ["drop", "421 closing"])
async def test_a_connection_that_breaks_over_one_message_holds_up_no_other(
    activities: Activities, database: Database, world: World, post: Post, trouble: str
) -> None:
    people = world.ask("a@acme.example", "trouble@acme.example", "z@acme.example")
    await world.open_round(database)
    announcement = world.announcement()
    await prepare(activities, announcement)
    post.answers = lambda address: trouble if address.startswith("trouble") else None
    for _ in range(2):
        with pytest.raises(MailServerAway, match="connection_lost"):
            await deliver(activities, announcement)
    assert post.recipients() == ["a@acme.example", "z@acme.example"]
    assert (await messages(database, world))[people[1]].state == "waiting"
    post.answers = lambda address: None
    assert (await deliver(activities, announcement)).sent == 3
    assert post.recipients() == ["a@acme.example", "trouble@acme.example", "z@acme.example"]


async def test_a_connection_that_ends_after_many_messages_is_made_anew(
    activities: Activities, database: Database, world: World, post: Post
) -> None:
    world.ask(*(f"p{number}@acme.example" for number in range(5)))
    await world.open_round(database)
    announcement = world.announcement()
    await prepare(activities, announcement)
    closings: set[int] = set()

    def one_message_a_connection(address: str) -> str | None:
        if len(post.received) < post.connections or post.connections in closings:
            return None
        closings.add(post.connections)
        return "421 too many messages over one connection"

    post.answers = one_message_a_connection
    assert (await deliver(activities, announcement)).sent == 5
    assert len(post.received) == 5


async def test_two_deliveries_at_once_send_every_message_once(
    activities: Activities, database: Database, world: World, post: Post
) -> None:
    world.ask(*(f"p{number}@acme.example" for number in range(80)))
    await world.open_round(database)
    announcement = world.announcement()
    await prepare(activities, announcement)
    answers = await asyncio.gather(*(deliver(activities, announcement) for _ in range(3)))
    assert {answer.sent for answer in answers} == {80}
    assert len(post.received) == 80
    assert post.recipients() == sorted(contact.email for contact in world.contacts.values())


async def test_a_death_between_the_servers_answer_and_the_row_repeats_one_message_under_its_id(
    activities: Activities, database: Database, world: World, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This is the documented case; see the docstring of services/notifications/delivery.py."""
    world.ask("a@acme.example", "b@acme.example", "c@acme.example")
    await world.open_round(database)
    announcement = world.announcement()
    await prepare(activities, announcement)
    real, calls = store.mark_sent, 0

    async def die_at_the_second(*args: object) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise ConnectionAbortedError("killed")
        await real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "mark_sent", die_at_the_second)
    with pytest.raises(ConnectionAbortedError):
        await deliver(activities, announcement)
    assert (await deliver(activities, announcement)).sent == 3
    ids = [email["Message-ID"] for email in post.received]
    assert len(ids) == 4
    assert len(set(ids)) == 3
    assert ids[1] == ids[2]


async def test_a_death_before_the_server_answers_repeats_nothing(
    activities: Activities, database: Database, world: World, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.ask("a@acme.example", "b@acme.example")
    await world.open_round(database)
    announcement = world.announcement()
    await prepare(activities, announcement)
    with monkeypatch.context() as patch:
        patch.setattr(delivery, "compose", lambda *args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await deliver(activities, announcement)
    assert (await deliver(activities, announcement)).sent == 2
    assert len(post.received) == 2


async def test_a_cancelled_delivery_finishes_the_message_in_flight_and_no_other(
    activities: Activities, database: Database, world: World, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.ask("a@acme.example", "b@acme.example", "c@acme.example")
    await world.open_round(database)
    announcement = world.announcement()
    await prepare(activities, announcement)
    real, taken = store.mark_sent, asyncio.Event()

    async def slow(*args: object) -> None:
        taken.set()
        await asyncio.sleep(0.2)
        await real(*args)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(store, "mark_sent", slow)
        running = asyncio.create_task(deliver(activities, announcement))
        await taken.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert [row.state for row in (await messages(database, world)).values()].count("sent") == 1
    assert (await deliver(activities, announcement)).sent == 3
    assert len(post.received) == 3


@pytest.mark.parametrize(
    "address", ["no at sign", "two@@acme.example", "a@acme.example\r\nRCPT TO:<x@evil.example>", "", "<>"]
)
async def test_an_address_that_is_none_fails_and_stops_nobody_else(
    activities: Activities, database: Database, world: World, post: Post, address: str
) -> None:
    broken, _ = world.ask(address, "fine@acme.example")
    await world.open_round(database)
    announcement = world.announcement()
    await prepare(activities, announcement)
    answer = await deliver(activities, announcement)
    assert (answer.sent, answer.failed, answer.waiting) == (1, 1, 0)
    assert post.recipients() == ["fine@acme.example"]
    assert (await messages(database, world))[broken].failure_code in ("invalid_address", "smtp_553")


@pytest.mark.parametrize("smtp_connections", [4])
async def test_a_mail_server_that_fails_leaves_at_most_one_unused_link_for_each_connection_at_a_try(
    activities: Activities, database: Database, world: World, post: Post
) -> None:
    world.ask(*(f"p{number}@acme.example" for number in range(20)))
    await world.open_round(database)
    announcement = world.announcement()
    await prepare(activities, announcement)
    post.stop()
    with pytest.raises(MailServerAway):
        await deliver(activities, announcement)
    assert not world.tokens, "nobody has greeted"
    post.start()
    post.most = 0
    with pytest.raises(MailServerAway):
        await deliver(activities, announcement)
    assert 1 <= len(world.tokens) <= 4
    post.most = None
    world.tokens.clear()
    assert (await deliver(activities, announcement)).sent == 20
    assert len(world.tokens) == 20


async def test_reading_what_messages_need_takes_nothing_of_the_working_time(
    activities: Activities, database: Database, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pairs of ten thousand kickoffs took longer to read than a delivery works, so that each sent a few."""
    world.ask("a@acme.example", "b@acme.example")
    await world.open_round(database)
    announcement = world.announcement()
    await prepare(activities, announcement)
    read_facts = delivery.DeliveryRun._read_facts

    async def slowly(run: delivery.DeliveryRun) -> DeliveryFacts:
        run._stop_at = 0.0  # the working time ends meanwhile
        return await read_facts(run)

    monkeypatch.setattr(delivery.DeliveryRun, "_read_facts", slowly)
    assert (await deliver(activities, announcement)).sent == 2
