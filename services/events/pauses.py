"""Pauses between attempts at something that may be away, and waiting that can be cut short."""

import asyncio
from contextlib import suppress

SHORTEST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0


class Pauses:
    """Growing pauses between attempts: each twice as long as the one before, up to the longest, in seconds."""

    def __init__(self, longest: float = LONGEST_PAUSE_SECONDS) -> None:
        self._longest = longest
        self._seconds = SHORTEST_PAUSE_SECONDS

    def next(self) -> float:
        seconds = self._seconds
        self._seconds = min(seconds * 2, self._longest)
        return seconds

    def reset(self) -> None:
        self._seconds = SHORTEST_PAUSE_SECONDS


async def pause(until: asyncio.Event, seconds: float) -> None:
    """Waits that long, or less when the event is set."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await until.wait()
