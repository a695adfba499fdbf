"""SQL of the rounds of many cycles, for whoever compares them with what runs."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from shared.contracts.rounds import RoundState
from shared.rounds.models import Round


async def read_rounds_of(session: AsyncSession, cycle_ids: Collection[UUID]) -> dict[UUID, tuple[UUID, bool]]:
    """For each round of these cycles, of whatever organizations, its cycle and whether it is open."""
    found = await session.execute(
        select(Round.id, Round.cycle_id, Round.state).where(Round.cycle_id.in_(list(cycle_ids)))
    )
    return {id: (cycle_id, state == RoundState.OPEN) for id, cycle_id, state in found}
