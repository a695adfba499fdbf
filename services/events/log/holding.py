"""Holding organizations after a restore of Postgres, so that nothing is sent and no stage is passed that the rows deny.

A workflow that knows of what the rows have lost would go on from there. So each organization is held when the log's
epoch changes, and each activity asks before its work whether it is. Between the restore and the moment in which the
relay notices it, the server of the connection tells: as long as it is not the one on which the log was written last,
everybody is held.
"""

from collections.abc import Awaitable, Callable, Collection
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.log.epoch import Watch, watch
from services.events.log.store import holds, positions
from shared.database import Database

log = structlog.get_logger(__name__)
Agree = Callable[[Collection[UUID]], Awaitable[Collection[UUID]]]
"""Which of these organizations have cycles that all agree with their rows."""


class Gate:
    """Says before an activity whether its organization is held."""

    def __init__(self, database: Database, watch: Watch = watch) -> None:
        self._database, self._watch = database, watch

    async def is_closed(self, organization_id: UUID) -> bool:
        async with self._database.transaction() as session:
            # In this order: whoever sees that the restore was noticed sees the holds that were written with that.
            return await self._watch.is_elsewhere(session) or await holds.is_held(session, organization_id)


async def read_held(session: AsyncSession, watch: Watch = watch) -> set[UUID] | None:
    """The organizations that are held; None if everybody is, because a restore has not been noticed yet."""
    if await watch.is_elsewhere(session):
        return None
    return {organization_id for organization_id, _ in await holds.read_holds(session)}


class Keeper:
    """Notices a restore also while no event comes, and releases organizations whose cycles agree with their rows."""

    def __init__(self, database: Database, agree: Agree, watch: Watch = watch) -> None:
        self._database, self._agree, self._watch = database, agree, watch

    async def step(self) -> int:
        """Returns how many organizations are still held. Raises whatever `agree` raises."""
        async with self._database.single_statements() as session:
            # Mostly all is well, which two statements tell. Only what is not needs a transaction and the lock.
            if await self._watch.is_here(session) and not await holds.read_holds(session):
                return 0
        async with self._database.transaction() as session:
            if await positions.keep_sequencers_away(session):
                await self._watch.notice_restore(session)
            held = [organization_id for organization_id, _ in await holds.read_holds(session)]
        if not held:
            return 0
        released = await self._agree(held)
        if released:
            async with self._database.transaction() as session:
                await holds.release(session, released)
            log.warning("hold.released", organizations=len(released))
        left = len(held) - len(released)
        if left:
            log.error("hold.kept", organizations=left)
        return left
