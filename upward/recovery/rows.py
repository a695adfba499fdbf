"""What the rows of all services ask for."""

from services.events.recovery.rules.wanted import Rows
from services.events.webhooks.store.fan_out import read_unsent
from services.feedback.store.concerns import read_matters
from services.notifications.store.unfinished import read_unfinished
from services.programs.store.standing import read_running_cycles
from shared.database import Database
from shared.rounds.recovery import read_rounds_of


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
        )
