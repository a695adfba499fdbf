"""Which events move which workflows: the whole table, and that whoever is told can hear it."""

import inspect
import typing
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import AwareDatetime, ValidationError
from temporalio import workflow

from shared.contracts.endpoints import DisableReason, FailureStage
from shared.contracts.events import (
    CATALOGUE,
    AnnouncementHeld,
    AnnouncementRetried,
    ConcernRaised,
    ConcernResolved,
    CycleAdvanceRequested,
    CycleCancellationRequested,
    CyclePaused,
    CycleRequested,
    CycleResumed,
    CycleStageChanged,
    EndpointDisabled,
    EndpointFailing,
    EventData,
    EventRecord,
    MatchRunApproved,
    PairDeclined,
    PairEnded,
    PersonLeft,
    ProgramScheduleChanged,
    RoundAnswered,
    RoundReminderRequested,
)
from shared.contracts.feedback import ConcernReason
from shared.contracts.intake import Leaver
from shared.contracts.matching import EndReason
from shared.contracts.notifications import Announcement, Audience, Template
from shared.contracts.programs import OrganizationRef, ProgramRef, Stage
from shared.contracts.rounds import RoundKind
from workflows.concern import ConcernWorkflow
from workflows.cycle import CycleWorkflow
from workflows.reactions import LARGEST_OCCURRENCE, REACTIONS, Reaction, Signal, Start, reaction_to
from workflows.registry import WORKFLOWS
from workflows.round import RoundWorkflow
from workflows.states.concern_state import Concern, Digest
from workflows.states.cycle_state import Advance, CycleState, Heard, RunApproved
from workflows.states.round_state import Reminding

ORGANIZATION, CYCLE, OTHER, OWNER = uuid4(), uuid4(), uuid4(), uuid4()
TIME = datetime(2026, 1, 5, tzinfo=UTC)
SEQUENCE, EVENT, EPOCH = 7, uuid4(), uuid4()
KNOWN: dict[str, Any] = {"sequence": SEQUENCE, "epoch": EPOCH, "event_id": EVENT}
HEARD = Heard(**KNOWN)
TO_CYCLE = f"cycle-{CYCLE}"


def told_to_owner(template: Template, event_id: UUID = EVENT) -> Start:
    """The start of the message to the owner of an endpoint."""
    announcement = Announcement(
        organization_id=ORGANIZATION,
        scope_id=OTHER,
        template=template,
        audience=Audience.PERSON,
        occurrence=event_id.int % LARGEST_OCCURRENCE + 1,
        person_id=OWNER,
    )
    return Start("AnnouncementWorkflow", f"announcement-{announcement.id}", announcement)


def told_to_both_sides() -> Start:
    """The start of the message to both people of a pair that an admin ended."""
    announcement = Announcement(
        organization_id=ORGANIZATION,
        cycle_id=CYCLE,
        scope_id=OTHER,
        template=Template.PAIR_ENDED,
        audience=Audience.PAIR,
    )
    return Start("AnnouncementWorkflow", f"announcement-{announcement.id}", announcement)


def told_of_messages_that_wait() -> Start:
    """Once a day and cycle."""
    announcement = Announcement(
        organization_id=ORGANIZATION,
        cycle_id=CYCLE,
        scope_id=CYCLE,
        template=Template.MESSAGES_HELD,
        audience=Audience.COORDINATORS,
        occurrence=TIME.toordinal(),
    )
    return Start("AnnouncementWorkflow", f"announcement-{announcement.id}", announcement)


SENT_AGAIN = Announcement(
    organization_id=ORGANIZATION,
    cycle_id=CYCLE,
    scope_id=OTHER,
    template=Template.KICKOFF,
    audience=Audience.PARTICIPANTS,
    occurrence=3,
    again=True,
)


