"""SQL of rounds. A round is opened once, answered while it is open, and closed once.

Answering, excusing and closing first lock the row of the round, so that one transaction at a time decides whether
everyone has answered and whether the round is closed. Functions never commit.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncSession

from shared.contracts.events import RoundAnswered, RoundClosedEvent, RoundOpenedEvent
from shared.contracts.rounds import (
    CloseReason,
    CloseRound,
    ExtendRound,
    OpenRound,
    RoundClosed,
    RoundCounts,
    RoundExtended,
    RoundKind,
    RoundOpened,
    RoundState,
)
from shared.errors import Forbidden, Gone, NotFound
from shared.events import emit
from shared.rounds.models import Round, RoundRecipient
from shared.rounds.recipients import Recipients, ask

ONE = select(Round).where(Round.organization_id == bindparam("organization_id"), Round.id == bindparam("round_id"))
LOCKED = ONE.with_for_update().execution_options(populate_existing=True)


class RoundIsClosed(Gone):
    code = "round_closed"


class NoLongerAsked(Gone):
    code = "no_longer_asked"


class RoundBrief(NamedTuple):
    """A round without its counts, which take a look at every recipient."""

    number: int
    state: RoundState
    closes_at: datetime


class OpenRoundOf(NamedTuple):
    id: UUID
    cycle_id: UUID
    closes_at: datetime


async def open_round(session: AsyncSession, request: OpenRound, recipients: Recipients) -> RoundOpened:
    """Creates the round and its recipients, once, and emits `round.opened`. A repeated call returns what is stored.

    All of this is one transaction, however many they are, so that nobody ever sees a part of the recipients."""
    created = await session.scalar(
        insert(Round)
        .values(
            id=request.round_id,
            organization_id=request.organization_id,
            cycle_id=request.cycle_id,
            kind=request.kind,
            number=request.number,
            state=RoundState.OPEN,
            closes_at=request.closes_at,
        )
        .on_conflict_do_nothing(index_elements=[Round.id])
        .returning(Round.id)
    )
    if created is not None:
        asked = await ask(session, request, recipients)
        await emit(
            session,
            request.organization_id,
            RoundOpenedEvent(
                round_id=request.round_id,
                cycle_id=request.cycle_id,
                kind=request.kind,
                number=request.number,
                recipients=asked,
                closes_at=request.closes_at,
            ),
        )
    found = await read_round(session, request.organization_id, request.round_id)
    return opened(found)


def opened(found: RoundCounts) -> RoundOpened:
    """What a workflow that opens the round is told."""
    return RoundOpened(**found.model_dump(include={"recipients", "closes_at", "pending"}), open=found.closed_at is None)


async def extend_round(session: AsyncSession, request: ExtendRound) -> RoundExtended:
    """Moves the deadline of an open round. A closed round stays as it is."""
    await session.execute(
        update(Round)
        .where(
            Round.organization_id == request.organization_id,
            Round.id == request.round_id,
            Round.state == RoundState.OPEN,
        )
        .values(closes_at=request.closes_at)
    )
    found = await read_round(session, request.organization_id, request.round_id)
    return RoundExtended(closes_at=found.closes_at)


async def close_round(session: AsyncSession, request: CloseRound) -> tuple[RoundClosed, bool]:
    """Closes the round, once, and emits `round.closed`. The flag says whether this very call closed it, so that the
    owner deals with missing answers once."""
    row = await _lock(session, request.organization_id, request.round_id)
    counts = await read_round(session, request.organization_id, request.round_id)
    closed = RoundClosed(recipients=counts.recipients, answered=counts.answered)
    if row.state == RoundState.CLOSED:
        return closed, False
    row.state = RoundState.CLOSED
    row.closed_at = await session.scalar(select(func.now()))
    row.close_reason = request.reason
    await session.flush()
    await emit(
        session,
        request.organization_id,
        RoundClosedEvent(
            round_id=row.id,
            cycle_id=row.cycle_id,
            kind=RoundKind(row.kind),
            reason=request.reason,
            recipients=closed.recipients,
            answered=closed.answered,
        ),
    )
    return closed, True


async def lock_open_round(session: AsyncSession, organization_id: UUID, round_id: UUID) -> Round:
    """Locks the round for an answer and returns it. Raises NotFound, or RoundIsClosed (410)."""
    row = await _lock(session, organization_id, round_id)
    if row.state != RoundState.OPEN:
        raise RoundIsClosed("This round is closed; answers are no longer taken.")
    return row


async def asked_subjects(session: AsyncSession, round_: Round, person_id: UUID) -> list[UUID]:
    """The subjects that this person is asked about in the round. Raises Forbidden for someone who was never asked, and
    NoLongerAsked (410) for someone who is not asked about anything any more."""
    rows = (
        await session.execute(
            select(RoundRecipient.subject_id, RoundRecipient.excused_at)
            .where(
                RoundRecipient.organization_id == round_.organization_id,
                RoundRecipient.round_id == round_.id,
                RoundRecipient.person_id == person_id,
            )
            .order_by(RoundRecipient.subject_id)
        )
    ).all()
    if not rows:
        raise Forbidden("This person is not asked in this round.", code="not_asked")
    subjects = [subject_id for subject_id, excused_at in rows if excused_at is None]
    if not subjects:
        raise NoLongerAsked("What this round asked about is settled; nothing is left to answer.")
    return subjects


async def mark_answered(session: AsyncSession, round_: Round, person_id: UUID, subject_ids: Sequence[UUID]) -> None:
    """Records that a person answered about these subjects. The round must be locked. Emits `round.answered` if no
    answer is missing any more; an answer that is changed later was not missing, so that this is told once."""
    await _mark(session, round_, person_id, RoundRecipient.subject_id.in_(subject_ids))


async def mark_all_answered(session: AsyncSession, round_: Round, person_id: UUID) -> None:
    """The same for all that the person is asked about. Raises what `asked_subjects` raises."""
    if not await _mark(session, round_, person_id):
        await asked_subjects(session, round_, person_id)


async def _mark(session: AsyncSession, round_: Round, person_id: UUID, *which: ColumnElement[bool]) -> bool:
    """Whether an answer was missing. One statement, as others wait for the round meanwhile."""
    missing = _missing(round_)
    given = (
        update(RoundRecipient)
        .where(*missing, RoundRecipient.person_id == person_id, *which)
        .values(answered_at=func.now())
        .returning(RoundRecipient.person_id, RoundRecipient.subject_id)
        .cte("given")
    )
    one = tuple_(RoundRecipient.person_id, RoundRecipient.subject_id)
    still_missing = (  # the statement itself still sees as missing what it writes
        select(RoundRecipient.person_id)
        .where(*missing, one.not_in(select(given.c.person_id, given.c.subject_id)))
        .order_by(RoundRecipient.person_id)  # so that Postgres reads the index of pending ones and not the whole table
        .limit(1)
        .scalar_subquery()
    )
    answered = select(func.count()).select_from(given).scalar_subquery()
    answers, waits_for = (await session.execute(select(answered, still_missing))).one()
    if answers and waits_for is None:
        await _tell_that_all_answered(session, round_)
    return bool(answers)


async def excuse(session: AsyncSession, organization_id: UUID, subject_id: UUID) -> None:
    """Stops asking about a subject, such as a pair that ended, in every open round."""
    await _excuse(session, organization_id, RoundRecipient.subject_id == subject_id)


async def excuse_person(session: AsyncSession, organization_id: UUID, person_id: UUID) -> None:
    """Stops asking a person, such as one who has left, in every open round. What they have answered stays."""
    await _excuse(session, organization_id, RoundRecipient.person_id == person_id)


async def _excuse(session: AsyncSession, organization_id: UUID, whom: ColumnElement[bool]) -> None:
    rounds = await session.scalars(
        select(Round)
        .where(
            Round.organization_id == organization_id,
            Round.state == RoundState.OPEN,
            Round.id.in_(
                select(RoundRecipient.round_id).where(
                    RoundRecipient.organization_id == organization_id,
                    whom,
                    RoundRecipient.answered_at.is_(None),
                    RoundRecipient.excused_at.is_(None),
                )
            ),
        )
        .order_by(Round.id)
        .with_for_update()
    )
    for round_ in rounds.all():
        excused = await session.scalars(
            update(RoundRecipient)
            .where(
                RoundRecipient.organization_id == organization_id,
                RoundRecipient.round_id == round_.id,
                whom,
                RoundRecipient.answered_at.is_(None),
                RoundRecipient.excused_at.is_(None),
            )
            .values(excused_at=func.now())
            .returning(RoundRecipient.person_id)
        )
        if excused.all():
            await _tell_if_all_answered(session, round_)


async def read_round(session: AsyncSession, organization_id: UUID, round_id: UUID) -> RoundCounts:
    """One round with its counts. Raises NotFound."""
    found = await _counts(session, organization_id, Round.id == round_id)
    if not found:
        raise NotFound("There is no such round.", code="round_not_found")
    return found[0]


async def read_round_brief(session: AsyncSession, organization_id: UUID, round_id: UUID) -> RoundBrief:
    """One round without its counts. Raises NotFound."""
    found = await session.execute(
        select(Round.number, Round.state, Round.closes_at).where(
            Round.organization_id == organization_id, Round.id == round_id
        )
    )
    row = found.one_or_none()
    if row is None:
        raise NotFound("There is no such round.", code="round_not_found")
    return RoundBrief(row.number, RoundState(row.state), row.closes_at)


async def read_rounds(session: AsyncSession, organization_id: UUID, cycle_id: UUID) -> list[RoundCounts]:
    """The cycle's rounds with their counts, in the order in which they were opened."""
    return await _counts(session, organization_id, Round.cycle_id == cycle_id)


