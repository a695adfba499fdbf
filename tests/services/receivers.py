"""What stands at the other end of a delivery in tests, and who watches the sockets between."""

import asyncio
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import psutil

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
Answering = Callable[[asyncio.StreamWriter], Awaitable[None]]
_watching: list[list[str]] = []


def _see(event: str, arguments: tuple[Any, ...]) -> None:
    """Python tells this of every `connect` of a socket, before the system is asked (PEP 578). Hooks stay for ever.
    While somebody watches, connections that would leave this machine are refused here."""
    if event == "socket.connect" and _watching and isinstance(arguments[1], tuple):
        address = str(arguments[1][0])
        _watching[-1].append(address)
        if not address.startswith("127.") and address != "::1":
            raise ConnectionRefusedError


sys.addaudithook(_see)


@contextmanager
def watched_sockets() -> Iterator[list[str]]:
    """The addresses that sockets of this process are connected to, meanwhile, in order; failed attempts count."""
    _watching.append([])
    try:
        yield _watching[-1]
    finally:
        _watching.pop()


async def open_connections(port: int) -> int:
    """How many sockets of this process are connected to that port, once the loop has closed what it was told to."""
    for _ in range(5):
        await asyncio.sleep(0)
    own = psutil.Process().net_connections("tcp")
    return len([one for one in own if one.raddr and one.raddr.port == port and one.status == psutil.CONN_ESTABLISHED])


class Receiver:
    """Answers each request with the next of the answers, and the last one again and again."""

    def __init__(self, answers: Sequence[bytes | Answering]) -> None:
        self._answers = list(answers)
        self._handlers: set[asyncio.Task[None]] = set()
        self.writers: list[asyncio.StreamWriter] = []
        self.requests: list[bytes] = []
        self.port = 0

    @property
    def connections(self) -> int:
        return len(self.writers)

    def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        handler = asyncio.create_task(self._serve(reader, writer))
        self._handlers.add(handler)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(line for line in head.split(b"\r\n") if line.startswith(b"content-length: "))
                self.requests.append(head + await reader.readexactly(int(length[16:])))
                answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
                if isinstance(answer, bytes):
                    writer.write(answer)
                else:
                    await answer(writer)
        writer.close()

    async def stop(self) -> None:
        for handler in self._handlers:
            handler.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)
        for writer in self.writers:
            writer.transport.abort()


@asynccontextmanager
async def receiver(
    *answers: bytes | Answering, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Receiver]:
    """A receiver that listens on this machine."""
    there = Receiver(answers or [OK])
    server = await asyncio.start_server(there.handle, host, port, ssl=tls)
    there.port = server.sockets[0].getsockname()[1]
    try:
        yield there
    finally:
        server.close()
        await there.stop()
        await server.wait_closed()


async def hang(writer: asyncio.StreamWriter) -> None:
    """Never answers."""
    await asyncio.Event().wait()


async def drip(writer: asyncio.StreamWriter) -> None:
    """Answers a byte at a time, for ever (slow-loris)."""
    writer.write(b"HTTP/1.1 200 OK\r\nx: ")
    while True:
        writer.write(b"x")
        await asyncio.sleep(0.02)


async def flood(writer: asyncio.StreamWriter) -> None:
    """Answers without end."""
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b"x" * 10_000)
        await writer.drain()


async def interim(writer: asyncio.StreamWriter) -> None:
    """Never comes to the answer proper."""
    while True:
        writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000)
        await writer.drain()


async def end(writer: asyncio.StreamWriter) -> None:
    """Ends the connection without an answer."""
    writer.close()
