"""Waiting: no notice is missed between looking for work and waiting, and pauses grow slower than what they wait for."""

import asyncio

from services.events.log.waiting import LONGEST_PAUSE_SECONDS, SHORTEST_PAUSE_SECONDS, Backoff, Notifier, pause

LONG_SECONDS = 60


async def test_a_notice_wakes_everybody_who_waits() -> None:
    notifier = Notifier()
    waiting = [asyncio.create_task(pause(notifier.next_notice, LONG_SECONDS)) for _ in range(3)]
    await asyncio.sleep(0)
    notifier.notify()
    await asyncio.gather(*waiting)


async def test_a_notice_between_the_look_and_the_wait_is_heard() -> None:
    notifier = Notifier()
    notice = notifier.next_notice
    notifier.notify()
    await pause(notice, LONG_SECONDS)


async def test_a_notice_before_the_look_does_not_count() -> None:
    notifier = Notifier()
    notifier.notify()
    assert not notifier.next_notice.is_set()


async def test_a_pause_ends_after_its_time_without_a_notice() -> None:
    await pause(Notifier().next_notice, 0)


def test_no_pause_is_longer_than_what_was_waited_before_it_but_for_the_first_ones() -> None:
    backoff, waited = Backoff(), SHORTEST_PAUSE_SECONDS
    for _ in range(100):
        seconds = backoff.next()
        assert SHORTEST_PAUSE_SECONDS <= seconds <= min(waited, LONGEST_PAUSE_SECONDS)
        waited += seconds
    assert seconds == LONGEST_PAUSE_SECONDS


def test_pauses_begin_anew_after_a_success() -> None:
    backoff = Backoff()
    for _ in range(10):
        backoff.next()
    backoff.reset()
    assert backoff.next() == SHORTEST_PAUSE_SECONDS
