"""The clients of `bench/abuse.py` that misbehave, each in a process of its own: `abuse_attacks.py NAME URL KEY ...`.

A process prints `ready` when its attack is under way, that is when all its clients have come in the course of a second.
It goes on for a while, finishes what it has begun, and prints how often it got which status as JSON. Status 0 is a
connection that was closed without an answer.

The attackers share the machine with the server. So they do not send as fast as they can, which would measure how the
processors are shared, but as clients on a network do: four senders begin a body of 10 MB ten times a second, which is
what a line of a gigabit carries, two send a mapping five times a second, and who was refused comes again after about a
second, at a moment of its own, whatever `Retry-After` says.
"""

import asyncio
import contextlib
import itertools
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx

STALLED, NAMELESS, MAPPINGS, POLLS = 20, 4, 2, 100
HUGE_BYTES = 10 * 1024 * 1024
MAPPING_BYTES = 80_000
BODY_SECONDS = 0.4
"""Each sender of bodies and of mappings begins a new one so often."""
COMING_SECONDS = 1.0
AGAIN_SECONDS = 1.0
BYTE_SECONDS = 1.0
"""How often a stalled upload sends a byte."""
PATIENCE_SECONDS = 600
CHANCE = random.Random(7)
Found = Counter[int]


class Given(NamedTuple):
    """What an attack is told."""

    url: str
    key: str
    seconds: float
    rows: int
    """How many people the swapped file has."""
    turn: int
    """Counts the runs. Every other import swaps the addresses, and the next one swaps them back."""

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.key}"}


async def stalled_uploads(given: Given, until: float, found: Found) -> None:
    """Uploads whose bodies stop after a kilobyte, and go on by a byte a second."""
    head = _head("/v1/people/import", 5_000_000, "text/csv", given.key)
    await _many(STALLED, until, lambda: _raw(given, head, b"name,email\n" * 100, 1, until, found))


async def bodies_without_a_key(given: Given, until: float, found: Found) -> None:
    """10 MB of JSON that is slow to parse, and no key."""
    head = _head("/v1/programs", HUGE_BYTES, "application/json", "")
    part = b"[]," * 20_000

    async def send() -> None:
        await asyncio.gather(
            _raw(given, head + b"[", part, HUGE_BYTES // len(part), until, found), asyncio.sleep(BODY_SECONDS)
        )

    await _many(NAMELESS, until, send)


async def evil_mappings(given: Given, until: float, found: Found) -> None:
    """A column mapping that a naive parser takes minutes and gigabytes for."""
    mapping = b"a." * (MAPPING_BYTES // 2) + b"a = 1\n"
    files = {"file": ("people.csv", b"name,email\nA,a@example.com\n"), "columns": ("map.toml", mapping)}
    async with _client(given) as client:

        async def upload() -> None:
            refused = _counted(client.post("/v1/people/import", files=files), found)
            await asyncio.gather(refused, asyncio.sleep(BODY_SECONDS))

        await _many(MAPPINGS, until, upload)


async def swapped_addresses(given: Given, until: float, found: Found) -> None:
    """Imports in which everybody takes the address of somebody else, one after the other, and at least one."""
    async with _client(given) as client:
        for turn in itertools.count(given.turn):
            content, kind = export(given.rows, swapped=turn % 2 == 1), {"content-type": "text/csv"}
            await _counted(client.post("/v1/people/import", content=content, headers=kind), found)
            if time.monotonic() >= until:
                return


async def long_polls(given: Given, until: float, found: Found) -> None:
    """Clients that wait for an event that does not come."""
    async with _client(given) as client:

        async def poll() -> None:
            wait = min(30.0, max(0.1, until - time.monotonic()))
            await _counted(
                client.get("/v1/events", params={"after": 0, "types": "cycle.completed", "wait": wait}), found
            )

        await _many(POLLS, until, poll)


ATTACKS: dict[str, Callable[[Given, float, Found], Awaitable[None]]] = {
    "stalled_uploads": stalled_uploads,
    "bodies_without_a_key": bodies_without_a_key,
    "evil_mapping": evil_mappings,
    "swapped_addresses": swapped_addresses,
    "long_polls": long_polls,
}


def export(rows: int, *, swapped: bool) -> bytes:
    """An HR export; `swapped` gives everybody the address of the person beside them."""
    lines = ["employee_id,name,email,level"]
    lines += [f"{n},Person {n},p{n ^ 1 if swapped else n}@swapped.example,1" for n in range(rows)]
    return "\n".join(lines).encode()


def _client(given: Given) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=None)
    return httpx.AsyncClient(base_url=given.url, headers=given.headers, limits=limits, timeout=PATIENCE_SECONDS)


def _head(path: str, size: int, kind: str, key: str) -> bytes:
    authorization = f"authorization: Bearer {key}\r\n" if key else ""
    head = (
        f"POST {path} HTTP/1.1\r\nhost: upward\r\n{authorization}content-type: {kind}\r\ncontent-length: {size}\r\n\r\n"
    )
    return head.encode()


async def _many(count: int, until: float, once: Callable[[], Awaitable[None]]) -> None:
    """So many at the same time, again and again until the time is over."""

    async def again(number: int) -> None:
        await asyncio.sleep(COMING_SECONDS * number / count)
        while time.monotonic() < until:
            await once()

    await asyncio.gather(*(again(number) for number in range(count)))


async def _counted(answer: Awaitable[httpx.Response], found: Found) -> None:
    try:
        status = (await answer).status_code
    except httpx.HTTPError:
        status = 0
    await _count(status, found)


async def _count(status: int, found: Found) -> None:
    """Who was refused for coming too often, or was not answered, waits a little."""
    found[status] += 1
    if status in (0, 429):
        await asyncio.sleep(AGAIN_SECONDS * CHANCE.uniform(0.5, 1.5))


async def _raw(given: Given, head: bytes, part: bytes, parts: int, until: float, found: Found) -> None:
    """Sends a head and parts of a body, then a byte now and then until the answer comes or the attack is over, and
    closes."""
    address, status = urlsplit(given.url), 0
    with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        trickling = asyncio.create_task(_send(writer, head, part, parts))
        try:
            async with asyncio.timeout(max(0.1, until - time.monotonic())):
                status = int((await reader.readuntil(b"\r\n")).split()[1])
                if parts > 1:  # goes on sending, whatever the answer is, until the server lets go of it
                    await trickling
        finally:
            trickling.cancel()
            writer.close()
    await _count(status, found)


async def _send(writer: asyncio.StreamWriter, head: bytes, part: bytes, parts: int) -> None:
    with contextlib.suppress(OSError):
        writer.write(head)
        for _ in range(parts):
            writer.write(part)
            await writer.drain()
        while True:
            await asyncio.sleep(BYTE_SECONDS)
            writer.write(b"x")
            await writer.drain()


async def attack(name: str, given: Given) -> Found:
    found: Found = Counter()
    until = time.monotonic() + COMING_SECONDS + given.seconds
    attacking = asyncio.create_task(_as_coroutine(ATTACKS[name](given, until, found)))
    await asyncio.sleep(COMING_SECONDS)
    print("ready", flush=True)
    await attacking
    return found


async def _as_coroutine(awaitable: Awaitable[None]) -> None:
    await awaitable


if __name__ == "__main__":
    name, url, key, seconds, rows, turn = sys.argv[1:]
    print(json.dumps(asyncio.run(attack(name, Given(url, key, float(seconds), int(rows), int(turn))))))