TABLE: list[tuple[EventData, Reaction]] = [
    (
        CycleRequested(cycle_id=CYCLE, program_id=OTHER),
        Start("CycleWorkflow", TO_CYCLE, CycleState(organization_id=ORGANIZATION, cycle_id=CYCLE, epoch=EPOCH)),
    ),
    (AnnouncementHeld(announcement_id=OTHER, cycle_id=CYCLE, code="smtp_550"), told_of_messages_that_wait()),
    (
        AnnouncementRetried(
            announcement_id=SENT_AGAIN.id,
            cycle_id=CYCLE,
            scope_id=OTHER,
            template=Template.KICKOFF,
            audience=Audience.PARTICIPANTS,
            occurrence=3,
        ),
        Start("AnnouncementWorkflow", f"announcement-{SENT_AGAIN.id}-again-{EVENT}", SENT_AGAIN),
    ),
    (
        ProgramScheduleChanged(program_id=OTHER),
        Start(
            "ScheduleWorkflow", f"schedule-{OTHER}-{EVENT}", ProgramRef(organization_id=ORGANIZATION, program_id=OTHER)
        ),
    ),
    (
        RoundReminderRequested(round_id=OTHER, cycle_id=CYCLE, kind=RoundKind.ENROLMENT),
        Signal(f"round-{OTHER}", "remind", Reminding(occurrence=EVENT.int % LARGEST_OCCURRENCE + 1)),
    ),
    (
        CycleStageChanged(cycle_id=CYCLE, stage=Stage.INTAKE),
        Start("MondayWorkflow", f"monday-{ORGANIZATION}", OrganizationRef(organization_id=ORGANIZATION)),
    ),
    (CyclePaused(cycle_id=CYCLE), Signal(TO_CYCLE, "pause", HEARD)),
    (CycleResumed(cycle_id=CYCLE), Signal(TO_CYCLE, "resume", HEARD)),
    (CycleCancellationRequested(cycle_id=CYCLE), Signal(TO_CYCLE, "cancel", HEARD)),
    (
        CycleAdvanceRequested(cycle_id=CYCLE, stage=Stage.INTAKE, round_id=OTHER),
        Signal(TO_CYCLE, "advance", Advance(**KNOWN, stage=Stage.INTAKE, round_id=OTHER)),
    ),
    (
        CycleAdvanceRequested(cycle_id=CYCLE, stage=Stage.SCHEDULED),
        Signal(TO_CYCLE, "advance", Advance(**KNOWN, stage=Stage.SCHEDULED)),
    ),
    (
        MatchRunApproved(match_run_id=OTHER, cycle_id=CYCLE, pairs=3, attempt=2),
        Signal(TO_CYCLE, "approve", RunApproved(**KNOWN, match_run_id=OTHER, attempt=2)),
    ),
    (
        MatchRunApproved(match_run_id=OTHER, cycle_id=CYCLE, pairs=3, attempt=2, dropped=1),
        Signal(TO_CYCLE, "approve", RunApproved(**KNOWN, match_run_id=OTHER, attempt=2, dropped=1)),
    ),
    (PairDeclined(pair_id=OTHER, cycle_id=CYCLE, reason=EndReason.DECLINED), Signal(TO_CYCLE, "decline", HEARD)),
    (
        PairDeclined(pair_id=OTHER, cycle_id=CYCLE, reason=EndReason.LEFT_COMPANY, leaver_id=OWNER),
        Signal(TO_CYCLE, "decline", HEARD),
    ),
    (
        PairEnded(pair_id=OTHER, cycle_id=CYCLE, reason=EndReason.LEFT_COMPANY, leaver_id=OWNER),
        Signal(TO_CYCLE, "decline", HEARD),
    ),
    (PairEnded(pair_id=OTHER, cycle_id=CYCLE, reason=EndReason.NO_TIME), told_to_both_sides()),
    (PairEnded(pair_id=OTHER, cycle_id=CYCLE, reason=EndReason.LEFT_COMPANY), told_to_both_sides()),
    (
        PersonLeft(person_id=OWNER),
        Start("LeaverWorkflow", f"leaver-{EVENT}", Leaver(organization_id=ORGANIZATION, person_id=OWNER, left_at=TIME)),
    ),
    (
        ConcernRaised(concern_id=OTHER, cycle_id=CYCLE, pair_id=uuid4(), reason=ConcernReason.NOT_A_FIT),
        Start(
            "ConcernWorkflow",
            f"concern-{OTHER}",
            Concern(organization_id=ORGANIZATION, cycle_id=CYCLE, concern_id=OTHER),
        ),
    ),
    (
        ConcernRaised(
            concern_id=uuid4(), cycle_id=CYCLE, pair_id=uuid4(), reason=ConcernReason.MISSED_CHECK_INS, round_id=OTHER
        ),
        Start(
            "DigestWorkflow",
            f"digest-{OTHER}",
            Digest(organization_id=ORGANIZATION, cycle_id=CYCLE, round_id=OTHER),
        ),
    ),
    (ConcernResolved(concern_id=OTHER, cycle_id=CYCLE), Signal(f"concern-{OTHER}", "resolve")),
    (
        RoundAnswered(round_id=OTHER, cycle_id=CYCLE, kind=RoundKind.ENROLMENT),
        Signal(f"round-{OTHER}", "everyone_answered"),
    ),
    (
        EndpointFailing(endpoint_id=OTHER, owner_id=OWNER, stage=FailureStage.FAILING),
        told_to_owner(Template.ENDPOINT_FAILING),
    ),
    (
        EndpointFailing(endpoint_id=OTHER, owner_id=OWNER, stage=FailureStage.DISABLING_SOON),
        told_to_owner(Template.ENDPOINT_DISABLING_SOON),
    ),
    (
        EndpointDisabled(endpoint_id=OTHER, owner_id=OWNER, reason=DisableReason.FAILING),
        told_to_owner(Template.ENDPOINT_DISABLED),
    ),
    (
        EndpointDisabled(endpoint_id=OTHER, owner_id=OWNER, reason=DisableReason.GONE),
        told_to_owner(Template.ENDPOINT_DISABLED),
    ),
]
HEARERS: dict[str, type] = {"cycle": CycleWorkflow, "round": RoundWorkflow, "concern": ConcernWorkflow}


