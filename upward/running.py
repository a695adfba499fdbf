"""`upward keys`, `upward messages resend`, `upward events restored` and `upward events set-aside`.

They change the database of an embedded stack or that of production.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.accounts.resources import A_YEAR, Key, KeyRotation, KeyState
from services.accounts.store.keys import create_access_key as store_key
from services.accounts.store.keys import find_or_create_organization, find_organization, list_keys
from services.accounts.store.keys import revoke_access_key as revoke_key
from services.accounts.store.rotating import rotate_key
from services.events.log.store import set_aside
from services.events.log.store.epoch import change_epoch
from services.notifications.store import holding
from shared.config import Settings
from shared.contracts.accounts import Role
from shared.database import Database
from upward.failures import CannotRun
from upward.migration import migrate

LISTED_AT_ONCE = 200


class NoSuchStack(CannotRun):
    pass


async def create_access_key(
    organization: str,
    role: Role,
    label: str,
    folder: Path | None,
    valid_days: int = A_YEAR,
    networks: Sequence[str] = (),
) -> str:
    """Creates a key in the database of an embedded stack or in the configured one. Raises NoSuchStack, DomainError."""
    async with _transaction(folder) as session:
        organization_id = await find_or_create_organization(session, organization)
        return await store_key(session, organization_id, role, label, valid_days, networks)


async def list_access_keys(organization: str, state: KeyState | None, folder: Path | None) -> Sequence[Key]:
    """The keys of an organization, newest first, without the keys themselves. Raises NoSuchStack, DomainError."""
    found: list[Key] = []
    async with _transaction(folder) as session:
        organization_id, after = await find_organization(session, organization), None
        while True:
            page = await list_keys(session, organization_id, state, after, LISTED_AT_ONCE)
            found += page.items
            if (after := page.next) is None:
                return found


async def rotate_access_key(organization: str, key_id: str, wanted: KeyRotation, folder: Path | None) -> str:
    """Creates a key that takes the place of this one, and returns it. Raises NoSuchStack, DomainError."""
    async with _transaction(folder) as session:
        return (await rotate_key(session, await find_organization(session, organization), key_id, wanted))[1]


async def revoke_access_key(organization: str, key_id: str, folder: Path | None) -> None:
    """Makes the key invalid from now on. Raises NoSuchStack, DomainError."""
    async with _transaction(folder) as session:
        await revoke_key(session, await find_organization(session, organization), key_id)


class NothingNamed(CannotRun):
    pass


async def resend(organization: str, cycle_id: UUID | None, message_id: UUID | None, folder: Path | None) -> int:
    """Sends the failed messages of a cycle again, or one message, and returns how many there are. Raises NothingNamed,
    NoSuchStack, DomainError."""
    if (cycle_id is None) is (message_id is None):
        raise NothingNamed("Name either a cycle (--cycle) or a message (--message).")
    async with _transaction(folder) as session:
        organization_id = await find_organization(session, organization)
        if message_id is not None:
            return await holding.resend_one(session, organization_id, message_id)
        assert cycle_id is not None
        return await holding.resend_all(session, organization_id, cycle_id)


async def tell_restored(folder: Path | None) -> UUID:
    """Gives the event log a new epoch and returns it. Raises NoSuchStack."""
    async with _transaction(folder) as session:
        return await change_epoch(session)


class NotSetAside(CannotRun):
    """No event of this id is set aside."""


async def list_set_aside(folder: Path | None) -> Sequence[set_aside.SetAside]:
    """The events that the dispatcher had to set aside, in the log's order. Raises NoSuchStack."""
    async with _transaction(folder) as session:
        return await set_aside.read_all(session)


async def leave_out_event(folder: Path | None, event_id: str) -> None:
    """Leaves an event that was set aside out for good. Raises NoSuchStack, NotSetAside."""
    async with _transaction(folder) as session:
        try:
            is_left_out = await set_aside.leave_out(session, UUID(event_id))
        except ValueError:  # not an id at all
            is_left_out = False
        if not is_left_out:
            raise NotSetAside(f"No event with the id {event_id} is set aside.")


@contextlib.asynccontextmanager
async def _transaction(folder: Path | None) -> AsyncIterator[AsyncSession]:
    """One transaction in the configured database, or in that of an embedded stack.

    If the stack's Postgres does not run, it is started for the transaction.
    """
    if folder is None:
        async with _one_transaction(Settings().database_url) as session:
            yield session
        return
    from upward.embedded import EmbeddedPostgres

    postgres = EmbeddedPostgres(folder.resolve() / "postgres")
    if not postgres.exists:
        raise NoSuchStack(f"There is no embedded stack in {folder}: run 'upward up --folder {folder}' first.")
    was_running = postgres.is_running
    url = await asyncio.to_thread(postgres.start)
    try:
        await asyncio.to_thread(migrate, url)
        async with _one_transaction(url) as session:
            yield session
    finally:
        if not was_running:
            await asyncio.to_thread(postgres.stop)


@contextlib.asynccontextmanager
async def _one_transaction(url: str) -> AsyncIterator[AsyncSession]:
    database = Database(url, pool_size=1)
    try:
        async with database.transaction() as session:
            yield session
    finally:
        await database.close()
