"""SQL of how many messages wait, over all organizations."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.telemetry.metrics import WAITING, WAITING_AGE, Sample

FIGURES = text(
    """
    select count(*), coalesce(extract(epoch from clock_timestamp() - min(due_at)), 0)
    from (
        select due_at from notifications.message where state = 'waiting' and due_at <= clock_timestamp()
        and (cycle_id is null or cycle_id <> all(:paused))
        order by due_at limit 10000
    ) as due
    """
).bindparams(bindparam("paused", type_=ARRAY(Uuid)))


async def measure(session: AsyncSession, paused: Collection[UUID]) -> list[Sample]:
    """How many messages are due and were not sent, and for how long the first of them has been. Those of cycles that
    are `paused` wait for an admin."""
    waiting, age = (await session.execute(FIGURES, {"paused": list(paused)})).one()
    return [Sample(WAITING, waiting), Sample(WAITING_AGE, float(age))]
