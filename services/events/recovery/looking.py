"""Compares the rows with what runs. Left out is what differs for a moment only, because it is under way, and what waits
for nothing but that its organization is released."""

import asyncio
from collections.abc import Awaitable, Callable

from temporalio.client import Client

from services.events.log.dispatcher import ON_HOLD
from services.events.log.store.heard import is_unknown
from services.events.log.store.set_aside import read_types_for
from services.events.recovery.rules.comparing import Difference, Finding, Seen, compare
from services.events.recovery.rules.wanted import Rows
from services.events.recovery.temporal import ask_cycles, read_known, read_running, read_unopened
from shared.contracts.events import CycleRequested
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
    found = compare(rows, running, seen)
    orphans = [one for one in found if one.difference is Difference.ORPHANED]
    if unopened := await read_unopened(client, [one.workflow_id for one in orphans]):
        found = compare(rows, running - unopened, seen)
        replaced = {one.cycle_id for one in found if one.cycle_id is not None}
        # What is left out is not ended, but a round whose cycle is replaced has to end before that begins again.
        found += [one for one in orphans if one.workflow_id in unopened and one.cycle_id in replaced]
    return await _without_starting(database, client, found)


async def _without_starting(database: Database, client: Client, found: list[Finding]) -> list[Finding]:
    """Without the cycles that were requested while their organization was held: they start when it is released, and
    would keep it from that. One whose workflow has been there is not started by its event any more."""
    missing = [one.workflow_id for one in found if one.difference is Difference.MISSING and one.cycle_id is not None]
    if not missing:
        return found
    async with database.transaction() as session:
        waits = await read_types_for(session, missing, ON_HOLD)
    starting = {one for one, type in waits if type == CycleRequested.type}
    starting -= await read_known(client, sorted(starting))
    return [one for one in found if one.workflow_id not in starting]


async def _seen(database: Database, cycle: CycleRef, state: CycleState | None) -> Seen | None:
    if state is None:
        return None
    if state.rebuilt or not state.heard_events:
        return Seen(state.stage, begins=state.rebuilt, check_ins=state.check_ins)
    async with database.transaction() as session:
        unknown = await is_unknown(session, cycle, state.heard_events[-1], state.heard)
    return Seen(state.stage, unknown, check_ins=state.check_ins)
