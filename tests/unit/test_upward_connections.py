"""Connections of the server: what does not come in time ends them, and a read that met a closed one is asked again."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from email.utils import formatdate
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import h11
import httpx
import pytest
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import SecretStr

from shared.config import Settings
from shared.contracts.base import PersonPage, Service
from shared.contracts.intake import Contacts, ReadContacts
from shared.errors import Invalid, NotFound
from shared.http.internal import Internal
from shared.http.problems import problem
from tests.patience import PATIENCE_SECONDS
from upward.serving import connections
from upward.serving.connections import FREE_CHUNKS, LEAST_BYTES, LINGER_BYTES, SMALLEST_CHUNK, Connection, Waiting
from upward.serving.server import listen, serve_http

SHORT = 0.05
LARGE = 30_000_000
"""Bytes, more than what the kernel keeps on their way."""
NOBODY: dict[str, list[str]] = {"person_ids": []}
ANSWER = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 17\r\n\r\n{"person_ids":[]}'


def application() -> FastAPI:
    app = FastAPI()

    @app.get("/internal/matching/page")
    async def read_page() -> dict[str, Any]:
        return NOBODY

    @app.post("/refused")
    async def refuse() -> dict[str, Any]:
        return {}

    @app.post("/taken")
    async def take(request: Request) -> dict[str, Any]:
        return {"size": len(await request.body())}

    @app.get("/large")
    async def read_large() -> Response:
        return Response(b"x" * LARGE)

    return app


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """The port of a server that waits a twentieth of a second for what its tests withhold."""
    monkeypatch.setattr(Connection, "seconds", dict.fromkeys(Waiting, SHORT))
    stop = asyncio.Event()
    with listen("127.0.0.1", 0) as address:
        serving = asyncio.create_task(serve_http(application(), address, stop))
        while serving.get_coro() is not None and not await _accepts(address.getsockname()[1]):
            await asyncio.sleep(0.01)
        yield address.getsockname()[1]
        stop.set()
        await serving


async def test_an_answer_has_the_date_of_its_own_moment_however_long_nobody_came(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        for moment in (1_800_000_000.9, 1_900_000_000.1):
            monkeypatch.setattr(connections, "time", SimpleNamespace(time=lambda now=moment: now))
            answer = await client.get("/internal/matching/page")
            assert answer.headers.get_list("date") == [formatdate(int(moment), usegmt=True)]
            assert answer.headers.get_list("server") == ["uvicorn"]


async def _accepts(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


def internal(port: int) -> Internal:
    settings = Settings(
        service_token=SecretStr("a" * 32), service_urls=dict.fromkeys(map(str, Service), f"http://127.0.0.1:{port}")
    )
    return Internal(settings)


async def ended(reader: asyncio.StreamReader) -> bytes:
    """Everything that comes until the server closes the connection."""
    try:
        return await reader.read()
    except ConnectionError:
        return b""


@pytest.mark.parametrize("beginning", [b"", b"G", b"GET / HTTP/1.1\r\nhost: x\r\n"])
async def test_headers_that_do_not_come_end_the_connection(port: int, beginning: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(beginning)
    assert await ended(reader) == b""
    writer.close()


async def test_headers_that_come_byte_by_byte_end_the_connection(port: int) -> None:
    """Also those of a later request: each byte is in time, but not all of them."""
    for before in (b"", b"GET /internal/matching/page HTTP/1.1\r\nhost: x\r\n\r\n"):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(before)
        if before:
            await reader.readuntil(b"}")
        writer.write(b"GET / HTTP/1.1\r\nx: ")
        with contextlib.suppress(ConnectionError):
            for _ in range(1000):
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(SHORT / 10)
                if reader.at_eof():
                    break
        assert await ended(reader) == b""
        writer.close()


async def test_the_rest_of_a_body_that_nobody_wants_is_not_waited_for(port: int) -> None:
    for rest in (b"", b"x" * (2 * LINGER_BYTES)):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /refused HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999\r\n\r\n")
        head = await reader.readuntil(b"{}")
        assert b" 200 " in head
        writer.write(rest)
        assert await ended(reader) == b""
        writer.close()


def in_chunks(path: bytes, size: int, count: int) -> bytes:
    head = b"POST %s HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n" % path
    return head + (b"%x\r\n%s\r\n" % (size, b"a" * size)) * count + b"0\r\n\r\n"


@pytest.mark.parametrize("path", [b"/refused", b"/taken"])
async def test_a_body_in_many_tiny_chunks_is_not_parsed(
    path: bytes, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One connection could keep everybody waiting for seconds, whether its caller has a key or not."""
    monkeypatch.setattr(Connection, "seconds", dict.fromkeys(Waiting, PATIENCE_SECONDS))
    parsed, next_event = 0, h11.Connection.next_event

    def counted(self: h11.Connection) -> Any:
        nonlocal parsed
        parsed += 1
        return next_event(self)

    monkeypatch.setattr(h11.Connection, "next_event", counted)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(in_chunks(path, 1, 20_000))
    await ended(reader)
    assert parsed < 2 * FREE_CHUNKS
    writer.close()


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
async def test_a_body_whose_length_is_given_in_two_ways_is_refused(port: int, order: slice) -> None:
    lengths = b"\r\n".join([b"Content-Length: 5", b"Transfer-Encoding: chunked"][order])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = b"POST /taken HTTP/1.1\r\nhost: x\r\n%s\r\n\r\n" % lengths
    writer.write(head + b"0\r\n\r\nGET /internal/matching/page HTTP/1.1\r\n")
    assert (await ended(reader)).startswith(b"HTTP/1.1 400 ")
    writer.close()


