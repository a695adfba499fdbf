"""Waiting: no ring is missed between a look and the wait after it, and pauses grow slower than what they wait for."""

import asyncio

from services.events.log.waiting import LONGEST_PAUSE_SECONDS, SHORTEST_PAUSE_SECONDS, Bell, Pauses, pause

LONG_SECONDS = 60


async def test_a_ring_wakes_everybody_who_waits() -> None:
    bell = Bell()
    waiting = [asyncio.create_task(pause(bell.next_ring, LONG_SECONDS)) for _ in range(3)]
    await asyncio.sleep(0)
    bell.ring()
    await asyncio.gather(*waiting)


async def test_a_ring_between_the_look_and_the_wait_is_heard() -> None:
    bell = Bell()
    ring = bell.next_ring
    bell.ring()
    await pause(ring, LONG_SECONDS)


async def test_a_ring_of_before_the_look_does_not_count() -> None:
    bell = Bell()
    bell.ring()
    assert not bell.next_ring.is_set()


async def test_a_pause_ends_after_its_time_without_a_ring() -> None:
    await pause(Bell().next_ring, 0)


def test_no_pause_is_longer_than_what_was_waited_before_it_but_for_the_first_ones() -> None:
    pauses, waited = Pauses(), SHORTEST_PAUSE_SECONDS
    for _ in range(100):
        seconds = pauses.next()
        assert SHORTEST_PAUSE_SECONDS <= seconds <= min(waited, LONGEST_PAUSE_SECONDS)
        waited += seconds
    assert seconds == LONGEST_PAUSE_SECONDS


def test_pauses_begin_anew_after_a_success() -> None:
    pauses = Pauses()
    for _ in range(10):
        pauses.next()
    pauses.reset()
    assert pauses.next() == SHORTEST_PAUSE_SECONDS
