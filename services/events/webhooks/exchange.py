"""Requests and answers over connections, by HTTP/1.1 (RFC 9112). h11 parses what arrives.

**Every answer belongs to its own request.** HTTP/1.1 has no other mark for that than the order of bytes, so whatever is
left in a connection would be read as the answer to the next request: a second answer that nobody asked for, a body
after a 204, or the rest of a body that is longer than its Content-Length. So a connection is used again only by the
same endpoint, and only if nothing is left in it: not in the parser, not in our buffer and not in the system's, both
when the answer ends and when the next request begins. Otherwise it is closed.
"""

import asyncio
from asyncio import TimerHandle
from collections.abc import Hashable
from typing import NamedTuple

import h11

from services.events.webhooks.connection import AttemptCode, AttemptFailed, SocketStream

LONGEST_HEAD = 100 * 1024
WITHOUT_CONTENT = frozenset({204, 304})
"""Answers of these kinds end with their headers, whatever the headers say (RFC 9110, 6.4.1)."""


class Response(NamedTuple):
    """An answer: its status, the value of its first Retry-After header, and the beginning of its body."""

    status: int
    retry_after: str
    beginning: bytes


class HttpConnection:
    """A connection over which one request after the other is sent."""

    def __init__(self, stream: SocketStream) -> None:
        self._stream = stream
        self._parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=LONGEST_HEAD)
        self._framing_is_clear = True

    async def exchange(self, request: h11.Request, body: bytes, most: int) -> Response:
        """Sends a request and reads the answer, of its body about `most` bytes. Raises AttemptFailed. Close the
        connection when this does not return."""
        sent = [self._parser.send(part) for part in (request, h11.Data(data=body), h11.EndOfMessage())]
        self._stream.send(b"".join(part or b"" for part in sent))
        try:
            return await self._read(most)
        except h11.RemoteProtocolError:
            raise AttemptFailed(AttemptCode.ANSWER_INVALID) from None

    def can_be_used_again(self) -> bool:
        """Whether the exchange is over and has left nothing. Ask it once, when the exchange has returned."""
        if not (self._parser.our_state is h11.DONE and self._parser.their_state is h11.DONE):
            return False
        if not self._framing_is_clear or self._parser.trailing_data != (b"", False) or not self.is_quiet:
            return False
        self._parser.start_next_cycle()
        return True

    @property
    def is_quiet(self) -> bool:
        return self._stream.is_quiet

    def close(self) -> None:
        self._stream.close()

    async def _read(self, most: int) -> Response:
        while not isinstance(head := await self._next_event(), h11.Response):
            pass  # an interim answer
        self._framing_is_clear = _framing_is_clear(head)
        beginning = bytearray()
        while len(beginning) < most and not isinstance(event := await self._next_event(), h11.EndOfMessage):
            if isinstance(event, h11.Data):
                beginning += event.data
        given = next((value for name, value in head.headers if name == b"retry-after"), b"")
        return Response(head.status_code, given.decode("latin-1"), bytes(beginning))

    async def _next_event(self) -> h11.Event | type[h11.PAUSED]:
        while (event := self._parser.next_event()) is h11.NEED_DATA:
            self._parser.receive_data(await self._stream.read())
        return event  # type: ignore[return-value]  # NEED_DATA is excluded


def _framing_is_clear(head: h11.Response) -> bool:
    """Whether the headers leave no doubt where the answer ends. A body may follow an answer that must not have one but
    has the headers of one, and two headers that both give the length may disagree."""
    names = {name for name, _ in head.headers}
    if head.status_code in WITHOUT_CONTENT:
        empty = all(value == b"0" for name, value in head.headers if name == b"content-length")
        return empty and b"transfer-encoding" not in names
    return not names >= {b"content-length", b"transfer-encoding"}


class KeptConnections:
    """Connections that wait for the next request with the same key. Each is closed after so many `seconds`, and the one
    that has waited longest when there are more than `most`."""

    def __init__(self, most: int, seconds: float) -> None:
        self._most = most
        self._seconds = seconds
        self._waiting: dict[HttpConnection, tuple[Hashable, TimerHandle]] = {}

    def take(self, key: Hashable) -> HttpConnection | None:
        """A connection that is still quiet: send at once. None if there is none."""
        for connection in [one for one, (of, _) in reversed(self._waiting.items()) if of == key]:
            self._forget(connection)
            if connection.is_quiet:
                return connection
            connection.close()
        return None

    def put(self, key: Hashable, connection: HttpConnection) -> None:
        """Keeps the connection, or closes it if it cannot be used again."""
        if not connection.can_be_used_again():
            connection.close()
            return
        timer = asyncio.get_running_loop().call_later(self._seconds, self._drop, connection)
        self._waiting[connection] = key, timer
        if len(self._waiting) > self._most:
            self._drop(next(iter(self._waiting)))

    def close(self) -> None:
        """Closes all connections."""
        for connection in list(self._waiting):
            self._drop(connection)

    def _drop(self, connection: HttpConnection) -> None:
        self._forget(connection)
        connection.close()

    def _forget(self, connection: HttpConnection) -> None:
        _, timer = self._waiting.pop(connection)
        timer.cancel()
