"""`upward cycles`: compares the rows of all services with what runs in Temporal, and makes it agree with them."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from temporalio.client import Client
from temporalio.service import RPCError

from services.events.log.store.holds import read_holds
from services.events.recovery.looking import look
from services.events.recovery.replacing import carry_out, steps
from services.events.recovery.temporal import read_running, read_schedules
from services.programs.schedules import ensure_overview, ensure_schedule, overview_id, schedule_id
from services.programs.store.standing import Recurring, read_recurring, read_running_cycles
from shared.config import Settings
from shared.contracts.programs import OrganizationRef
from shared.database import Database
from shared.temporal import connect
from upward.failures import CannotRun
from upward.recovery.rows import read_rows


class NoTemporal(CannotRun):
    """Temporal cannot be reached."""


class NoSuchCycle(CannotRun):
    """No cycle of this id runs."""


@dataclass(frozen=True)
class Place:
    """The database and the Temporal that are compared."""

    database: Database
    client: Client


async def check(folder: Path | None) -> list[str]:
    """A line for each difference. Raises NoSuchStack, NoTemporal."""
    async with _place(folder) as place:
        found = await look(place.database, place.client, lambda: read_rows(place.database))
        lines = [str(finding) for finding in found]
        async with place.database.transaction() as session:
            held = await read_holds(session)
        lines += [f"held      organization {id}  since {since:%Y-%m-%d %H:%M}" for id, since in held]
        return [*lines, *(f"missing   {missing}" for missing in await _missing_schedules(place))]


async def rebuild(folder: Path | None, cycle: str | None, *, dry_run: bool) -> list[str]:
    """Makes what runs agree with the rows, and returns a line for each thing that was done. With `dry_run` nothing is
    done. Raises NoSuchStack, NoTemporal, NoSuchCycle."""
    async with _place(folder) as place:
        cycle_id = await _find(place, cycle) if cycle is not None else None
        findings = await look(place.database, place.client, lambda: read_rows(place.database))
        running = await read_running(place.client)
        todo = steps(await read_rows(place.database), findings, cycle_id, running)
        lines = [str(step) for step in todo] if dry_run else [str(step) async for step in carry_out(place.client, todo)]
        if cycle_id is None:
            lines += [f"start     {made}" for made in await _make_schedules(place, dry_run=dry_run)]
        return lines


async def _find(place: Place, cycle: str) -> UUID:
    async with place.database.transaction() as session:
        running = {str(ref.cycle_id): ref.cycle_id for ref, _ in await read_running_cycles(session)}
    if cycle not in running:
        raise NoSuchCycle(f"No cycle with the id {cycle} runs.")
    return running[cycle]


async def _missing_schedules(place: Place) -> list[str]:
    return await _make_schedules(place, dry_run=True)


async def _make_schedules(place: Place, *, dry_run: bool) -> list[str]:
    """Makes the Schedules that are missing, unless it is a dry run, and returns their ids."""
    programs, organizations = await _scheduled(place.database)
    there = await read_schedules(place.client)
    missing = [one for one in programs if schedule_id(one.program.program_id) not in there]
    without = [one for one in organizations if overview_id(one.organization_id) not in there]
    if not dry_run:
        for one in missing:
            await ensure_schedule(place.client, one.program, one.time_zone)
        for organization in without:
            await ensure_overview(place.client, organization)
    return [
        *(schedule_id(one.program.program_id) for one in missing),
        *(overview_id(o.organization_id) for o in without),
    ]


async def _scheduled(database: Database) -> tuple[list[Recurring], list[OrganizationRef]]:
    """The programs that recur, and the organizations whose coordinators have a Monday overview."""
    async with database.transaction() as session:
        recurring = await read_recurring(session)
        cycles = await read_running_cycles(session)
    ids = dict.fromkeys(ref.organization_id for ref, _ in cycles)
    return list(recurring), [OrganizationRef(organization_id=id) for id in ids]


@contextlib.asynccontextmanager
async def _place(folder: Path | None) -> AsyncIterator[Place]:
    """The configured database and Temporal, or those of an embedded stack that runs."""
    url, address = (Settings().database_url, None) if folder is None else _embedded(folder.resolve())
    database = Database(url, pool_size=2)
    try:
        yield Place(database, await connect(address, lazy=False))
    except (RPCError, RuntimeError) as error:
        raise NoTemporal(f"Temporal cannot be used ({type(error).__name__}): look at TEMPORAL_ADDRESS.") from error
    finally:
        await database.close()


def _embedded(folder: Path) -> tuple[str, str]:
    """The database and the Temporal of a stack. Raises NoSuchStack."""
    from upward.embedded import EmbeddedPostgres, EmbeddedTemporal
    from upward.running import NoSuchStack

    postgres = EmbeddedPostgres(folder / "postgres")
    address = EmbeddedTemporal.address_in(folder / "temporal")
    if not postgres.is_running or address is None:
        raise NoSuchStack(f"No embedded stack runs in {folder}: run 'upward up --folder {folder}' first.")
    return postgres.start(), address
