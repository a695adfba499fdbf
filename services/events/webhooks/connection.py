"""Connections to the addresses that deliveries may go to, and to no others.

For each new connection, `CheckedConnector` resolves the name once, checks every address, and connects a socket to a
checked address, never to the name. So it does not matter what DNS answers a moment later. If one of the addresses is
internal, all are refused, as an attacker chooses which one is tried. TLS then proves the name of the URL. A connection
that is kept for reuse (`exchange.py`) stays with the checked address.

Failures carry codes only, as the system's own texts quote names and addresses.
"""

import asyncio
import select
import socket
import ssl
from asyncio import Transport
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from ipaddress import ip_address
from typing import cast

from services.events.webhooks.rules.addresses import Address, Network, is_public, is_within

Resolver = Callable[[str], Awaitable[Sequence[str]]]
"""All addresses of a host name, as text. Raises OSError when it has none."""

LOOKUPS_AT_ONCE = 64
MOST_ADDRESSES = 4
"""How many of a name's addresses are tried, in the resolver's order."""
MOST_BYTES = 256 * 1024
"""How much of an answer is read at most, headers and interim answers included."""
READ_AHEAD = 64 * 1024


class AttemptCode(StrEnum):
    """Why an attempt got no answer."""

    ADDRESS_REFUSED = "address_refused"
    """The endpoint's address is internal or special-purpose, or its URL is one that may not be called."""
    NAME_NOT_RESOLVED = "name_not_resolved"
    CONNECTION_FAILED = "connection_failed"
    """No connection could be made, or it ended before an answer began."""
    TLS_FAILED = "tls_failed"
    """The server did not speak TLS, or its certificate is not valid for the host."""
    TIMED_OUT = "timed_out"
    ANSWER_INVALID = "answer_invalid"
    """The answer is not HTTP/1.1, is too large, or broke off."""


class AttemptFailed(Exception):
    """An attempt got no answer. `code` says why, and is also the text of the error."""

    def __init__(self, code: AttemptCode) -> None:
        super().__init__(code.value)
        self.code = code


class NameLookups:
    """Asks the system's resolver.

    The resolver blocks a thread until it or the name's servers give up, which takes half a minute at worst, long after
    the attempt is over. So the threads are our own and their number is limited. A name that is being looked up is not
    looked up a second time, so a name that hangs takes one thread, however often it is tried. As long as an
    organization may have fewer endpoints than there are threads, its name servers cannot keep others waiting.

    Names are absolute. With `search` the network's search domains complete them, as a developer expects."""

    def __init__(self, *, search: bool) -> None:
        self._end = "" if search else "."
        self._threads = ThreadPoolExecutor(LOOKUPS_AT_ONCE, thread_name_prefix="lookup")
        self._under_way: dict[str, asyncio.Future[list[str]]] = {}

    async def __call__(self, host: str) -> list[str]:
        """Raises OSError."""
        lookup = self._under_way.get(host)
        if lookup is None:
            lookup = asyncio.get_running_loop().run_in_executor(self._threads, _look_up, host + self._end)
            self._under_way[host] = lookup
            lookup.add_done_callback(lambda _: self._under_way.pop(host))
        return await asyncio.shield(lookup)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _look_up(name: str) -> list[str]:
    # The name is passed as bytes: a text would be encoded once more, by older rules.
    found = socket.getaddrinfo(name.encode("ascii"), None, type=socket.SOCK_STREAM)
    return [str(sockaddr[0]) for *_, sockaddr in found]


