"""Taking a participant's answer to a check-in or a survey. One transaction holds the answer, its events and its
effects.

A participant may answer again while the round is open. The last answer counts; only the first one emits an event.
"""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.feedback.rules.concerns import Participant
from services.feedback.rules.entries import check_check_in, check_survey
from services.feedback.store import answers
from services.feedback.store.concerns import raise_concerns, withdraw_concerns
from shared.contracts.events import CheckInAnswered, SurveyAnswered
from shared.contracts.feedback import CheckInAnswer, ConcernReason, Obstacle, SurveyAnswer
from shared.contracts.rounds import AnswerRecorded, RoundKind
from shared.events import emit
from shared.rounds.models import Round
from shared.rounds.store import asked_subjects, lock_open_round, mark_answered


async def record_check_in(
    session: AsyncSession, organization_id: UUID, round_id: UUID, person_id: UUID, answer: CheckInAnswer
) -> AnswerRecorded:
    """Stores the check-ins, and raises a concern about each pair that the answer calls "not a fit". An answer that says
    so no longer withdraws the concern that an earlier answer in this round has raised.

    Raises NotFound, RoundIsClosed (410), Forbidden for someone who is not asked, AnswerNotValid (422).
    """
    round_ = await _lock(session, organization_id, round_id, RoundKind.CHECK_IN)
    asked = await asked_subjects(session, round_, person_id)
    check_check_in(answer.entries, asked)
    sides = await answers.read_sides(session, round_, person_id, asked)
    first = await answers.save_check_ins(session, round_, person_id, sides, answer.entries)
    events = [
        CheckInAnswered(check_in_id=new.id, round_id=round_id, cycle_id=round_.cycle_id, pair_id=new.pair_id)
        for new in first
    ]
    await emit(session, organization_id, *events)
    unfit = [Participant(e.pair_id, person_id) for e in answer.entries if e.obstacle is Obstacle.NOT_A_FIT]
    fit = [e.pair_id for e in answer.entries if e.obstacle is not Obstacle.NOT_A_FIT]
    await withdraw_concerns(session, round_, person_id, fit)
    await raise_concerns(session, round_, ConcernReason.NOT_A_FIT, unfit)
    await mark_answered(session, round_, person_id, [entry.pair_id for entry in answer.entries])
    return AnswerRecorded(round_id=round_id, closes_at=round_.closes_at)


async def record_survey(
    session: AsyncSession, organization_id: UUID, round_id: UUID, person_id: UUID, answer: SurveyAnswer
) -> AnswerRecorded:
    """Stores the survey answers. Raises the same errors as `record_check_in`."""
    round_ = await _lock(session, organization_id, round_id, RoundKind.SURVEY)
    asked = await asked_subjects(session, round_, person_id)
    check_survey(answer.entries, asked)
    sides = await answers.read_sides(session, round_, person_id, asked)
    first = await answers.save_survey(session, round_, person_id, sides, answer.entries)
    events = [
        SurveyAnswered(survey_id=new.id, round_id=round_id, cycle_id=round_.cycle_id, pair_id=new.pair_id)
        for new in first
    ]
    await emit(session, organization_id, *events)
    await mark_answered(session, round_, person_id, [entry.pair_id for entry in answer.entries])
    return AnswerRecorded(round_id=round_id, closes_at=round_.closes_at)


async def _lock(session: AsyncSession, organization_id: UUID, round_id: UUID, kind: RoundKind) -> Round:
    """Locks the open round and returns it. Raises NotFound for a round of another kind, whether it is open or not."""
    await answers.read_round(session, organization_id, round_id, kind)
    return await lock_open_round(session, organization_id, round_id)
