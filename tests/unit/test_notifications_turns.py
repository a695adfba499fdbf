"""Organizations take turns with the connections to the mail server."""

import asyncio
from collections import Counter
from uuid import UUID

import pytest

from services.notifications.channels.turns import Turns

LARGE, SMALL, OTHER = UUID(int=1), UUID(int=2), UUID(int=3)


async def send(turns: Turns, organization_id: UUID, served: list[UUID], times: int = 1) -> None:
    for _ in range(times):
        async with turns.turn(organization_id):
            served.append(organization_id)
            await asyncio.sleep(0)


async def test_one_organization_alone_has_all_places() -> None:
    turns, held, go_on = Turns(3), 0, asyncio.Event()

    async def hold() -> None:
        nonlocal held
        async with turns.turn(LARGE):
            held += 1
            await go_on.wait()

    holding = [asyncio.create_task(hold()) for _ in range(5)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert held == 3
    go_on.set()
    await asyncio.gather(*holding)
    assert held == 5


async def test_whoever_has_fifty_thousand_messages_holds_nobody_up() -> None:
    turns, served = Turns(4), list[UUID]()
    large = [asyncio.create_task(send(turns, LARGE, served, times=100)) for _ in range(4)]
    while len(served) < 40:
        await asyncio.sleep(0)
    begun = len(served)
    await asyncio.gather(*(send(turns, one, served, times=5) for one in (SMALL, OTHER)))
    meanwhile = Counter(served[begun:])
    assert meanwhile[SMALL] == meanwhile[OTHER] == 5
    assert meanwhile[LARGE] <= 4 * 2 * 5, "of the 360 that it had left"
    await asyncio.gather(*large)
    assert Counter(served) == {LARGE: 400, SMALL: 5, OTHER: 5}


@pytest.mark.parametrize("handed_over", [False, True])
async def test_a_place_is_not_lost_when_whoever_waits_for_it_gives_up(handed_over: bool) -> None:
    turns, served = Turns(1), list[UUID]()
    async with turns.turn(LARGE):
        waiting = asyncio.create_task(send(turns, SMALL, served))
        await asyncio.sleep(0)
        if not handed_over:
            waiting.cancel()
    if handed_over:  # in the moment in which the place was free
        waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.wait_for(send(turns, OTHER, served), 5)
    assert served == [OTHER]
