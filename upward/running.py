"""`upward up` and `upward keys`: the embedded stack kept running, and keys for it or for production."""

import asyncio
from pathlib import Path

from rich.console import Console

from services.programs.keys import create_access_key as store_key
from services.programs.keys import find_or_create_organization
from shared.auth import Role
from shared.config import Settings
from shared.database import Database
from upward.migration import migrate
from upward.process import stop_on_signals

console = Console(stderr=True)


async def run_until_stopped(folder: Path, port: int) -> None:
    from upward.stack import running_stack

    stop = asyncio.Event()
    stop_on_signals(stop)
    async with running_stack(folder, port=port, stop=stop) as stack:
        console.print(f"Upward is up: API and pages at [bold]{stack.url}[/] (documentation at {stack.url}/docs).")
        console.print(f"E-mails are kept in {stack.mail.folder}; Temporal answers at {stack.temporal.address}.")
        console.print("Make a key with: python -m upward keys create --organization NAME --folder " + str(folder))
        console.print("Ctrl-C stops; the data is kept.")
        await stop.wait()


async def create_access_key(organization: str, role: Role, label: str, folder: Path | None) -> str:
    """A new key, in the embedded stack's database or the configured one."""
    url = Settings().database_url
    if folder is not None:
        from upward.embedded import EmbeddedPostgres

        postgres = EmbeddedPostgres(folder.resolve() / "postgres")
        url = await asyncio.to_thread(postgres.start)
        await asyncio.to_thread(migrate, url)
    database = Database(url, pool_size=1)
    try:
        async with database.transaction() as session:
            organization_id = await find_or_create_organization(session, organization)
            return await store_key(session, organization_id, role, label)
    finally:
        await database.close()
