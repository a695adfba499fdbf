"""An answer counts for its own request alone, over plain connections and over TLS.

Two endpoints of two organizations are on one host, even at one URL. The first sends more than its answer. The second
one, and the first one's next event, must get what was answered to them."""

import asyncio
from collections.abc import AsyncIterator
from ipaddress import IPv4Network
from pathlib import Path
from uuid import UUID

import pytest

from services.events.webhooks.sender import Answer, Sender
from tests.services.certificates import Authority, new_authority
from tests.services.receivers import OK, Answering, Receiver, open_connections, receiver

NAME = "hooks.example.com"
BODY = b"{}"
GONE = b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n"
FAILED = b"HTTP/1.1 500 Oh\r\ncontent-length: 2\r\n\r\nno"
HEALTHY, UNHEALTHY = Answer(200, None, "ok"), Answer(500, None, "no")
ONE, OTHER = UUID(int=1), UUID(int=2)

TOO_MUCH = {
    "a surplus answer": (OK + OK, 200),
    "several surplus answers": (OK + OK * 50, 200),
    "a surplus 410": (OK + GONE, 200),
    "half of a surplus answer": (OK + b"HTTP/1.1 2", 200),
    "an empty line": (OK + b"\r\n", 200),
    "a 204 with a body": (b"HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\nhello", 204),
    "a 204 with a chunked body": (
        b"HTTP/1.1 204 No Content\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        204,
    ),
    "a 204 with a body without a header": (b"HTTP/1.1 204 No Content\r\n\r\nhello", 204),
    "a 304 with a body": (b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\nhello", 304),
    "a Content-Length that is too short": (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokay", 200),
    "a body after a Content-Length of 0": (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n" + OK, 200),
    "an answer after the last chunk": (
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n" + GONE,
        200,
    ),
    "both a length and chunks": (
        b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        200,
    ),
    "more than is read at once": (OK + b"x" * 300_000, 200),
}


@pytest.fixture(scope="module")
def authority() -> Authority:
    return new_authority()


class Host:
    """A host on which several endpoints are, and a sender that trusts it. `tls` says whether it speaks TLS."""

    def __init__(self, authority: Authority, folder: Path, *, tls: bool) -> None:
        self.context = authority.server(NAME, folder) if tls else None
        self.sender = Sender([IPv4Network("127.0.0.0/8")], resolve=self._resolve, trust=authority.trust())

    async def _resolve(self, host: str) -> list[str]:
        return ["127.0.0.1"]

    async def post(self, there: Receiver, endpoint: UUID, path: str = "") -> Answer:
        scheme = "http" if self.context is None else "https"
        return await self.sender.post(f"{scheme}://{NAME}:{there.port}/{path}", {}, BODY, endpoint=endpoint)


@pytest.fixture(params=["plain", "tls"])
async def host(authority: Authority, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Host]:
    host = Host(authority, tmp_path, tls=request.param == "tls")
    yield host
    await host.sender.close()


@pytest.mark.parametrize("name", TOO_MUCH)
async def test_what_follows_an_answer_counts_for_no_other_endpoint_and_no_other_event(name: str, host: Host) -> None:
    raw, status = TOO_MUCH[name]
    async with receiver(raw, FAILED, OK, tls=host.context) as there:
        assert (await host.post(there, ONE)).status == status
        assert await host.post(there, OTHER) == UNHEALTHY
        assert await host.post(there, ONE) == HEALTHY
        assert len(there.requests) == 3


@pytest.mark.parametrize("surplus", [OK, GONE, b"hello", b"x" * 300_000])
async def test_what_comes_after_the_answer_was_read_counts_for_nothing_either(surplus: bytes, host: Host) -> None:
    """It lies in the buffer of the system, or in ours, when the next request begins."""
    async with receiver(OK, FAILED, OK, tls=host.context) as there:
        assert await host.post(there, ONE) == HEALTHY
        there.writers[0].write(surplus)
        assert await host.post(there, ONE) == UNHEALTHY
        there.writers[1].write(surplus)
        for _ in range(5):
            await asyncio.sleep(0)
        assert await host.post(there, ONE) == HEALTHY
        assert (there.connections, await open_connections(there.port)) == (3, 1)


async def test_an_answer_that_comes_in_pieces_has_its_surplus_found_too(host: Host) -> None:
    async def in_pieces(writer: asyncio.StreamWriter) -> None:
        for byte in OK + GONE:
            writer.write(bytes([byte]))
            await asyncio.sleep(0)

    pieces: Answering = in_pieces
    async with receiver(pieces, FAILED, tls=host.context) as there:
        assert await host.post(there, ONE) == HEALTHY
        assert await host.post(there, OTHER) == UNHEALTHY


async def test_a_connection_is_used_again_by_its_own_endpoint_at_its_own_url_alone(host: Host) -> None:
    async with receiver(tls=host.context) as there:
        for endpoint, path, connections in [
            *((ONE, "", 1), (OTHER, "", 2), (ONE, "", 2), (OTHER, "", 2)),
            *((ONE, "a", 3), (ONE, "a?b", 4), (ONE, "a", 4), (OTHER, "", 4)),
        ]:
            assert await host.post(there, endpoint, path) == HEALTHY
            assert there.connections == connections