@pytest.mark.parametrize(("size", "count"), [(1, FREE_CHUNKS), (SMALLEST_CHUNK, 3 * FREE_CHUNKS), (70_000, 20)])
async def test_a_body_in_usual_chunks_is_taken(
    size: int, count: int, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Connection, "seconds", dict.fromkeys(Waiting, PATIENCE_SECONDS))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(2):
        writer.write(in_chunks(b"/taken", size, count))
        assert (await reader.readuntil(b"}")).endswith(b'{"size":%d}' % (size * count))
    writer.close()


async def test_a_connection_goes_on_after_a_body_that_came_late(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /refused HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\n")
    await reader.readuntil(b"{}")
    writer.write(b"abcPOST /refused HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n")
    await reader.readuntil(b"{}")
    assert await ended(reader) == b""
    writer.close()


@pytest.mark.parametrize("closes", [b"", b"connection: close\r\n"])
async def test_a_client_that_does_not_take_its_answer_is_let_go(
    port: int, monkeypatch: pytest.MonkeyPatch, closes: bytes
) -> None:
    """Also when the server closes the connection after the answer: to close waits for what was not taken."""
    patient = dict.fromkeys(Waiting, PATIENCE_SECONDS) | {Waiting.ANSWER_TAKEN: SHORT}
    monkeypatch.setattr(Connection, "seconds", patient)
    lost = asyncio.Event()
    connection_lost = Connection.connection_lost

    def tell(connection: Connection, error: Exception | None) -> None:
        connection_lost(connection, error)
        if connection.cycle is not None:
            lost.set()

    monkeypatch.setattr(Connection, "connection_lost", tell)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /large HTTP/1.1\r\nhost: x\r\n" + closes + b"\r\n")
    async with asyncio.timeout(PATIENCE_SECONDS):
        await lost.wait()
    assert len(await ended(reader)) < LARGE
    writer.close()


class Reader(asyncio.Transport):
    """A client that has taken so much of its answer whenever the server looks."""

    def __init__(self, *left: int) -> None:
        super().__init__()
        self._left = list(left)
        self.aborted = False

    def get_write_buffer_size(self) -> int:
        return self._left.pop(0) if len(self._left) > 1 else self._left[0]

    def abort(self) -> None:
        self.aborted = True


class Looks:
    """An event loop whose time passes at once."""

    def __init__(self) -> None:
        self.due: list[Callable[[], None]] = []

    def call_later(self, _: float, call: Callable[[int], None], before: int) -> asyncio.Handle:
        self.due.append(lambda: call(before))
        return asyncio.Handle(lambda: None, (), asyncio.get_event_loop())


@pytest.mark.parametrize(
    ("left", "aborted"),
    [
        ((3 * LEAST_BYTES, 3 * LEAST_BYTES), True),
        ((3 * LEAST_BYTES, 2 * LEAST_BYTES + 1, 2 * LEAST_BYTES + 1, LEAST_BYTES, LEAST_BYTES, 0, 0), True),
        ((3 * LEAST_BYTES, 2 * LEAST_BYTES, 2 * LEAST_BYTES, LEAST_BYTES, LEAST_BYTES, 0, 0), False),
    ],
)
async def test_a_client_that_takes_enough_of_its_answer_gets_all_of_it(left: tuple[int, ...], aborted: bool) -> None:
    connection, looks = Connection.__new__(Connection), Looks()
    connection.transport, connection.loop = Reader(*left), looks  # type: ignore[assignment]  # as much as is looked at
    connection._reader_deadline, connection._requests = None, 0
    connection._watch_reader()
    while looks.due:
        looks.due.pop()()
    assert connection.transport.aborted is aborted


@pytest.mark.parametrize("times", [10, pytest.param(100, marks=pytest.mark.long)])
async def test_reads_over_connections_idle_as_long_as_the_server_keeps_them_never_fail(
    port: int, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """Hundreds or thousands of times, idle for a little less or more than the server keeps a connection."""
    patient = dict.fromkeys(Waiting, PATIENCE_SECONDS) | {Waiting.NEXT_REQUEST: SHORT}
    monkeypatch.setattr(Connection, "seconds", patient)
    client, chance = internal(port), random.Random(7)

    async def ask_now_and_then() -> None:
        for _ in range(times):
            await client.get(Service.MATCHING, "/page", PersonPage, uuid4())
            await asyncio.sleep(SHORT * chance.uniform(0.9, 1.05))

    await asyncio.gather(*(ask_now_and_then() for _ in range(50)))
    await client.close()


class Scripted:
    """A server that does with each request what its list says, and closes the connection."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(self.answers.pop(0))
        await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def serving(scripted: Scripted) -> AsyncIterator[Internal]:
    server = await asyncio.start_server(scripted, "127.0.0.1", 0)
    client = internal(server.sockets[0].getsockname()[1])
    async with server:
        yield client
        await client.close()


async def test_a_read_whose_connection_closed_before_any_byte_is_asked_once_more() -> None:
    scripted = Scripted(b"", ANSWER, b"", ANSWER.replace(b"person_ids", b"contacts").replace(b": 17", b": 15"))
    async with serving(scripted) as client:
        assert await client.get(Service.MATCHING, "/page", PersonPage, uuid4()) == PersonPage(person_ids=())
        asked = ReadContacts(person_ids=())
        assert await client.ask(Service.INTAKE, "/contacts", asked, Contacts, uuid4()) == Contacts(contacts=())
    assert scripted.answers == []


async def test_it_is_asked_once_more_and_no_oftener() -> None:
    scripted = Scripted(b"", b"", ANSWER)
    async with serving(scripted) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(Service.MATCHING, "/page", PersonPage, uuid4())
    assert scripted.answers == [ANSWER]


async def test_an_answer_that_breaks_off_and_a_write_are_not_asked_again() -> None:
    scripted = Scripted(ANSWER[:-5], b"", ANSWER)
    async with serving(scripted) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(Service.MATCHING, "/page", PersonPage, uuid4())
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post(Service.INTAKE, "/links", ReadContacts(person_ids=()), Contacts, uuid4())
    assert scripted.answers == [ANSWER]


def refusing(answer: JSONResponse) -> bytes:
    head = f"HTTP/1.1 {answer.status_code} Refused\r\ncontent-type: {answer.media_type}\r\n"
    return f"{head}content-length: {len(answer.body)}\r\n\r\n".encode() + bytes(answer.body)


NOT_SERVED = refusing(problem(404, "not_found"))
TAKEN_FOR_AN_ID = refusing(problem(422, "invalid", errors=[{"field": "path.person_id", "detail": "no UUID"}]))
"""What a process of the previous release answers to an address of the next one."""


async def test_what_a_process_of_the_previous_release_does_not_serve_is_asked_of_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also what changes something, as whoever does not serve the address has changed nothing."""
    monkeypatch.setattr("shared.http.internal.AGAIN_SECONDS", 0.01)
    written = ANSWER.replace(b"person_ids", b"contacts").replace(b": 17", b": 15")
    scripted = Scripted(NOT_SERVED, TAKEN_FOR_AN_ID, ANSWER, NOT_SERVED, written)
    async with serving(scripted) as client:
        assert await client.get(Service.MATCHING, "/page", PersonPage, uuid4()) == PersonPage(person_ids=())
        asked = ReadContacts(person_ids=())
        assert await client.post(Service.INTAKE, "/links", asked, Contacts, uuid4()) == Contacts(contacts=())
    assert scripted.answers == []


async def test_what_a_service_refuses_is_not_asked_again() -> None:
    scripted = Scripted(refusing(problem(404, "person_not_found")), refusing(problem(422, "invalid", errors=[])), b"")
    async with serving(scripted) as client:
        for refusal in (NotFound, Invalid):
            with pytest.raises(refusal):
                await client.get(Service.MATCHING, "/page", PersonPage, uuid4())
    assert scripted.answers == [b""]


async def test_what_nobody_serves_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.http.internal.AGAIN_SECONDS", 0.01)
    monkeypatch.setattr("shared.http.internal.UNSERVED_SECONDS", 0.0)
    scripted = Scripted(NOT_SERVED, ANSWER)
    async with serving(scripted) as client:
        with pytest.raises(httpx.HTTPStatusError):
            await client.get(Service.MATCHING, "/page", PersonPage, uuid4())
    assert scripted.answers == [ANSWER]
