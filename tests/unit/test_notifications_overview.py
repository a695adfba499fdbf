"""The Monday overview of a coordinator tells of their programs alone, and names nobody."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4

from hypothesis import given

from services.notifications.rules.overview import Overview, coordinators_of, home_for, hours_of, overview_facts
from services.notifications.rules.rendering import OverviewFacts
from services.notifications.rules.rendering import render as render_message
from shared.attention.home import Found
from shared.attention.resources import Concern, Concerns, Cycle, Cycles, Message, Messages, Program, Running
from shared.contracts.feedback import ConcernReason
from shared.contracts.intake import Contact
from shared.contracts.notifications import Template
from shared.contracts.overview import Stall, StallReason, overview_after
from shared.contracts.programs import Calendar, SendingHours, Stage
from shared.language.words import words_of
from tests.unit.properties import examples, moments

NOW = datetime(2027, 3, 8, 7, tzinfo=UTC)  # a Monday
DAY = timedelta(days=1)
ANA, BEN, EVE = sorted((uuid4(), uuid4(), uuid4()))
ONE = Program(id=uuid4(), name="Look Up", time_zone="Europe/Berlin", coordinator_ids=(ANA, BEN))
TWO = Program(
    id=uuid4(), name="Look Down", time_zone="Asia/Tokyo", coordinator_ids=(BEN,), next_recurrence_at=NOW + DAY
)
IDLE = Program(id=uuid4(), name="Idle", time_zone="UTC", coordinator_ids=(EVE,))


def cycle(program: Program, stage: Stage, **changes: Any) -> Cycle:
    values: dict[str, Any] = {
        "id": uuid4(), "program_id": program.id, "program_name": program.name, "time_zone": program.time_zone,
        "period": "2027-Q1", "stage": stage, "paused": False, "starts_at": NOW - 30 * DAY,
        "stage_changed_at": NOW - DAY, "calendar": Calendar(),
    }  # fmt: skip
    return Cycle(**values | changes)


REVIEW, ACTIVE = cycle(ONE, Stage.REVIEW), cycle(TWO, Stage.ACTIVE)
PAUSED = cycle(TWO, Stage.REVIEW, paused=True)


def concern(of: Cycle) -> Concern:
    return Concern(
        id=uuid4(), cycle_id=of.id, person_id=uuid4(), reason=ConcernReason.MISSED_CHECK_INS, rung=None,
        raised_at=NOW - DAY, escalated_at=None,
    )  # fmt: skip


def overview(*cycles: Cycle, concerns: tuple[Concern, ...] = (), **found: Any) -> Overview:
    running = Running(organization_name="Acme", cycles=cycles, programs=(ONE, TWO, IDLE))
    return Overview(running, Found(Cycles(items=cycles), concerns=Concerns(items=concerns), **found))


def facts(of: Overview, person_id: UUID, language: str = "en") -> OverviewFacts:
    contact = Contact(
        person_id=person_id, name="Ana Example", given_name="Ana", email="ana@example.org", time_zone="Europe/Berlin",
        language=language,
    )  # fmt: skip
    return overview_facts(of, contact, words_of(language), "https://up.example", NOW)


def test_each_coordinator_reads_of_their_own_programs() -> None:
    found = overview(REVIEW, ACTIVE, concerns=(concern(ACTIVE), concern(ACTIVE)))
    assert [(one.text, one.about) for one in facts(found, ANA).entries] == [
        ("Matches wait for approval", "Look Up, 2027-Q1")
    ]
    assert [(one.text, one.address) for one in facts(found, BEN).entries] == [
        ("Matches wait for approval", f"https://up.example/console/cycles/{REVIEW.id}/review"),
        ("2 concerns are open", f"https://up.example/console/concerns?cycle_id={ACTIVE.id}"),
    ]
    assert home_for(found, EVE, NOW).tasks == ()
    assert coordinators_of(found.running) == (ANA, BEN), "nobody whose programs do not run"


def test_each_cycle_with_concerns_is_told_however_many_another_one_has() -> None:
    """The home page shows eight concerns one by one. The mail has a line for each cycle."""
    other = cycle(TWO, Stage.ACTIVE, period="2027-Q2")
    for one, many in ((ACTIVE, other), (other, ACTIVE)):
        found = overview(ACTIVE, other, concerns=(*(concern(many) for _ in range(20)), concern(one)))
        told = {(entry.text, entry.address.partition("cycle_id=")[2]) for entry in facts(found, BEN).entries}
        assert told == {("1 concern is open", str(one.id)), ("20 concerns are open", str(many.id))}


def test_what_happens_soon_is_told_in_the_reader_s_time() -> None:
    told = facts(overview(ACTIVE, concerns=(concern(ACTIVE),)), BEN).ahead
    assert ("9 Mar 2027, 08:00", "The next cycle starts by itself", "Look Down") in told


def test_messages_that_failed_and_leavers_are_counted() -> None:
    failed = Messages(items=(Message(cycle_id=ACTIVE.id, due_at=NOW - DAY), Message(cycle_id=REVIEW.id, due_at=NOW)))
    found = overview(ACTIVE, failed=failed, left={ACTIVE.id: 2, uuid4(): 9})
    assert [one.text for one in facts(found, BEN).entries] == [
        "1 message of the last 14 days could not be delivered",
        "2 pairs or offers have ended in the last 7 days because people left",
    ]


def test_a_cycle_that_does_not_move_comes_first_and_whoever_runs_upward_is_to_be_told() -> None:
    stalled = ACTIVE.model_copy(update={"stalled": Stall(reason=StallReason.WORKFLOW_MISSING, since=NOW)})
    first = facts(overview(REVIEW, stalled), BEN).entries[0]
    assert (first.text, first.more) == ("A cycle does not move", "Tell whoever runs Upward for you.")
    assert first.address == f"https://up.example/console/cycles/{ACTIVE.id}"


def test_nothing_is_told_of_a_cycle_that_is_paused() -> None:
    found = overview(PAUSED, concerns=(concern(PAUSED),), left={PAUSED.id: 1})
    assert home_for(found, BEN, NOW).tasks == ()


def test_the_message_names_nobody_in_any_language() -> None:
    found = overview(REVIEW, ACTIVE, concerns=(concern(ACTIVE),))
    for language in ("en", "de", "es", "fr"):
        message = render_message(Template.WEEKLY_OVERVIEW, facts(found, BEN, language), words_of(language))
        assert "Acme" in message.subject
        for text in (message.text, message.html):
            assert f"/console/cycles/{REVIEW.id}/review" in text
            assert str(found.found.concerns.items[0].person_id) not in text


def test_a_coordinator_is_written_to_in_the_hours_of_their_programs_also_if_one_of_them_has_none() -> None:
    late = Calendar(sending_hours=SendingHours(start=time(10), end=time(12)))
    any_hour = cycle(TWO, Stage.ACTIVE, calendar=Calendar(sending_hours=None))
    found = overview(cycle(ONE, Stage.ACTIVE, calendar=late), cycle(ONE, Stage.ACTIVE), any_hour).running
    assert hours_of(found, BEN).start == time(10)
    assert hours_of(overview(any_hour).running, BEN) == SendingHours(), "on Monday morning, and not on Sunday night"


@examples(50)
@given(moments(date(2025, 1, 1), date(2028, 1, 1)))
def test_the_overview_that_tells_of_something_is_read_on_a_monday_after_it_in_every_time_zone(moment: datetime) -> None:
    monday = overview_after(moment)
    assert (monday.weekday(), monday.hour) == (0, 8)
    first = monday.replace(hour=0) - timedelta(hours=14)  # Monday begins in the first time zone
    assert first >= moment
    assert first - timedelta(days=7) < moment