def record(type: str, data: dict[str, Any], subject: str = "cycle/1") -> EventRecord:
    return EventRecord(
        id=EVENT,
        organization_id=ORGANIZATION,
        sequence=SEQUENCE,
        epoch=EPOCH,
        type=type,
        version=1,
        subject=subject,
        time=TIME,
        data=data,
    )


def recorded(event: EventData) -> EventRecord:
    return record(event.type, event.model_dump(mode="json"), event.subject)


def argument_types(method: Any) -> list[type]:
    """The types of a workflow method's arguments, without self."""
    hints = typing.get_type_hints(method)
    return [hints[name] for name in list(inspect.signature(method).parameters)[1:]]


def of_type(event_and_reaction: tuple[EventData, Reaction]) -> str:
    return event_and_reaction[0].type


def reaction(event: EventRecord) -> Reaction:
    return reaction_to(event, event.parse())


@pytest.mark.parametrize("row", TABLE, ids=of_type)
def test_an_event_moves_the_workflow_that_the_table_names(row: tuple[EventData, Reaction]) -> None:
    event, expected = row
    assert reaction(recorded(event)) == expected


def test_the_table_here_holds_every_event_that_moves_a_workflow() -> None:
    assert {type(event) for event, _ in TABLE} == set(REACTIONS)


@pytest.mark.parametrize("reason", [reason for reason in EndReason if reason is not EndReason.DECLINED])
def test_a_pair_that_was_not_declined_by_a_person_is_no_news_to_the_cycle(reason: EndReason) -> None:
    assert reaction(recorded(PairDeclined(pair_id=OTHER, cycle_id=CYCLE, reason=reason))) is None


def test_the_end_of_a_cycle_tells_no_pair_of_its_own_end() -> None:
    cancelled = PairEnded(pair_id=OTHER, cycle_id=CYCLE, reason=EndReason.CYCLE_CANCELLED)
    assert reaction(recorded(cancelled)) is None


