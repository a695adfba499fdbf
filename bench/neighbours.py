"""Whether one organization's endpoint disturbs the others: `python bench/neighbours.py [--json] [--shape apart|one]`.

Quiet organizations with one endpoint each receive events at a steady pace. The latency of an event's first attempt is
the time from the event to the beginning of that attempt. Periods without a neighbour alternate with periods in which
one misbehaves, so that other load on the machine is the same for both. The result for each kind of period is the median
of its p50s and of its p99s. The neighbours are `poisoned` (one subject is answered with 500), `hanging` (the answer
comes at a byte per second), `failing` (everything is answered with 500, with an hour of retries in a minute) and
`backlog` (100,000 deliveries wait).

Postgres, Temporal and HTTP are real. The relay, the workflows and the events worker are processes of their own, as in
production, or one process (`--shape one`, as in the embedded stack). The bench also measures the deliveries per second
of one endpoint and of ten, with a rate limit that does not matter. The deliveries of the backlog are written to the
tables directly and not sequenced; these tables are then analyzed, as Postgres does by itself within a minute. It ends
with 1 if a neighbour raises the p99 to more than 1.2 times the undisturbed one.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, NoReturn
from uuid import UUID, uuid4

from rich.console import Console
from rich.table import Table
from sqlalchemy import func, select, text

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from services.events.log.store import days
from services.events.webhooks import switching
from services.events.webhooks.rules.endpoints import EndpointDefinition
from services.events.webhooks.rules.signing import new_secret
from services.events.webhooks.store import endpoints
from shared.contracts.endpoints import EndpointRef
from shared.contracts.events import PairCompleted
from shared.database import Database
from shared.events import emit
from upward.embedded import EmbeddedPostgres, EmbeddedTemporal
from upward.migration import migrate

PARTS = Path(__file__).with_name("neighbours_parts.py")
MOST = 1.2
"""The p99 beside a neighbour may be this many times the undisturbed p99."""
BACKLOG = 100_000
NEIGHBOURS = {"poisoned": "poison", "hanging": "hang", "failing": "fail", "backlog": "take"}
"""Each neighbour with the path that tells the receiver how to answer."""
LATENCIES = text("""select extract(epoch from min(a.started_at) - e.time)
    from events.event e join events.attempt a using (organization_id, sequence)
    where e.organization_id = any(:quiet) and e.time between :since and :until
    group by e.organization_id, e.sequence, e.time""")
UNTRIED = text("""select exists (select from events.staged_event) or exists (
    select from events.event e where e.organization_id = any(:quiet) and e.time > :since and not exists (
        select from events.attempt a where a.organization_id = e.organization_id and a.sequence = e.sequence))""")
ADD_EVENTS = text("""insert into events.event
        (organization_id, sequence, day, position, event_id, type, version, subject, time, data, digest)
    select :org, n, :day, nextval('events.event_position'), gen_random_uuid(), 'pair.completed', 1,
        'pair/' || n % :subjects, now(), '{}', ''
    from generate_series(1, :count) n""")
ADD_DAY = text("insert into events.organization_day values (:org, :day, 1, '')")
ADD_HEAD = text("insert into events.organization_head values (:org, :count, '')")
ADD_DELIVERIES = text("""insert into events.delivery
        (organization_id, endpoint_id, sequence, day, event_id, type, subject)
    select organization_id, :endpoint, sequence, day, event_id, type, subject from events.event
    where organization_id = :org""")
ADD_QUEUES = text("""insert into events.lane (endpoint_id, subject, organization_id, sequence, due_at)
    select endpoint_id, subject, organization_id, min(sequence), min(due_at) from events.delivery
    where endpoint_id = :endpoint group by 1, 2, 3""")
MOVE_CURSORS = text("""insert into events.consumer
    select name, (select max(position) from events.event) from unnest(array['fanout', 'dispatcher']) name
    on conflict (name) do update set position = excluded.position""")
ANALYZE = text("analyze events.delivery, events.lane, events.event")
SENT = text("select count(*) from events.attempt where started_at between :since and :until")


class Options(NamedTuple):
    quiet: int = 20
    """How many quiet organizations there are."""
    per_second: float = 20
    """The events per second of all quiet organizations together."""
    seconds: float = 10
    """The length of each period."""
    rounds: int = 3
    rate_limit: int = 50
    """The rate limit of the neighbours' endpoints; it is the default of the product."""
    shape: str = "apart"
    neighbours: tuple[str, ...] = tuple(NEIGHBOURS)


