"""What comes next for a participant who has answered, and when. Pure."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from shared.contracts.base import Contract
from shared.contracts.feedback import CheckInForm
from shared.contracts.intake import EnrolmentForm, LinkGrant
from shared.contracts.matching import AcceptanceForm
from shared.contracts.programs import Calendar
from shared.contracts.rounds import RoundKind


class Next(StrEnum):
    MATCHING = "matching"
    NOT_THIS_TIME = "not_this_time"
    KICKOFF = "kickoff"
    ANOTHER_OFFER = "another_offer"
    CHECK_IN = "check_in"
    SURVEY = "survey"
    END = "end"
    ANSWERED = "answered"
    """Nothing that is known to this page."""


class NextStep(NamedTuple):
    what: Next
    at: datetime
    """When the round of the link closes, or around when the next check-in opens."""


def next_step(grant: LinkGrant, calendar: Calendar, form: Contract | None) -> NextStep:
    """`form` is what the owner of the round shows now, None if there is nothing to answer any more."""
    closes = grant.closes_at
    if isinstance(form, EnrolmentForm):
        out = form.answer is not None and form.answer.role is None
        return NextStep(Next.NOT_THIS_TIME if out else Next.MATCHING, closes)
    if isinstance(form, AcceptanceForm):
        still = [offer for offer in form.offers if offer.accepted is not False]
        return NextStep(Next.KICKOFF if still else Next.ANOTHER_OFFER, closes)
    if isinstance(form, CheckInForm):
        if form.number >= calendar.check_ins:
            return NextStep(Next.SURVEY, closes)
        return NextStep(Next.CHECK_IN, closes - calendar.check_in.length + calendar.check_in_every)
    return NextStep(Next.END if grant.kind is RoundKind.SURVEY else Next.ANSWERED, closes)
