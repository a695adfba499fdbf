"""Organizations get the places for computations in turn, and who waits is heard of meanwhile."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.matching.engine.computation import Result
from services.matching.engine.inputs import Inputs
from services.matching.runs import solving
from services.matching.runs.places import MOST_IN_ALL, Places, Ticket, TooManyWait
from services.matching.runs.solving import in_thread, solve
from shared.contracts.base import Service
from tests.unit.matching_pools import inputs, juniors, seniors
from tests.unit.properties import examples
from upward.composition import ACTIVITIES_AT_ONCE, MOST_ACTIVITIES

ONE, OTHER, THIRD = (UUID(int=number) for number in (1, 2, 3))
RUN = inputs([*juniors(2), *seniors(2)])


def entered(places: Places, *organizations: UUID) -> list[Ticket]:
    return [places.enter(organization) for organization in organizations]


async def test_another_organizations_first_computation_comes_next() -> None:
    places = Places(1)
    running, *waiting, last = entered(places, ONE, ONE, ONE, ONE, OTHER)
    order = []
    while not all(ticket.granted for ticket in [*waiting, last]):
        places.leave(running)
        (running,) = (ticket for ticket in [*waiting, last] if ticket.granted and ticket not in order)
        order.append(running)
    assert order == [waiting[0], last, waiting[1], waiting[2]]


async def test_an_organization_may_wait_with_so_many_computations_only_and_another_one_all_the_same() -> None:
    places = Places(1, most_waiting=2)
    entered(places, ONE, ONE, ONE)
    with pytest.raises(TooManyWait):
        places.enter(ONE)
    assert not places.enter(OTHER).granted


async def test_all_organizations_together_leave_room_for_other_work_and_each_gets_a_part_of_what_is_there() -> None:
    places = Places(1, most_waiting=4, most_in_all=6)
    running, *one = entered(places, ONE, ONE, ONE, ONE, ONE)
    other = entered(places, OTHER, OTHER)
    assert (places.takes(ONE), places.takes(OTHER), places.takes(THIRD)) == (False, True, True)
    third = entered(places, THIRD, THIRD)
    assert [ticket.sent_away for ticket in [*one, *other, *third]] == [False, False, True, True, *4 * [False]]
    for organization in (ONE, OTHER, THIRD):
        with pytest.raises(TooManyWait):
            places.enter(organization)
    with pytest.raises(TooManyWait):
        await one[-1].wait(lambda: None, 60)
    for ticket in [*one[2:], running]:  # who was sent away has nothing to give back
        places.leave(ticket)
    assert [ticket.granted for ticket in [*one, *other, *third]] == [True, *7 * [False]]


async def test_many_organizations_never_wait_with_more_than_may_wait_in_all() -> None:
    places = Places(2, most_in_all=8)
    entered(places, *(UUID(int=number) for number in range(10)))
    for number in range(10, 30):
        with pytest.raises(TooManyWait):
            places.enter(UUID(int=number))
    assert ACTIVITIES_AT_ONCE.get(Service.MATCHING, MOST_ACTIVITIES) >= 2 * (solving.AT_ONCE + MOST_IN_ALL)


async def test_who_gives_up_waiting_keeps_no_place() -> None:
    places = Places(1)
    running, waiting, next = entered(places, ONE, OTHER, THIRD)
    places.leave(waiting)
    places.leave(running)
    assert (waiting.granted, next.granted) == (False, True)
    places.leave(next)
    assert places.enter(ONE).granted


def test_a_place_is_not_lost_to_a_loop_that_has_ended() -> None:
    places = Places(1)

    async def enter() -> Ticket:
        return places.enter(ONE)

    running, _ = asyncio.run(enter()), asyncio.run(enter())
    places.leave(running)
    assert asyncio.run(enter()).granted


@examples(50)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 4)), max_size=60), st.integers(1, 3))
def test_never_more_run_than_there_are_places_and_nobody_is_overtaken_twice(
    steps: list[tuple[bool, int]], count: int
) -> None:
    """Each step is an entry of an organization, or the end of one of its computations."""

    async def play() -> None:
        places = Places(count, most_waiting=100, most_in_all=100)
        tickets: list[Ticket] = []
        overtaken: dict[Ticket, list[UUID | None]] = {}
        for enters, number in steps:
            granted_before = [ticket for ticket in tickets if ticket.granted]
            if enters:
                tickets.append(places.enter(UUID(int=number)))
            elif granted_before:
                ended = granted_before[number % len(granted_before)]
                tickets.remove(ended)
                places.leave(ended)
            assert sum(ticket.granted for ticket in tickets) == min(count, len(tickets))
            for new in (ticket for ticket in tickets if ticket.granted and ticket not in granted_before):
                heads = {ticket.organization_id: ticket for ticket in reversed(tickets) if not ticket.granted}
                for head in heads.values():
                    overtaken.setdefault(head, []).append(new.organization_id)
                    others = [one for one in overtaken[head] if one != head.organization_id]
                    assert len(others) == len(set(others)), "another organization was served twice meanwhile"

    asyncio.run(play())


@contextmanager
def computations_that_hang(monkeypatch: pytest.MonkeyPatch, begun: list[Inputs]) -> Iterator[threading.Event]:
    """Computations end when the event is set, or soon after nobody wants them."""
    may_end = threading.Event()

    def hang(of: Inputs, go_on: Callable[[], None]) -> Result:
        begun.append(of)
        while not may_end.wait(0.01):
            go_on()
        return real(of)

    real = solving.solve_here
    monkeypatch.setattr(solving, "solve_here", hang)
    monkeypatch.setattr(solving, "HEARTBEAT_SECONDS", 0.01)
    monkeypatch.setattr(solving, "_places", Places(solving.AT_ONCE))
    try:
        yield may_end
    finally:
        may_end.set()


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


async def test_a_run_that_waits_behind_two_long_ones_heartbeats_and_then_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[Inputs] = []
    heard: list[int] = []
    with computations_that_hang(monkeypatch, begun) as may_end:
        long = [asyncio.create_task(solve(RUN, organization_id=ONE)) for _ in range(3)]
        await until(lambda: len(begun) == 2)
        third = asyncio.create_task(solve(RUN, lambda: heard.append(1), organization_id=THIRD))
        await until(lambda: len(heard) >= 5)
        assert len(begun) == 2
        may_end.set()
        assert (await third).certified
        await asyncio.gather(*long)


async def test_short_work_does_not_wait_for_long_computations(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[Inputs] = []
    with computations_that_hang(monkeypatch, begun) as may_end:
        long = [asyncio.create_task(solve(RUN, organization_id=ONE)) for _ in range(2)]
        await until(lambda: len(begun) == 2)
        assert await asyncio.wait_for(in_thread(lambda: 7), 60) == 7
        may_end.set()
        await asyncio.gather(*long)


async def test_a_computation_that_nobody_wants_gives_its_place_back_when_it_has_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun: list[Inputs] = []
    with computations_that_hang(monkeypatch, begun) as may_end:
        running = [asyncio.create_task(solve(RUN, organization_id=ONE)) for _ in range(2)]
        await until(lambda: len(begun) == 2)
        waiting = asyncio.create_task(solve(RUN, organization_id=ONE))
        next = asyncio.create_task(solve(RUN, organization_id=OTHER))
        await asyncio.sleep(0)
        for task in (running[0], waiting):
            task.cancel()
        await until(lambda: len(begun) == 3)
        may_end.set()
        await next
        await running[1]
        assert running[0].cancelled()
        assert waiting.cancelled()
