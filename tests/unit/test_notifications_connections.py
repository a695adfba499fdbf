"""Connections to the mail server stay open while somebody sends, and are all closed once nobody does."""

import asyncio
from uuid import UUID

import pytest

from services.notifications.channels.connections import Connections
from services.notifications.channels.registry import TRANSPORTS
from services.notifications.channels.transport import Transport
from services.notifications.composing import Composed
from services.notifications.rules.messages import Channel
from shared.config import Settings

ORGANIZATION = UUID(int=1)


class Slow(Transport):
    """Its server takes its time to say goodbye."""

    opened: set["Slow"]
    goodbye: asyncio.Event

    def __init__(self, settings: Settings) -> None:
        self.opened.add(self)

    async def __aexit__(self, *_: object) -> None:
        await self.goodbye.wait()
        self.opened.remove(self)

    async def connect(self) -> None: ...

    async def send(self, message: Composed) -> None: ...


async def test_what_a_delivery_opens_while_the_connections_of_the_one_before_are_closed_is_closed_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Slow.opened, Slow.goodbye = set(), asyncio.Event()
    monkeypatch.setitem(TRANSPORTS, Channel.EMAIL, Slow)
    connections, may_end = Connections(Settings(smtp_connections=2)), asyncio.Event()

    async def send(until: asyncio.Event | None) -> None:
        async with connections.turn(ORGANIZATION, Channel.EMAIL):
            await asyncio.sleep(0)
            if until is not None:
                await until.wait()

    async def deliver(*, slowly: bool) -> None:
        async with connections.kept():
            await asyncio.gather(send(None), send(may_end if slowly else None))

    first = asyncio.create_task(deliver(slowly=False))
    while connections._deliveries or not Slow.opened:
        await asyncio.sleep(0)
    second = asyncio.create_task(deliver(slowly=True))  # one of its two connections is idle, and the other in use
    while len(Slow.opened) < 4:
        await asyncio.sleep(0)
    Slow.goodbye.set()
    await first
    may_end.set()
    await second
    assert not Slow.opened
