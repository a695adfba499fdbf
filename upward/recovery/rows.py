"""What the rows of all services ask for."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.events.log.store.heard import read_departures
from services.events.recovery.rules.wanted import Rows
from services.events.webhooks.store.fan_out import read_unsent
from services.feedback.store.concerns import read_matters
from services.intake.store.leavers import read_recent_leavers
from services.matching.pairs.store.leavers import read_paired
from services.notifications.store.unfinished import read_unfinished
from services.programs.store.standing import read_running_cycles
from shared.contracts.intake import Leaver
from shared.database import Database
from shared.rounds.recovery import read_asked, read_rounds_of


async def read_rows(database: Database) -> Rows:
    """What all services have stored that needs workflows, as it is in one moment."""
    async with database.transaction() as session:
        await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        cycles = await read_running_cycles(session)
        return Rows(
            cycles=cycles,
            rounds=await read_rounds_of(session, [cycle.cycle_id for cycle, _ in cycles]),
            matters=await read_matters(session),
            announcements=await read_unfinished(session),
            endpoints=await read_unsent(session),
            leavers=await read_leavers(session),
        )


async def read_leavers(session: AsyncSession) -> list[tuple[UUID, Leaver]]:
    """Those who have left, and of whom a round or a pair still expects something."""
    left = await read_recent_leavers(session)
    ids = {one.person_id for one in left}
    expected = await read_asked(session, ids) | await read_paired(session, ids) if ids else set()
    still = [one for one in left if one.person_id in expected]
    return await read_departures(session, still) if still else []
