"""Deleting what is over, in bounded batches: no transaction holds many rows, and whoever needs a row is waited for by
nobody."""

from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Integer, delete, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncSession

from shared.database import Base, Database

BATCH = 1_000
MOST_BATCHES = 200
"""Of one kind at a time. What is left is deleted by the next run, so that the others have their turn."""
ROW: ColumnElement[Any] = literal_column("ctid")
"""Where a row is stored: the same within one statement."""

Batch = Callable[[AsyncSession], Coroutine[Any, Any, int]]
"""Deletes up to `BATCH` rows of one kind, in a transaction that the caller commits, and returns how many."""


class Ages(NamedTuple):
    """How long things are kept that no rule of their own ends."""

    history: timedelta
    """What was sent and asked, and what runs were computed from."""


async def delete_some(session: AsyncSession, model: type[Base], *over: ColumnElement[bool]) -> int:
    """Deletes up to `BATCH` rows of a table for which all conditions hold, but none that somebody else has locked.
    Returns how many it deleted."""
    some = select(ROW).select_from(model).where(*over).limit(BATCH).with_for_update(skip_locked=True)
    # An array is made once, where a subquery might be run again for each row.
    gone = await session.execute(
        delete(model)
        .where(ROW.op("=", is_comparison=True)(func.any(func.array(some.scalar_subquery()))))
        .returning(literal_column("1", Integer))
        .execution_options(synchronize_session=False)
    )
    return len(gone.all())


async def delete_all(database: Database, batch: Batch, size: int | None = None) -> int:
    """Deletes batch after batch, each in a transaction of its own, until a batch is not full. Returns how many rows."""
    total = 0
    for _ in range(MOST_BATCHES):
        async with database.transaction() as session:
            deleted = await batch(session)
        total += deleted
        if deleted < (size or BATCH):
            break
    return total
