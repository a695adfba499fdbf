"""What a round for a large company costs: `python bench/rounds.py [--people N] [--json]`.

Starts a cycle of 100,000 people on the two processes of the small installation (`serve all` and `worker all`), as
production runs them: the round is opened, everybody's invitation is prepared while the first ones go out to a mail
server that takes everything (`bench/mail_server.py`), and as soon as the last one is prepared an admin advances the
cycle. That closes the round and gives up what was not sent.

| measure | what it is |
|---|---|
| `open_s` | from the moment in which Temporal hands out `open_round` until it has the answer |
| `first_message_s` | from then on until the mail server has taken the first invitation |
| `prepared_s` | from then on until the last invitation is prepared |
| `sent_when_prepared` | how many invitations had gone out by that moment |
| `close_s` | from the admin's request until the round is closed and each message that was not sent is given up |
| `ratio_bare` | the time of the bare loop over `open_s` and `prepared_s` together |
| `peak_mb` | the most memory that one of Upward's processes had resident at any time |
| `postgres_mb`, `temporal_mb` | the same of one process of Postgres, shared memory included, and of Temporal |

The bare loop runs at the end, alone: it inserts the same recipients and the same messages by the same statements, and
has in memory what a message is made of. It ends with 1 if `open_s` is above 7, a process of Upward or of Postgres above
500 MB, or nothing had gone out before everything was prepared.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import psutil
from psycopg import AsyncConnection
from rich.console import Console
from rich.table import Table
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.company import Company
from bench.mail import mail_server
from bench.processes import running, servers, wait_until_it_works
from services.accounts.store.keys import create_access_key, find_or_create_organization
from services.intake.store.people import create_people
from services.notifications.rules.messages import message_id, message_uuid
from shared.auth import Role
from shared.contracts.base import Service
from shared.contracts.notifications import Announcement, Audience, Template
from shared.contracts.rounds import RoundKind, round_id_for
from shared.database import Database
from shared.logging import configure_logging
from shared.temporal import connect
from upward.demo.admin import AdminClient
from upward.embedded import free_port

MOST = {"open_s": 7.0, "peak_mb": 500.0, "postgres_mb": 500.0}
LOOK_SECONDS = 0.1
LONGEST_SECONDS = 1800.0
PAGE = 500
"""So many messages the bare loop inserts at a time, as Upward does."""
BARE_ROUND = """
insert into rounds.round (id, organization_id, cycle_id, kind, number, state, closes_at)
select %(new)s, organization_id, cycle_id, kind, 99, 'closed', closes_at from rounds.round where id = %(round)s
"""
BARE_RECIPIENTS = """
insert into rounds.recipient (round_id, person_id, subject_id, organization_id)
select %(new)s, chosen.id, chosen.subject_id, chosen.organization_id
from (
    select id, %(cycle)s::uuid as subject_id, organization_id from intake.person
    where organization_id = %(organization)s and active
      and (availability <> 'on_leave' or available_from <= current_date)
    order by id
) as chosen
on conflict do nothing
"""
BARE_ANNOUNCEMENT = """
insert into notifications.announcement (id, organization_id, cycle_id, scope_id, template, audience, occurrence)
values (%(announcement)s, %(organization)s, %(cycle)s, %(scope)s, 'enrolment_invitation', 'round', 1)
"""
BARE_MESSAGES = """
insert into notifications.message (id, person_id, channel, message_id, due_at, organization_id, announcement_id,
    cycle_id, scope_id, template, occurrence)
select given.*, %(organization)s, %(announcement)s, %(cycle)s, %(scope)s, 'enrolment_invitation', 1
from unnest(%(ids)s::uuid[], %(people)s::uuid[], %(channels)s::varchar[], %(message_ids)s::varchar[],
    %(due)s::timestamptz[]) as given
