"""A mail server that refuses everybody burns no messages: they wait, the coordinators are told, and all arrive."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import select, update
from temporalio.testing import ActivityEnvironment
from typer.testing import CliRunner

from services.notifications import main
from services.notifications.activities import Activities
from services.notifications.models import AnnouncementRow, MessageRow
from services.notifications.rules.messages import MessageState
from services.notifications.rules.waiting import WaitingFor
from services.notifications.store import holding
from services.notifications.store import messages as store
from shared.auth import Role
from shared.config import Settings
from shared.contracts.notifications import Announcement, Audience, DeliverMessages, Delivery, Template
from shared.database import Database
from shared.errors import NotFound
from shared.events import StagedEvent
from shared.http.internal import Internal
from shared.http.lists import Page
from tests.services.conftest import client_of
from tests.services.notifications.conftest import deliver, messages, prepare
from tests.services.notifications.test_notifications_api import CYCLE, store_messages
from tests.services.notifications.world import Post, World
from tests.services.programs_examples import add_organization
from upward import running
from upward.cli import app

Keys = Callable[..., Awaitable[dict[str, str]]]
REFUSED = "550 5.7.1 not from you"


def refuse_all(post: Post) -> list[str]:
    """The server refuses every address from now on. The list has those that it was asked about."""
    asked: list[str] = []

    def refuse(address: str) -> str:
        asked.append(address)
        return REFUSED

    post.answers = refuse
    return asked


async def announced(activities: Activities, database: Database, world: World, people: int) -> Announcement:
    world.ask(*(f"p{number}@acme.example" for number in range(people)))
    await world.open_round(database)
    announcement = world.announcement()
    await prepare(activities, announcement)
    return announcement


async def states(database: Database, world: World) -> Counter[tuple[str, str | None]]:
    return Counter((row.state, row.failure_code) for row in (await messages(database, world)).values())


async def told(database: Database, world: World) -> Counter[str]:
    async with database.transaction() as session:
        found = await session.scalars(
            select(StagedEvent.type).where(StagedEvent.organization_id == world.organization_id)
        )
        return Counter(found)


async def end_of_the_pause(database: Database, world: World) -> None:
    async with database.transaction() as session:
        await session.execute(
            update(AnnouncementRow)
            .where(AnnouncementRow.organization_id == world.organization_id)
            .values(held_until=datetime.now(UTC) - timedelta(seconds=1))
        )


async def test_fifty_equal_refusals_in_a_row_let_all_messages_wait_and_all_arrive_in_the_end(
    activities: Activities, database: Database, world: World, post: Post
) -> None:
    announcement = await announced(activities, database, world, 53)
    asked = refuse_all(post)
    answer = await deliver(activities, announcement)
    assert (len(asked), answer.sent, answer.failed, answer.waiting) == (50, 0, 0, 53)
    assert answer.next_due_at is not None
    assert timedelta(seconds=50) < answer.next_due_at - datetime.now(UTC) <= timedelta(minutes=1)
    assert (await told(database, world))["announcement.held"] == 1
    async with database.transaction() as session:
        wanted = store.WantedMessages(states=[MessageState.WAITING])
        page = await store.list_messages(session, world.organization_id, wanted, (), Page("-due_at", None, 100))
    assert {one.waiting_for for one in page.items} == {WaitingFor.SERVER_REFUSES}

    await deliver(activities, announcement)
    assert len(asked) == 50, "it waits"
    for minutes in (2, 4, 8, 16, 32, 60, 60):
        await end_of_the_pause(database, world)
        answer = await deliver(activities, announcement)
        assert answer.next_due_at is not None
        wait = answer.next_due_at - datetime.now(UTC)
        assert timedelta(minutes=minutes) - timedelta(seconds=30) < wait <= timedelta(minutes=minutes)
    assert len(asked) == 57, "one message a time finds out"
    assert await states(database, world) == {("waiting", None): 53}
    assert (await told(database, world))["announcement.held"] == 1

    post.answers = lambda address: None
    await end_of_the_pause(database, world)
    assert (await deliver(activities, announcement)) == Delivery(sent=53, failed=0, waiting=0)
    async with database.transaction() as session:
        row = await session.get_one(AnnouncementRow, announcement.id)
        assert (row.held_code, row.held_until) == (None, None)


@pytest.mark.parametrize("saved_by", ["one less", "another code", "a message that is taken", "an address that is none"])
async def test_addresses_that_are_refused_one_by_one_fail(
    activities: Activities, database: Database, world: World, post: Post, saved_by: str
) -> None:
    """What Upward itself refuses counts as nothing: no server was asked."""
    announcement = await announced(activities, database, world, 49 if saved_by == "one less" else 52)
    if saved_by == "an address that is none":
        for person in list(world.contacts)[:4]:
            world.contacts[person] = world.contacts[person].model_copy(update={"email": "none"})
    asked: list[str] = []

    def answers(address: str) -> str | None:
        asked.append(address)
        if len(asked) != 40 or saved_by not in ("another code", "a message that is taken"):
            return REFUSED
        return "554 5.7.1 another reason" if saved_by == "another code" else None

    post.answers = answers
    answer = await deliver(activities, announcement)
    assert answer.waiting == 0
    assert (await states(database, world))["failed", "smtp_550"] >= 48
    assert (await told(database, world))["announcement.held"] == 0


async def test_another_announcement_waits_with_it_such_as_the_one_that_tells_the_coordinators(
    activities: Activities, database: Database, world: World, post: Post
) -> None:
    announcement = await announced(activities, database, world, 50)
    post.answers = lambda address: REFUSED
    await deliver(activities, announcement)
    world.coordinators = (world.add_person("mara@acme.example"),)
    world.participants = []
    notice = Announcement(
        organization_id=world.organization_id, cycle_id=world.cycle_id, scope_id=world.cycle_id,
        template=Template.MESSAGES_HELD, audience=Audience.COORDINATORS, occurrence=739_000,
    )  # fmt: skip
    await prepare(activities, notice)
    answer = await deliver(activities, notice)
    assert (answer.failed, answer.waiting) == (0, 1)
    assert (await told(database, world))["announcement.held"] == 1, "nobody is told that nobody can be told"
    post.answers = lambda address: None
    await end_of_the_pause(database, world)
    assert (await deliver(activities, notice)).sent == 1
    text = post.texts()["mara"]
    assert "The mail server refuses everybody with the same answer" in text
    assert f"https://up.example/console/messages?cycle_id={world.cycle_id}&state=waiting" in text


async def test_another_process_burns_no_message_of_an_announcement_that_waits(
    activities: Activities, database: Database, world: World, post: Post, settings: Settings
) -> None:
    """Such as the second worker, or the same one after it was started again: it has counted no refusal itself."""
    announcement = await announced(activities, database, world, 53)
    asked = refuse_all(post)
    await deliver(activities, announcement)
    mail = {"smtp_port": post.port, "smtp_connections": 1, "public_url": "https://up.example"}
    settings = settings.model_copy(update=mail)
    internal = Internal(settings, world.application(settings))
    another = main.create_activities(database=database, internal=internal, settings=settings)
    await end_of_the_pause(database, world)
    answer = await deliver(another, announcement)
    assert (len(asked), answer.failed, answer.waiting) == (51, 0, 53)
    assert await states(database, world) == {("waiting", None): 53}
    post.answers = lambda address: None
    await end_of_the_pause(database, world)
    assert (await deliver(another, announcement)).sent == 53
    await internal.close()


async def test_a_mail_server_that_refuses_everybody_for_a_second_time_burns_no_message_either(
    activities: Activities, database: Database, world: World, post: Post
) -> None:
    """Such as one that takes so many messages an hour, and refuses the others for good."""
    announcement = await announced(activities, database, world, 104)
    post.answers = lambda address: REFUSED
    await deliver(activities, announcement)
    taken: list[str] = []

    def takes_one(address: str) -> str | None:
        taken.append(address)
        return None if len(taken) == 1 else REFUSED

    post.answers = takes_one
    await end_of_the_pause(database, world)
    answer = await deliver(activities, announcement)
    assert (answer.sent, answer.failed, answer.waiting) == (1, 0, 103)
    assert (await told(database, world))["announcement.held"] == 2
    post.answers = lambda address: None
    await end_of_the_pause(database, world)
    assert (await deliver(activities, announcement)).sent == 104


async def test_what_is_sent_again_waits_while_its_cycle_is_paused(
    activities: Activities, database: Database, world: World, post: Post
) -> None:
    announcement = await announced(activities, database, world, 2)
    request = DeliverMessages(organization_id=world.organization_id, announcement_id=announcement.id, again=True)
    world.paused = True
    answer = await ActivityEnvironment().run(activities.deliver_messages, request)
    assert (answer.sent, answer.waiting) == (0, 2)
    assert answer.next_due_at is not None
    assert answer.next_due_at - datetime.now(UTC) > timedelta(minutes=9), "a pause of weeks is not asked every minute"
    world.paused = False
    assert (await ActivityEnvironment().run(activities.deliver_messages, request)).sent == 2


# Sending again, by the API and by the command


async def test_what_was_given_up_after_five_days_does_not_wait_again_with_the_others(
    activities: Activities, database: Database, world: World, post: Post
) -> None:
    announcement = await announced(activities, database, world, 51)
    async with database.transaction() as session:
        one = (await session.scalars(select(MessageRow.id).limit(1))).one()
        given_up = {"state": MessageState.FAILED, "failure_code": "smtp_550"}
        long_ago = datetime.now(UTC) - timedelta(days=6)
        await session.execute(update(MessageRow).where(MessageRow.id == one).values(**given_up, due_at=long_ago))
    post.answers = lambda address: REFUSED
    answer = await deliver(activities, announcement)
    assert (answer.failed, answer.waiting) == (1, 50)


async def test_what_is_sent_again_after_a_week_waits_for_the_mail_server_as_if_it_were_new(
    activities: Activities, database: Database, world: World, post: Post
) -> None:
    announcement = await announced(activities, database, world, 50)
    long_ago = datetime.now(UTC) - timedelta(days=7)
    async with database.transaction() as session:
        await session.execute(
            update(AnnouncementRow).where(AnnouncementRow.id == announcement.id).values(created_at=long_ago)
        )
        failed = {"state": MessageState.FAILED, "failure_code": "smtp_550", "due_at": long_ago}
        of_it = MessageRow.announcement_id == announcement.id
        await session.execute(update(MessageRow).where(of_it).values(**failed))
        assert await holding.resend_all(session, world.organization_id, world.cycle_id) == 50
    post.answers = lambda address: REFUSED
    answer = await deliver(activities, announcement)
    assert (answer.failed, answer.waiting) == (0, 50)


# Sending again, by the API


async def test_a_failed_message_is_sent_again_once_however_often_somebody_asks(
    db: Database, application: Callable[..., FastAPI], access_key: Keys, organization_id: UUID
) -> None:
    await store_messages(db, organization_id, failed=2, waiting=1)
    async with db.transaction() as session:
        failed = (await session.scalars(select(MessageRow).where(MessageRow.state == "failed"))).all()
        waiting = (await session.scalars(select(MessageRow).where(MessageRow.state == "waiting"))).one()
    headers = await access_key(Role.COORDINATOR)
    async with client_of(application(main)) as client:
        one, other = (f"/v1/messages/{row.id}/resend" for row in (failed[0], waiting))
        answers = [await client.post(address, headers=headers) for address in (one, one, other)]
        assert [answer.status_code for answer in answers] == [202] * 3
        assert [answer.json() for answer in answers] == [{"messages": 1}, {"messages": 0}, {"messages": 0}]
        all_of_cycle = f"/v1/cycles/{CYCLE}/messages/resend"
        answers = [await client.post(all_of_cycle, headers=headers) for _ in range(2)]
        assert [answer.json() for answer in answers] == [{"messages": 1}, {"messages": 0}]
    async with db.transaction() as session:
        rows = (await session.scalars(select(MessageRow).execution_options(populate_existing=True))).all()
        assert {(row.state, row.attempts, row.failure_code) for row in rows} == {("waiting", 0, None)}
        events = (await session.scalars(select(StagedEvent).where(StagedEvent.type == "announcement.retried"))).all()
    assert [event.data["announcement_id"] for event in events] == [str(failed[0].announcement_id)] * 2


@pytest.mark.parametrize("role", Role)
async def test_only_coordinators_send_again_and_nobody_a_reminder_of_which_nobody_may_know_whether_it_failed(
    db: Database, application: Callable[..., FastAPI], access_key: Keys, organization_id: UUID, role: Role
) -> None:
    await store_messages(db, organization_id, failed=1, waiting=0, template=Template.CHECK_IN_REMINDER)
    other = uuid4()
    await store_messages(db, other, failed=1, waiting=0)
    async with db.transaction() as session:
        ids = (await session.scalars(select(MessageRow.id))).all()
    headers = await access_key(role)
    async with client_of(application(main)) as client:
        for id in (*ids, uuid4()):
            answer = await client.post(f"/v1/messages/{id}/resend", headers=headers)
            assert answer.status_code == (403 if role is Role.VIEWER else 404)
        answer = await client.post(f"/v1/cycles/{CYCLE}/messages/resend", headers=headers)
        assert answer.status_code == (403 if role is Role.VIEWER else 202)
        if role is not Role.VIEWER:
            assert answer.json() == {"messages": 0}
    async with db.transaction() as session:
        found = await session.scalars(select(MessageRow.state).execution_options(populate_existing=True))
        assert set(found) == {"failed"}


async def test_the_command_sends_again_what_failed_of_one_organization(
    db: Database, organization_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_organization(db, organization_id)
    await store_messages(db, organization_id, failed=2, waiting=0)
    await store_messages(db, uuid4(), failed=1, waiting=0)
    monkeypatch.setattr(running, "_one_transaction", lambda _: db.transaction())
    name = f"Company {organization_id}"
    async with db.transaction() as session:
        failed = MessageRow.organization_id == organization_id
        one = (await session.scalars(select(MessageRow.id).where(failed).limit(1))).one()
        foreign = (await session.scalars(select(MessageRow.id).where(~failed))).one()
    assert await running.resend(name, None, one, None) == 1
    assert [await running.resend(name, CYCLE, None, None) for _ in range(2)] == [1, 0]
    with pytest.raises(NotFound):
        await running.resend(name, None, foreign, None)
    async with db.transaction() as session:
        still = await session.scalars(select(MessageRow.organization_id).where(MessageRow.state == "failed"))
        assert organization_id not in set(still)


@pytest.mark.parametrize("named", [(), ("--cycle", str(CYCLE), "--message", str(CYCLE))])
def test_the_command_asks_for_either_a_cycle_or_a_message(named: tuple[str, ...]) -> None:
    said = CliRunner().invoke(app, ["messages", "resend", "--organization", "Example Inc", *named])
    assert (said.exit_code, "Name either a cycle (--cycle) or a message (--message)." in said.stderr) == (1, True)
