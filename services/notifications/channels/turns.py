"""Places that several take in turns, so that none of them keeps the others waiting for long."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID


class Turns:
    """A place that gets free goes to whoever holds the fewest, of those that wait for one; among equals, to whoever was
    served longest ago."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._held = Counter[UUID]()
        self._waiting: dict[UUID, deque[asyncio.Future[None]]] = {}
        """By organization; whoever was served longest ago is first."""

    @asynccontextmanager
    async def turn(self, organization_id: UUID) -> AsyncIterator[None]:
        """Waits for a place and holds it during the block."""
        await self._take(organization_id)
        try:
            yield
        finally:
            self._give_back(organization_id)

    async def _take(self, organization_id: UUID) -> None:
        place = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(organization_id, deque()).append(place)
        self._hand_out()
        try:
            await place
        except asyncio.CancelledError:
            if not place.cancelled():  # the place was handed over in the same moment
                self._give_back(organization_id)
            raise

    def _give_back(self, organization_id: UUID) -> None:
        self._held[organization_id] -= 1
        if not self._held[organization_id]:
            del self._held[organization_id]
        self._free += 1
        self._hand_out()

    def _hand_out(self) -> None:
        while self._free and self._waiting:
            served = min(self._waiting, key=lambda one: self._held[one])
            places = self._waiting.pop(served)
            place = places.popleft()
            if places:
                self._waiting[served] = places  # behind the others
            if not place.done():  # nobody waits for it any more if it was cancelled
                self._free -= 1
                self._held[served] += 1
                place.set_result(None)
