"""The connections of the HTTP server: how long it waits for the beginning of a request, for the rest of a body that
nobody wants, for the next request, and for a client that takes its answer.

uvicorn itself waits for ever for a request whose headers come byte by byte, for the rest of a refused body, and for a
client that does not read. How long it waits for a body that a handler reads is limited in `shared/http/receiving.py`.
No answer holds a connection to the database while it is sent, as its transaction has ended before.

uvicorn also parses all that has come before it does anything else. So a body in chunks of single bytes, which costs the
server a thousand times more than it costs the client, would keep everybody else waiting.
"""

import asyncio
import time
from email.utils import formatdate
from enum import StrEnum
from typing import Any, ClassVar

import h11
import structlog
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

log = structlog.get_logger(__name__)
KEEP_ALIVE_SECONDS = 150
"""How long the server keeps an idle connection. Longer than clients do (Upward's own 5 s, the proxy 60 s), so that it
is the client who closes: a server that closes first may do so while the next request is on its way."""
HEADERS_SECONDS = 10.0
LINGER_SECONDS = 5.0
LINGER_BYTES = 1024 * 1024
"""How much of a body is taken and thrown away after the answer. A client that closes only when it has sent everything
would not see the answer if its connection was closed at once."""
ANSWER_SECONDS = 60.0
LEAST_BYTES = 256 * 1024
"""How much of an answer a client must take in `ANSWER_SECONDS`, if so much is left. The kernel keeps some megabytes on
their way, so that only large answers are waited for at all."""

FREE_CHUNKS = 1_000
SMALLEST_CHUNK = 32
"""Bytes. Beyond `FREE_CHUNKS`, the chunks of a body have at least so many on average."""
HEAD_BYTES = 64 * 1024
"""The longest headers, and the longest line before a chunk."""


class Waiting(StrEnum):
    """What a connection waits for. The value says in the log why it was closed."""

    REQUEST = "headers_late"
    REST_OF_BODY = "body_not_wanted"
    NEXT_REQUEST = "idle"
    ANSWER_TAKEN = "answer_not_taken"


class Dated(ServerState):
    """What the connections of a server share. The date in the headers of answers is written when there is an answer,
    once in a second at most. uvicorn writes it every second, and so wakes up a process to which nobody comes."""

    def __init__(self) -> None:
        self._others: list[tuple[bytes, bytes]] = []
        self._dated: list[tuple[bytes, bytes]] = []
        self._second = 0
        super().__init__()

    @property
    def default_headers(self) -> list[tuple[bytes, bytes]]:
        """The headers of an answer that begins now."""
        if (second := int(time.time())) != self._second:
            self._second = second
            self._dated = [(b"date", formatdate(second, usegmt=True).encode()), *self._others]
        return self._dated

    @default_headers.setter
    def default_headers(self, headers: list[tuple[bytes, bytes]]) -> None:
        self._others = [(name, value) for name, value in headers if name != b"date"]
        self._second = 0


class Requests(h11.Connection):
    """Parses requests, and refuses those whose body comes in too many tiny chunks, and those that give the length of
    their body in two ways, as a proxy may believe the other one (RFC 9112, 6.1)."""

    def __init__(self) -> None:
        super().__init__(h11.SERVER, HEAD_BYTES)
        self._chunks = self._bytes = 0

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        event = super().next_event()
        if isinstance(event, h11.Request):
            self._chunks = self._bytes = 0
            if {name for name, _ in event.headers} >= {b"content-length", b"transfer-encoding"}:
                raise h11.RemoteProtocolError("the length of the body is given twice")
        elif isinstance(event, h11.Data):
            self._chunks += event.chunk_start
            self._bytes += len(event.data)
            whole = self._chunks - 1  # of the last one, the rest may be on its way
            if whole >= FREE_CHUNKS and self._bytes < whole * SMALLEST_CHUNK:
                raise h11.RemoteProtocolError("the chunks of the body are too small")
        return event


class Connection(H11Protocol):
    """A connection that is closed when what it waits for does not come in time."""

    seconds: ClassVar[dict[Waiting, float]] = {
        Waiting.REQUEST: HEADERS_SECONDS,
        Waiting.REST_OF_BODY: LINGER_SECONDS,
        Waiting.NEXT_REQUEST: KEEP_ALIVE_SECONDS,
        Waiting.ANSWER_TAKEN: ANSWER_SECONDS,
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.conn = Requests()
        self._waiting: Waiting | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._reader_deadline: asyncio.TimerHandle | None = None
        self._requests = 0
        self._thrown_away = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        if self._waiting is Waiting.REST_OF_BODY:
            self._thrown_away += len(data)
        try:
            super().data_received(data)
        except h11.LocalProtocolError:  # the request is wrong, and its answer has begun already
            self._close()
        self._watch()
        if self._waiting is Waiting.REST_OF_BODY and self._thrown_away > LINGER_BYTES:
            self._close()

    def on_response_complete(self) -> None:
        self._requests += 1
        self._thrown_away = 0
        super().on_response_complete()
        self._unset_keepalive_if_required()  # this class has a deadline for everything
        self._watch()

    def pause_writing(self) -> None:
        """More of an answer waits for the client than the connection keeps for it."""
        super().pause_writing()
        self._watch_reader()

    def resume_writing(self) -> None:
        if not self.transport.is_closing():  # what is left must still be taken before it is closed
            self._leave_reader()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_for(None)
        self._leave_reader()
        super().connection_lost(exc)

    def _watch(self) -> None:
        """Sets the deadline for what the connection waits for now. What it waited for before keeps its deadline,
        however many bytes come."""
        if self.transport.is_closing():
            self._wait_for(None)
            self._watch_reader()
        elif self.cycle is not None and not self.cycle.response_complete:
            self._wait_for(None)
        elif self.conn.their_state is h11.SEND_BODY:
            self._wait_for(Waiting.REST_OF_BODY)
        elif self._requests == 0 or self.conn.trailing_data[0]:
            self._wait_for(Waiting.REQUEST)
        else:
            self._wait_for(Waiting.NEXT_REQUEST)

    def _wait_for(self, what: Waiting | None) -> None:
        if what is self._waiting and what is not Waiting.NEXT_REQUEST:
            return
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        self._waiting = what
        if what is not None:
            self._deadline = self.loop.call_later(self.seconds[what], self._close)

    def _watch_reader(self) -> None:
        if self._reader_deadline is None and (left := self.transport.get_write_buffer_size()):
            seconds = self.seconds[Waiting.ANSWER_TAKEN]
            self._reader_deadline = self.loop.call_later(seconds, self._look_at_reader, left)

    def _look_at_reader(self, before: int) -> None:
        """Nothing is added to what is left while writing is paused, so that it shrinks by what the client takes."""
        self._reader_deadline = None
        if self.transport.get_write_buffer_size() <= before - LEAST_BYTES:
            self._watch_reader()
        else:
            log.info("connection.closed", why=Waiting.ANSWER_TAKEN, requests=self._requests)
            self.transport.abort()  # to close would wait for the client

    def _leave_reader(self) -> None:
        if self._reader_deadline is not None:
            self._reader_deadline.cancel()
            self._reader_deadline = None

    def _close(self) -> None:
        if not self.transport.is_closing():
            log.info("connection.closed", why=self._waiting, requests=self._requests)
            self.transport.close()
            self._watch_reader()
        self._wait_for(None)
