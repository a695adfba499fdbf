"""A real Temporal development server for tests: loopback only, its own ports, a database file that survives a stop."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.patience import PATIENCE_SECONDS

BINARY = Path(sys.executable).parent / "temporal"
TRIES = 3


class Server:
    """`temporal server start-dev`. `stop` and `start` may be called again and again: port and data stay the same.

    Both calls block: from a test whose event loop must go on meanwhile, use `asyncio.to_thread(server.start)`.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        self._settings = [f"{name}={value}" for name, value in (settings or {}).items()]
        self._port, self._http_port = _free_ports(2)
        self._is_known = False
        """Somebody may use the address."""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        """Starts the server and waits until its namespace can be used. The first time it may take other ports, as
        another program can come first. Raises RuntimeError when the namespace never can be used."""
        assert self._process is None, "the server is running"
        for left in reversed(range(1 if self._is_known else TRIES)):
            try:
                self._start()
            except RuntimeError:
                if left == 0:
                    raise
                self._port, self._http_port = _free_ports(2)
            else:
                self._is_known = True
                return

    def _start(self) -> None:
        with (self._folder / "temporal.log").open("ab") as output:
            self._process = subprocess.Popen(
                [
                    *(BINARY, "server", "start-dev", "--headless", "--ip", "127.0.0.1", "--log-level", "error"),
                    *("--port", str(self._port), "--http-port", str(self._http_port)),
                    *("--db-filename", self._folder / "temporal.db"),
                    *("--dynamic-config-value", "matching.enableFairness=true"),
                    *(part for setting in self._settings for part in ("--dynamic-config-value", setting)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        given_up_at = time.monotonic() + PATIENCE_SECONDS
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > given_up_at:
                self.stop()
                raise RuntimeError(f"Temporal did not start; see {self._folder / 'temporal.log'}")
            time.sleep(0.1)

    def stop(self, *, kill: bool = False) -> None:
        """Stops the server, at once and without its leave when `kill` is set; nothing happens if it is not running."""
        process, self._process = self._process, None
        if process is None:
            return
        if kill:
            process.kill()
        else:
            process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _is_ready(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
        except OSError:
            return False
        describe = [str(BINARY), "operator", "namespace", "describe", "default", "--address", self.address]
        return subprocess.run(describe, capture_output=True, timeout=PATIENCE_SECONDS).returncode == 0


@contextmanager
def temporal_server(folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[Server]:
    """A running server whose data and log are in `folder`; it is stopped at the end of the block. `settings` are values
    of its dynamic configuration, as JSON."""
    server = Server(folder, settings)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for opened in sockets:
            opened.bind(("127.0.0.1", 0))
        return [int(opened.getsockname()[1]) for opened in sockets]
    finally:
        for opened in sockets:
            opened.close()