@dataclass
class Stand:
    database: Database
    receiver: int
    """The port of the receiver."""
    quiet: list[UUID] = field(default_factory=list)

    async def add_endpoint(self, path: str, rate_limit: int) -> EndpointRef:
        """Creates an endpoint of a new organization."""
        url = f"http://127.0.0.1:{self.receiver}/{path}"
        definition = EndpointDefinition(url=url, owner_id=uuid4(), rate_limit=rate_limit)
        organization_id = uuid4()
        async with self.database.transaction() as session:
            made = await endpoints.create_endpoint(session, organization_id, definition, new_secret())
        return EndpointRef(organization_id=organization_id, endpoint_id=made.id)

    async def add_backlog(self, endpoint: EndpointRef, count: int, subjects: int) -> None:
        given = {"org": endpoint.organization_id, "endpoint": endpoint.endpoint_id}
        async with self.database.transaction() as session:
            today = await days.read_today(session)
            await days.make_partition(session, today.day)
            if not today.begun:
                await days.begin_day(session, today.day)
            await session.execute(ADD_EVENTS, given | {"count": count, "subjects": subjects, "day": today.day})
            await session.execute(ADD_DAY, given | {"day": today.day})
            await session.execute(ADD_HEAD, given | {"count": count})
            await session.execute(ADD_DELIVERIES, given)
            await session.execute(ADD_QUEUES, given)
            await session.execute(MOVE_CURSORS)
            await session.execute(ANALYZE)

    async def switch(self, endpoint: EndpointRef, on: bool) -> None:
        if on:
            await switching.enable_endpoint(self.database, endpoint, catch_up=True)
            return
        async with self.database.transaction() as session:
            await endpoints.disable_endpoint(session, endpoint)

    async def emit(self, organization_id: UUID, subject: int) -> None:
        async with self.database.transaction() as session:
            await emit(session, organization_id, PairCompleted(pair_id=UUID(int=subject), cycle_id=UUID(int=1)))

    async def now(self) -> datetime:
        async with self.database.transaction() as session:
            now: datetime = (await session.scalars(select(func.clock_timestamp()))).one()
            return now


@contextmanager
def process(environment: dict[str, str], part: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, str(PARTS), part]
    running = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        yield running
    finally:
        running.kill()
        running.wait()


@asynccontextmanager
async def standing(folder: Path) -> AsyncIterator[tuple[Stand, dict[str, str]]]:
    """Starts Postgres, Temporal and the receivers, and makes the environment in which Upward's processes find them."""
    folder.chmod(0o755)
    postgres, temporal = EmbeddedPostgres(folder / "postgres"), EmbeddedTemporal(folder / "temporal")
    with ExitStack() as cleanup:
        cleanup.callback(postgres.stop)
        cleanup.callback(temporal.stop)
        url = postgres.start()
        temporal.start()
        migrate(url)
        environment = os.environ | {
            "UPWARD_DATABASE_URL": url,
            "TEMPORAL_ADDRESS": temporal.address,
            "UPWARD_WEBHOOK_DEVELOPMENT_NETWORKS": '["127.0.0.0/8"]',
            "PACE": str(1 / 60),
        }
        receiver = cleanup.enter_context(process(environment, "receive"))
        assert receiver.stdout is not None
        database = Database(url)
        try:
            yield Stand(database, int(receiver.stdout.readline())), environment
        finally:
            await database.close()


