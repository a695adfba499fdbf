"""One attempt to deliver: what it sends, what counts as an answer, how long it lasts at worst, and what it leaves
open."""

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from ipaddress import IPv4Network, IPv6Network

import pytest

from services.events.webhooks.connection import AttemptCode, AttemptFailed
from services.events.webhooks.rules.addresses import Network
from services.events.webhooks.sender import Answer, Sender
from tests.services.receivers import (
    OK,
    Answering,
    Receiver,
    drip,
    end,
    flood,
    hang,
    interim,
    open_connections,
    receiver,
    watched_sockets,
)

LOCAL: list[Network] = [IPv4Network("127.0.0.0/8"), IPv6Network("::1/128")]
BODY = b'{"id": "1"}'


@pytest.fixture
async def sender() -> AsyncIterator[Sender]:
    sender = Sender(LOCAL)
    yield sender
    await sender.close()


@pytest.fixture
async def hasty() -> AsyncIterator[Sender]:
    """A sender whose attempts end soon."""
    sender = Sender(LOCAL, seconds=0.4)
    yield sender
    await sender.close()


def url_of(there: Receiver) -> str:
    return f"http://127.0.0.1:{there.port}/hooks?a=b"


async def failure(sender: Sender, url: str) -> AttemptCode:
    with pytest.raises(AttemptFailed) as failed:
        await sender.post(url, {}, BODY)
    return failed.value.code


async def test_a_request_is_what_the_caller_gave_and_says_who_sends(sender: Sender) -> None:
    async with receiver() as there:
        await sender.post(url_of(there), {"content-type": "application/json", "webhook-id": "7"}, BODY)
        head, body = there.requests[0].split(b"\r\n\r\n")
    assert body == BODY
    assert head.decode().splitlines() == [
        "POST /hooks?a=b HTTP/1.1",
        f"host: 127.0.0.1:{there.port}",
        "user-agent: Upward-Webhooks/1",
        "accept-encoding: identity",
        "content-length: 11",
        "content-type: application/json",
        "webhook-id: 7",
    ]


async def test_an_ipv6_address_stands_in_brackets_in_the_host_header(sender: Sender) -> None:
    async with receiver(host="::1") as there:
        await sender.post(f"http://[::1]:{there.port}/", {}, BODY)
        assert f"host: [::1]:{there.port}\r\n".encode() in there.requests[0]


@pytest.mark.parametrize(
    ("raw", "status", "text"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", 200, "hello"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, ""),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello", 200, "hello"),
        (b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n", 410, ""),
        (b"HTTP/1.1 500 Oh\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n", 500, "hello"),
        (b"HTTP/1.1 103 Hint\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + OK, 200, "ok"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\na\0b\xff\xc3\xbcc", 200, "ab\ufffd\u00fcc"),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\ncontent-encoding: gzip\r\n\r\n\x1f\x8b\x08\0",
            200,
            "\x1f\ufffd\x08",
        ),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 3000\r\n\r\n" + b"x" * 3000, 200, "x" * 2000),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2000000000\r\n\r\n" + b"x" * 2000, 200, "x" * 2000),
        (b"HTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n", 200, ""),
    ],
)
async def test_an_answer_is_its_status_and_the_beginning_of_its_text(
    raw: bytes, status: int, text: str, sender: Sender
) -> None:
    async with receiver(raw) as there:
        assert await sender.post(url_of(there), {}, BODY) == Answer(status, None, text)


