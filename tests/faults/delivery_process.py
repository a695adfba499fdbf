"""`python -m tests.faults.delivery_process`: deliveries that die, each in a process of its own, at a step they take.

A step is a boundary of the process: a statement or a commit about to be sent to Postgres or just answered by it, a
command about to be sent to the mail server, just written or just answered. Each line of standard input orders the
delivery of some announcements by a process that kills itself at its step `die_at` (0: never); each is answered by one
line: whether it died and the names of the steps that it took. They are forked from
this process, which has imported everything.
"""

import asyncio
import json
import os
import signal
import sys
from datetime import timedelta
from functools import wraps
from pathlib import Path
from typing import Any
from uuid import UUID

import aiosmtplib
from aiosmtplib.protocol import SMTPProtocol

from services.notifications.channels.connections import Connections
from services.notifications.delivery import DeliveryRun
from services.notifications.store import delivering
from shared.config import Settings
from shared.contracts.intake import Contact
from shared.contracts.notifications import DeliverMessages
from shared.database import Database
from shared.http.internal import Internal
from shared.logging import configure_logging
from tests.faults.steps import Steps
from tests.services.notifications.world import World

SMTP_COMMANDS = ("connect", "ehlo", "mail", "rcpt", "data", "quit")


class DeliverySteps(Steps):
    """The database's, and the mail server's."""

    def watch(self, database: Database) -> None:
        super().watch(database)
        for command in SMTP_COMMANDS:
            self._watch_smtp(command)
        self._watch_content()

    def _watch_smtp(self, command: str) -> None:
        original = getattr(aiosmtplib.SMTP, command)

        @wraps(original)
        async def watched(*arguments: Any, **keywords: Any) -> Any:
            self.take(f"before {command.upper()}")
            result = await original(*arguments, **keywords)
            self.take(f"after {command.upper()}")
            return result

        setattr(aiosmtplib.SMTP, command, watched)

    def _watch_content(self) -> None:
        original = SMTPProtocol.write

        @wraps(original)
        def watched(protocol: SMTPProtocol, data: bytes) -> None:
            original(protocol, data)
            if data.endswith(b"\r\n.\r\n"):
                self.take("wrote content")

        setattr(SMTPProtocol, "write", watched)  # noqa: B010 (mypy refuses the plain assignment)


async def deliver(settings: Settings, orders: list[dict[str, Any]], steps: DeliverySteps) -> None:
    database = Database(settings.database_url, pool_size=1)
    steps.watch(database)
    for order in orders:
        world = World(UUID(order["organization_id"]))
        world.cycle_id, world.round_id = UUID(order["cycle_id"]), UUID(order["round_id"])
        world.contacts = {UUID(one["person_id"]): Contact.model_validate(one) for one in order["contacts"]}
        world.pending = set(world.contacts)
        internal = Internal(settings, world.application(settings))
        announcement = UUID(order["announcement_id"])
        request = DeliverMessages(organization_id=world.organization_id, announcement_id=announcement)
        await DeliveryRun(database, internal, settings, Connections(settings), request).deliver()
        await internal.close()
    await database.close()


def main() -> None:
    configure_logging("CRITICAL", "console")
    delivering.LEASE = timedelta(seconds=1)  # so that what a dead delivery had is soon free again
    given = json.loads(sys.stdin.readline())
    settings, record = Settings(**given["settings"]), Path(given["record"])
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            asyncio.run(deliver(settings, order["announcements"], DeliverySteps(order["die_at"], record)))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        died = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        assert died or status == 0, "the delivery failed"
        print(json.dumps({"died": died, "steps": record.read_text().splitlines()}), flush=True)


if __name__ == "__main__":
    main()
