"""Whether a large organization disturbs two hundred others: `python bench/tenants.py [--json] [--rounds N]`.

The quiet organizations have 500 people each and cycles in different stages, whose workflows run. They emit events,
their participants open form pages, and their people are told things, all at a steady pace. Undisturbed periods
alternate with periods in which the large organization has 100,000 events to tell, of which every fiftieth asks
something of a workflow, opens a round for 50,000 people and prepares its invitations, and sends those of an earlier
round to as many.

| measure | what it is |
|---|---|
| `event` | from an event until it has its place in the log, where the feed shows it |
| `page` | a participant's form, from the request to the whole answer |
| `mail` | from an event that starts a workflow until the mail server has taken the message about it |

Each is the p95 of a period. A ratio is the median, over the periods, of the p95 beside the large organization by the
p95 of the undisturbed period before it; `ratio_worst` is the largest of the three. `large_events_per_s` and
`large_mails_per_s` tell how far the large organization came meanwhile. All APIs are one process for the pages,
and another one which the workers ask; the relay, the workflows, notifications and all other workers are processes of
their own.
It ends with 1 if `ratio_worst` is above 1.5.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import httpx
from sqlalchemy import TextClause, text
from temporalio.client import Client
from temporalio.service import RPCError

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.mail import mail_server
from bench.processes import servers
from bench.tenants_company import Company, found, invitation
from bench.verdict import end
from shared.contracts.base import Service
from shared.contracts.endpoints import DisableReason
from shared.contracts.events import EndpointDisabled, PairCompleted
from shared.contracts.programs import RoundPlan
from shared.contracts.rounds import RoundKind, round_id_for
from shared.database import Database
from shared.events import STAGED, emit
from shared.logging import configure_logging
from shared.temporal import WORKFLOWS_QUEUE, connect
from tests.e2e.processes import environment
from upward.embedded import free_port
from workflows.ids import announcement_workflow_id, round_workflow_id
from workflows.reactions import LARGEST_OCCURRENCE
from workflows.states.round_state import RoundRequest

ROOT = Path(__file__).resolve().parent.parent
MOST = 1.5
"""A p95 beside the large organization may be this many times the undisturbed one."""
WORKERS = ("relay", "workflows", "notifications", "programs intake matching feedback events")
PATIENCE_SECONDS = 300
SETTLE_SECONDS = 4.0
CHUNK = 10_000
"""So many events the large organization commits at a time."""
ASKING = 50
"""Every so-manyth of them asks something of a workflow."""
STAGE_MANY = text("""insert into events.staged_event (event_id, organization_id, type, version, subject, data)
    select gen_random_uuid(), :organization, case when n % :asking = 0 then 'cycle.paused' else 'pair.completed' end, 1,
        'cycle/' || md5(n::text)::uuid,
        jsonb_build_object('cycle_id', md5(n::text)::uuid)
            || case when n % :asking = 0 then '{}' else jsonb_build_object('pair_id', md5(n::text)::uuid) end
    from generate_series(1, :count) as n""")
TELL = text("select pg_notify(:channel, '')")
NOW = text("select clock_timestamp()")
EVENT_LAGS = text("""select 1000 * extract(epoch from recorded_at - time) from events.event
    where time between :since and :until and organization_id <> :large and type = 'pair.completed'""")
TOLD = text("""select event_id, time from events.event
    where time between :since and :until and organization_id <> :large and type = 'endpoint.disabled'""")
SENT = text("""select occurrence, sent_at from notifications.message
    where sent_at >= :since and organization_id <> :large""")
UNTOLD = text("select count(*) from events.staged_event where organization_id <> :large")
LARGE_SENT = text("""select count(*) from notifications.message
    where organization_id = :large and sent_at between :since and :until""")
LARGE_LOGGED = text("select count(*) from events.event where organization_id = :large")
STOP_LARGE = tuple(
    text(statement)
    for statement in (
        "delete from events.staged_event where organization_id = :large",
        "delete from events.behind where organization_id = :large",
        "update notifications.message set state = 'dropped' where organization_id = :large and scope_id = :round",
    )
)


class Options(NamedTuple):
    organizations: int = 200
    people: int = 500
    events: int = 100_000
    """Of the large organization, in each disturbed period."""
    invited: int = 50_000
    seconds: float = 20
    """The length of each period."""
    rounds: int = 5
    events_per_s: float = 20
    pages_per_s: float = 8
    mails_per_s: float = 2


class Period(NamedTuple):
    """The p95 of each measure, in milliseconds."""

    event: float
    page: float
    mail: float


class Progress(NamedTuple):
    """What the large organization got done in a second."""

    events: float
    mails: float


class Stand(NamedTuple):
    database: Database
    temporal: Client
    url: str
    """Where the API is."""
    company: Company
    options: Options


@contextmanager
def upward(command: str, folder: Path, settings: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """A process of Upward, from when it works until the end of the block."""
    log = folder / f"{command.replace(' ', '-')}-{settings['UPWARD_PORT']}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "upward", *command.split()],
            cwd=ROOT,
            stdout=output,
            stderr=output,
            env=environment(**settings),
        )
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not _works(command, log, settings):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"upward {command} did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.2)
        yield process
    finally:
        process.terminate()
        process.wait(60)


def _works(command: str, log: Path, settings: dict[str, str]) -> bool:
    part, *names = command.split()
    if part == "serve":
        try:
            return httpx.get(f"http://127.0.0.1:{settings['UPWARD_PORT']}/readyz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False
    queues = [name for name in names if name != "relay"]  # the relay does not say that it has begun
    return log.read_text().count("worker.started") >= len(queues)


async def measure_period(stand: Stand, turn: int, *, beside: bool) -> tuple[Period, Progress]:
    loop, options, company = asyncio.get_running_loop(), stand.options, stand.company
    links = [link for one in company.quiet for link in one.links]
    pages: list[float] = []
    logged = await read(stand, LARGE_LOGGED)
    begun = (await read(stand, NOW))[0]
    large = asyncio.create_task(begin_large(stand, turn)) if beside else None
    stop_at = loop.time() + options.seconds
    async with httpx.AsyncClient(base_url=stand.url, timeout=PATIENCE_SECONDS) as http, asyncio.TaskGroup() as group:

        async def page(number: int) -> None:
            asked = time.perf_counter()
            answer = await http.get(f"/p/{links[number * 3 % len(links)]}")
            answer.raise_for_status()
            pages.append(1000 * (time.perf_counter() - asked))

        async def tell(number: int) -> None:
            one = company.quiet[number * 7 % len(company.quiet)]
            async with stand.database.transaction() as session:
                await emit(session, one.organization_id, PairCompleted(pair_id=uuid4(), cycle_id=one.cycle_id))

        async def mail(number: int) -> None:
            one = company.quiet[number * 11 % len(company.quiet)]
            told = EndpointDisabled(endpoint_id=one.endpoint_id, owner_id=one.owner_id, reason=DisableReason.FAILING)
            async with stand.database.transaction() as session:
                await emit(session, one.organization_id, told)

        async def steadily(per_s: float, act: Callable[[int], Coroutine[None, None, None]]) -> None:
            """Begins one after the other at a steady pace, however long each takes."""
            started, number = loop.time(), 0
            while (moment := started + number / per_s) < stop_at:
                await asyncio.sleep(max(0.0, moment - loop.time()))
                group.create_task(act(number))
                number += 1

        for per_s, act in ((options.pages_per_s, page), (options.events_per_s, tell), (options.mails_per_s, mail)):
            group.create_task(steadily(per_s, act))
    ended = (await read(stand, NOW))[0]
    logged = (await read(stand, LARGE_LOGGED))[0] - logged[0]
    mailed = (await read(stand, LARGE_SENT, since=begun, until=ended))[0]
    if large is not None:
        await large
        await end_large(stand, turn)
    events = sorted(await read(stand, EVENT_LAGS, since=begun, until=ended))
    period = Period(p95(events), p95(pages), p95(await read_mails(stand, begun, ended)))
    return period, Progress(logged / options.seconds, mailed / options.seconds)


def sending_id(turn: int) -> str:
    return f"sending-{turn}"


async def begin_large(stand: Stand, turn: int) -> None:
    """The large organization opens its round, and commits its events."""
    large, options = stand.company.large, stand.options
    request = RoundRequest(
        organization_id=large.organization_id,
        cycle_id=large.cycle_id,
        kind=RoundKind.ENROLMENT,
        number=turn + 1,
        plan=RoundPlan(length=timedelta(days=1)),
    )
    round_id = round_id_for(large.cycle_id, RoundKind.ENROLMENT, turn + 1)
    start = partial(stand.temporal.start_workflow, task_queue=WORKFLOWS_QUEUE)
    await start("AnnouncementWorkflow", invitation(large, 1, again=True), id=sending_id(turn))
    await start("RoundWorkflow", request, id=round_workflow_id(round_id))
    for first in range(0, options.events, CHUNK):
        given = {"organization": large.organization_id, "asking": ASKING, "count": min(CHUNK, options.events - first)}
        async with stand.database.transaction() as session:
            await session.execute(STAGE_MANY, given)
        async with stand.database.transaction() as session:
            await session.execute(TELL, {"channel": STAGED})


async def end_large(stand: Stand, turn: int) -> None:
    """Takes back what the large organization has not got done, so that the next period is undisturbed."""
    large = stand.company.large
    told = invitation(large, turn + 1)
    for workflow_id in (round_workflow_id(told.scope_id), announcement_workflow_id(told.id), sending_id(turn)):
        try:
            await stand.temporal.get_workflow_handle(workflow_id).terminate()
        except RPCError:  # it had not begun
            continue
    async with stand.database.transaction() as session:
        for statement in STOP_LARGE:
            await session.execute(statement, {"large": large.organization_id, "round": told.scope_id})
    await asyncio.sleep(SETTLE_SECONDS)


async def read_mails(stand: Stand, since: datetime, until: datetime) -> list[float]:
    """How long each message took that a quiet organization was told in this time."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            async with stand.database.transaction() as session:
                given = {"since": since, "until": until, "large": stand.company.large.organization_id}
                told = (await session.execute(TOLD, given)).all()
                staged = await session.scalar(UNTOLD, given)
                sent = {row.occurrence: row.sent_at for row in await session.execute(SENT, given)}
            told_as = {event_id.int % LARGEST_OCCURRENCE + 1: at for event_id, at in told}
            if not staged and told_as.keys() <= sent.keys():
                return [1000 * (sent[one] - at).total_seconds() for one, at in told_as.items()]
            await asyncio.sleep(0.5)