@pytest.mark.parametrize(
    "raw",
    [
        b"hello\r\n\r\n",
        b"<html>HTTP/0.9</html>\r\n\r\n",
        b"HTTP/1.1 20 OK\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 000 OK\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nhello",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"x" * 200_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 50_000 + b"\r\n",
        b"\x15\x03\x01\x00\x02\x02\x16\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_not_an_answer(raw: bytes, sender: Sender) -> None:
    async with receiver(raw) as there:
        assert await failure(sender, url_of(there)) is AttemptCode.ANSWER_INVALID
        assert await open_connections(there.port) == 0


@pytest.mark.parametrize(
    ("beginning", "code"),
    [
        (b"", AttemptCode.CONNECTION_FAILED),
        (b"HTTP/1.1 2", AttemptCode.ANSWER_INVALID),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello", AttemptCode.ANSWER_INVALID),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhe", AttemptCode.ANSWER_INVALID),
    ],
)
async def test_a_connection_that_ends_too_soon_is_no_answer(
    beginning: bytes, code: AttemptCode, sender: Sender
) -> None:
    async def break_off(writer: asyncio.StreamWriter) -> None:
        writer.write(beginning)
        writer.close()

    async with receiver(break_off) as there:
        assert await failure(sender, url_of(there)) is code


async def test_an_answer_without_length_ends_with_its_connection(sender: Sender) -> None:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nhello")
        writer.close()

    async with receiver(answer) as there:
        assert (await sender.post(url_of(there), {}, BODY)).text == "hello"


async def test_of_a_body_without_end_only_the_beginning_is_read_and_the_connection_is_closed(sender: Sender) -> None:
    async with receiver(flood) as there:
        answer = await sender.post(url_of(there), {}, BODY)
        assert answer == Answer(200, None, "x" * 2000)
        assert await open_connections(there.port) == 0


async def test_interim_answers_without_end_are_given_up(sender: Sender) -> None:
    async with receiver(interim) as there:
        assert await failure(sender, url_of(there)) is AttemptCode.ANSWER_INVALID
        assert await open_connections(there.port) == 0


async def trickle(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello")
    await hang(writer)


@pytest.mark.parametrize("slow", [hang, drip, trickle])
async def test_the_time_of_an_attempt_is_over_even_when_bytes_go_on_coming(slow: Answering, hasty: Sender) -> None:
    async with receiver(slow) as there:
        assert await failure(hasty, url_of(there)) is AttemptCode.TIMED_OUT
        assert await open_connections(there.port) == 0


async def test_a_handshake_that_hangs_is_timed_out(hasty: Sender) -> None:
    async with receiver() as there:
        assert await failure(hasty, f"https://127.0.0.1:{there.port}/") is AttemptCode.TIMED_OUT
        assert await open_connections(there.port) == 0


async def test_nobody_listening_is_a_failed_connection(sender: Sender) -> None:
    async with receiver() as there:
        port = there.port
    assert await failure(sender, f"http://127.0.0.1:{port}/") is AttemptCode.CONNECTION_FAILED


async def test_an_answer_carries_its_retry_after(sender: Sender) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    answers = (
        f"HTTP/1.1 503 Busy\r\nRetry-After: {value}\r\ncontent-length: 0\r\n\r\n".encode()
        for value in ("7", "9" * 5000, later)
    )
    async with receiver(*answers) as there:
        assert (await sender.post(url_of(there), {}, BODY)).retry_after == timedelta(seconds=7)
        assert (await sender.post(url_of(there), {}, BODY)).retry_after == timedelta.max
        wait = (await sender.post(url_of(there), {}, BODY)).retry_after
    assert wait is not None
    assert timedelta(minutes=50) < wait <= timedelta(hours=1)


async def test_a_connection_is_used_again(sender: Sender) -> None:
    async with receiver() as there:
        for _ in range(3):
            await sender.post(url_of(there), {}, BODY)
        assert (there.connections, len(there.requests)) == (1, 3)
        await sender.close()
        assert await open_connections(there.port) == 0


@pytest.mark.parametrize("unasked", [b"", b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\n\r\n"])
async def test_a_kept_connection_that_the_other_side_ended_is_replaced_before_anything_is_sent(
    unasked: bytes, sender: Sender
) -> None:
    async with receiver() as there:
        await sender.post(url_of(there), {}, BODY)
        there.writers[0].write(unasked)
        there.writers[0].close()
        await there.writers[0].wait_closed()
        await asyncio.sleep(0.05)
        assert (await sender.post(url_of(there), {}, BODY)).status == 200
        assert (there.connections, len(there.requests)) == (2, 2)


async def test_a_request_that_was_sent_is_not_sent_again(sender: Sender) -> None:
    async with receiver(OK, end) as there:
        await sender.post(url_of(there), {}, BODY)
        assert await failure(sender, url_of(there)) is AttemptCode.CONNECTION_FAILED
        assert (there.connections, len(there.requests)) == (1, 2)


async def unresolved(host: str) -> Sequence[str]:
    await asyncio.Event().wait()
    return []


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_cancelled_attempt_ends_at_once_and_leaves_no_socket(scheme: str, sender: Sender) -> None:
    """With http the attempt waits for the answer, with https for the handshake."""
    async with receiver(hang) as there:
        attempt = asyncio.create_task(sender.post(f"{scheme}://127.0.0.1:{there.port}/", {}, BODY))
        while not there.connections or (scheme == "http" and not there.requests):
            await asyncio.sleep(0.01)
        assert await open_connections(there.port) == 1
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
        assert await open_connections(there.port) == 0


async def test_an_attempt_can_be_cancelled_while_a_name_is_resolved() -> None:
    sender = Sender(resolve=unresolved)
    attempt = asyncio.create_task(sender.post("https://hooks.example.com/", {}, BODY))
    await asyncio.sleep(0)
    attempt.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attempt
    await sender.close()


async def test_attempts_cancelled_at_any_step_leave_a_sender_that_works_and_no_socket(sender: Sender) -> None:
    async with receiver() as there:
        for steps in range(60):
            attempts = [asyncio.create_task(sender.post(url_of(there), {}, BODY)) for _ in range(3)]
            for _ in range(steps):
                await asyncio.sleep(0)
            for attempt in attempts:
                attempt.cancel()
            await asyncio.gather(*attempts, return_exceptions=True)
        assert (await sender.post(url_of(there), {}, BODY)).status == 200
        await sender.close()
        assert await open_connections(there.port) == 0


async def test_endpoints_that_hang_keep_no_place_from_others(sender: Sender) -> None:
    async with receiver(hang) as hanging, receiver() as there:
        attempts = [asyncio.create_task(sender.post(url_of(hanging), {}, BODY)) for _ in range(150)]
        while hanging.connections < 150:
            await asyncio.sleep(0.01)
            assert not any(attempt.done() for attempt in attempts)
        assert (await sender.post(url_of(there), {}, BODY)).status == 200
        assert not any(attempt.done() for attempt in attempts)
        for attempt in attempts:
            attempt.cancel()
        await asyncio.gather(*attempts, return_exceptions=True)
        assert await open_connections(hanging.port) == 0


async def refuse(there: Receiver) -> tuple[Sender, str]:
    return Sender(), f"https://127.0.0.1:{there.port}/secret-path"


async def distrust(there: Receiver) -> tuple[Sender, str]:
    return Sender(LOCAL, seconds=0.2), f"https://127.0.0.1:{there.port}/secret-path"


async def garble(there: Receiver) -> tuple[Sender, str]:
    return Sender(LOCAL), f"http://127.0.0.1:{there.port}/secret-path"


async def miss(there: Receiver) -> tuple[Sender, str]:
    return Sender(LOCAL), "http://127.0.0.1:1/secret-path"


@pytest.mark.parametrize("make", [refuse, distrust, garble, miss])
async def test_failures_and_logs_tell_neither_url_nor_address(
    make: Callable[[Receiver], Awaitable[tuple[Sender, str]]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with receiver(b"garbage\r\n\r\n") as there:
        sender, url = await make(there)
        with pytest.raises(AttemptFailed) as failed:
            await sender.post(url, {}, BODY)
        await sender.close()
    told = "".join(traceback.format_exception(failed.value)) + repr(failed.value) + caplog.text
    assert "secret-path" not in told
    assert "127.0.0.1" not in told


async def test_nothing_is_connected_to_before_something_is_sent() -> None:
    with watched_sockets() as connected:
        await Sender(LOCAL).close()
    assert connected == []
