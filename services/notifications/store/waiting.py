"""SQL of how many messages wait, over all organizations."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.telemetry.metrics import WAITING, WAITING_AGE, Sample

FIGURES = text(
    """
    select count(*), coalesce(extract(epoch from clock_timestamp() - min(due_at)), 0)
    from (
        select due_at from notifications.message where state = 'waiting' and due_at <= clock_timestamp()
        order by due_at limit 10000
    ) as due
    """
)


async def measure(session: AsyncSession) -> list[Sample]:
    """How many messages are due and were not sent, and for how long the first of them has been."""
    waiting, age = (await session.execute(FIGURES)).one()
    return [Sample(WAITING, waiting), Sample(WAITING_AGE, float(age))]
