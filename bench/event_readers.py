"""Processes of the bench around the log: sequencers, a reader that proves that it has everything, and an observer that
records when events could first be read."""

import asyncio
import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy.exc import DBAPIError

from bench.event_writers import ORGANIZATIONS, fact_of
from bench.ledger_files import LedgerFile, observer_path, reader_path
from services.events.log.feed import Wanted, read_page
from services.events.log.sequencer import Sequencer
from services.events.log.waiting import Notifier
from shared.database import Database

POLL_SECONDS = 0.1
OBSERVER_SECONDS = 0.01
STOP_SECONDS = 0.02
PAGE = 1000
MEMBERS = ("id", "sequence", "type", "subject", "time", "data")
HEADS = "select organization_id, last_sequence, digest from events.organization_head"
Stopping = Callable[[], bool]


async def run_sequencer(url: str, stopping: Stopping) -> None:
    """Runs the product's own sequencer, as `upward worker relay` does."""
    database, stop = Database(url, pool_size=2), asyncio.Event()
    running = asyncio.create_task(Sequencer(database, Notifier()).run(stop))
    while not stopping():
        await asyncio.sleep(STOP_SECONDS)
    stop.set()
    await running
    await database.close()


class Cursor:
    """How far a reader has come in each organization, and the digest of what it received. They are in one file, which
    is replaced in one step."""

    def __init__(self, path: Path) -> None:
        self._path = path
        kept = json.loads(path.read_text()) if path.exists() else {}
        self.after: dict[int, int] = {one: kept.get(str(one), [0, ""])[0] for one in range(1, ORGANIZATIONS + 1)}
        self.digest: dict[int, bytes] = {one: bytes.fromhex(kept.get(str(one), [0, ""])[1]) for one in self.after}

    def follow(self, organization: int, events: list[dict[str, Any]], after: int) -> None:
        """Advances the digest by an event, as docs/events-feed.md says."""
        digest = self.digest[organization] or hashlib.sha256(events[0]["source"].encode()).digest()
        for event in events:
            told = {name: event[name] for name in MEMBERS}
            canonical = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            digest = hashlib.sha256(digest + canonical.encode()).digest()
        self.after[organization], self.digest[organization] = after, digest

    def save(self) -> None:
        part = self._path.with_suffix(".part")
        kept = {one: [self.after[one], self.digest[one].hex()] for one in self.after}
        with part.open("w") as file:
            json.dump(kept, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self._path)


def cursor_path(folder: Path) -> Path:
    return folder / "cursor.json"


async def run_reader(url: str, folder: Path, life: int, stopping: Stopping) -> None:
    """Follows the feed. It writes what it received to its ledger, and then moves its cursor."""
    database, cursor = Database(url, pool_size=1), Cursor(cursor_path(folder))
    ledger = LedgerFile(reader_path(folder, life))
    while not stopping():
        try:
            events = [await _read(database, cursor, ledger, one) for one in cursor.after]
        except (DBAPIError, OSError):
            await asyncio.sleep(POLL_SECONDS)
            continue
        if any(events):
            cursor.save()
        if max(events) < PAGE:
            await asyncio.sleep(POLL_SECONDS)
    await database.close()


async def _read(database: Database, cursor: Cursor, ledger: LedgerFile, organization: int) -> int:
    page = await read_page(database, Wanted(UUID(int=organization), cursor.after[organization], PAGE))
    if page.events:
        events = page.model_dump(mode="json")["events"]
        ledger.append(*([*fact_of(one["source"], one["data"]), int(one["sequence"])] for one in events))
        cursor.follow(organization, events, page.after)
    return len(page.events)


def read_heads(url: str) -> dict[int, tuple[int, bytes]]:
    """The last sequence and digest of each organization."""
    with psycopg.connect(url) as connection:
        return {row[0].int: (row[1], row[2]) for row in connection.execute(HEADS)}


def observe(url: str, folder: Path, life: int, stopping: Stopping) -> None:
    """Reads the heads a hundred times a second. All events up to a head can be read."""
    ledger = LedgerFile(observer_path(folder, life))
    seen: dict[UUID, int] = {}
    while not stopping():
        try:
            with psycopg.connect(url, autocommit=True) as connection:
                while not stopping():
                    _look(connection, ledger, seen)
                    time.sleep(OBSERVER_SECONDS)
        except psycopg.Error:
            time.sleep(OBSERVER_SECONDS)


def _look(connection: "psycopg.Connection[tuple[Any, ...]]", ledger: LedgerFile, seen: dict[UUID, int]) -> None:
    heads = connection.execute(HEADS, prepare=True).fetchall()
    now = time.monotonic_ns()
    risen = [(id, sequence) for id, sequence, _ in heads if seen.get(id, 0) < sequence]
    if risen:
        ledger.append(*((id.int, sequence, now) for id, sequence in risen))
        seen.update(risen)
