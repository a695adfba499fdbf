"""SQL of concerns. Each change locks the row of the concern and emits its event in the same transaction."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Select, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.feedback.models import Concern
from services.feedback.resources import ConcernResource
from services.feedback.rules.concerns import (
    ConcernIsResolved,
    ConcernNotFound,
    ConcernStatus,
    EarlierConcern,
    Participant,
    is_higher,
)
from shared.contracts.events import ConcernEscalated, ConcernRaised, ConcernResolved
from shared.contracts.feedback import (
    ConcernReason,
    ConcernRung,
    ConcernState,
    EscalateConcern,
    EscalateRound,
    Resolution,
    RoundConcerns,
)
from shared.contracts.recovery.facts import OpenMatter
from shared.contracts.rounds import CloseReason, RoundKind, RoundState
from shared.events import emit
from shared.rounds.models import Round, RoundRecipient


class OpenConcern(NamedTuple):
    id: UUID
    round_id: UUID
    reason: ConcernReason


async def raise_concerns(
    session: AsyncSession, round_: Round, reason: ConcernReason, participants: Sequence[Participant]
) -> int:
    """Opens a concern about each participant, unless one is open for this reason or this round has raised it before.
    After a withdrawn concern a new one can be raised. Emits `concern.raised` for each new concern, and returns how
    many there are."""
    rows = [
        {
            "id": uuid4(),
            "organization_id": round_.organization_id,
            "cycle_id": round_.cycle_id,
            "round_id": round_.id,
            "pair_id": participant.pair_id,
            "person_id": participant.person_id,
            "reason": reason,
            "state": ConcernStatus.OPEN,
        }
        for participant in participants
    ]
    if not rows:
        return 0
    raised = await session.execute(
        insert(Concern).on_conflict_do_nothing().returning(Concern.id, Concern.pair_id), rows
    )
    events = [
        ConcernRaised(
            concern_id=concern_id, cycle_id=round_.cycle_id, pair_id=pair_id, reason=reason, round_id=round_.id
        )
        for concern_id, pair_id in raised
    ]
    await emit(session, round_.organization_id, *events)
    return len(events)


async def withdraw_concerns(session: AsyncSession, round_: Round, person_id: UUID, pair_ids: Collection[UUID]) -> None:
    """Withdraws the concerns that this person has raised in this round by calling these pairs "not a fit", so that they
    can be raised again. Those that are open are resolved by that; emits `concern.resolved` for each. The round must be
    locked."""
    if not pair_ids:
        return
    raised = await session.scalars(
        select(Concern)
        .where(
            Concern.organization_id == round_.organization_id,
            Concern.round_id == round_.id,
            Concern.person_id == person_id,
            Concern.pair_id.in_(pair_ids),
            Concern.reason == ConcernReason.NOT_A_FIT,
            Concern.withdrawn_at.is_(None),
        )
        .order_by(Concern.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    events, now = [], await session.scalar(select(func.now()))
    for concern in raised.all():
        concern.withdrawn_at = now
        if concern.state == ConcernStatus.OPEN:
            concern.state, concern.resolved_at = ConcernStatus.RESOLVED, now
            events.append(ConcernResolved(concern_id=concern.id, cycle_id=round_.cycle_id))
    await session.flush()
    await emit(session, round_.organization_id, *events)


async def read_misses(session: AsyncSession, round_: Round) -> dict[Participant, set[int]]:
    """For each participant who missed this check-in round, the numbers of all check-in rounds of the cycle up to this
    one that they missed.

    A participant who was excused because the pair ended missed nothing. A round that was cancelled counts for nobody.
    """
    missed_now = select(RoundRecipient.person_id).where(
        RoundRecipient.organization_id == round_.organization_id,
        RoundRecipient.round_id == round_.id,
        RoundRecipient.answered_at.is_(None),
        RoundRecipient.excused_at.is_(None),
    )
    found = await session.execute(
        select(RoundRecipient.subject_id, RoundRecipient.person_id, Round.number)
        .join(Round, Round.id == RoundRecipient.round_id)
        .where(
            Round.organization_id == round_.organization_id,
            Round.cycle_id == round_.cycle_id,
            Round.kind == RoundKind.CHECK_IN,
            Round.number <= round_.number,
            Round.state == RoundState.CLOSED,
            Round.close_reason != CloseReason.CANCELLED,
            RoundRecipient.organization_id == round_.organization_id,
            RoundRecipient.answered_at.is_(None),
            RoundRecipient.excused_at.is_(None),
            RoundRecipient.person_id.in_(missed_now),
        )
    )
    misses = defaultdict[Participant, set[int]](set)
    for pair_id, person_id, number in found:
        misses[Participant(pair_id, person_id)].add(number)
    return dict(misses)


async def read_earlier_concerns(session: AsyncSession, round_: Round) -> dict[Participant, list[EarlierConcern]]:
    """For each participant, the concerns about missed check-ins that this cycle has raised."""
    found = await session.execute(
        select(Concern.pair_id, Concern.person_id, Round.number, Concern.state)
        .join(Round, Round.id == Concern.round_id)
        .where(
            Round.organization_id == round_.organization_id,
            Concern.organization_id == round_.organization_id,
            Concern.cycle_id == round_.cycle_id,
            Concern.reason == ConcernReason.MISSED_CHECK_INS,
        )
    )
    earlier = defaultdict[Participant, list[EarlierConcern]](list)
    for pair_id, person_id, number, state in found:
        earlier[Participant(pair_id, person_id)].append(EarlierConcern(number, state == ConcernStatus.OPEN))
    return dict(earlier)


async def escalate_concern(session: AsyncSession, request: EscalateConcern) -> ConcernState:
    """Records, once and only while the concern is open, that a rung is told. Emits `concern.escalated`.

    Raises ConcernNotFound."""
    concern = await _lock(session, request.organization_id, request.concern_id)
    if concern.state != ConcernStatus.OPEN:
        return ConcernState(open=False)
    if is_higher(request.rung, ConcernRung(concern.rung) if concern.rung else None):
        concern.rung = request.rung
        concern.escalated_at = await session.scalar(select(func.now()))
        await session.flush()
        event = ConcernEscalated(concern_id=concern.id, cycle_id=concern.cycle_id, rung=request.rung)
        await emit(session, request.organization_id, event)
    return ConcernState(open=True)


async def escalate_round(session: AsyncSession, request: EscalateRound) -> RoundConcerns:
    """The same for all open concerns that this round raised about missed check-ins. Emits `concern.escalated` for each
    that had not been told to this rung."""
    found = await session.scalars(
        select(Concern)
        .where(
            Concern.organization_id == request.organization_id,
            Concern.cycle_id == request.cycle_id,
            Concern.round_id == request.round_id,
            Concern.reason == ConcernReason.MISSED_CHECK_INS,
            Concern.state == ConcernStatus.OPEN,
        )
        .order_by(Concern.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    open_concerns = found.all()
    lower = [one for one in open_concerns if is_higher(request.rung, ConcernRung(one.rung) if one.rung else None)]
    if lower:
        await session.execute(
            update(Concern)
            .where(Concern.organization_id == request.organization_id, Concern.id.in_([one.id for one in lower]))
            .values(rung=request.rung, escalated_at=func.now())
        )
        events = [ConcernEscalated(concern_id=one.id, cycle_id=one.cycle_id, rung=request.rung) for one in lower]
        await emit(session, request.organization_id, *events)
    return RoundConcerns(open=len(open_concerns))


async def read_open(
    session: AsyncSession, organization_id: UUID, cycle_id: UUID, after: UUID | None, limit: int
) -> list[OpenConcern]:
    """One page of the cycle's open concerns, in the order of their ids."""
    query = select(Concern.id, Concern.round_id, Concern.reason).where(
        Concern.organization_id == organization_id,
        Concern.cycle_id == cycle_id,
        Concern.state == ConcernStatus.OPEN,
    )
    if after is not None:
        query = query.where(Concern.id > after)
    found = await session.execute(query.order_by(Concern.id).limit(limit))
    return [OpenConcern(id, round_id, ConcernReason(reason)) for id, round_id, reason in found]


