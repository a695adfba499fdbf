"""Which events start or signal which workflows, in one table. `services/events` carries out what the table says."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

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
from shared.contracts.programs import OrganizationRef, ProgramRef
from workflows.ids import (
    announcement_workflow_id,
    concern_workflow_id,
    cycle_workflow_id,
    digest_workflow_id,
    leaver_workflow_id,
    monday_workflow_id,
    retry_workflow_id,
    round_workflow_id,
    schedule_workflow_id,
)
from workflows.states.concern_state import Concern, Digest
from workflows.states.cycle_state import Advance, CycleState, Heard, RunApproved
from workflows.states.round_state import Reminding


@dataclass(frozen=True)
class Start:
    """Start a workflow, once: if there is or was one with this id, nothing is done."""

    workflow: str
    id: str
    argument: BaseModel


@dataclass(frozen=True)
class Signal:
    """Signal a workflow. If it is over, nothing is done."""

    workflow_id: str
    name: str
    argument: BaseModel | None = None


Reaction = Start | Signal | None
LARGEST_OCCURRENCE = 2**31 - 1
"""An occurrence is stored as an integer of 32 bits."""


def _heard(event: EventRecord) -> dict[str, Any]:
    """The fields by which a workflow knows an event that it has heard already."""
    return {"sequence": event.sequence, "epoch": event.epoch, "event_id": event.id}


def _cycle_requested(event: EventRecord, data: CycleRequested) -> Reaction:
    state = CycleState(organization_id=event.organization_id, cycle_id=data.cycle_id, epoch=event.epoch)
    return Start("CycleWorkflow", cycle_workflow_id(data.cycle_id), state)


def _stage_changed(event: EventRecord, data: CycleStageChanged) -> Reaction:
    """An organization whose cycles run has a Monday overview. It is scheduled once, by whichever cycle is first."""
    organization = OrganizationRef(organization_id=event.organization_id)
    return Start("MondayWorkflow", monday_workflow_id(event.organization_id), organization)


def _schedule_changed(event: EventRecord, data: ProgramScheduleChanged) -> Reaction:
    program = ProgramRef(organization_id=event.organization_id, program_id=data.program_id)
    return Start("ScheduleWorkflow", schedule_workflow_id(data.program_id, event.id), program)


def _cycle_paused(event: EventRecord, data: CyclePaused) -> Reaction:
    return Signal(cycle_workflow_id(data.cycle_id), "pause", Heard(**_heard(event)))


def _cycle_resumed(event: EventRecord, data: CycleResumed) -> Reaction:
    return Signal(cycle_workflow_id(data.cycle_id), "resume", Heard(**_heard(event)))


def _cancellation_requested(event: EventRecord, data: CycleCancellationRequested) -> Reaction:
    return Signal(cycle_workflow_id(data.cycle_id), "cancel", Heard(**_heard(event)))


def _advance_requested(event: EventRecord, data: CycleAdvanceRequested) -> Reaction:
    advance = Advance(**_heard(event), stage=data.stage, round_id=data.round_id)
    return Signal(cycle_workflow_id(data.cycle_id), "advance", advance)


def _run_approved(event: EventRecord, data: MatchRunApproved) -> Reaction:
    approved = RunApproved(**_heard(event), match_run_id=data.match_run_id, attempt=data.attempt, dropped=data.dropped)
    return Signal(cycle_workflow_id(data.cycle_id), "approve", approved)


def _pair_declined(event: EventRecord, data: PairDeclined) -> Reaction:
    """A decline by a person is told to the cycle, and that somebody has left. Who did not answer is dealt with when the
    round closes."""
    if data.reason is not EndReason.DECLINED and data.leaver_id is None:
        return None
    return Signal(cycle_workflow_id(data.cycle_id), "decline", Heard(**_heard(event)))


def _pair_ended(event: EventRecord, data: PairEnded) -> Reaction:
    """Both sides are told, once, unless the end of the cycle or the leaver's workflow tells them. Somebody whose
    partner has left can be matched again, so that the cycle is told."""
    if data.leaver_id is not None:
        return Signal(cycle_workflow_id(data.cycle_id), "decline", Heard(**_heard(event)))
    if data.reason is EndReason.CYCLE_CANCELLED:
        return None
    announcement = Announcement(
        organization_id=event.organization_id,
        cycle_id=data.cycle_id,
        scope_id=data.pair_id,
        template=Template.PAIR_ENDED,
        audience=Audience.PAIR,
    )
    return Start("AnnouncementWorkflow", announcement_workflow_id(announcement.id), announcement)


def _person_left(event: EventRecord, data: PersonLeft) -> Reaction:
    leaver = Leaver(organization_id=event.organization_id, person_id=data.person_id, left_at=event.time)
    return Start("LeaverWorkflow", leaver_workflow_id(event.id), leaver)


def _reminder_requested(event: EventRecord, data: RoundReminderRequested) -> Reaction:
    reminding = Reminding(occurrence=_occurrence_of(event))
    return Signal(round_workflow_id(data.round_id), "remind", reminding)


def _concern_raised(event: EventRecord, data: ConcernRaised) -> Reaction:
    """What a round raises about silent people is one matter, whichever of its events comes first."""
    cycle = {"organization_id": event.organization_id, "cycle_id": data.cycle_id}
    if data.reason is ConcernReason.MISSED_CHECK_INS and data.round_id is not None:
        digest = Digest(**cycle, round_id=data.round_id)
        return Start("DigestWorkflow", digest_workflow_id(data.round_id), digest)
    return Start("ConcernWorkflow", concern_workflow_id(data.concern_id), Concern(**cycle, concern_id=data.concern_id))


def _concern_resolved(event: EventRecord, data: ConcernResolved) -> Reaction:
    return Signal(concern_workflow_id(data.concern_id), "resolve")


def _round_answered(event: EventRecord, data: RoundAnswered) -> Reaction:
    return Signal(round_workflow_id(data.round_id), "everyone_answered")


def _announcement_held(event: EventRecord, data: AnnouncementHeld) -> Reaction:
    """The coordinators are told once a day and cycle, however many announcements wait."""
    announcement = Announcement(
        organization_id=event.organization_id,
        cycle_id=data.cycle_id,
        scope_id=data.cycle_id,
        template=Template.MESSAGES_HELD,
        audience=Audience.COORDINATORS,
        occurrence=event.time.toordinal(),
    )
    return Start("AnnouncementWorkflow", announcement_workflow_id(announcement.id), announcement)


def _announcement_retried(event: EventRecord, data: AnnouncementRetried) -> Reaction:
    """The first workflow of the announcement may be over. Two at once never send a message twice."""
    announcement = Announcement(
        organization_id=event.organization_id,
        cycle_id=data.cycle_id,
        scope_id=data.scope_id,
        template=data.template,
        audience=data.audience,
        occurrence=data.occurrence,
        again=True,
    )
    return Start("AnnouncementWorkflow", retry_workflow_id(data.announcement_id, event.id), announcement)


def _endpoint_failing(event: EventRecord, data: EndpointFailing) -> Reaction:
    soon = data.stage is FailureStage.DISABLING_SOON
    return _tell_owner(event, data, Template.ENDPOINT_DISABLING_SOON if soon else Template.ENDPOINT_FAILING)


def _endpoint_disabled(event: EventRecord, data: EndpointDisabled) -> Reaction:
    """The owner is not told if an admin disabled the endpoint."""
    if data.reason not in (DisableReason.FAILING, DisableReason.GONE):
        return None
    return _tell_owner(event, data, Template.ENDPOINT_DISABLED)


def _tell_owner(event: EventRecord, data: EndpointFailing | EndpointDisabled, template: Template) -> Start:
    """One message for each event. What is derived from the event's id tells a new failure from a repeated event; its
    sequence would not, as a restored log gives it to another event."""
    announcement = Announcement(
        organization_id=event.organization_id,
        scope_id=data.endpoint_id,
        template=template,
        audience=Audience.PERSON,
        occurrence=_occurrence_of(event),
        person_id=data.owner_id,
    )
    return Start("AnnouncementWorkflow", announcement_workflow_id(announcement.id), announcement)


def _occurrence_of(event: EventRecord) -> int:
    return event.id.int % LARGEST_OCCURRENCE + 1


REACTIONS: dict[type[EventData], Callable[..., Reaction]] = {
    CycleRequested: _cycle_requested,
    CycleStageChanged: _stage_changed,
    CyclePaused: _cycle_paused,
    CycleResumed: _cycle_resumed,
    CycleCancellationRequested: _cancellation_requested,
    CycleAdvanceRequested: _advance_requested,
    MatchRunApproved: _run_approved,
    PairDeclined: _pair_declined,
    PairEnded: _pair_ended,
    PersonLeft: _person_left,
    RoundAnswered: _round_answered,
    RoundReminderRequested: _reminder_requested,
    ConcernRaised: _concern_raised,
    ConcernResolved: _concern_resolved,
    AnnouncementHeld: _announcement_held,
    AnnouncementRetried: _announcement_retried,
    ProgramScheduleChanged: _schedule_changed,
    EndpointFailing: _endpoint_failing,
    EndpointDisabled: _endpoint_disabled,
}
SILENT = frozenset(type for type, model in CATALOGUE.items() if model not in REACTIONS)
"""The types of events that start and signal nothing, whatever their data."""


def reaction_to(event: EventRecord, data: EventData) -> Reaction:
    """What an event asks for, if anything. `data` is the event's own, as `EventRecord.parse` gives it."""
    react = REACTIONS.get(type(data))
    return react(event, data) if react is not None else None