class CheckedConnector:
    """Connects to public addresses and to the networks of `also_allowed`, with TLS that trusts what `trust` says; or
    only to the latter and without TLS, if `trust` is None. `seconds` is the time limit for connecting; the addresses of
    a name that are tried share it equally."""

    def __init__(
        self, resolve: Resolver, also_allowed: Sequence[Network], *, trust: ssl.SSLContext | None, seconds: float
    ) -> None:
        self._resolve = resolve
        self._seconds = seconds
        self._also_allowed = tuple(also_allowed)
        self._trust = trust

    async def connect(self, host: str, port: int) -> "SocketStream":
        """Raises AttemptFailed."""
        stream = SocketStream(await self._connect(host, port))
        try:
            return await stream.open(self._trust, host)
        except OSError:
            failed = AttemptCode.CONNECTION_FAILED if self._trust is None else AttemptCode.TLS_FAILED
            raise AttemptFailed(failed) from None

    async def _connect(self, host: str, port: int) -> socket.socket:
        """A socket connected to the first of the host's addresses that takes it. Raises AttemptFailed."""
        addresses = await self._checked_addresses(host)
        failure = AttemptCode.CONNECTION_FAILED
        for address in addresses:
            try:
                async with asyncio.timeout(self._seconds / len(addresses)):
                    return await _connected_socket(address, port)
            except TimeoutError:
                failure = AttemptCode.TIMED_OUT
            except OSError:
                failure = AttemptCode.CONNECTION_FAILED
        raise AttemptFailed(failure)

    async def _checked_addresses(self, host: str) -> list[Address]:
        """The first few of a host's addresses. Raises AttemptFailed unless all of its addresses are allowed."""
        if self._trust is None and not self._also_allowed:
            raise AttemptFailed(AttemptCode.ADDRESS_REFUSED)
        try:
            addresses: list[Address] = [ip_address(host)]
        except ValueError:
            addresses = await self._resolved(host)
        if not all(self._is_allowed(address) for address in addresses):
            raise AttemptFailed(AttemptCode.ADDRESS_REFUSED)
        return addresses[:MOST_ADDRESSES]

    async def _resolved(self, host: str) -> list[Address]:
        try:
            found = await self._resolve(host)
        except (OSError, UnicodeError):
            found = []
        if not found:
            raise AttemptFailed(AttemptCode.NAME_NOT_RESOLVED)
        try:
            return [ip_address(text) for text in dict.fromkeys(found)]
        except ValueError:
            raise AttemptFailed(AttemptCode.ADDRESS_REFUSED) from None

    def _is_allowed(self, address: Address) -> bool:
        return is_within(address, self._also_allowed) or (self._trust is not None and is_public(address))


async def _connected_socket(address: Address, port: int) -> socket.socket:
    """A socket connected to this address. No other place makes connections. Raises OSError."""
    connecting = socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET, socket.SOCK_STREAM)
    try:
        connecting.setblocking(False)
        connecting.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(connecting, (str(address), port))
    except BaseException:
        connecting.close()
        raise
    return connecting


class SocketStream(asyncio.Protocol):
    """One connection: the bytes that go and come over a transport of asyncio.

    Closing waits for nothing, so that neither cancellation nor a peer that does not read can leave a socket open. A
    request fits into the transport's buffer, so that writing does not wait either."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._transport: Transport | None = None
        self._received = bytearray()
        self._taken = 0
        self._ended = False
        self._was_paused = False
        self._news = asyncio.Event()

    async def open(self, context: ssl.SSLContext | None, host: str) -> "SocketStream":
        """Puts a transport on the socket, with TLS if a context is given. Raises OSError, of which ssl.SSLError is
        one."""
        loop = asyncio.get_running_loop()
        name = None if context is None else host
        await loop.create_connection(lambda: self, sock=self._socket, ssl=context, server_hostname=name)
        return self

    def send(self, request: bytes) -> None:
        """Begins an exchange. Nothing is sent if the peer has already ended the connection."""
        self._taken = 0
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(request)

    async def read(self) -> bytes:
        """The bytes that have arrived since, or none at the end. Raises AttemptFailed if the end comes before any
        bytes, or if there are too many."""
        await self._news.wait()
        data = bytes(self._received)
        self._received.clear()
        self._taken += len(data)
        if self._taken > MOST_BYTES:
            raise AttemptFailed(AttemptCode.ANSWER_INVALID)
        if self._taken == 0:
            raise AttemptFailed(AttemptCode.CONNECTION_FAILED)
        if not self._ended:
            self._news.clear()
            if self._transport is not None:
                self._transport.resume_reading()
        return data

    @property
    def is_quiet(self) -> bool:
        """Whether the connection is open and nothing is under way in either direction, also not in the system's
        buffer. A peer that was stopped for a while may have sent more than can be seen here."""
        if self._transport is None or self._transport.is_closing() or self._was_paused or self._news.is_set():
            return False
        if self._transport.get_write_buffer_size():
            return False
        arriving = select.poll()
        arriving.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return not arriving.poll(0)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
        else:
            self._socket.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._news.set()
        if len(self._received) >= READ_AHEAD and self._transport is not None:
            self._was_paused = True
            self._transport.pause_reading()

    def eof_received(self) -> None:
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()

    def _end(self) -> None:
        self._ended = True
        self._news.set()
