"""The Monday overview: one mail a coordinator and week, composed of what is true when it is sent, or none."""

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest

from services.notifications.activities import Activities
from shared.attention.resources import Cycle, Program, Running
from shared.contracts.intake import Away
from shared.contracts.notifications import Announcement, Audience, Delivery, Template
from shared.contracts.programs import Calendar, Stage
from shared.database import Database
from tests.services.notifications.conftest import deliver, messages, prepare
from tests.services.notifications.world import Post, World

SUNDAY = date(2027, 3, 7)


@pytest.fixture
def overview(world: World) -> Announcement:
    return Announcement(
        organization_id=world.organization_id,
        scope_id=world.organization_id,
        template=Template.WEEKLY_OVERVIEW,
        audience=Audience.EVERY_COORDINATOR,
        occurrence=SUNDAY.toordinal(),
    )


@pytest.fixture
def at_any_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests also run on weekends."""
    monkeypatch.setattr("services.notifications.facts.hours_of", lambda *_: None)
    monkeypatch.setattr("services.notifications.preparing.hours_of", lambda *_: None)


def run(world: World, stage: Stage, *coordinators: str) -> Cycle:
    """A program with one cycle, and who coordinates it."""
    people = tuple(world.known.get(email) or world.add_person(email, language="") for email in coordinators)
    program = Program(id=uuid4(), name=f"Program {stage}", time_zone="UTC", language="de", coordinator_ids=people)
    now = datetime.now(UTC)
    cycle = Cycle(
        id=uuid4(), program_id=program.id, program_name=program.name, period="2027-Q1", stage=stage, paused=False,
        starts_at=now - timedelta(days=9), stage_changed_at=now - timedelta(hours=1), calendar=Calendar(),
    )  # fmt: skip
    before = world.running
    world.running = Running(
        organization_name="Acme", cycles=(*before.cycles, cycle), programs=(*before.programs, program)
    )
    return cycle


async def test_each_coordinator_gets_one_mail_about_their_programs_however_often_it_is_prepared(
    activities: Activities, world: World, post: Post, overview: Announcement, at_any_hour: None
) -> None:
    review = run(world, Stage.REVIEW, "ana@acme.example", "ben@acme.example")
    active = run(world, Stage.ACTIVE, "ben@acme.example", "eve@acme.example")
    world.left = {active.id: 3}
    for prepared in (3, 0):
        assert await prepare(activities, overview) == prepared
        assert await deliver(activities, overview) == Delivery(sent=3, failed=0, waiting=0)
    texts = post.texts()
    assert sorted(texts) == ["ana", "ben", "eve"]
    assert len(post.received) == 3
    page, pairs = f"https://up.example/console/cycles/{review.id}/review", f"console/cycles/{active.id}/pairs"
    assert {name: (page in text, pairs in text) for name, text in texts.items()} == {
        "ana": (True, False),
        "ben": (True, True),
        "eve": (False, True),
    }
    assert texts["ana"].startswith("Guten Tag"), "in the language of the program, as their own is not known"


async def test_whoever_has_nothing_to_do_gets_no_mail(
    activities: Activities, database: Database, world: World, post: Post, overview: Announcement, at_any_hour: None
) -> None:
    """What is true when it is sent counts: the matches were approved after it was prepared."""
    run(world, Stage.REVIEW, "ana@acme.example")
    await prepare(activities, overview)
    before = world.running
    approved = before.cycles[0].model_copy(update={"stage": Stage.ACTIVE})
    world.running = before.model_copy(update={"cycles": (approved,)})
    assert await deliver(activities, overview) == Delivery(sent=0, failed=0, waiting=0)
    [row] = (await messages(database, world)).values()
    assert (row.state, row.failure_code, post.received) == ("dropped", "nothing_to_do", [])


async def test_it_waits_for_the_sending_hours_of_a_working_day_by_the_reader_s_clock(
    activities: Activities, database: Database, world: World, overview: Announcement
) -> None:
    run(world, Stage.REVIEW, "ana@acme.example")
    await prepare(activities, overview)
    [row] = (await messages(database, world)).values()
    local = row.due_at.astimezone(world.berlin)
    assert local.weekday() < 5
    assert 8 <= local.hour < 18


async def test_messages_that_failed_are_told_to_the_coordinator_of_their_cycle(
    activities: Activities, world: World, post: Post, overview: Announcement, at_any_hour: None
) -> None:
    run(world, Stage.ACTIVE, "ana@acme.example")
    other = run(world, Stage.ACTIVE, "ben@acme.example")
    world.cycle_id = other.id
    world.unmatched = [world.add_person("gone@acme.example")]
    post.answers = lambda address: "550 5.1.1 unknown" if address.startswith("gone") else None
    unmatched = world.announcement(Template.UNMATCHED, Audience.UNMATCHED)
    await prepare(activities, unmatched)
    assert (await deliver(activities, unmatched)).failed == 1
    await prepare(activities, overview)
    await deliver(activities, overview)
    assert post.recipients() == ["ben@acme.example"]
    assert "/console/messages?state=failed" in post.texts()["ben"]


async def test_a_deputy_reads_of_the_programs_of_whoever_is_away(
    activities: Activities, world: World, post: Post, overview: Announcement, at_any_hour: None
) -> None:
    review = run(world, Stage.REVIEW, "ana@acme.example")
    deputy, today = world.add_person("ben@acme.example"), datetime.now(UTC).date()
    away = Away(deputy_id=deputy, first_day=today - timedelta(days=2), last_day=today + timedelta(days=2))
    ana = world.known["ana@acme.example"]
    world.contacts[ana] = world.contacts[ana].model_copy(update={"away": away})
    assert await prepare(activities, overview) == 2
    assert (await deliver(activities, overview)).sent == 2
    texts = post.texts()
    assert all(f"/console/cycles/{review.id}/review" in text for text in texts.values())
    assert "because you stand in for Name of ana@acme.example." in texts["ben"]
