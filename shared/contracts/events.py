"""The event catalogue: a model for every type of event that Upward publishes.

Events carry ids, codes, counts and times only: never names, addresses or free text. The envelope follows
CloudEvents 1.0 (https://github.com/cloudevents/spec); `sequence` counts an organization's events from 1, without gaps.
"""

from typing import Annotated, Any
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared.contracts.base import Contract, FailureCode, Origin
from shared.contracts.base import EventData as EventData
from shared.contracts.endpoints import DisableReason, FailureStage
from shared.contracts.feedback import ConcernReason, ConcernRung
from shared.contracts.matching import EndReason
from shared.contracts.notifications import Audience, Template
from shared.contracts.overview import StallReason
from shared.contracts.programs import Outcome, Stage
from shared.contracts.rounds import CloseReason, RoundKind


class EventRecord(Contract):
    """One row of the event log."""

    id: UUID
    organization_id: UUID
    sequence: int
    type: str
    version: int
    subject: str
    time: AwareDatetime
    data: dict[str, Any]
    origin: Origin | None = None
    """The request that the event follows from, if one is known."""
    epoch: UUID | None = None
    """The log's epoch when the event was read. None if the reader did not ask for it."""

    def parse(self) -> EventData:
        """The data as the model of its type. Raises KeyError for an unknown type, ValidationError for other data."""
        return CATALOGUE[self.type].model_validate(self.data)


class ProgramScheduleChanged(EventData):
    """A program that recurs was created, or its recurrence was changed, switched on or off."""

    type = "program.schedule_changed"
    program_id: UUID


class CycleRequested(EventData):
    """A cycle was triggered, by an admin or by its program's schedule."""

    type = "cycle.requested"
    cycle_id: UUID
    program_id: UUID


class CycleStageChanged(EventData):
    """A cycle entered its next stage."""

    type = "cycle.stage_changed"
    cycle_id: UUID
    stage: Stage


class CycleCompleted(EventData):
    """A cycle is over and was not cancelled; the outcome says how it ended."""

    type = "cycle.completed"
    cycle_id: UUID
    outcome: Outcome


class CycleCancelled(EventData):
    """A cycle was cancelled, and everything in it has been closed."""

    type = "cycle.cancelled"
    cycle_id: UUID


class CyclePaused(EventData):
    """A coordinator paused a cycle: until it is resumed, nothing is sent and nothing new begins."""

    type = "cycle.paused"
    cycle_id: UUID


class CycleResumed(EventData):
    """A coordinator resumed a paused cycle."""

    type = "cycle.resumed"
    cycle_id: UUID


class CycleCancellationRequested(EventData):
    """An admin asked to cancel a cycle; `cycle.cancelled` follows when that is done."""

    type = "cycle.cancellation_requested"
    cycle_id: UUID


class CycleAdvanceRequested(EventData):
    """A coordinator asked to close what a cycle is waiting for, before its time."""

    type = "cycle.advance_requested"
    cycle_id: UUID
    stage: Annotated[Stage, Field(examples=["kickoff"])]
    round_id: UUID | None = None
    """The round to close early; null in the scheduled stage, which then starts at once."""


class CycleStalled(EventData):
    """A running cycle has not moved for minutes though it should; the reason says what is wrong."""

    type = "cycle.stalled"
    cycle_id: UUID
    reason: StallReason


class PeopleImported(EventData):
    """An HR export was imported into the directory."""

    type = "people.imported"
    import_id: UUID
    created: int
    changed: int
    skipped: int


class PersonLeft(EventData):
    """According to an HR export, an active person of the directory has left."""

    type = "person.left"
    person_id: UUID


class PersonReturned(EventData):
    """An HR export lists a person again who had left."""

    type = "person.returned"
    person_id: UUID


class RoundOpenedEvent(EventData):
    """A round was opened and asks its recipients from now on."""

    type = "round.opened"
    round_id: UUID
    cycle_id: UUID
    kind: RoundKind
    number: int
    recipients: int
    closes_at: AwareDatetime


class RoundAnswered(EventData):
    """Everyone whom a round still asks has answered."""

    type = "round.answered"
    round_id: UUID
    cycle_id: UUID
    kind: RoundKind


class RoundReminderRequested(EventData):
    """A coordinator asked to remind everyone who has not answered a round."""

    type = "round.reminder_requested"
    round_id: UUID
    cycle_id: UUID
    kind: RoundKind


class RoundClosedEvent(EventData):
    """A round takes no more answers; the counts are final."""

    type = "round.closed"
    round_id: UUID
    cycle_id: UUID
    kind: RoundKind
    reason: CloseReason
    recipients: int
    answered: int


class EnrolmentSubmitted(EventData):
    """A person answered the enrolment, for the first time or again."""

    type = "enrolment.submitted"
    enrolment_id: UUID
    cycle_id: UUID
    person_id: UUID


class MatchRunProposed(EventData):
    """A match run proposed pairs, which wait for approval."""

    type = "match_run.proposed"
    match_run_id: UUID
    cycle_id: UUID
    pairs: int
    unmatched: int
    attempt: int = 1
    revision: int = 1
    """1 is what the cycle proposed. Each time an admin steers the run, the next revision takes its place."""


