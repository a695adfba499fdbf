"""The event catalogue: every fact that Upward tells, as a model.

Events carry ids, codes, counts and times only: never names, addresses or free text. The envelope follows
CloudEvents 1.0 (https://github.com/cloudevents/spec); `sequence` counts an organization's events from 1, without gaps.
"""

from typing import Any, ClassVar
from uuid import UUID

from pydantic import AwareDatetime

from shared.contracts.base import Contract
from shared.contracts.feedback import ConcernReason
from shared.contracts.matching import EndReason
from shared.contracts.notifications import Template
from shared.contracts.programs import Outcome, Stage
from shared.contracts.rounds import CloseReason, RoundKind


class EventData(Contract):
    """The `data` of one event type. `type` and `version` are fixed per class; `subject` names the aggregate."""

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
    type = "program.schedule_changed"
    program_id: UUID


class CycleRequested(EventData):
    type = "cycle.requested"
    cycle_id: UUID
    program_id: UUID


class CycleStageChanged(EventData):
    type = "cycle.stage_changed"
    cycle_id: UUID
    stage: Stage


class CycleCompleted(EventData):
    type = "cycle.completed"
    cycle_id: UUID
    outcome: Outcome


class CycleCancelled(EventData):
    type = "cycle.cancelled"
    cycle_id: UUID


class CyclePaused(EventData):
    type = "cycle.paused"
    cycle_id: UUID


class CycleResumed(EventData):
    type = "cycle.resumed"
    cycle_id: UUID


class CycleCancellationRequested(EventData):
    type = "cycle.cancellation_requested"
    cycle_id: UUID


class CycleAdvanceRequested(EventData):
    type = "cycle.advance_requested"
    cycle_id: UUID
    stage: Stage
    round_id: UUID | None = None
    """The round to close early; None in the scheduled stage, which then starts at once."""


class PeopleImported(EventData):
    type = "people.imported"
    import_id: UUID
    created: int
    changed: int
    skipped: int


class RoundOpenedEvent(EventData):
    type = "round.opened"
    round_id: UUID
    cycle_id: UUID
    kind: RoundKind
    number: int
    recipients: int
    closes_at: AwareDatetime


class RoundAnswered(EventData):
    """Everyone who was asked has answered."""

    type = "round.answered"
    round_id: UUID
    cycle_id: UUID
    kind: RoundKind


class RoundClosedEvent(EventData):
    type = "round.closed"
    round_id: UUID
    cycle_id: UUID
    kind: RoundKind
    reason: CloseReason
    recipients: int
    answered: int


class EnrolmentSubmitted(EventData):
    type = "enrolment.submitted"
    enrolment_id: UUID
    cycle_id: UUID
    person_id: UUID


class MatchRunProposed(EventData):
    type = "match_run.proposed"
    match_run_id: UUID
    cycle_id: UUID
    pairs: int
    unmatched: int
    attempt: int = 1
    revision: int = 1
    """From 2 on an admin steered the run; it takes the place of the revision before."""


class MatchRunApproved(EventData):
    type = "match_run.approved"
    match_run_id: UUID
    cycle_id: UUID
    pairs: int
    attempt: int = 0
    """0 in events of before attempts were told."""


class PairOffered(EventData):
    type = "pair.offered"
    pair_id: UUID
    cycle_id: UUID
    mentor_id: UUID
    mentee_id: UUID


class PairDeclined(EventData):
    type = "pair.declined"
    pair_id: UUID
    cycle_id: UUID
    reason: EndReason


class PairActivated(EventData):
    type = "pair.activated"
    pair_id: UUID
    cycle_id: UUID
    mentor_id: UUID
    mentee_id: UUID


class PairEnded(EventData):
    type = "pair.ended"
    pair_id: UUID
    cycle_id: UUID
    reason: EndReason


class PairCompleted(EventData):
    type = "pair.completed"
    pair_id: UUID
    cycle_id: UUID


class CheckInAnswered(EventData):
    """That a participant answered; what they said is not told."""

    type = "check_in.answered"
    check_in_id: UUID
    round_id: UUID
    cycle_id: UUID
    pair_id: UUID


class SurveyAnswered(EventData):
    type = "survey.answered"
    survey_id: UUID
    round_id: UUID
    cycle_id: UUID
    pair_id: UUID


class ConcernRaised(EventData):
    type = "concern.raised"
    concern_id: UUID
    cycle_id: UUID
    pair_id: UUID
    reason: ConcernReason


class ConcernEscalated(EventData):
    type = "concern.escalated"
    concern_id: UUID
    cycle_id: UUID
    rung: str


class ConcernResolved(EventData):
    type = "concern.resolved"
    concern_id: UUID
    cycle_id: UUID


class MessageFailed(EventData):
    type = "message.failed"
    message_id: UUID
    cycle_id: UUID
    person_id: UUID
    template: Template
    code: str


class ReportCompiledEvent(EventData):
    type = "report.compiled"
    cycle_id: UUID
    outcome: Outcome


CATALOGUE: dict[str, type[EventData]] = {model.type: model for model in EventData.__subclasses__()}
