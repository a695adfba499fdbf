"""How fast mail goes out: `python bench/mail.py [--messages N] [--json]`.

Prepares invitations to an enrolment for 2,000 people, each with a link of its own, and delivers them to a mail server
in a process of its own that takes everything (`bench/mail_server.py`). The delivery is the activity that a worker runs,
over a real Postgres, with the services that it reads from in this process.

| measure | what it is |
|---|---|
| `per_s` | messages a second, from the start of the delivery to its end |
| `ratio_bare` | `per_s` over that of the bare loop, measured in turns |
| `per_s_slow` | messages a second to a mail server that takes 15 ms for each of its replies |

Upward sends over as many connections as `UPWARD_SMTP_CONNECTIONS` says (12). The bare loop has what a message is made
of in memory already. It composes the same messages by the same code and sends them with aiosmtplib over 8 connections;
it stores nothing. It ends with 1 if `ratio_bare` is below 0.5 or `per_s_slow` below 100.
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parseaddr
from pathlib import Path
from typing import NamedTuple
from uuid import UUID, uuid4

import aiosmtplib
from pydantic import SecretStr

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.company import Company
from bench.verdict import end
from services.accounts.store.keys import find_or_create_organization
from services.intake.main import create_activities as create_intake
from services.intake.store.people import create_people
from services.notifications.channels.connections import Connections
from services.notifications.channels.email import email_of
from services.notifications.composing import compose
from services.notifications.delivery import DeliveryRun
from services.notifications.facts import BatchFacts, read_batch_facts, read_delivery_facts
from services.notifications.preparing import prepare_page
from services.notifications.rules.messages import Channel, ClaimedMessage, message_id
from services.programs.models import CycleRow, ProgramRow
from shared.config import Settings
from shared.contracts.base import Service
from shared.contracts.notifications import Announcement, Audience, DeliverMessages, PrepareMessages, Template
from shared.contracts.programs import Calendar, Direction, MatchingPolicy
from shared.contracts.rounds import OpenRound, RoundKind
from shared.database import Database
from shared.http.application import create_application
from shared.http.internal import Internal
from shared.logging import configure_logging
from upward.composition import routers
from upward.embedded import EmbeddedPostgres
from upward.migration import migrate
from upward.process import freeze_started_objects

LEAST = {"ratio_bare": 0.5, "per_s_slow": 100.0}
CONNECTIONS = 8
SLOW_SECONDS = 0.015
AT_ONCE = 500
TURNS = 2
"""So often both are measured, one after the other."""


class Office(NamedTuple):
    """What deliveries need, with an open round."""

    settings: Settings
    database: Database
    internal: Internal
    organization_id: UUID
    cycle_id: UUID
    round_id: UUID

    async def prepare(self, occurrence: int) -> Announcement:
        announcement = Announcement(
            organization_id=self.organization_id,
            cycle_id=self.cycle_id,
            scope_id=self.round_id,
            template=Template.ENROLMENT_INVITATION,
            audience=Audience.ROUND,
            round_kind=RoundKind.ENROLMENT,
            occurrence=occurrence,
        )
        request: PrepareMessages | None = PrepareMessages(announcement=announcement)
        while request is not None:
            page = await prepare_page(self.database, self.internal, self.settings.mail_domain, request)
            request = PrepareMessages(announcement=announcement, after=page.after) if page.after else None
        return announcement

    async def deliver(self, announcement: Announcement, port: int) -> int:
        """Returns how many messages were sent."""
        settings = self.settings.model_copy(update={"smtp_port": port})
        request = DeliverMessages(organization_id=self.organization_id, announcement_id=announcement.id)
        connections = Connections(settings)
        while True:  # a delivery ends after 25 seconds
            delivery = await DeliveryRun(self.database, self.internal, settings, connections, request).deliver()
            if not delivery.waiting:
                return delivery.sent

    async def facts(self, announcement: Announcement) -> BatchFacts:
        facts = await read_delivery_facts(self.internal, announcement, datetime.now(UTC))
        path = f"/rounds/{self.round_id}/recipients"
        people = [one async for one in self.internal.people(Service.INTAKE, path, self.organization_id)]
        found = BatchFacts(facts, None, {}, {}, {})
        for first in range(0, len(people), AT_ONCE):
            batch = await read_batch_facts(self.internal, facts, None, people[first : first + AT_ONCE])
            found.contacts.update(batch.contacts)
            found.tokens.update(batch.tokens)
        return found


@asynccontextmanager
async def opened(folder: Path, people: int) -> AsyncIterator[Office]:
    """The services over a database of their own, with an open enrolment of so many people."""
    postgres = EmbeddedPostgres(folder / "postgres")
    url = await asyncio.to_thread(postgres.start)
    try:
        await asyncio.to_thread(migrate, url)
        database = Database(url, pool_size=10)
        settings = Settings(database_url=url, service_token=SecretStr("b" * 32))
        internal = Internal(settings, create_application(routers(list(Service)), database, settings))
        company = Company(people // 2, 0)
        async with database.transaction() as session:
            organization_id = await find_or_create_organization(session, "Bench")
            await create_people(session, organization_id, company.people[1 : people + 1])
            program_id, cycle_id, round_id = uuid4(), uuid4(), uuid4()
            same = {
                "organization_id": organization_id,
                "direction": Direction.REVERSE,
                "topics": [],
                "calendar": Calendar(sending_hours=None).model_dump(mode="json"),
                "policy": MatchingPolicy().model_dump(mode="json"),
            }
            session.add(
                ProgramRow(**same, id=program_id, name="Bench", time_zone="UTC", coordinator_ids=[], recurs=False)
            )
            await session.flush()
            now = datetime.now(UTC)
            session.add(
                CycleRow(**same, id=cycle_id, program_id=program_id, period="2027-Q1", stage="intake", starts_at=now)
            )
        await create_intake(database=database).open_round(
            OpenRound(
                organization_id=organization_id,
                cycle_id=cycle_id,
                round_id=round_id,
                kind=RoundKind.ENROLMENT,
                number=1,
                closes_at=datetime.now(UTC) + timedelta(days=14),
            )
        )
        try:
            yield Office(settings, database, internal, organization_id, cycle_id, round_id)
        finally:
            await internal.close()
            await database.close()
    finally:
        await asyncio.to_thread(postgres.stop)


@contextmanager
def mail_server(pause: float) -> Iterator[int]:
    """Its port."""
    command = [sys.executable, str(Path(__file__).with_name("mail_server.py")), str(pause)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.stdin.close()


async def taken(port: int) -> int:
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as smtp:
        return int((await smtp.execute_command(b"NOOP", b"COUNT")).message)


async def bare(office: Office, batch: BatchFacts, port: int, most: int) -> int:
    """Composes and sends the batch, and nothing else."""
    announcement, sender = batch.delivery.announcement, parseaddr(office.settings.mail_from)[1]
    left, now = deque(sorted(batch.contacts)[:most]), datetime.now(UTC)
    sending = len(left)

    async def send() -> None:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as smtp:
            while left:
                person_id = left.popleft()
                message = ClaimedMessage(
                    id=uuid4(),
                    organization_id=office.organization_id,
                    cycle_id=office.cycle_id,
                    person_id=person_id,
                    template=announcement.template,
                    channel=Channel.EMAIL,
                    message_id=message_id(announcement, person_id, office.settings.mail_domain),
                    deferrals=0,
                    due_at=now,
                    lease=uuid4(),
                )
                email = email_of(compose(message, batch, office.settings, now), office.settings)
                recipients = [batch.contacts[person_id].email]
                await smtp.send_message(email, sender=sender, recipients=recipients)

    await asyncio.gather(*(send() for _ in range(CONNECTIONS)))
    return sending


async def measure(messages: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="upward-mail-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        async with opened(folder, messages) as office:
            with mail_server(0) as port:
                batch = await office.facts(await office.prepare(1))
                await bare(office, batch, port, 50)  # everything is compiled once
                freeze_started_objects()  # as each process does before it works
                took, took_bare = 0.0, 0.0
                for turn in range(TURNS):
                    announcement, before = await office.prepare(2 + turn), await taken(port)
                    begun = time.perf_counter()
                    await bare(office, batch, port, messages)
                    between = time.perf_counter()
                    sent = await office.deliver(announcement, port)
                    took_bare, took = took_bare + between - begun, took + time.perf_counter() - between
                    assert (sent, await taken(port) - before) == (messages, 2 * messages)
            with mail_server(SLOW_SECONDS) as port:
                announcement = await office.prepare(2 + TURNS)
                begun = time.perf_counter()
                await office.deliver(announcement, port)
                slow = time.perf_counter() - begun
                assert await taken(port) == messages
    return {
        "messages": messages,
        "per_s": round(messages * TURNS / took, 1),
        "bare_per_s": round(messages * TURNS / took_bare, 1),
        "ratio_bare": round(took_bare / took, 2),
        "per_s_slow": round(messages / slow, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="How fast mail goes out.")
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--json", action="store_true", help="print one JSON line")
    given = parser.parse_args()
    configure_logging("ERROR", "console")
    found = asyncio.run(measure(given.messages))
    end(found, "Mail", least=LEAST, as_json=given.json)


if __name__ == "__main__":
    main()