class MatchRunApproved(EventData):
    """A coordinator approved the pairs of a match run."""

    type = "match_run.approved"
    match_run_id: UUID
    cycle_id: UUID
    pairs: int
    attempt: int = 0
    """0 in events that are older than this field."""
    dropped: int = 0
    """Proposed pairs that were not offered, because one of the two has left."""
    revision: int = 0
    """Which revision of the run was approved. 0 in events that are older than this field, as is `unmatched`."""
    unmatched: int = 0
    """How many people of the run have no pair."""
    reviewed: bool = False
    """Whether the coordinator confirmed how many pairs and unmatched people they have seen."""


class PairOffered(EventData):
    """An approved pair was offered to its mentor and its mentee."""

    type = "pair.offered"
    pair_id: UUID
    cycle_id: UUID
    mentor_id: UUID
    mentee_id: UUID


class PairDeclined(EventData):
    """An offered pair was declined by one of the two, lost one who left, got no answer, or was ended with its cycle."""

    type = "pair.declined"
    pair_id: UUID
    cycle_id: UUID
    reason: EndReason
    leaver_id: UUID | None = None
    """The person of the pair who left, if that is why it was declined."""


class PairActivated(EventData):
    """Both people of a pair accepted, and the pair became active."""

    type = "pair.activated"
    pair_id: UUID
    cycle_id: UUID
    mentor_id: UUID
    mentee_id: UUID


class PairEnded(EventData):
    """An active pair ended before its cycle was completed."""

    type = "pair.ended"
    pair_id: UUID
    cycle_id: UUID
    reason: EndReason
    leaver_id: UUID | None = None
    """The person of the pair who left, if the directory said so and the pair ended because of that."""


class PairCompleted(EventData):
    """A pair was still active when its cycle was completed."""

    type = "pair.completed"
    pair_id: UUID
    cycle_id: UUID


class CheckInAnswered(EventData):
    """A participant answered a check-in about a pair for the first time; what they said is not told."""

    type = "check_in.answered"
    check_in_id: UUID
    round_id: UUID
    cycle_id: UUID
    pair_id: UUID


class SurveyAnswered(EventData):
    """A participant answered the closing survey about a pair for the first time; what they said is not told."""

    type = "survey.answered"
    survey_id: UUID
    round_id: UUID
    cycle_id: UUID
    pair_id: UUID


class ConcernRaised(EventData):
    """A pair needs help: one of the two missed two check-ins in a row, or said that the pair is not a fit."""

    type = "concern.raised"
    concern_id: UUID
    cycle_id: UUID
    pair_id: UUID
    reason: ConcernReason
    round_id: UUID | None = None
    """The check-in round that raised it; null in events that are older than this field."""


class ConcernEscalated(EventData):
    """An open concern was told to the coordinators or, later, to the sponsor."""

    type = "concern.escalated"
    concern_id: UUID
    cycle_id: UUID
    rung: ConcernRung


class ConcernResolved(EventData):
    """A concern was resolved: by a coordinator, because somebody of its pair left, or because its cycle is over."""

    type = "concern.resolved"
    concern_id: UUID
    cycle_id: UUID


class MessageFailed(EventData):
    """A message of a cycle, but no reminder of a check-in or survey, was refused for good or has no valid address."""

    type = "message.failed"
    message_id: UUID
    cycle_id: UUID
    person_id: UUID
    template: Template
    code: FailureCode
    """The reason: the mail server's reply, such as `smtp_550`, or `invalid_address` or `smtputf8_unsupported`."""


class AnnouncementHeld(EventData):
    """Messages of a cycle wait because the mail server refuses everybody in the same way; they are tried again."""

    type = "announcement.held"
    announcement_id: UUID
    cycle_id: UUID
    code: FailureCode


class AnnouncementRetried(EventData):
    """Somebody asked to send failed messages again."""

    type = "announcement.retried"
    announcement_id: UUID
    cycle_id: UUID | None
    scope_id: UUID
    template: Template
    audience: Audience
    occurrence: int


class ReportCompiledEvent(EventData):
    """The report of a cycle was compiled and can be read now."""

    type = "report.compiled"
    cycle_id: UUID
    outcome: Outcome


class EndpointFailing(EventData):
    """Deliveries to an endpoint keep failing; its owner is told."""

    type = "endpoint.failing"
    endpoint_id: UUID
    owner_id: UUID
    stage: FailureStage


class EndpointDisabled(EventData):
    """An endpoint was disabled: by an admin, by its answer 410, or by five days of failure."""

    type = "endpoint.disabled"
    endpoint_id: UUID
    owner_id: UUID
    reason: DisableReason


class EndpointEnabled(EventData):
    """A disabled endpoint was enabled again."""

    type = "endpoint.enabled"
    endpoint_id: UUID


class EndpointTested(EventData):
    """An admin asked for a test delivery to an endpoint, which gets this event whatever types it has chosen."""

    type = "endpoint.tested"
    endpoint_id: UUID


CATALOGUE: dict[str, type[EventData]] = {model.type: model for model in EventData.__subclasses__()}
