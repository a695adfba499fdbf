"""Waiting for work: a bell that wakes who waits, and pauses that grow while something is away."""

import asyncio
from contextlib import suppress

SHORTEST_PAUSE_SECONDS = 0.02
"""Postgres is back a fraction of a second after one of its processes was killed, and events wait for that long."""
LONGEST_PAUSE_SECONDS = 5.0


class Backoff:
    """Growing pauses between attempts: the last is no longer than half the time that something was away, or 20 ms."""

    def __init__(self, shortest: float = SHORTEST_PAUSE_SECONDS, longest: float = LONGEST_PAUSE_SECONDS) -> None:
        self._shortest, self._longest = shortest, longest
        self._seconds = shortest

    def next(self) -> float:
        seconds = self._seconds
        self._seconds = min(seconds * 1.5, self._longest)
        return seconds

    def reset(self) -> None:
        self._seconds = self._shortest


class Notifier:
    """Tells any number of tasks that there may be work."""

    def __init__(self) -> None:
        self._notice = asyncio.Event()

    def notify(self) -> None:
        self._notice.set()
        self._notice = asyncio.Event()

    @property
    def next_notice(self) -> asyncio.Event:
        """Set when the bell rings next. Take it before you look for work and wait for it after you found none: nothing
        that came in between is missed."""
        return self._notice


async def pause(until: asyncio.Event, seconds: float) -> None:
    """Waits that long, or less when the event is set."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await until.wait()