async def measure_period(stand: Stand, options: Options, neighbour: EndpointRef | None) -> list[float]:
    """The latencies of the quiet endpoints' events of one period, in ms and sorted. A neighbour has half as many
    events."""
    if neighbour is not None:
        await stand.switch(neighbour, on=True)
    loop = asyncio.get_running_loop()
    begun, since = loop.time(), await stand.now()
    for number in range(round(options.seconds * options.per_second)):
        await asyncio.sleep(begun + number / options.per_second - loop.time())
        await stand.emit(stand.quiet[number % len(stand.quiet)], number % 7 + 2)
        if neighbour is not None and number % 2 == 0:
            await stand.emit(neighbour.organization_id, number // 2 % 20 + 1)
    until = await stand.now()
    async with asyncio.timeout(60):
        while True:
            async with stand.database.transaction() as session:
                if not await session.scalar(UNTRIED, {"quiet": stand.quiet, "since": since}):
                    break
            await asyncio.sleep(0.2)
    if neighbour is not None:
        await stand.switch(neighbour, on=False)
    async with stand.database.transaction() as session:
        found = await session.scalars(LATENCIES, {"quiet": stand.quiet, "since": since, "until": until})
        return sorted(float(seconds) * 1000 for seconds in found)


def quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


async def compare(stand: Stand, options: Options, bad: EndpointRef) -> dict[str, float]:
    """Measures undisturbed and disturbed periods in turn. Returns the medians of their quantiles, and the ratio of the
    p99s."""
    figures: defaultdict[str, list[float]] = defaultdict(list)
    for _ in range(options.rounds):
        for kind, neighbour in (("undisturbed", None), ("disturbed", bad)):
            ordered = await measure_period(stand, options, neighbour)
            figures[f"{kind}_p50_ms"].append(quantile(ordered, 0.5))
            figures[f"{kind}_p99_ms"].append(quantile(ordered, 0.99))
    medians = {name: round(statistics.median(values), 1) for name, values in figures.items()}
    return medians | {"ratio": round(medians["disturbed_p99_ms"] / medians["undisturbed_p99_ms"], 2)}


async def throughput(stand: Stand, endpoints: list[EndpointRef], seconds: float) -> float:
    """The deliveries per second of endpoints for which enough deliveries wait."""
    for endpoint in endpoints:
        await stand.switch(endpoint, on=True)
    await asyncio.sleep(3)
    since = await stand.now()
    await asyncio.sleep(seconds)
    until = await stand.now()
    async with stand.database.transaction() as session:
        sent = int(await session.scalar(SENT, {"since": since, "until": until}) or 0)
    for endpoint in endpoints:
        await stand.switch(endpoint, on=False)
    return round(sent / (until - since).total_seconds(), 1)


async def measure(options: Options) -> dict[str, dict[str, float]]:
    """The result of `compare` for each neighbour, and `throughput`."""
    with tempfile.TemporaryDirectory(prefix="upward-bench-", ignore_cleanup_errors=True) as name:
        async with standing(Path(name)) as (stand, environment):
            present = {one: await stand.add_endpoint(NEIGHBOURS[one], options.rate_limit) for one in options.neighbours}
            fast = [await stand.add_endpoint("take", 500) for _ in range(10)]
            if "backlog" in present:
                await stand.add_backlog(present["backlog"], BACKLOG, 1000)
            for endpoint in fast:
                await stand.add_backlog(endpoint, 10_000, 100)
            for endpoint in (*present.values(), *fast):
                await stand.switch(endpoint, on=False)
            stand.quiet = [(await stand.add_endpoint("take", 50)).organization_id for _ in range(options.quiet)]
            with ExitStack() as processes:
                for part in ("relay", "workflows", "events") if options.shape == "apart" else ("all",):
                    processes.enter_context(process(environment, part))
                await measure_period(stand, options, None)  # warms up
                figures = {one: await compare(stand, options, bad) for one, bad in present.items()}
                rates = {str(count): await throughput(stand, fast[:count], options.seconds) for count in (1, 10)}
                return figures | {"deliveries_per_s": rates}


def neighbour_figures(options: Options = Options()) -> dict[str, dict[str, float]]:
    """Runs the bench for `bench/events.py --neighbour`."""
    return asyncio.run(measure(options))


def show(figures: dict[str, dict[str, float]]) -> None:
    columns = ("undisturbed_p50_ms", "disturbed_p50_ms", "undisturbed_p99_ms", "disturbed_p99_ms", "ratio")
    table = Table("neighbour", *columns, title="First attempts of quiet endpoints")
    for name, found in figures.items():
        if "ratio" in found:
            table.add_row(name, *(str(found[column]) for column in columns))
    console = Console()
    console.print(table)
    for count, rate in figures["deliveries_per_s"].items():
        console.print(f"{rate} deliveries a second by {count} endpoint(s)")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    parser = argparse.ArgumentParser(description="Whether one organization's endpoint disturbs the others.")
    parser.add_argument("--seconds", type=float, default=Options().seconds, help="of each period")
    parser.add_argument("--rounds", type=int, default=Options().rounds)
    parser.add_argument("--quiet", type=int, default=Options().quiet, help="organizations")
    parser.add_argument("--per-second", type=float, default=Options().per_second, help="their events, together")
    parser.add_argument("--rate-limit", type=int, default=Options().rate_limit, help="of the neighbours")
    parser.add_argument("--shape", choices=("apart", "one"), default="apart")
    parser.add_argument("--neighbours", nargs="+", choices=NEIGHBOURS, default=list(NEIGHBOURS))
    parser.add_argument("--json", action="store_true", help="print one JSON line")
    given = vars(parser.parse_args(arguments))
    as_json = given.pop("json")
    figures = neighbour_figures(Options(**given | {"neighbours": tuple(given["neighbours"])}))
    if as_json:
        print(json.dumps({"required": MOST, **figures}))
    else:
        show(figures)
    raise SystemExit(any(found.get("ratio", 0) > MOST for found in figures.values()))


if __name__ == "__main__":
    main()