on conflict do nothing
"""
STANDING = """
select prepared_at, (select min(sent_at) from notifications.message where announcement_id = %(id)s) as first_sent_at
from notifications.announcement where id = %(id)s
"""
SENT_BEFORE = "select count(*) from notifications.message where announcement_id = %s and sent_at <= %s"
WAITING = "select exists (select from notifications.message where announcement_id = %s and state = 'waiting')"


class Memory:
    """The most memory of each process, as the kernel notes it (VmHWM in /proc/PID/status), in MB. It is read again and
    again, as processes of Postgres come and go."""

    def __init__(self, processes: dict[str, int], postgres: int) -> None:
        self._processes, self._postgres = processes, postgres
        self.most: dict[str, float] = {}

    def look(self) -> None:
        found = [(name, pid) for name, pid in self._processes.items()]
        found += [("postgres", child.pid) for child in psutil.Process(self._postgres).children()]
        for name, pid in found:
            self.most[name] = max(self.most.get(name, 0.0), _high_water(pid))

    async def keep_looking(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(0.5)


def _high_water(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:  # it has ended
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), 0.0)


class Stand(NamedTuple):
    """Everything runs, and the company is there."""

    sql: AsyncConnection[Any]
    temporal: Client
    admin: AdminClient
    organization_id: UUID
    company: Company
    memory: Memory

    async def one(self, query: str, *values: object, **named: object) -> Any:
        """The only row, or the value in it if it has one."""
        row = await (await self.sql.execute(query, named or values)).fetchone()
        return row[0] if row is not None and len(row) == 1 else row


class Run(NamedTuple):
    """One round from its opening to its end, in seconds."""

    cycle_id: UUID
    round_id: UUID
    open_s: float
    first_message_s: float
    prepared_s: float
    sent_when_prepared: int
    close_s: float


@asynccontextmanager
async def standing(folder: Path, people: int) -> AsyncIterator[Stand]:
    with ExitStack() as cleanup:
        settings = cleanup.enter_context(servers(folder))
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        settings |= {
            "UPWARD_PORT": str(port),
            "UPWARD_SMTP_PORT": str(cleanup.enter_context(mail_server(0))),
        }
        organization_id, company, key = await _fill(settings["UPWARD_DATABASE_URL"], people)
        processes = {}
        for name in ("serve all", "worker all"):
            apart = {"UPWARD_SERVICE_URLS": json.dumps({service.value: url for service in Service})}
            own = settings | (apart if name.startswith("worker") else {})
            log = folder / f"{name.replace(' ', '-')}.log"
            process = cleanup.enter_context(running(name, own, log))
            await asyncio.to_thread(wait_until_it_works, name, own, log, process)
            processes[name] = process.pid
        for child in psutil.Process().children():
            if "temporal" in child.name():
                processes["temporal"] = child.pid
        sql = await AsyncConnection.connect(settings["UPWARD_DATABASE_URL"], autocommit=True)
        memory = Memory(processes, psutil.Process(sql.info.backend_pid).ppid())
        admin, temporal = AdminClient(url, key), await connect(settings["TEMPORAL_ADDRESS"], lazy=False)
        looking = asyncio.create_task(memory.keep_looking())
        try:
            yield Stand(sql, temporal, admin, organization_id, company, memory)
        finally:
            looking.cancel()
            await admin.close()
            await sql.close()


async def _fill(url: str, people: int) -> tuple[UUID, Company, str]:
    """A company of so many people, whose statistics Postgres has taken as those of a company that is not new."""
    company, database = Company(people // 2, 1), Database(url)
    async with database.transaction() as session:
        organization_id = await find_or_create_organization(session, "Bench")
        key = await create_access_key(session, organization_id, Role.ADMIN, "bench")
        await create_people(session, organization_id, company.people[:people])
    await database.close()
    async with await AsyncConnection.connect(url, autocommit=True) as sql:
        await sql.execute("vacuum analyze intake.person")
    return organization_id, company, key


async def until(what: str, look: Callable[[], Awaitable[Any]]) -> Any:
    """Looks until it sees something. Raises SystemExit when that takes far too long."""
    end = time.monotonic() + LONGEST_SECONDS
    while not (seen := await look()):
        if time.monotonic() > end:
            raise SystemExit(f"{what} does not come.")
        await asyncio.sleep(LOOK_SECONDS)
    return seen


async def run_round(stand: Stand) -> Run:
    program = await stand.admin.create_program(stand.company.program(1))
    cycle_id = UUID((await stand.admin.trigger_cycle(program["id"]))["id"])
    round_id = round_id_for(cycle_id, RoundKind.ENROLMENT, 1)
    id = invitation(stand, cycle_id, round_id).id
    await until("The round", lambda: stand.one("select state from rounds.round where id = %s", round_id))
    handed_out, answered = await until("The opening", lambda: opening(stand.temporal, f"round-{round_id}"))

    async def prepared() -> Any:
        row = await stand.one(STANDING, id=id)
        return row if row is not None and all(row) else None

    prepared_at, first_sent_at = await until("The last invitation", prepared)
    sent = await stand.one(SENT_BEFORE, id, prepared_at)
    asked_at = datetime.now(UTC)
    await stand.admin.advance(str(cycle_id))
    closed = "select closed_at is not null from rounds.round where id = %s"
    await until("The end", lambda: stand.one(closed, round_id))

    async def all_given_up() -> bool:
        return not await stand.one(WAITING, id)

    await until("The end of its messages", all_given_up)
    close_s = (datetime.now(UTC) - asked_at).total_seconds()

    async def over() -> bool:
        return bool((await stand.admin.cycle(str(cycle_id)))["stage"] == "completed")

    await until("The end of the cycle", over)

    def since_open(moment: datetime) -> float:
        return float((moment - answered).total_seconds())

    open_s = (answered - handed_out).total_seconds()
    return Run(cycle_id, round_id, open_s, since_open(first_sent_at), since_open(prepared_at), sent, close_s)


def invitation(stand: Stand, cycle_id: UUID, round_id: UUID) -> Announcement:
    return Announcement(
        organization_id=stand.organization_id,
        cycle_id=cycle_id,
        scope_id=round_id,
        template=Template.ENROLMENT_INVITATION,
        audience=Audience.ROUND,
        round_kind=RoundKind.ENROLMENT,
    )


async def opening(temporal: Client, workflow_id: str) -> tuple[datetime, datetime] | None:
    """When the workflow of a round had it opened, and when it heard that it is; None if it has not."""
    history = await temporal.get_workflow_handle(workflow_id).fetch_history()
    handed_out: dict[int, datetime] = {}
    for event in history.events:
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            if event.activity_task_scheduled_event_attributes.activity_type.name == "open_round":
                handed_out[event.event_id] = event.event_time.ToDatetime(UTC)
        elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
            scheduled = event.activity_task_completed_event_attributes.scheduled_event_id
            if scheduled in handed_out:
                return handed_out[scheduled], event.event_time.ToDatetime(UTC)
    return None


async def bare(stand: Stand, run: Run) -> float:
    """Inserts the rows of another round for the same people, and nothing else. Returns how many seconds that takes."""
    scope = uuid4()
    told = invitation(stand, run.cycle_id, scope)
    people = [one.id for one in stand.company.people[: await _asked(stand, run)]]
    people.sort()
    ids = [message_uuid(told, person) for person in people]
    message_ids = [message_id(told, person, "upward.example") for person in people]
    due = datetime.now(UTC) + timedelta(days=1)
    same = {
        "new": scope,
        "round": run.round_id,
        "cycle": run.cycle_id,
        "organization": stand.organization_id,
        "announcement": told.id,
        "scope": scope,
    }
    begun = time.perf_counter()
    async with stand.sql.transaction():
        await stand.sql.execute(BARE_ROUND, same)
        await stand.sql.execute(BARE_RECIPIENTS, same)
    await stand.sql.execute(BARE_ANNOUNCEMENT, same)
    for first in range(0, len(people), PAGE):
        part = slice(first, first + PAGE)
        count = len(people[part])
        page = {"ids": ids[part], "people": people[part], "message_ids": message_ids[part]}
        page |= {"channels": ["email"] * count, "due": [due] * count}
        await stand.sql.execute(BARE_MESSAGES, same | page)
    took = time.perf_counter() - begun
    stored = await stand.one("select count(*) from notifications.message where announcement_id = %s", told.id)
    assert (await _asked(stand, run._replace(round_id=scope)), stored) == (len(people), len(people))
    return took


async def _asked(stand: Stand, run: Run) -> int:
    found: int = await stand.one("select count(*) from rounds.recipient where round_id = %s", run.round_id)
    return found


async def measure(people: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="upward-rounds-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        async with standing(folder, people) as stand:
            run = await run_round(stand)
            stand.memory.look()
            most = dict(stand.memory.most)
            asked, took = await _asked(stand, run), await bare(stand, run)
    own = [mb for process, mb in most.items() if process not in ("postgres", "temporal")]
    return {
        "people": asked,
        "open_s": round(run.open_s, 2),
        "first_message_s": round(run.first_message_s, 2),
        "prepared_s": round(run.prepared_s, 2),
        "sent_when_prepared": run.sent_when_prepared,
        "close_s": round(run.close_s, 2),
        "bare_s": round(took, 2),
        "ratio_bare": round(took / (run.open_s + run.prepared_s), 2),
        "peak_mb": round(max(own), 1),
        "postgres_mb": round(most["postgres"], 1),
        "temporal_mb": round(most.get("temporal", 0.0), 1),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="What a round for a large company costs.")
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--json", action="store_true", help="print one JSON line")
    given = parser.parse_args(arguments)
    if given.people < 2:
        parser.error("at least two people are needed")
    configure_logging("ERROR", "console")
    found = asyncio.run(measure(given.people))
    if given.json:
        print(json.dumps(found | {"required": MOST}))
    else:
        table = Table("measure", "value", "required", title="A round")
        for measured, value in found.items():
            table.add_row(measured, f"{value:,}", f"at most {MOST[measured]:g}" if measured in MOST else "")
        Console().print(table)
    missed = [measured for measured, most in MOST.items() if found[measured] > most]
    sys.exit(int(bool(missed) or not found["sent_when_prepared"]))


if __name__ == "__main__":
    main()
