"""The owner of an endpoint is told by e-mail that deliveries fail: at once, once, and only while it is still true."""

import io
from datetime import UTC, datetime, time, timedelta

import pytest
from sqlalchemy import select

from services.notifications.activities import Activities
from services.notifications.store import messages as store
from shared.contracts.endpoints import DisableReason
from shared.contracts.notifications import Delivery, Template
from shared.contracts.programs import Calendar, SendingHours
from shared.database import Database
from shared.events import StagedEvent
from shared.logging import configure_logging
from tests.services.notifications.conftest import deliver, make_due, messages, prepare
from tests.services.notifications.world import Post, World, text_of

SINCE = datetime(2026, 3, 2, 9, tzinfo=UTC)
SAID = {
    Template.ENDPOINT_FAILING: "fourth time. It has taken nothing since Monday, 2 March 2026, 10:00 (Berlin time)",
    Template.ENDPOINT_DISABLING_SOON: "takes nothing until Saturday, 7 March 2026, 10:00 (Berlin time), it is",
    Template.ENDPOINT_DISABLED: "for five days, since Monday, 2 March 2026, 10:00 (Berlin time), it has",
}


@pytest.mark.parametrize("template", SAID)
async def test_the_owner_reads_what_fails_since_when_and_what_comes_next(
    activities: Activities, database: Database, world: World, post: Post, template: Template
) -> None:
    owner, endpoint = world.add_person("ann@acme.example", given_name="Ann"), world.fail(SINCE)
    if template is Template.ENDPOINT_DISABLED:
        world.disable(DisableReason.FAILING)
    notice = world.notice(template, owner)
    assert await prepare(activities, notice) == 1
    assert await deliver(activities, notice) == Delivery(sent=1, failed=0, waiting=0)
    [email] = post.received
    text = text_of(email)
    assert text.startswith("Hello Ann,")
    for said in (SAID[template], "Address: https://hooks.acme.example/upward", "Description: Payroll"):
        assert said in text
    assert f"GET /v1/endpoints/{endpoint.endpoint_id}/attempts" in text
    assert (email["Upward-Template"], email["Upward-Scope"]) == (f"{template.value}-41", str(endpoint.endpoint_id))
    assert (await messages(database, world))[owner].cycle_id is None


async def test_a_notice_is_due_at_once_whatever_the_hour_and_tells_one_person(
    activities: Activities, database: Database, world: World, post: Post
) -> None:
    """There is no program and so there are no sending hours: the owner is told at night of what fails at night."""
    world.calendar = Calendar(sending_hours=SendingHours(start=time(0), end=time(0, 1)))
    owner, _ = world.add_person("ann@acme.example"), world.add_person("other@acme.example")
    world.fail(SINCE)
    notice = world.notice(Template.ENDPOINT_FAILING, owner)
    await prepare(activities, notice)
    rows = await messages(database, world)
    assert set(rows) == {owner}
    assert rows[owner].due_at <= datetime.now(UTC)
    await deliver(activities, notice)
    assert post.recipients() == ["ann@acme.example"]


async def test_every_event_is_told_once_however_often_it_is_heard(
    activities: Activities, world: World, post: Post
) -> None:
    owner = world.add_person("ann@acme.example")
    world.fail(SINCE)
    for occurrence in (41, 41, 58):
        notice = world.notice(Template.ENDPOINT_FAILING, owner, occurrence)
        await prepare(activities, notice)
        await deliver(activities, notice)
    assert [email["Upward-Template"] for email in post.received] == ["endpoint_failing-41", "endpoint_failing-58"]


async def test_a_notice_about_an_endpoint_that_was_deleted_is_dropped(
    activities: Activities, database: Database, world: World, post: Post
) -> None:
    owner = world.add_person("ann@acme.example")
    world.fail(SINCE)
    notice = world.notice(Template.ENDPOINT_FAILING, owner)
    await prepare(activities, notice)
    world.endpoint = None
    assert await deliver(activities, notice) == Delivery(sent=0, failed=0, waiting=0)
    row = (await messages(database, world))[owner]
    assert (row.state, row.failure_code, post.received) == ("dropped", "endpoint_gone", [])