async def read_last_rounds(
    session: AsyncSession, organization_id: UUID, cycle_ids: Collection[UUID]
) -> dict[UUID, RoundCounts]:
    """The round of each cycle that opened last, with its counts, by the cycle's id."""
    found = await session.execute(
        select(Round.cycle_id, Round.id)
        .where(Round.organization_id == organization_id, Round.cycle_id.in_(cycle_ids))
        .order_by(Round.cycle_id, Round.opened_at.desc(), Round.number.desc())
        .ext(distinct_on(Round.cycle_id))
    )
    cycles = {round_id: cycle_id for cycle_id, round_id in found}
    if not cycles:
        return {}
    return {cycles[one.id]: one for one in await _counts(session, organization_id, Round.id.in_(list(cycles)))}


async def read_open_rounds(session: AsyncSession) -> list[OpenRoundOf]:
    """The open rounds of all organizations, for whoever watches whether cycles move."""
    columns = (Round.id, Round.cycle_id, Round.closes_at)
    found = await session.execute(select(*columns).where(Round.state == RoundState.OPEN))
    return [OpenRoundOf._make(row) for row in found]


async def _counts(session: AsyncSession, organization_id: UUID, condition: object) -> list[RoundCounts]:
    asked = func.count(RoundRecipient.person_id).filter(RoundRecipient.excused_at.is_(None))
    answered = func.count(RoundRecipient.answered_at).filter(RoundRecipient.excused_at.is_(None))
    # Of an old round the recipients are deleted (`shared/rounds/retention.py`), and their counts are noted.
    total, given = func.coalesce(Round.asked, asked), func.coalesce(Round.answered, answered)
    found = await session.execute(
        select(Round, total, given)
        .outerjoin(RoundRecipient, RoundRecipient.round_id == Round.id)
        .where(Round.organization_id == organization_id, condition)  # type: ignore[arg-type]
        .group_by(Round.id)
        .order_by(Round.opened_at, Round.number)
        .execution_options(populate_existing=True)
    )
    return [
        RoundCounts(
            id=row.id,
            kind=RoundKind(row.kind),
            number=row.number,
            state=RoundState(row.state),
            opened_at=row.opened_at,
            closes_at=row.closes_at,
            closed_at=row.closed_at,
            close_reason=CloseReason(row.close_reason) if row.close_reason else None,
            recipients=recipients,
            answered=answers,
            pending=recipients - answers,
            told_at=row.told_at,
        )
        for row, recipients, answers in found
    ]


async def _lock(session: AsyncSession, organization_id: UUID, round_id: UUID) -> Round:
    row = await session.scalar(LOCKED, {"organization_id": organization_id, "round_id": round_id})
    if row is None:
        raise NotFound("There is no such round.", code="round_not_found")
    return row


async def _tell_if_all_answered(session: AsyncSession, round_: Round) -> None:
    one_pending = select(RoundRecipient.person_id).where(*_missing(round_))
    if await session.scalar(one_pending.order_by(RoundRecipient.person_id).limit(1)) is None:
        await _tell_that_all_answered(session, round_)


def _missing(round_: Round) -> tuple[ColumnElement[bool], ...]:
    return (
        RoundRecipient.organization_id == round_.organization_id,
        RoundRecipient.round_id == round_.id,
        RoundRecipient.answered_at.is_(None),
        RoundRecipient.excused_at.is_(None),
    )


async def _tell_that_all_answered(session: AsyncSession, round_: Round) -> None:
    told = RoundAnswered(round_id=round_.id, cycle_id=round_.cycle_id, kind=RoundKind(round_.kind))
    await emit(session, round_.organization_id, told)