async def read_concern(session: AsyncSession, organization_id: UUID, concern_id: UUID) -> ConcernResource:
    """Raises ConcernNotFound."""
    return resource_of(_known(await session.scalar(_one(organization_id, concern_id))))


async def assign_concern(
    session: AsyncSession, organization_id: UUID, concern_id: UUID, person_id: UUID | None
) -> ConcernResource:
    """Records who takes care of the concern. Raises ConcernNotFound, and ConcernIsResolved for one that is over."""
    concern = await _lock(session, organization_id, concern_id)
    if concern.state != ConcernStatus.OPEN:
        raise ConcernIsResolved("This concern is resolved; nobody needs to take care of it any more.")
    concern.assignee_id = person_id
    await session.flush()
    return resource_of(concern)


async def resolve_concern(
    session: AsyncSession, organization_id: UUID, concern_id: UUID, key_id: str, resolution: Resolution | None = None
) -> ConcernResource:
    """Resolves the concern and emits `concern.resolved`. A repeated call changes nothing. Raises ConcernNotFound."""
    concern = await _lock(session, organization_id, concern_id)
    if concern.state == ConcernStatus.OPEN:
        concern.state = ConcernStatus.RESOLVED
        concern.resolved_at = await session.scalar(select(func.now()))
        concern.resolved_by = key_id
        concern.resolution = resolution
        await session.flush()
        await emit(session, organization_id, ConcernResolved(concern_id=concern.id, cycle_id=concern.cycle_id))
    return resource_of(concern)


