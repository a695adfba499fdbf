"""Compares the rows with what runs. What differs for a moment only, because it is under way, is left out."""

import asyncio
from collections.abc import Awaitable, Callable

from temporalio.client import Client

from services.events.log.store.heard import is_unknown
from services.events.recovery.rules.comparing import Finding, Seen, compare
from services.events.recovery.rules.wanted import Rows
from services.events.recovery.temporal import ask_cycles, read_running
from shared.contracts.programs import CycleRef
from shared.database import Database
from workflows.states.cycle_state import CycleState

SETTLED_SECONDS = 3.0
"""What differs twice, so far apart, is not under way. Temporal's list of workflows is a second or two late."""
ReadRows = Callable[[], Awaitable[Rows]]


async def look(database: Database, client: Client, read_rows: ReadRows) -> list[Finding]:
    """What differs between the rows and what runs, and does so a little later too. Raises RPCError."""
    found = await _look_once(database, client, read_rows)
    if not found:
        return []
    await asyncio.sleep(SETTLED_SECONDS)
    again = set(await _look_once(database, client, read_rows))
    return [finding for finding in found if finding in again]


async def _look_once(database: Database, client: Client, read_rows: ReadRows) -> list[Finding]:
    running = await read_running(client)
    rows = await read_rows()
    cycles = [cycle for cycle, _ in rows.cycles if f"cycle-{cycle.cycle_id}" in running]
    states = await ask_cycles(client, cycles)
    seen = {cycle.cycle_id: await _seen(database, cycle, states[cycle.cycle_id]) for cycle in cycles}
    return compare(rows, running, seen)


async def _seen(database: Database, cycle: CycleRef, state: CycleState | None) -> Seen | None:
    if state is None:
        return None
    if state.rebuilt or not state.heard_events:
        return Seen(state.stage, begins=state.rebuilt, check_ins=state.check_ins)
    async with database.transaction() as session:
        unknown = await is_unknown(session, cycle, state.heard_events[-1], state.heard)
    return Seen(state.stage, unknown, check_ins=state.check_ins)
