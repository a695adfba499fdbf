"""Upward's processes as a user starts them, and what is left of them afterwards."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.patience import PATIENCE_SECONDS

ROOT = Path(__file__).parents[2]
SIGNED_IN = "UPWARD_"


def environment(**settings: str) -> dict[str, str]:
    """This process's environment without any setting of Upward's, and these; lines are not wrapped."""
    own = {name: value for name, value in os.environ.items() if not name.startswith((SIGNED_IN, "TEMPORAL_"))}
    own.pop("DATABASE_URL", None)
    return own | {"COLUMNS": "300"} | settings


def upward(*arguments: str, sources: str = str(ROOT), **settings: str) -> subprocess.CompletedProcess[str]:
    """Runs one command to its end, of this release or of that whose sources are in another folder."""
    return subprocess.run(
        [sys.executable, "-m", "upward", *arguments],
        cwd=sources,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        env=environment(**settings),
    )


class Running:
    """A command that goes on until it is told to end, in a process group of its own as a terminal would start it."""

    def __init__(self, log: Path, *arguments: str, sources: str = str(ROOT), **settings: str) -> None:
        self.name = " ".join(arguments)
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "upward", *arguments],
                cwd=sources,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env=environment(**settings),
            )

    @property
    def output(self) -> str:
        return self._log.read_text()

    async def until_ready(self, url: str) -> None:
        async with httpx.AsyncClient(timeout=60) as client, asyncio.timeout(PATIENCE_SECONDS):
            while True:
                assert self.is_running(), f"{self.name} ended:\n{self.output}"
                try:
                    if (await client.get(f"{url}/readyz")).status_code == 200:
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.2)

    def is_running(self) -> bool:
        return self._process.poll() is None

    def interrupt(self) -> int:
        """Ctrl-C: the terminal signals the whole group. Answers the exit code."""
        os.killpg(self._process.pid, signal.SIGINT)
        return self._process.wait(PATIENCE_SECONDS)

    def terminate(self) -> int:
        """What a container's host sends. Answers the exit code."""
        if self.is_running():
            self._process.terminate()
        return self._process.wait(PATIENCE_SECONDS)

    def kill(self) -> None:
        """A sudden death."""
        self._process.kill()
        self._process.wait(PATIENCE_SECONDS)


class Forks:
    """Commands that are forked from a process that has imported everything (tests/e2e/forking.py)."""

    def __init__(self, **settings: str) -> None:
        self._order_at_a_time = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.forking"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(**settings),
        )

    def order(self, **what: Any) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._order_at_a_time:
            self._process.stdin.write(json.dumps(what) + "\n")
            self._process.stdin.flush()
            return int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate()


class Forked(Running):
    """A command of `Forks`."""

    def __init__(self, forks: Forks, log: Path, *arguments: str, **settings: str) -> None:
        self.name = " ".join(arguments)
        self._log, self._forks = log, forks
        self._code: int | None = None
        self._pid = forks.order(arguments=arguments, environment=environment(**settings), log=str(log))

    def is_running(self) -> bool:
        return self._code is None and psutil.Process(self._pid).status() != psutil.STATUS_ZOMBIE

    def terminate(self) -> int:
        if self._code is None:
            os.kill(self._pid, signal.SIGTERM)
            self._code = self._forks.order(wait=self._pid)
        return self._code


def processes_of(folder: Path) -> list[str]:
    """Every process whose command line names the folder."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if any(str(folder) in part for part in process.info["cmdline"] or ()):
            found.append(" ".join(process.info["cmdline"]))
    return found