async def resolve_cycle(session: AsyncSession, organization_id: UUID, cycle_id: UUID) -> int:
    """Resolves the open concerns of a cycle that is over. Emits `concern.resolved` for each, and returns how many."""
    return await _resolve(session, organization_id, Concern.cycle_id == cycle_id)


async def resolve_pairs(session: AsyncSession, organization_id: UUID, pair_ids: Collection[UUID]) -> int:
    """Resolves the open concerns about pairs of which somebody has left. Emits `concern.resolved` for each, and returns
    how many."""
    return await _resolve(session, organization_id, Concern.pair_id.in_(pair_ids))


async def read_matters(session: AsyncSession) -> list[OpenMatter]:
    """The open concerns of all organizations, in the order in which they were raised."""
    found = await session.scalars(
        select(Concern).where(Concern.state == ConcernStatus.OPEN).order_by(Concern.raised_at, Concern.id)
    )
    return [
        OpenMatter(
            organization_id=row.organization_id,
            cycle_id=row.cycle_id,
            concern_id=row.id,
            round_id=row.round_id,
            reason=ConcernReason(row.reason),
            rung=ConcernRung(row.rung) if row.rung else None,
            raised_at=row.raised_at,
        )
        for row in found
    ]


async def _resolve(session: AsyncSession, organization_id: UUID, those: ColumnElement[bool]) -> int:
    locked = await session.scalars(
        select(Concern.id)
        .where(Concern.organization_id == organization_id, those, Concern.state == ConcernStatus.OPEN)
        .order_by(Concern.id)
        .with_for_update()
    )
    resolved = await session.execute(
        update(Concern)
        .where(Concern.organization_id == organization_id, Concern.id.in_(locked.all()))
        .values(state=ConcernStatus.RESOLVED, resolved_at=func.now())
        .returning(Concern.id, Concern.cycle_id)
        .execution_options(synchronize_session=False)
    )
    events = [ConcernResolved(concern_id=id, cycle_id=cycle_id) for id, cycle_id in sorted(resolved.all())]
    await emit(session, organization_id, *events)
    return len(events)


async def _lock(session: AsyncSession, organization_id: UUID, concern_id: UUID) -> Concern:
    return _known(await session.scalar(_one(organization_id, concern_id).with_for_update()))


def _one(organization_id: UUID, concern_id: UUID) -> Select[Concern]:
    found = select(Concern).where(Concern.organization_id == organization_id, Concern.id == concern_id)
    return found.execution_options(populate_existing=True)


def _known(concern: Concern | None) -> Concern:
    if concern is None:
        raise ConcernNotFound("There is no such concern.")
    return concern


def resource_of(concern: Concern) -> ConcernResource:
    return ConcernResource(
        id=concern.id,
        cycle_id=concern.cycle_id,
        round_id=concern.round_id,
        pair_id=concern.pair_id,
        person_id=concern.person_id,
        reason=ConcernReason(concern.reason),
        rung=ConcernRung(concern.rung) if concern.rung else None,
        state=ConcernStatus(concern.state),
        raised_at=concern.raised_at,
        escalated_at=concern.escalated_at,
        resolved_at=concern.resolved_at,
        resolved_by=concern.resolved_by,
        resolution=Resolution(concern.resolution) if concern.resolution else None,
        assignee_id=concern.assignee_id,
        withdrawn_at=concern.withdrawn_at,
    )
