"""A real NATS server with JetStream for tests: loopback only, its own port, a store that survives a stop."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.patience import PATIENCE_SECONDS
from upward.embedded import free_port

BINARY = Path(sys.executable).parent / "nats-server"


class NatsServer:
    """`nats-server -js`. `stop` and `start` may be called again and again: port and data stay the same.

    Both calls block, for a moment.
    """

    def __init__(self, folder: Path, configuration: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._file = folder / "nats.conf"
        self._file.write_text(configuration)
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts the server and waits until it takes connections. Raises RuntimeError when it never does."""
        assert self._process is None, "the server is running"
        with (self._folder / "nats.log").open("ab") as output:
            self._process = subprocess.Popen(
                [
                    *(BINARY, "--config", self._file, "--addr", "127.0.0.1", "--port", str(self.port)),
                    *("--jetstream", "--store_dir", self._folder / "store"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        given_up_at = time.monotonic() + PATIENCE_SECONDS
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > given_up_at:
                self.stop()
                raise RuntimeError(f"NATS did not start; see {self._folder / 'nats.log'}")
            time.sleep(0.05)

    def stop(self, *, kill: bool = False) -> None:
        """Stops the server, at once and without its leave when `kill` is set; nothing happens if it is not running."""
        process, self._process = self._process, None
        if process is None:
            return
        if kill:
            process.kill()
        else:
            process.terminate()
        process.wait(PATIENCE_SECONDS)

    def keep_store(self, kept: Path) -> None:
        """Copies what the stopped server has on its disk."""
        shutil.copytree(self._folder / "store", kept)

    def bring_store_back(self, kept: Path) -> None:
        """The stopped server's disk is as it was."""
        shutil.rmtree(self._folder / "store")
        shutil.copytree(kept, self._folder / "store")

    def _is_ready(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                return connection.recv(4) == b"INFO"
        except OSError:
            return False


@contextmanager
def nats_server(folder: Path, configuration: str = "") -> Iterator[NatsServer]:
    """A running server whose data and log are in `folder`; it is stopped at the end of the block."""
    server = NatsServer(folder, configuration)
    server.start()
    try:
        yield server
    finally:
        server.stop()
