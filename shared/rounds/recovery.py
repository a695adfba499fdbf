"""SQL of the rounds of many cycles, for whoever compares them with what runs."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from shared.contracts.rounds import RoundState
from shared.rounds.models import Round, RoundRecipient


async def read_asked(session: AsyncSession, person_ids: Collection[UUID]) -> set[UUID]:
    """Those of these people, of whatever organizations, whose answer an open round waits for."""
    found = await session.scalars(
        select(RoundRecipient.person_id)
        .join(Round, Round.id == RoundRecipient.round_id)
        .where(
            Round.state == RoundState.OPEN,
            RoundRecipient.person_id == any_(literal(list(person_ids), ARRAY(Uuid()))),
            RoundRecipient.answered_at.is_(None),
            RoundRecipient.excused_at.is_(None),
        )
        .distinct()
    )
    return set(found)


async def read_rounds_of(session: AsyncSession, cycle_ids: Collection[UUID]) -> dict[UUID, tuple[UUID, bool]]:
    """For each round of these cycles, of whatever organizations, its cycle and whether it is open."""
    found = await session.execute(
        select(Round.id, Round.cycle_id, Round.state).where(
            Round.cycle_id == any_(literal(list(cycle_ids), ARRAY(Uuid())))
        )
    )
    return {id: (cycle_id, state == RoundState.OPEN) for id, cycle_id, state in found}
