"""A NATS JetStream stream, as the publisher of the event log sees it.

The stream itself keeps the order. Every message says which sequence number of the *stream* it expects before itself
(`Nats-Expected-Last-Sequence`). So when a batch is sent without waiting and one message fails, the stream takes nothing
behind it. The stream always holds the log without a hole in the middle, even if two publishers ever send at once.
`Nats-Msg-Id` is the event's id: within its window of duplicates the stream takes a repeated event once.

When a connection fails, it is given up with everything that was sent on it, and the next connection asks the stream how
far it came. The client's own reconnecting is off, as it would send what it had buffered, in an order and at a time that
nobody chose.

Failures leave this module as BrokerAway with a code. Texts of the broker or the client are never passed on, as they may
name addresses and users.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from nats.aio.client import Client
from nats.errors import ConnectionClosedError, NoServersError, SecureConnWantedError, StaleConnectionError
from nats.errors import Error as NatsError
from nats.js.api import Header, PubAck, RawStreamMsg
from nats.js.client import JetStreamContext
from nats.js.errors import APIError, NoStreamResponseError, NotFoundError

from services.events.log.rules.cloudevents import CloudEvent, cloud_event, source_of
from shared.contracts.events import EventRecord

SUBJECTS = "upward.>"
CONTENT_TYPE = "application/cloudevents+json"
"""The content type by which the NATS binding of CloudEvents recognizes the structured mode
(https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/nats-protocol-binding.md)."""
CONNECT_SECONDS = 5
ANSWER_SECONDS = 5
CLOSE_SECONDS = 2

CODES = {
    10002: "account_full",
    10023: "broker_full",
    10039: "jetstream_not_enabled",
    10047: "broker_full",
    10065: "subjects_taken",
    10071: "order_refused",
    10076: "jetstream_not_enabled",
    10077: "stream_full",
    10109: "stream_sealed",
}
"""Our codes for the broker's error numbers (nats-server, server/errors.json). Other numbers become
`jetstream_<number>`."""
PHRASES = {
    "authorization violation": "not_authorized",
    "authentication expired": "not_authorized",
    "authorization failed": "not_authorized",
    "permissions violation": "permission_denied",
}
"""Our codes for errors that the broker sends as words without a number."""
KINDS: dict[type[Exception], str] = {
    NoStreamResponseError: "no_stream",
    SecureConnWantedError: "no_tls",
    ssl.SSLError: "tls_failed",
    TimeoutError: "no_answer",
    OSError: "broker_away",
    NoServersError: "broker_away",
    ConnectionClosedError: "broker_away",
    StaleConnectionError: "broker_away",
}


class BrokerAway(Exception):
    """The broker does not take events now. The text is the reason, as a code. Try again later."""


class Target(NamedTuple):
    """Where to publish. Its addresses may hold a password: never log it."""

    servers: tuple[str, ...]
    stream: str
    credentials: Path | None = None


class EventKey(NamedTuple):
    """Identifies one event."""

    organization_id: UUID
    sequence: int
    event_id: UUID


class StreamEnd(NamedTuple):
    """How far a stream has come."""

    sequence: int
    """The last sequence number that the stream gave to any message; 0 if it never held one."""
    last: EventKey | None = None
    """The last of our events that the stream still holds."""
    is_last_of_all: bool = False
    """Whether no message came after that event, not even one that has been removed since."""


class Published(NamedTuple):
    taken: int
    """How many of the events, counted from the first one, are in the stream."""
    failure: str | None = None
    """Why not all of them are, or why the end of the stream is not known any more, as a code."""


def subject_of(record: EventRecord) -> str:
    """`upward.<organization id>.<type>.v<version>`."""
    return f"upward.{record.organization_id}.{record.type}.v{record.version}"


class Stream:
    """A stream over one connection."""

    def __init__(self, context: JetStreamContext, name: str) -> None:
        self._context = context
        self._name = name
        self._sequence = 0
        self._answers: list[asyncio.Future[PubAck]] = []
        self.complaint: str | None = None
        """What went wrong first, as a code. The client does not report a refusal as the answer to a message, which then
        stays without one. For refused permissions the protocol has no other way. All other refusals are raised
        elsewhere by a fault of `publish_async`."""

    async def open(self) -> StreamEnd:
        """Where the stream ends. A stream that does not exist is created; one that exists is never changed. Raises
        BrokerAway."""
        try:
            try:
                info = await self._context.stream_info(self._name)
            except NotFoundError:
                info = await self._context.add_stream(name=self._name, subjects=[SUBJECTS])
            self._sequence = info.state.last_seq
            with suppress(NotFoundError):
                found = await self._context.get_last_msg(self._name, SUBJECTS)
                return StreamEnd(self._sequence, _event_key_of(found), found.seq == self._sequence)
        except (NatsError, OSError, TimeoutError) as error:
            raise BrokerAway(self.complaint or code_of(error)) from None
        return StreamEnd(self._sequence)

    async def publish(self, events: Sequence[EventRecord]) -> Published:
        """Sends all events in order without waiting in between, and then waits for the answers."""
        unsent = await self._send_all(events)
        if self._answers and self.complaint is None:
            await asyncio.wait(self._answers, timeout=ANSWER_SECONDS)
        self._give_up()
        failures = [_failure_of(answer) for answer in self._answers]
        taken = next((number for number, failure in enumerate(failures) if failure), len(failures))
        numbers = [answer.result().seq for answer in self._answers[:taken]]
        failure = failures[taken] if taken < len(failures) else unsent
        if failure is None and numbers != [self._sequence + number for number in range(1, taken + 1)]:
            # A repeat is answered with the number that it had first, so that ours is not the stream's.
            failure = "order_refused"
        self._sequence += taken
        return Published(taken, failure and (self.complaint or failure))

    def complain(self, code: str) -> None:
        """Records what went wrong first, and waits no longer. Messages before the failed one have their answers
        already."""
        self.complaint = self.complaint or code
        self._give_up()

    def _give_up(self) -> None:
        for answer in self._answers:
            answer.cancel()

    async def _send_all(self, events: Sequence[EventRecord]) -> str | None:
        """Sends the events. Returns why not all of them could be sent, as a code; None if all were sent."""
        self._answers = []
        for number, record in enumerate(events):
            headers = {
                "Content-Type": CONTENT_TYPE,
                Header.MSG_ID.value: str(record.id),
                Header.EXPECTED_LAST_SEQUENCE.value: str(self._sequence + number),
            }
            payload = cloud_event(record).model_dump_json().encode()
            try:
                sent = self._context.publish_async(subject_of(record), payload, stream=self._name, headers=headers)
                self._answers.append(await sent)
            except (NatsError, OSError) as error:
                return code_of(error)
        return None


@asynccontextmanager
async def connected(target: Target) -> AsyncIterator[Stream]:
    """The stream over a new connection, which is closed at the end of the block. Raises BrokerAway."""
    client = _EncryptedClient() if target.servers[0].startswith("tls:") else Client()
    stream = Stream(client.jetstream(timeout=ANSWER_SECONDS), target.stream)

    async def note(error: Exception) -> None:
        stream.complain(code_of(error))

    async def note_closed() -> None:
        stream.complain("broker_away")

    try:
        try:
            async with asyncio.timeout(CONNECT_SECONDS * 2 * len(target.servers)):
                await client.connect(
                    list(target.servers),
                    name="upward",
                    user_credentials=None if target.credentials is None else str(target.credentials),
                    allow_reconnect=False,
                    max_reconnect_attempts=1,
                    reconnect_time_wait=0,
                    connect_timeout=CONNECT_SECONDS,
                    ping_interval=20,
                    error_cb=note,
                    closed_cb=note_closed,
                )
        except (NatsError, OSError, TimeoutError) as error:
            raise BrokerAway(stream.complaint or code_of(error)) from None
        stream.complaint = None  # it may be about a server that was tried before this one
        yield stream
    finally:
        with suppress(Exception):
            async with asyncio.timeout(CLOSE_SECONDS):
                await client.close()


class _EncryptedClient(Client):
    """A client that does not sign in to a server that did not begin TLS. The plain client believes the server whether
    to use TLS, and so would sign in in clear text when somebody on the way alters the server's message."""

    def _connect_command(self) -> bytes:
        if not self._server_info.get("tls_required"):
            raise SecureConnWantedError
        return super()._connect_command()


def code_of(error: BaseException) -> str:
    """The code of a failure, without any of its text."""
    if isinstance(error, APIError):
        return CODES.get(error.err_code or 0, f"jetstream_{error.err_code or error.code}")
    if isinstance(error, NatsError):
        text = str(error).lower()
        for phrase, code in PHRASES.items():
            if phrase in text:
                return code
    return next((code for kind, code in KINDS.items() if isinstance(error, kind)), type(error).__name__)


def _failure_of(answer: "asyncio.Future[PubAck]") -> str | None:
    if answer.cancelled():
        return "no_answer"
    error = answer.exception()
    return None if error is None else code_of(error)


def _event_key_of(message: RawStreamMsg) -> EventKey | None:
    """The event that a message holds; None if it is not one of ours."""
    try:
        event = CloudEvent.model_validate_json(message.data or b"")
        key = EventKey(UUID(event.source.rpartition(":")[2]), int(event.sequence), event.id)
    except ValueError:
        return None
    return key if event.source == source_of(key.organization_id) else None
