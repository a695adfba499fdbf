"""The clients of `bench/abuse.py` that misbehave, each in a process of its own: `abuse_attacks.py NAME URL KEY ...`.

A process prints `ready` when its attack is under way, goes on for a while, finishes what it has begun, and prints how
often it got which status as JSON. Status 0 is a connection that was closed without an answer.
"""

import asyncio
import contextlib
import json
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
PATIENCE_SECONDS = 600
Found = Counter[int]


class Given(NamedTuple):
    """What an attack is told."""

    url: str
    key: str
    seconds: float
    rows: int
    """How many people the swapped file has."""
    turn: int
    """Counts the runs. The addresses of every other run are swapped."""

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.key}"}


async def stalled_uploads(given: Given, until: float, found: Found) -> None:
    """Uploads whose bodies stop after a kilobyte."""
    head = _head("/v1/people/import", 5_000_000, "text/csv", given.key)
    await _many(STALLED, until, lambda: _raw(given, head, b"name,email\n" * 100, 1, until, found))


async def bodies_without_a_key(given: Given, until: float, found: Found) -> None:
    """10 MB of JSON that is slow to parse, as fast as it is taken, and no key."""
    head = _head("/v1/programs", HUGE_BYTES, "application/json", "")
    part = b"[]," * 20_000
    await _many(NAMELESS, until, lambda: _raw(given, head + b"[", part, HUGE_BYTES // len(part), until, found))


async def evil_mappings(given: Given, until: float, found: Found) -> None:
    """A column mapping that a naive parser takes minutes and gigabytes for."""
    mapping = b"a." * (MAPPING_BYTES // 2) + b"a = 1\n"
    files = {"file": ("people.csv", b"name,email\nA,a@example.com\n"), "columns": ("map.toml", mapping)}
    async with _client(given) as client:

        async def upload() -> None:
            await _counted(client.post("/v1/people/import", files=files), found)

        await _many(MAPPINGS, until, upload)


async def swapped_addresses(given: Given, until: float, found: Found) -> None:
    """One import in which everybody takes the address of somebody else."""
    async with _client(given) as client:
        content, kind = export(given.rows, swapped=given.turn % 2 == 1), {"content-type": "text/csv"}
        await _counted(client.post("/v1/people/import", content=content, headers=kind), found)


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

    async def again() -> None:
        while time.monotonic() < until:
            await once()

    await asyncio.gather(*(again() for _ in range(count)))


async def _counted(answer: Awaitable[httpx.Response], found: Found) -> None:
    try:
        found[(await answer).status_code] += 1
    except httpx.HTTPError:
        found[0] += 1
        await asyncio.sleep(0.05)


async def _raw(given: Given, head: bytes, part: bytes, parts: int, until: float, found: Found) -> None:
    """Sends a head and parts of a body, waits for the answer for as long as the attack lasts, and closes."""
    address, status = urlsplit(given.url), 0
    with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        try:
            writer.write(head)
            with contextlib.suppress(OSError):
                for _ in range(parts):
                    writer.write(part)
                    await writer.drain()
            async with asyncio.timeout(max(0.1, until - time.monotonic())):
                status = int((await reader.readuntil(b"\r\n")).split()[1])
        finally:
            writer.close()
    found[status] += 1
    if status == 429:
        await asyncio.sleep(1)


async def attack(name: str, given: Given) -> Found:
    found: Found = Counter()
    attacking = asyncio.create_task(_as_coroutine(ATTACKS[name](given, time.monotonic() + given.seconds, found)))
    await asyncio.sleep(min(0.5, given.seconds / 4))
    print("ready", flush=True)
    await attacking
    return found


async def _as_coroutine(awaitable: Awaitable[None]) -> None:
    await awaitable


if __name__ == "__main__":
    name, url, key, seconds, rows, turn = sys.argv[1:]
    print(json.dumps(asyncio.run(attack(name, Given(url, key, float(seconds), int(rows), int(turn))))))
