"""The connections of one process, over which all of its deliveries send.

There are at most `UPWARD_SMTP_CONNECTIONS`, whoever sends, because mail servers limit them. Organizations take turns:
one that sends to fifty thousand people has all of them while it is alone, and its share of them once another sends too.
"""

from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from services.notifications.channels.refusals import Refusals
from services.notifications.channels.registry import TRANSPORTS
from services.notifications.channels.transport import Transport
from services.notifications.channels.turns import Turns
from services.notifications.rules.messages import Channel
from shared.config import Settings


class Connections:
    def __init__(self, settings: Settings) -> None:
        self.most = settings.smtp_connections
        self._settings = settings
        self._turns = Turns(self.most)
        self.refusals: dict[Channel, Refusals] = defaultdict(Refusals)
        self._idle: dict[Channel, list[Transport]] = defaultdict(list)
        self._deliveries = 0

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Connections stay open while any delivery is in such a block."""
        self._deliveries += 1
        try:
            yield
        finally:
            self._deliveries -= 1
            if not self._deliveries:
                await self._close()

    @asynccontextmanager
    async def turn(self, organization_id: UUID, channel: Channel) -> AsyncIterator[Transport]:
        """A connection that nobody else uses, as soon as it is this organization's turn."""
        async with self._turns.turn(organization_id):
            idle = self._idle[channel]
            transport = idle.pop() if idle else await TRANSPORTS[channel](self._settings).__aenter__()
            try:
                yield transport
            finally:
                idle.append(transport)

    async def _close(self) -> None:
        """Whatever a delivery opens that begins meanwhile is closed at its own end."""
        found = [idle.pop() for idle in self._idle.values() for _ in range(len(idle))]
        for transport in found:
            await transport.__aexit__(None, None, None)