async def read(stand: Stand, query: TextClause, **given: object) -> list[Any]:
    async with stand.database.transaction() as session:
        found = await session.scalars(query, {"large": stand.company.large.organization_id, **given})
        return list(found)


def p95(found: Sequence[float]) -> float:
    return sorted(found)[int(0.95 * (len(found) - 1))]


async def compare(stand: Stand) -> dict[str, float]:
    options = stand.options
    await measure_period(stand, 0, beside=False)  # everything is compiled and read once
    quiet: list[Period] = []
    disturbed: list[Period] = []
    reached: list[Progress] = []
    for turn in range(1, options.rounds + 1):
        quiet.append((await measure_period(stand, turn, beside=False))[0])
        period, progress = await measure_period(stand, turn, beside=True)
        disturbed.append(period)
        reached.append(progress)
    figures: dict[str, float] = {}
    for name in Period._fields:
        alone, beside = ([float(getattr(one, name)) for one in of] for of in (quiet, disturbed))
        figures[f"{name}_ms"] = round(statistics.median(alone), 1)
        figures[f"{name}_beside_ms"] = round(statistics.median(beside), 1)
        ratios = [one / other for one, other in zip(beside, alone, strict=True)]
        figures[f"ratio_{name}"] = round(statistics.median(ratios), 2)
    figures["ratio_worst"] = max(figures[f"ratio_{name}"] for name in Period._fields)
    figures["large_events_per_s"] = round(statistics.median(one.events for one in reached), 1)
    figures["large_mails_per_s"] = round(statistics.median(one.mails for one in reached), 1)
    return figures


