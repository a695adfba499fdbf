"""What a participant reads about what comes next, once they have answered."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from services.console.next_steps import Next, next_step
from shared.contracts.base import Contract
from shared.contracts.feedback import CheckInForm, SurveyForm
from shared.contracts.intake import EnrolmentAnswer, EnrolmentForm, EnrolmentRole, LinkGrant
from shared.contracts.matching import AcceptanceForm, Offer, Side
from shared.contracts.programs import Calendar
from shared.contracts.rounds import RoundKind

CLOSES_AT = datetime(2027, 3, 5, 16, tzinfo=UTC)
CALENDAR = Calendar(check_ins=3)


def grant(kind: RoundKind) -> LinkGrant:
    return LinkGrant(
        organization_id=uuid4(), cycle_id=uuid4(), round_id=uuid4(), person_id=uuid4(), given_name="Amara",
        kind=kind, closes_at=CLOSES_AT,
    )  # fmt: skip


def enrolment(role: EnrolmentRole | None) -> EnrolmentForm:
    return EnrolmentForm(topics=(), languages=(), answer=EnrolmentAnswer(role=role))


def offers(*accepted: bool | None) -> AcceptanceForm:
    return AcceptanceForm(
        offers=tuple(
            Offer(pair_id=uuid4(), side=Side.MENTOR, partner_id=uuid4(), reasons=(), accepted=one) for one in accepted
        )
    )


@pytest.mark.parametrize(
    ("kind", "form", "what"),
    [
        (RoundKind.ENROLMENT, enrolment(EnrolmentRole.MENTOR), Next.MATCHING),
        (RoundKind.ENROLMENT, enrolment(None), Next.NOT_THIS_TIME),
        (RoundKind.ACCEPTANCE, offers(True), Next.KICKOFF),
        (RoundKind.ACCEPTANCE, offers(False, None), Next.KICKOFF),
        (RoundKind.ACCEPTANCE, offers(False), Next.ANOTHER_OFFER),
        (RoundKind.CHECK_IN, CheckInForm(number=3, pairs=()), Next.SURVEY),
        (RoundKind.SURVEY, SurveyForm(pairs=()), Next.END),
        (RoundKind.ACCEPTANCE, None, Next.ANSWERED),
    ],
)
def test_what_comes_next_follows_from_what_was_answered(kind: RoundKind, form: Contract | None, what: Next) -> None:
    assert next_step(grant(kind), CALENDAR, form) == (what, CLOSES_AT)


def test_the_next_check_in_is_counted_from_the_opening_of_this_one() -> None:
    """A check-in is open for 5 days and comes every 14."""
    step = next_step(grant(RoundKind.CHECK_IN), CALENDAR, CheckInForm(number=2, pairs=()))
    assert step == (Next.CHECK_IN, CLOSES_AT + timedelta(days=9))
