"""`upward up` and `upward keys`: the embedded stack kept running, and keys for it or for production."""

import asyncio
from pathlib import Path

from rich.console import Console

from services.programs.keys import create_access_key as store_key
from services.programs.keys import find_or_create_organization
from shared.auth import Role
from shared.config import Settings
from shared.database import Database
from upward.failures import CannotRun
from upward.failures import Mendable
from upward.migration import migrate

console = Console(stderr=True)


async def run_until_stopped(folder: Path, port: int) -> None:
    from upward.process import stop_on_signals
    from upward.stack import running_stack

    stop = asyncio.Event()
    stop_on_signals(stop)
    async with running_stack(folder, port=port, stop=stop) as stack:
        if stop.is_set():
            return
        console.print(f"Upward is up: API and pages at [bold]{stack.url}[/] (documentation at {stack.url}/docs).")
        console.print(f"E-mails are kept in {stack.mail.folder}; Temporal answers at {stack.temporal.address}.")
        console.print("Make a key with: python -m upward keys create --organization NAME --folder " + str(folder))
        console.print("Ctrl-C stops; the data is kept.")
        await stop.wait()


class NoSuchStack(CannotRun):
    pass


async def create_access_key(organization: str, role: Role, label: str, folder: Path | None) -> str:
    """A new key, in the embedded stack's database or the configured one. Raises NoSuchStack, DomainError."""
    if folder is None:
        return await _store_key(Settings().database_url, organization, role, label)
    from upward.embedded import EmbeddedPostgres

    postgres = EmbeddedPostgres(folder.resolve() / "postgres")
    if not postgres.exists:
        raise NoSuchStack(f"There is no embedded stack in {folder}: run 'upward up --folder {folder}' first.")
    was_running = postgres.is_running
    url = await asyncio.to_thread(postgres.start)
    try:
        await asyncio.to_thread(migrate, url)
        return await _store_key(url, organization, role, label)
    finally:
        if not was_running:
            await asyncio.to_thread(postgres.stop)


async def _store_key(url: str, organization: str, role: Role, label: str) -> str:
    database = Database(url, pool_size=1)
    try:
        async with database.transaction() as session:
            organization_id = await find_or_create_organization(session, organization)
            return await store_key(session, organization_id, role, label)
    finally:
        await database.close()