def test_an_admin_who_disabled_an_endpoint_is_not_told_so() -> None:
    disabled = EndpointDisabled(endpoint_id=OTHER, owner_id=OWNER, reason=DisableReason.ADMIN)
    assert reaction(recorded(disabled)) is None


def test_an_endpoint_that_fails_again_is_told_again_and_one_event_heard_twice_is_not() -> None:
    event, other = recorded(EndpointFailing(endpoint_id=OTHER, owner_id=OWNER, stage=FailureStage.FAILING)), uuid4()
    starts = [reaction(one) for one in (event, event, event.model_copy(update={"id": other}))]
    assert starts[0] == starts[1]
    assert starts[2] == told_to_owner(Template.ENDPOINT_FAILING, other)
    assert len({start.id for start in starts if isinstance(start, Start)}) == 2


def test_every_other_event_moves_nothing() -> None:
    others = [event for event in CATALOGUE.values() if event not in REACTIONS]
    assert len(others) > 10
    for event in others:
        values: dict[type, Any] = {UUID: OTHER, int: 1, str: "code", AwareDatetime: datetime(2026, 1, 5, tzinfo=UTC)}
        fields = {name: example(info.annotation, values) for name, info in event.model_fields.items()}
        assert reaction(recorded(event.model_validate(fields))) is None, event.type


def example(annotation: Any, values: dict[type, Any]) -> Any:
    """One value of a field of an event: an enumeration's first member, or the value given for its type."""
    if annotation in values:
        return values[annotation]
    return next(iter(annotation))


def test_an_event_of_an_unknown_type_is_refused() -> None:
    with pytest.raises(KeyError):
        reaction(record("cycle.invented", {"cycle_id": str(CYCLE)}))


@pytest.mark.parametrize("row", TABLE, ids=of_type)
def test_an_event_whose_data_do_not_fit_its_type_is_refused(row: tuple[EventData, Reaction]) -> None:
    first = next(iter(type(row[0]).model_fields))
    with pytest.raises(ValidationError):
        reaction(record(row[0].type, {first: "not an id"}))


@pytest.mark.parametrize("row", [row for row in TABLE if isinstance(row[1], Start)], ids=of_type)
def test_a_workflow_that_is_started_exists_and_takes_the_argument(row: tuple[EventData, Reaction]) -> None:
    start = row[1]
    assert isinstance(start, Start)
    classes = {definition(found).name: found for found in WORKFLOWS}
    assert argument_types(definition(classes[start.workflow]).run_fn) == [type(start.argument)]


@pytest.mark.parametrize("row", [row for row in TABLE if isinstance(row[1], Signal)], ids=of_type)
def test_a_signal_is_known_to_its_workflow_and_carries_the_argument_that_it_takes(
    row: tuple[EventData, Reaction],
) -> None:
    signal = row[1]
    assert isinstance(signal, Signal)
    hearer = HEARERS[signal.workflow_id.partition("-")[0]]
    handler = definition(hearer).signals[signal.name].fn
    assert argument_types(handler) == ([] if signal.argument is None else [type(signal.argument)])


@pytest.mark.parametrize("row", TABLE, ids=of_type)
def test_a_signal_of_a_cycle_carries_the_sequence_that_makes_a_repeat_known(row: tuple[EventData, Reaction]) -> None:
    if isinstance(row[1], Signal) and row[1].workflow_id == TO_CYCLE:
        assert isinstance(row[1].argument, Heard)
        assert row[1].argument.sequence == SEQUENCE


def test_every_signal_that_a_cycle_hears_comes_from_the_table_a_round_or_an_older_release() -> None:
    told = {reaction.name for _, reaction in TABLE if isinstance(reaction, Signal) and reaction.workflow_id == TO_CYCLE}
    assert told | {"round_over", "raise_concern"} == set(definition(CycleWorkflow).signals)


def definition(found: type) -> workflow._Definition:
    return workflow._Definition.must_from_class(found)