async def test_a_warning_that_comes_too_late_is_dropped(
    activities: Activities, database: Database, world: World, post: Post
) -> None:
    """For example, the message had to wait for the mail server."""
    owner = world.add_person("ann@acme.example")
    world.fail(SINCE)
    notice = world.notice(Template.ENDPOINT_DISABLING_SOON, owner)
    await prepare(activities, notice)
    post.answers = lambda address: "451 4.7.1 greylisted"
    assert (await deliver(activities, notice)).waiting == 1
    world.disable(DisableReason.FAILING)
    post.answers = lambda address: None
    await make_due(database, world)
    assert (await deliver(activities, notice)).waiting == 0
    row = (await messages(database, world))[owner]
    assert (row.state, row.failure_code, post.received) == ("dropped", "endpoint_disabled", [])


async def test_an_owner_who_has_left_is_not_written_to(
    activities: Activities, database: Database, world: World, post: Post
) -> None:
    gone = world.add_person("gone@acme.example", active=False)
    owner = world.add_person("ann@acme.example")
    world.fail(SINCE)
    before, after = (world.notice(Template.ENDPOINT_FAILING, *told) for told in ((gone, 41), (owner, 42)))
    assert await prepare(activities, before) == 0
    assert await deliver(activities, before) == Delivery(sent=0, failed=0, waiting=0)
    await prepare(activities, after)
    world.contacts[owner] = world.contacts[owner].model_copy(update={"active": False})
    await deliver(activities, after)
    rows = await messages(database, world)
    assert set(rows) == {owner}
    assert (rows[owner].state, rows[owner].failure_code, post.received) == ("dropped", "person_inactive", [])


async def test_a_refused_notice_is_recorded_and_no_event_tells_of_it(
    activities: Activities, database: Database, world: World, post: Post
) -> None:
    """The event `message.failed` names a cycle, and here is none."""
    owner = world.add_person("ann@acme.example")
    world.fail(SINCE)
    post.answers = lambda address: "550 5.1.1 no such mailbox"
    notice = world.notice(Template.ENDPOINT_FAILING, owner)
    await prepare(activities, notice)
    assert await deliver(activities, notice) == Delivery(sent=0, failed=1, waiting=0)
    row = (await messages(database, world))[owner]
    assert (row.state, row.failure_code) == ("failed", "smtp_550")
    async with database.transaction() as session:
        query = select(StagedEvent.type).where(StagedEvent.organization_id == world.organization_id)
        assert (await session.scalars(query)).all() == []


async def test_while_the_events_service_is_away_the_notice_waits(
    activities: Activities, database: Database, world: World, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = world.add_person("ann@acme.example")
    world.fail(SINCE)
    notice = world.notice(Template.ENDPOINT_FAILING, owner)
    await prepare(activities, notice)
    with monkeypatch.context() as patch:
        patch.setattr(World, "endpoint", property(lambda self: 1 / 0), raising=False)
        with pytest.raises(Exception, match="500"):
            await deliver(activities, notice)
    assert (await messages(database, world))[owner].state == "waiting"
    assert (await deliver(activities, notice)).sent == 1


async def test_neither_rows_logs_nor_what_temporal_is_told_hold_the_address_or_the_description(
    activities: Activities, database: Database, world: World, post: Post
) -> None:
    owners = [world.add_person(f"{name}@acme.example") for name in ("ok", "refused", "no address")]
    world.fail(SINCE, url="https://canary.acme.example/in", description="Canary of payroll")
    post.answers = lambda address: f"550 no {address}" if "refused" in address else None
    stream = io.StringIO()
    configure_logging("DEBUG", stream=stream)
    told = ""
    for owner in owners:
        notice = world.notice(Template.ENDPOINT_FAILING, owner)
        await prepare(activities, notice)
        told += notice.model_dump_json() + (await deliver(activities, notice)).model_dump_json()
        async with database.transaction() as session:
            told += repr(await store.read_announcement(session, world.organization_id, notice.id))
    told += "".join(str(vars(row)) for row in (await messages(database, world)).values())
    assert "canary" in str(post.received[0].get_body(("plain",)))
    assert "canary" not in (stream.getvalue() + told).lower()


async def test_an_announcement_of_a_notice_is_stored_whole(
    activities: Activities, database: Database, world: World
) -> None:
    owner, before = world.add_person("ann@acme.example"), datetime.now(UTC) - timedelta(minutes=1)
    world.fail(SINCE)
    notice = world.notice(Template.ENDPOINT_FAILING, owner)
    await prepare(activities, notice)
    async with database.transaction() as session:
        stored = await store.read_announcement(session, world.organization_id, notice.id)
    assert stored.announcement == notice
    assert stored.created_at > before
