"""SQL that deletes whom old rounds asked. How many were asked, and how many answered, stays with the round."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from shared.database import Database
from shared.retention import MOST_BATCHES, Ages, delete_all, delete_some
from shared.rounds.models import Round, RoundRecipient

ROUNDS_AT_ONCE = 100


async def purge(database: Database, ages: Ages) -> dict[str, int]:
    """Deletes the recipients of rounds that were closed so long ago. A round whose counts are noted is read by them, so
    that nobody sees a part of its recipients."""
    deleted = 0
    for _ in range(MOST_BATCHES):
        async with database.transaction() as session:
            old = await _note_counts(session, ages.history)
        for round_id in old:

            async def delete_recipients(session: AsyncSession, round_id: UUID = round_id) -> int:
                return await delete_some(session, RoundRecipient, RoundRecipient.round_id == round_id)

            deleted += await delete_all(database, delete_recipients)
        if len(old) < ROUNDS_AT_ONCE:
            break
    return {"recipients": deleted}


async def _note_counts(session: AsyncSession, age: timedelta) -> list[UUID]:
    """Notes the counts of some old rounds that still have recipients, and returns the rounds."""
    has_recipients = exists(select(RoundRecipient.round_id).where(RoundRecipient.round_id == Round.id))
    old = list(
        await session.scalars(
            select(Round.id)
            .where(Round.closed_at < func.now() - age, has_recipients)
            .limit(ROUNDS_AT_ONCE)
            .with_for_update(skip_locked=True)
        )
    )
    still_asked = RoundRecipient.excused_at.is_(None)
    of_round = select(func.count()).where(RoundRecipient.round_id == Round.id, still_asked)
    await session.execute(
        update(Round)
        .where(Round.id.in_(old), Round.asked.is_(None))
        .values(
            asked=of_round.scalar_subquery(),
            answered=of_round.where(RoundRecipient.answered_at.is_not(None)).scalar_subquery(),
        )
        .execution_options(synchronize_session=False)
    )
    return old
