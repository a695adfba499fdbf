"""The event catalogue: every fact that Upward tells, as a model.

Events carry ids, codes, counts and times only: never names, addresses or free text. The envelope follows
CloudEvents 1.0 (https://github.com/cloudevents/spec); `sequence` counts an organization's events from 1, without gaps.
"""

from typing import Annotated, Any, ClassVar
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared.contracts.base import Contract
from shared.contracts.endpoints import DisableReason, FailureStage
from shared.contracts.feedback import ConcernReason, ConcernRung
from shared.contracts.matching import EndReason
from shared.contracts.notifications import Template
from shared.contracts.programs import Outcome, Stage
from shared.contracts.rounds import CloseReason, RoundKind

CODE = r"^[a-z][a-z0-9_]*$"
"""What a code looks like that comes from no enumeration."""


class EventData(Contract):
    """The `data` of one event type. `type` and `version` are fixed per class; `subject` names the aggregate.

    The docstring of each class says in one sentence when the event happens: the catalogue shows it to consumers. A
    change that is more than a new field with a default, or a new value of a vocabulary, takes a new version.
    """

    type: ClassVar[str]
    version: ClassVar[int] = 1

    @property
    def subject(self) -> str:
        """`<aggregate>/<id>`, from the first field of the class."""
        field = next(iter(type(self).model_fields))
        return f"{field.removesuffix('_id')}/{getattr(self, field)}"


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

    def parse(self) -> EventData:
        """The typed data. Raises KeyError for a type that this version does not know."""
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
    """A cycle is over; the outcome says how it ended."""

    type = "cycle.completed"
    cycle_id: UUID
    outcome: Outcome


class CycleCancelled(EventData):
    """A cycle was cancelled and everything in it is closed."""

    type = "cycle.cancelled"
    cycle_id: UUID


class CyclePaused(EventData):
    """A coordinator paused a cycle: nothing is sent or begun until it is resumed."""

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


class PeopleImported(EventData):
    """An HR export was imported into the directory."""

    type = "people.imported"
    import_id: UUID
    created: int
    changed: int
    skipped: int


class PersonLeft(EventData):
    """An HR export says of an active person of the directory that they have left."""

    type = "person.left"
    person_id: UUID


class PersonReturned(EventData):
    """An HR export lists a person again who had left."""

    type = "person.returned"
    person_id: UUID


class RoundOpenedEvent(EventData):
    """A round began to ask its recipients."""

    type = "round.opened"
    round_id: UUID
    cycle_id: UUID
    kind: RoundKind
    number: int
    recipients: int
    closes_at: AwareDatetime


class RoundAnswered(EventData):
    """Everyone who was asked in a round has answered."""

    type = "round.answered"
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
    """A person answered the enrolment, for the first time or anew."""

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
    """From 2 on an admin steered the run; it takes the place of the revision before."""


class MatchRunApproved(EventData):
    """A coordinator approved the pairs of a match run."""

    type = "match_run.approved"
    match_run_id: UUID
    cycle_id: UUID
    pairs: int
    attempt: int = 0
    """0 in events of before attempts were told."""


class PairOffered(EventData):
    """An approved pair was offered to its mentor and its mentee."""

    type = "pair.offered"
    pair_id: UUID
    cycle_id: UUID
    mentor_id: UUID
    mentee_id: UUID


class PairDeclined(EventData):
    """An offered pair will not come about: one of the two declined, did not answer or can no longer take part."""

    type = "pair.declined"
    pair_id: UUID
    cycle_id: UUID
    reason: EndReason


class PairActivated(EventData):
    """Both accepted; the pair is active."""

    type = "pair.activated"
    pair_id: UUID
    cycle_id: UUID
    mentor_id: UUID
    mentee_id: UUID


class PairEnded(EventData):
    """An active pair ended without completing its cycle."""

    type = "pair.ended"
    pair_id: UUID
    cycle_id: UUID
    reason: EndReason


class PairCompleted(EventData):
    """A pair was still active when its cycle completed."""

    type = "pair.completed"
    pair_id: UUID
    cycle_id: UUID


class CheckInAnswered(EventData):
    """A participant answered a check-in about a pair; what they said is not told."""

    type = "check_in.answered"
    check_in_id: UUID
    round_id: UUID
    cycle_id: UUID
    pair_id: UUID


class SurveyAnswered(EventData):
    """A participant answered the closing survey about a pair; what they said is not told."""

    type = "survey.answered"
    survey_id: UUID
    round_id: UUID
    cycle_id: UUID
    pair_id: UUID


class ConcernRaised(EventData):
    """A pair was found to need help: it missed check-ins, or one of the two called it not a fit."""

    type = "concern.raised"
    concern_id: UUID
    cycle_id: UUID
    pair_id: UUID
    reason: ConcernReason


class ConcernEscalated(EventData):
    """An open concern was told to the next rung of the ladder."""

    type = "concern.escalated"
    concern_id: UUID
    cycle_id: UUID
    rung: ConcernRung


class ConcernResolved(EventData):
    """A concern was resolved, by a coordinator or because its pair or its cycle is over."""

    type = "concern.resolved"
    concern_id: UUID
    cycle_id: UUID


class MessageFailed(EventData):
    """A message of a cycle was refused for good, by the mail server or because its address is none."""

    type = "message.failed"
    message_id: UUID
    cycle_id: UUID
    person_id: UUID
    template: Template
    code: Annotated[str, Field(pattern=CODE, max_length=64, examples=["smtp_550"])]
    """Why: the mail server's reply, such as `smtp_550`, `invalid_address` or `smtputf8_unsupported`."""


class ReportCompiledEvent(EventData):
    """The report of a cycle was compiled and can be read."""

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
    """An admin asked for a test delivery to an endpoint; whatever types that one chose, it gets this event."""

    type = "endpoint.tested"
    endpoint_id: UUID


CATALOGUE: dict[str, type[EventData]] = {model.type: model for model in EventData.__subclasses__()}
