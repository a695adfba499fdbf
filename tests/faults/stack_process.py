"""A stack in a process group of its own: started as its user starts it, killed, found dead, started again, stopped."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
from sqlalchemy import text

from shared.database import Database
from tests.clusters import copy_cluster
from tests.faults.kill_points import kill_postgres, struck
from tests.patience import PATIENCE_SECONDS
from upward.demo.mailbox import Letter, read_letter
from upward.embedded import EmbeddedPostgres, free_port

OTHER_SESSIONS = """select count(*) from pg_stat_activity
    where backend_type = 'client backend' and pid <> pg_backend_pid()"""
FINAL = "select message_id from notifications.message where state <> 'waiting'"
ONE_AT_A_TIME = threading.Lock()
"""The Postgres package's own lock is between processes, not threads."""
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Kill:
    """One death of a stack."""

    points: frozenset[str]
    """The kill point that struck; none when the kill came from outside."""
    in_the_window: frozenset[str]
    """Messages that the mail server had taken while their rows still waited."""
    seconds: int
    """From the first start of the stack to this death."""


class StackProcess:
    """`command` is what starts it: `upward up`, or the launcher with kill points."""

    def __init__(self, folder: Path, points: tuple[str, ...] = ()) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        copy_cluster(folder / "postgres", migrated=True, durable=True)
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.kills: list[Kill] = []
        self._begun = time.monotonic()
        if points:
            self._command = ["-m", "tests.faults.launcher", str(folder), str(self.port), *points]
        else:
            self._command = ["-m", "upward", "up", "--folder", str(folder), "--port", str(self.port)]
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Starts it and waits until it is ready, or dead by a kill point."""
        with (self.folder / "up.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220 (it returns at once)
                [sys.executable, *self._command], cwd=ROOT, stdout=log, stderr=log, start_new_session=True
            )
        async with httpx.AsyncClient(timeout=60) as client:
            deadline = time.monotonic() + PATIENCE_SECONDS
            while time.monotonic() < deadline:
                if self._process.poll() is not None:
                    assert self.was_killed, f"the stack ended by itself:\n{self.log()}"
                    return
                try:
                    if (await client.get(f"{self.url}/readyz")).status_code == 200:
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.2)
        raise AssertionError(f"the stack did not become ready:\n{self.log()}")

    async def keep_alive(self) -> None:
        """Starts it again whenever it was killed; ends with an AssertionError when it ended otherwise."""
        while True:
            assert self._process is not None
            if self._process.poll() is not None:
                assert self.was_killed, f"the stack ended by itself:\n{self.log()}"
                before = {point for kill in self.kills for point in kill.points}
                points = frozenset(struck(self.folder).keys() - before)
                seconds = round(time.monotonic() - self._begun)
                self.kills.append(Kill(points, frozenset(await self._taken_but_unmarked()), seconds))
                await self.start()
            await asyncio.sleep(0.05)

    def kill(self, *, postgres: bool = False) -> None:
        """`kill -9` of the whole process group, and of Postgres, which outlives it otherwise."""
        assert self._process is not None
        if postgres:
            kill_postgres(self.folder)
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    async def stop(self) -> int:
        """Asks for a clean end; the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self._process.wait, 60)

    def end_what_is_left(self) -> list[str]:
        """Kills whatever still runs on this folder's data; answers what that was."""
        left = []
        for process in psutil.process_iter():
            try:
                if any(str(self.folder) in part for part in process.cmdline()):
                    left.append(" ".join(process.cmdline())[:200])
                    process.kill()
            except psutil.Error:
                continue
        if self._process is not None:
            self._process.wait()
        return left

    def database(self) -> Database:
        """The folder's database; started if it was killed, and taken over by the stack then."""
        with ONE_AT_A_TIME:
            return Database(EmbeddedPostgres(self.folder / "postgres").start(), pool_size=2)

    @property
    def was_killed(self) -> bool:
        return self._process is not None and self._process.returncode == -signal.SIGKILL

    @property
    def temporal_address(self) -> str:
        command = psutil.Process(int((self.folder / "temporal" / "pid").read_text())).cmdline()
        return f"127.0.0.1:{command[command.index('--port') + 1]}"

    def letters(self) -> list[Letter]:
        """Every message that the mail server has taken."""
        return [read_letter(path) for path in (self.folder / "mail").glob("*.eml")]

    def story(self) -> str:
        """Its deaths, and the end of what it wrote."""
        deaths = [f"  after {kill.seconds} s: {', '.join(kill.points) or 'from outside'}" for kill in self.kills]
        state = "up" if self._process is not None and self._process.poll() is None else "down"
        return "\n".join([f"The stack is {state} and was killed {len(deaths)} times:", *deaths, self.log()])

    def log(self) -> str:
        """The end of what the stack and its Temporal wrote."""
        logs = (self.folder / "up.log", self.folder / "temporal" / "server.log")
        return "\n".join(log.read_text()[-2500:] for log in logs if log.exists())

    async def _taken_but_unmarked(self) -> set[str]:
        database = await asyncio.to_thread(self.database)
        try:
            async with database.engine.connect() as connection:
                # What the dead process had asked for is settled once its sessions have ended.
                while await connection.scalar(text(OTHER_SESSIONS)):
                    await connection.rollback()
                    await asyncio.sleep(0.05)
                rows = await connection.scalars(text(FINAL))
                return {letter.message_id for letter in self.letters()} - set(rows)
        finally:
            await database.close()
