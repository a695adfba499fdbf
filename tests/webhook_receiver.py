"""A receiver of webhooks for tests: a real HTTP server on loopback that keeps what it got and answers as it is told."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import uvicorn
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from standardwebhooks import Webhook

from tests.patience import PATIENCE_SECONDS
from upward.serving.server import Server, listen


class Received(NamedTuple):
    """One request, as it came."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def event(self) -> BaseCloudEvent:
        """The event, as the official library reads it."""
        return from_http_event(HTTPMessage(dict(self.headers), self.body))

    @property
    def sequence(self) -> int:
        return int(str(self.event.get_extension("sequence")))

    @property
    def subject(self) -> str:
        return str(self.event.get_subject())

    def verify(self, secret: str) -> None:
        """As a client would, with the official library. Raises WebhookVerificationError."""
        Webhook(secret).verify(self.body, dict(self.headers))


class Reply(NamedTuple):
    status: int = 204
    headers: Mapping[str, str] = {}
    body: bytes = b""


Decide = Callable[[Received], Awaitable[Reply]]


async def _take(received: Received) -> Reply:
    return Reply()


@dataclass
class Receiver:
    """What came so far, and how it answers: replace `decide` at any time."""

    url: str
    decide: Decide = _take
    received: list[Received] = field(default_factory=list)
    taken: list[Received] = field(default_factory=list)
    """Those that were answered with 2xx."""

    @property
    def sequences(self) -> list[int]:
        return [one.sequence for one in self.taken]

    async def until(self, condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
        """Waits for something to come true, with patience; raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.02)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":  # whoever sent it has gone
                return
            body, more = body + message.get("body", b""), message.get("more_body", False)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        received = Received(headers, body)
        self.received.append(received)
        reply = await self.decide(received)
        if 200 <= reply.status < 300:
            self.taken.append(received)
        encoded = [(name.encode(), value.encode()) for name, value in reply.headers.items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": encoded})
        await send({"type": "http.response.body", "body": reply.body})


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver on a free port of loopback."""
    with listen("127.0.0.1", 0) as address:
        receiver = Receiver(f"http://127.0.0.1:{address.getsockname()[1]}/hook")
        config = uvicorn.Config(
            receiver, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1
        )
        server = Server(config)
        serving = asyncio.create_task(server.serve(sockets=[address]))
        try:
            yield receiver
        finally:
            server.should_exit = True
            await serving
