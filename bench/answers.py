"""Answers a whole round for everyone, in one transaction.

A page writes the answer of one person in each request. This module writes the answers of all people into the same
tables with a few SQL statements: it locks the round, writes the answers and their events, and gives the last answer to
`shared.rounds.store`, which tells that everyone has answered.
"""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, func, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from bench.company import TOPIC, Roles
from services.feedback.models import AskedPair, CheckIn, SurveyResponse
from services.intake.models import Enrolment
from services.matching.models import Pair
from shared.contracts.events import CheckInAnswered, EnrolmentSubmitted, EventData, PairActivated, SurveyAnswered
from shared.contracts.feedback import Obstacle
from shared.contracts.intake import EnrolmentRole, MeetingWindow
from shared.contracts.matching import PairState, Side
from shared.contracts.round_kinds import RoundKindUnknown
from shared.contracts.rounds import RoundKind
from shared.events import emit
from shared.rounds import store as rounds
from shared.rounds.models import Round, RoundRecipient


async def answer_all(session: AsyncSession, organization_id: UUID, round_id: UUID, roles: Roles) -> None:
    """Answers the open round for everyone whom it asks. A person without a role does not enrol. The caller commits."""
    round_ = await rounds.lock_open_round(session, organization_id, round_id)
    kind = RoundKind(round_.kind)
    if kind not in ANSWERS:
        raise RoundKindUnknown(f"The bench has no answers to rounds of the kind {kind}.")
    events = await ANSWERS[kind](session, round_, roles)
    await emit(session, organization_id, *events)
    await _mark_all(session, round_)


async def _mark_all(session: AsyncSession, round_: Round) -> None:
    asked: tuple[ColumnElement[bool], ...] = (
        RoundRecipient.organization_id == round_.organization_id,
        RoundRecipient.round_id == round_.id,
        RoundRecipient.answered_at.is_(None),
    )
    key = tuple_(RoundRecipient.person_id, RoundRecipient.subject_id)
    person_id, subject_id = (
        await session.execute(select(RoundRecipient.person_id, RoundRecipient.subject_id).where(*asked).limit(1))
    ).one()
    await session.execute(
        update(RoundRecipient)
        .where(*asked, key != (person_id, subject_id))
        .values(answered_at=func.now())
        .execution_options(synchronize_session=False)
    )
    await rounds.mark_answered(session, round_, person_id, [subject_id])


async def _enrol(session: AsyncSession, round_: Round, roles: Roles) -> list[EventData]:
    asked = await session.scalars(select(RoundRecipient.person_id).where(RoundRecipient.round_id == round_.id))
    rows = [_enrolment(round_, person_id, roles.get(person_id)) for person_id in asked]
    await session.execute(insert(Enrolment), rows)
    return [
        EnrolmentSubmitted(enrolment_id=row["id"], cycle_id=round_.cycle_id, person_id=row["person_id"])
        for row in rows
        if row["role"] is not None
    ]


def _enrolment(round_: Round, person_id: UUID, role: EnrolmentRole | None) -> dict[str, Any]:
    return {
        "id": uuid4(),
        "organization_id": round_.organization_id,
        "cycle_id": round_.cycle_id,
        "person_id": person_id,
        "role": role,
        "topics_taught": [TOPIC] if role is EnrolmentRole.MENTOR else [],
        "topics_wanted": [TOPIC] if role is EnrolmentRole.MENTEE else [],
        "mentor_capacity": 1,
        "mentee_capacity": 1,
        "languages": ["en"] if role else [],
        "meeting_windows": [MeetingWindow.TUE_AM] if role else [],
        "preferred": [],
        "avoided": [],
    }


async def _accept(session: AsyncSession, round_: Round, _: Roles) -> list[EventData]:
    now = func.now()
    accepted = await session.execute(
        update(Pair)
        .where(
            Pair.organization_id == round_.organization_id,
            Pair.round_id == round_.id,
            Pair.state == PairState.OFFERED,
        )
        .values(state=PairState.ACTIVE, mentor_accepted_at=now, mentee_accepted_at=now, activated_at=now)
        .returning(Pair.id, Pair.mentor_id, Pair.mentee_id)
        .execution_options(synchronize_session=False)
    )
    return [
        PairActivated(pair_id=pair_id, cycle_id=round_.cycle_id, mentor_id=mentor_id, mentee_id=mentee_id)
        for pair_id, mentor_id, mentee_id in accepted
    ]


async def _check_in(session: AsyncSession, round_: Round, _: Roles) -> list[EventData]:
    rows = [
        row | {"met": True, "usefulness": 4, "obstacle": Obstacle.NONE, "note": ""}
        for row in await _both_sides(session, round_)
    ]
    await session.execute(insert(CheckIn), rows)
    return [
        CheckInAnswered(check_in_id=row["id"], round_id=round_.id, cycle_id=round_.cycle_id, pair_id=row["pair_id"])
        for row in rows
    ]


async def _look_back(session: AsyncSession, round_: Round, _: Roles) -> list[EventData]:
    rows = [row | {"usefulness": 5, "would_repeat": True, "comment": ""} for row in await _both_sides(session, round_)]
    await session.execute(insert(SurveyResponse), rows)
    return [
        SurveyAnswered(survey_id=row["id"], round_id=round_.id, cycle_id=round_.cycle_id, pair_id=row["pair_id"])
        for row in rows
    ]


async def _both_sides(session: AsyncSession, round_: Round) -> list[dict[str, Any]]:
    """The columns that all answers about pairs have in common: one row for each side of each pair."""
    pairs = await session.execute(
        select(AskedPair.pair_id, AskedPair.mentor_id, AskedPair.mentee_id).where(
            AskedPair.organization_id == round_.organization_id, AskedPair.round_id == round_.id
        )
    )
    return [
        {
            "id": uuid4(),
            "organization_id": round_.organization_id,
            "cycle_id": round_.cycle_id,
            "round_id": round_.id,
            "pair_id": pair_id,
            "person_id": person_id,
            "side": side,
        }
        for pair_id, mentor_id, mentee_id in pairs
        for side, person_id in ((Side.MENTOR, mentor_id), (Side.MENTEE, mentee_id))
    ]


ANSWERS: dict[RoundKind, Callable[[AsyncSession, Round, Roles], Awaitable[list[EventData]]]] = {
    RoundKind.ENROLMENT: _enrol,
    RoundKind.ACCEPTANCE: _accept,
    RoundKind.CHECK_IN: _check_in,
    RoundKind.SURVEY: _look_back,
}
