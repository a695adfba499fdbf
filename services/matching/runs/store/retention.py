"""SQL that empties what old runs were computed from. The runs, their pairs and their reasons stay."""

from datetime import timedelta

from sqlalchemy import func, literal, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.models import MatchRun

BATCH = 20
"""The inputs of one run may be several megabytes."""
NOTHING = literal({}, JSONB)


async def empty_inputs(session: AsyncSession, age: timedelta) -> int:
    """Empties the inputs of up to `BATCH` runs, and says of how many."""
    old = (
        select(MatchRun.id)
        .where(MatchRun.created_at < func.now() - age, MatchRun.inputs != NOTHING)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    emptied = await session.execute(
        update(MatchRun)
        .where(MatchRun.id.in_(old))
        .values(inputs={})
        .returning(MatchRun.id)
        .execution_options(synchronize_session=False)
    )
    return len(emptied.all())
