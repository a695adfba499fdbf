"""SQL of what the workflow of a cycle must know of match runs and offers when it begins again."""

from uuid import UUID

from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.models import MatchRun, Pair
from shared.contracts.matching import EndReason, MatchRunState
from shared.contracts.recovery.facts import OffersStanding


async def read_offers(session: AsyncSession, organization_id: UUID, cycle_id: UUID) -> OffersStanding:
    """Which runs are approved, which one waits, and how often somebody has lost a partner since the last attempt."""
    found = await session.execute(
        select(MatchRun.id, MatchRun.attempt, MatchRun.revision, MatchRun.state, MatchRun.pairs_count)
        .where(MatchRun.organization_id == organization_id, MatchRun.cycle_id == cycle_id)
        .order_by(MatchRun.attempt, MatchRun.revision)
    )
    runs = found.all()
    if not runs:
        return OffersStanding()
    approved = [run for run in runs if run.state == MatchRunState.APPROVED]
    last = runs[-1]
    waits = last.state == MatchRunState.PROPOSED and last.pairs_count > 0
    return OffersStanding(
        approved=tuple(run.id for run in approved),
        attempts=tuple(run.attempt for run in approved),
        attempt=last.attempt,
        waiting=last.id if waits else None,
        declines=await _count_lost(session, organization_id, cycle_id, last.attempt),
    )


async def _count_lost(session: AsyncSession, organization_id: UUID, cycle_id: UUID, attempt: int) -> int:
    """The offers and pairs that ended since this attempt was made, because somebody declined or has left."""
    made_at = (
        select(func.min(MatchRun.created_at))
        .where(MatchRun.organization_id == organization_id, MatchRun.cycle_id == cycle_id, MatchRun.attempt == attempt)
        .scalar_subquery()
    )
    left = and_(Pair.end_reason == EndReason.LEFT_COMPANY, Pair.offered_at.is_not(None))
    lost = await session.scalar(
        select(func.count())
        .select_from(Pair)
        .where(
            Pair.organization_id == organization_id,
            Pair.cycle_id == cycle_id,
            Pair.ended_at >= made_at,
            or_(Pair.end_reason == EndReason.DECLINED, left),
        )
    )
    return lost or 0