async def measure(options: Options, folder: Path, settings: dict[str, str]) -> dict[str, float]:
    database = Database(settings["UPWARD_DATABASE_URL"], pool_size=10)
    try:
        company = await found(database, options.organizations, options.people, options.invited)
        with ExitStack() as processes:
            await asyncio.to_thread(start_all, processes, folder, settings)
            url = f"http://127.0.0.1:{settings['UPWARD_PORT']}"
            temporal = await connect(settings["TEMPORAL_ADDRESS"], lazy=False)
            return await compare(Stand(database, temporal, url, company, options))
    finally:
        await database.close()


def start_all(processes: ExitStack, folder: Path, settings: dict[str, str]) -> None:
    processes.enter_context(upward("serve all", folder, settings))
    asked = settings | {"UPWARD_PORT": str(free_port())}
    processes.enter_context(upward("serve all", folder, asked))
    urls = {service.value: f"http://127.0.0.1:{asked['UPWARD_PORT']}" for service in Service}
    for names in WORKERS:
        processes.enter_context(upward(f"worker {names}", folder, settings | {"UPWARD_SERVICE_URLS": json.dumps(urls)}))
    command = [sys.executable, "-m", "upward", "cycles", "rebuild"]  # starts the workflows of all cycles
    subprocess.run(command, cwd=ROOT, env=environment(**settings), check=True, stdout=subprocess.DEVNULL)
    time.sleep(SETTLE_SECONDS)


def main() -> None:
    defaults = Options()
    parser = argparse.ArgumentParser(description="Whether a large organization disturbs the others.")
    parser.add_argument("--organizations", type=int, default=defaults.organizations, help="quiet ones")
    parser.add_argument("--people", type=int, default=defaults.people, help="of each quiet organization")
    parser.add_argument("--events", type=int, default=defaults.events, help="of the large one, in each period")
    parser.add_argument("--invited", type=int, default=defaults.invited, help="people of the large one")
    parser.add_argument("--seconds", type=float, default=defaults.seconds, help="of each period")
    parser.add_argument("--rounds", type=int, default=defaults.rounds, help="pairs of periods")
    parser.add_argument("--json", action="store_true", help="print one JSON line")
    given = vars(parser.parse_args())
    as_json = given.pop("json")
    configure_logging("ERROR", "console")
    with tempfile.TemporaryDirectory(prefix="upward-tenants-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        with servers(folder) as settings, mail_server(0) as port:
            own = {"UPWARD_PORT": str(free_port()), "UPWARD_SMTP_PORT": str(port)}
            figures = asyncio.run(measure(Options(**given), folder, settings | own))
    end(figures, "Beside a large organization", most={"ratio_worst": MOST}, as_json=as_json)


if __name__ == "__main__":
    main()
