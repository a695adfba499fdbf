"""The receiver of webhooks: an HTTP server that verifies each request as a consumer would, with the official library,
writes it to its ledger, and only then answers 2xx.

Each organization has one endpoint for the one type that is delivered, with a path and a secret of its own.
"""

import asyncio
import json
import time
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import uvicorn
from standardwebhooks import Webhook, WebhookVerificationError

from bench.event_readers import STOP_SECONDS, Stopping
from bench.event_writers import DELIVERED_TYPE, ORGANIZATIONS, fact_of
from bench.ledger_files import REFUSED, LedgerFile, receiver_path
from services.events.webhooks.rules.endpoints import EndpointDefinition
from services.events.webhooks.rules.signing import new_secret
from services.events.webhooks.store.endpoints import create_endpoint
from shared.database import Database
from upward.embedded import free_port
from upward.serving.server import CannotListen, Server, listen

RATE_LIMIT = 500
"""Deliveries per second to one endpoint, at most."""
BIND_TRIES = 100


class Mailbox(NamedTuple):
    """Where deliveries go. The port is the same in all lives of the receiver."""

    port: int
    secrets: dict[int, str]
    """The secret of each organization's endpoint."""


def create_endpoints(url: str) -> Mailbox:
    """Creates an endpoint for each organization of the bench."""
    mailbox = Mailbox(free_port(), {one: new_secret() for one in range(1, ORGANIZATIONS + 1)})
    asyncio.run(_create_endpoints(url, mailbox))
    return mailbox


async def _create_endpoints(url: str, mailbox: Mailbox) -> None:
    database = Database(url, pool_size=1)
    for organization, secret in mailbox.secrets.items():
        definition = EndpointDefinition(
            url=f"http://127.0.0.1:{mailbox.port}/{organization}",
            owner_id=UUID(int=organization),
            types=(DELIVERED_TYPE,),
            rate_limit=RATE_LIMIT,
        )
        async with database.transaction() as session:
            await create_endpoint(session, UUID(int=organization), definition, secret)
    await database.close()


class Receiver:
    """The ASGI application."""

    def __init__(self, secrets: dict[int, str], ledger: LedgerFile) -> None:
        self._secrets, self._ledger = secrets, ledger

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":  # the sending process was killed
                return
            body, more = body + message.get("body", b""), message.get("more_body", False)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        status = 204 if self._take(int(scope["path"].strip("/")), headers, body) else 400
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def _take(self, organization: int, headers: dict[str, str], body: bytes) -> bool:
        """Whether the request is genuine and of this organization. If so, it is in the ledger now."""
        now = time.monotonic_ns()
        try:
            Webhook(self._secrets[organization]).verify(body, headers)
        except WebhookVerificationError:
            self._ledger.append([REFUSED, now])
            return False
        event = json.loads(body)
        fact = fact_of(event["source"], event["data"])
        if fact.organization != organization:
            self._ledger.append([REFUSED, now])
            return False
        self._ledger.append([*fact, int(event["sequence"]), UUID(headers["webhook-id"]).int, now])
        return True


async def run_receiver(mailbox: Mailbox, folder: Path, life: int, stopping: Stopping) -> None:
    receiver = Receiver(mailbox.secrets, LedgerFile(receiver_path(folder, life)))
    config = uvicorn.Config(receiver, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1)
    server = Server(config)
    with await _listen(mailbox.port) as address:
        serving = asyncio.create_task(server.serve(sockets=[address]))
        while not (stopping() or serving.done()):
            await asyncio.sleep(STOP_SECONDS)
        server.should_exit = True
        await serving


async def _listen(port: int) -> Any:
    """Listens on the port, with several tries, as an outgoing connection of another program may use the port for a
    moment. Raises CannotListen."""
    for _ in range(BIND_TRIES):
        try:
            return listen("127.0.0.1", port)
        except CannotListen:
            await asyncio.sleep(STOP_SECONDS)
    return listen("127.0.0.1", port)
