"""What the broker's acknowledgements mean: an event is in the stream, and where the stream ends."""

import asyncio
from typing import Any, cast

from nats.js.api import PubAck
from nats.js.client import JetStreamContext

from services.events.broker.jetstream import Published, Stream
from shared.contracts.events import EventRecord
from tests.event_records import event_record


class Broker:
    """It acknowledges events one after the other with these message numbers."""

    def __init__(self, *numbers: int) -> None:
        self._numbers = list(numbers)
        self.expected: list[str] = []

    async def publish_async(self, subject: str, payload: bytes, **options: Any) -> "asyncio.Future[PubAck]":
        self.expected.append(options["headers"]["Nats-Expected-Last-Sequence"])
        answer = asyncio.get_running_loop().create_future()
        answer.set_result(PubAck(stream="UPWARD", seq=self._numbers.pop(0)))
        return answer


def events(count: int) -> list[EventRecord]:
    return [event_record(number) for number in range(1, count + 1)]


def stream_on(broker: Broker) -> Stream:
    return Stream(cast(JetStreamContext, broker), "UPWARD")


async def test_events_that_get_the_next_numbers_are_published() -> None:
    broker = Broker(1, 2, 3)
    stream = stream_on(broker)
    assert [await stream.publish(events(2)), await stream.publish(events(1))] == [Published(2), Published(1)]
    assert broker.expected == ["0", "1", "2"]


async def test_a_repeat_is_in_the_stream_but_does_not_say_where_it_ends() -> None:
    """The broker answers a repeated event with the number that it had first. The next event would be sent with a number
    that is too large, so that the end of the stream must be asked for."""
    for numbers in ((1, 1, 2), (1, 5, 6), (1, 2, 2)):
        assert await stream_on(Broker(*numbers)).publish(events(3)) == Published(3, "order_refused"), numbers
