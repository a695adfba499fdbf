"""A connection carries another request only if nothing of the last exchange is left in it."""

import asyncio
from itertools import pairwise
from typing import Any, cast

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.events.webhooks.connection import SocketStream
from services.events.webhooks.exchange import HttpConnection, KeptConnections, Response
from tests.unit.properties import examples

REQUEST = h11.Request(method="POST", target="/", headers=[("host", "x"), ("content-length", "2")])
PLAIN = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
WHOLE = [
    PLAIN,
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 503 Busy\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
    b"HTTP/1.1 103 Hint\r\n\r\n" + PLAIN,
]
AMBIGUOUS = [
    b"HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\ntransfer-encoding: chunked\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 9\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
]
ENDED = [
    b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello",
    b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello",
]


class Wire:
    """What a `SocketStream` is for an exchange. Its pieces arrive one by one."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = [piece for piece in pieces if piece]
        self.sent = b""
        self.closed = False

    def send(self, request: bytes) -> None:
        self.sent += request

    async def read(self) -> bytes:
        return self.pieces.pop(0)

    @property
    def is_quiet(self) -> bool:
        return not self.pieces and not self.closed

    def close(self) -> None:
        self.closed = True


def connection(wire: Wire) -> HttpConnection:
    return HttpConnection(cast(SocketStream, wire))


def exchange(wire: Wire) -> tuple[Response, bool]:
    """The answer, and whether the connection can be used again."""
    over = connection(wire)
    return asyncio.run(over.exchange(REQUEST, b"{}", 2000)), over.can_be_used_again()


@examples(40)
@given(
    st.sampled_from(WHOLE),
    st.one_of(st.just(b""), st.sampled_from([PLAIN, b"x", b"\r\n", b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n"])),
    st.sets(st.integers(1, 160), max_size=6),
)
def test_a_connection_is_used_again_exactly_if_nothing_follows_the_answer(
    answer: bytes, surplus: bytes, cuts: set[int]
) -> None:
    """However the bytes are cut into pieces, and whether the surplus comes with the answer or after it."""
    everything = answer + surplus
    edges = [0, *sorted(cut for cut in cuts if cut < len(everything)), len(everything)]
    wire = Wire(*(everything[start:end] for start, end in pairwise(edges)))
    response, again = exchange(wire)
    assert f" {response.status} ".encode() in answer
    assert response.beginning == (b"" if response.status == 204 else b"hello")
    assert again == (not surplus)


@pytest.mark.parametrize("answer", [*AMBIGUOUS, *ENDED])
def test_an_answer_whose_end_is_in_doubt_or_that_says_close_ends_its_connection(answer: bytes) -> None:
    assert not exchange(Wire(answer))[1]


def test_an_answer_of_which_only_the_beginning_was_read_ends_its_connection() -> None:
    body = b"x" * 5000
    assert not exchange(Wire(b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n" + body))[1]


def test_a_request_is_sent_in_one_piece() -> None:
    wire = Wire(PLAIN)
    exchange(wire)
    assert wire.sent == b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}"


async def put(kept: KeptConnections, key: Any, wire: Wire) -> HttpConnection:
    over = connection(wire)
    await over.exchange(REQUEST, b"{}", 2000)
    kept.put(key, over)
    return over


async def test_a_connection_is_taken_once_and_by_its_own_key_alone() -> None:
    kept = KeptConnections(10, 30)
    first = await put(kept, "a", Wire(PLAIN))
    assert kept.take("b") is None
    assert kept.take("a") is first
    assert kept.take("a") is None


async def test_a_connection_in_which_something_arrived_while_it_waited_is_closed_and_not_taken() -> None:
    kept, loud, quiet = KeptConnections(10, 30), Wire(PLAIN), Wire(PLAIN)
    other = await put(kept, "a", quiet)
    await put(kept, "a", loud)
    loud.pieces.append(b"HTTP/1.1 410 Gone\r\n")
    assert kept.take("a") is other
    assert loud.closed
    assert not quiet.closed


async def test_the_connection_that_waited_longest_gives_way() -> None:
    kept, wires = KeptConnections(2, 30), [Wire(PLAIN) for _ in range(3)]
    for number, wire in enumerate(wires):
        await put(kept, number, wire)
    assert [wire.closed for wire in wires] == [True, False, False]
    kept.close()
    assert all(wire.closed for wire in wires)


async def test_a_connection_is_closed_when_its_time_is_over_though_nobody_asks() -> None:
    kept, wire = KeptConnections(2, 0), Wire(PLAIN)
    await put(kept, "a", wire)
    while not wire.closed:
        await asyncio.sleep(0)
    assert kept.take("a") is None
