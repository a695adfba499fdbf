"""What the public API shows: ids, codes, counts and times, and nothing that people wrote."""

from uuid import UUID

from pydantic import AwareDatetime

from services.feedback.rules.concerns import ConcernStatus
from services.feedback.rules.report import Report
from shared.contracts.base import Contract
from shared.contracts.feedback import ConcernReason, ConcernRung


class ConcernResource(Contract):
    id: UUID
    cycle_id: UUID
    round_id: UUID
    pair_id: UUID
    person_id: UUID
    """Who missed the check-ins, or who said that it is not a fit."""
    reason: ConcernReason
    rung: ConcernRung | None
    """Who was told last; null before anybody was told."""
    state: ConcernStatus
    raised_at: AwareDatetime
    escalated_at: AwareDatetime | None
    resolved_at: AwareDatetime | None
    resolved_by: str | None
    """The id of the access key that resolved it; null if the end of the cycle did."""


class ConcernPage(Contract):
    items: tuple[ConcernResource, ...]
    next: str | None


class ReportResource(Report):
    cycle_id: UUID
    compiled_at: AwareDatetime
