"""Waiting: a notifier that wakes the tasks that wait for work, and pauses that grow while something is away."""

import asyncio
from contextlib import suppress

SHORTEST_PAUSE_SECONDS = 0.02
"""It is short, as events wait meanwhile: Postgres is back a fraction of a second after one of its processes was
killed."""
LONGEST_PAUSE_SECONDS = 5.0


class Backoff:
    """Growing pauses between attempts. No pause is longer than half the time that something has been away, or than the
    shortest pause if that is longer."""

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
    """Gives notice to any number of tasks that there may be work."""

    def __init__(self) -> None:
        self._notice = asyncio.Event()

    def notify(self) -> None:
        self._notice.set()
        self._notice = asyncio.Event()

    @property
    def next_notice(self) -> asyncio.Event:
        """An event that is set at the next notice. Take it before you look for work, and wait for it when you found
        none. Then you miss no notice that was given in between."""
        return self._notice


async def pause(until: asyncio.Event, seconds: float) -> None:
    """Waits that long, or less when the event is set."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await until.wait()
