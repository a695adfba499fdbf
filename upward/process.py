"""Running services and workers in one process until it is told to stop."""

import asyncio
import contextlib
import ctypes
import gc
import signal
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import structlog
from starlette.applications import Starlette
from temporalio.service import RPCError

from shared.config import Settings
from shared.contracts.base import Service
from shared.database import Database
from shared.health import seldom, temporal_check
from shared.telemetry.starting import Telemetry, TelemetryMissing
from shared.temporal import connect, is_away, temporal_address
from upward.composition import RELAY, Resources, load, queue_worker
from upward.failures import CannotRun
from upward.release.schema import Waiting
from upward.round_kinds import check_round_kinds

if TYPE_CHECKING:
    from services.events.recovery.rules.wanted import Rows

log = structlog.get_logger(__name__)
RETRY_SECONDS = 1.0
STARTED_SECONDS = 3.0
"""When a process has connected and asked for its first work."""


@contextlib.asynccontextmanager
async def assemble(
    settings: Settings,
    service_names: Iterable[Service],
    address: str | None = None,
    *,
    queues: Iterable[str] = (),
    name: str = "upward",
) -> AsyncIterator[tuple[Starlette, Resources]]:
    """The application of these services and the resources that the workers of `queues` share with it. `address` is that
    of Temporal, and `name` is what Postgres calls the process.

    Raises RoundKindsIncomplete and CannotRun before anything is opened.
    """
    services, queues = tuple(service_names), tuple(queues)
    load(services, queues)
    check_round_kinds({*services, *queues})
    try:
        telemetry = Telemetry(settings, name)
    except TelemetryMissing as missing:
        raise CannotRun(str(missing)) from None
    database = Database(settings.database_url, pool_size=settings.database_pool_size, name=name)
    app = _application(settings, services, database, telemetry)
    client = await connect(address, telemetry=telemetry)
    resources = Resources(settings, database, app.state.internal, client, address, telemetry)
    try:
        yield app, resources
    finally:
        await resources.close()


def _application(
    settings: Settings, services: Sequence[Service], database: Database, telemetry: Telemetry
) -> Starlette:
    """What the process answers by HTTP. One without services imports nothing that routes need."""
    exposition = telemetry.exposition if telemetry.serves_metrics else None
    if services:
        from upward.serving.routes import create

        return create(settings, services, database, exposition)
    from upward.serving.probes import create_probes

    return create_probes(settings, database, exposition)


async def run_worker(queue: str, resources: Resources, stop: asyncio.Event) -> None:
    """Runs the worker of a queue until `stop` is set. While Temporal is away, it waits. Any other failure is raised."""
    while not stop.is_set():
        try:
            client = await connect(resources.temporal_address, lazy=False, telemetry=resources.telemetry)
            async with queue_worker(queue, client, resources):
                log.info("worker.started", queue=queue)
                await stop.wait()
        except (RPCError, RuntimeError) as error:
            if not is_away(error):
                raise
            code = error.status.name.lower() if isinstance(error, RPCError) else None
            address = temporal_address(resources.temporal_address)
            log.warning(
                "worker.waited_for_temporal", queue=queue, error=type(error).__name__, code=code, address=address
            )
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(stop.wait(), RETRY_SECONDS)


async def run_relay(resources: Resources, stop: asyncio.Event) -> None:
    """The sequencer, the dispatcher, the fan-out and the retention of events; and the purging of what is over."""
    from services.events.worker import create_relay
    from upward.purging import keep_purging

    relay = create_relay(
        database=resources.database,
        client=resources.temporal,
        read_rows=partial(_read_rows, resources.database),
        retention_days=resources.settings.events_retention_days,
    )
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(relay.run(stop))
        tasks.create_task(keep_purging(resources.database, resources.settings, stop))


async def run_measuring(app: Starlette, resources: Resources, stop: asyncio.Event, *, relay: bool) -> None:
    """Measures for `/metrics` when it is read, and again and again for a collector. With `relay` also what is the same
    for all processes."""
    if resources.telemetry is None or not resources.telemetry.on:
        return
    from upward.metrics.measuring import Measuring, keep_measuring

    measuring = Measuring(resources.database, resources.temporal if relay else None)
    app.state.measure = measuring.look
    if resources.settings.otlp_url:
        await keep_measuring(measuring, stop)


async def run_watch(resources: Resources, stop: asyncio.Event) -> None:
    """Watches whether cycles move, in each process that runs the worker of programs."""
    from services.programs.worker import create_watch, keep_watching

    watch = create_watch(database=resources.database, internal=resources.internal, temporal=resources.temporal)
    await keep_watching(watch, stop)


async def _read_rows(database: Database) -> "Rows":
    """Only after a restore the relay needs the rooms of all services."""
    from upward.recovery.rows import read_rows

    return await read_rows(database)


def stop_on_signals(stop: asyncio.Event) -> None:
    """Makes Ctrl-C and SIGTERM set `stop`, so that the process ends cleanly."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)


def freeze_started_objects() -> None:
    """Excludes all objects that exist once a process has started from garbage collection.

    There are about 200,000 of them. Examining them takes most of a second, in which nothing else happens, and frees
    nothing.
    """
    gc.collect()
    gc.freeze()


async def give_memory_back(stop: asyncio.Event) -> None:
    """Gives the memory back to the system that the start of a process has used for a moment, once it has started."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(STARTED_SECONDS):
            await stop.wait()
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:
        trim(0)  # glibc keeps what is free; other libraries have no such function and need none


async def serve(settings: Settings, services: Sequence[Service]) -> None:
    """`upward serve`: the HTTP side of these services, once the database has the migrations of this release."""
    from upward.serving.server import listen, serve_http

    stop = asyncio.Event()
    stop_on_signals(stop)
    with listen(settings.host, settings.port) as address:
        async with assemble(settings, services, name=f"upward serve {' '.join(services)}") as (app, resources):
            app.state.stopping = stop
            freeze_started_objects()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(run_measuring(app, resources, stop, relay=False))
                tasks.create_task(give_memory_back(stop))
                waiting = Waiting(app, resources.database)
                await waiting.look()
                tasks.create_task(serve_http(waiting, address, stop, settings.trusted_proxies))
                await waiting.until_migrated(stop)


async def work(settings: Settings, queues: Sequence[str]) -> None:
    """`upward worker`: the Temporal side of these services, and the relay of events, once the database has the
    migrations of this release. Its probes are served on a port of their own, if the settings name one."""
    stop = asyncio.Event()
    stop_on_signals(stop)
    async with contextlib.AsyncExitStack() as stack:
        address = None
        if settings.worker_port:
            from upward.serving.server import listen, serve_http

            address = stack.enter_context(listen(settings.host, settings.worker_port))
        assembled = assemble(settings, (), queues=queues, name=f"upward worker {' '.join(queues)}")
        app, resources = await stack.enter_async_context(assembled)
        app.state.checks.append(seldom(temporal_check(resources.temporal)))
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        freeze_started_objects()
        waiting = Waiting(app, resources.database)
        await waiting.look()
        if address is not None:
            tasks.create_task(serve_http(waiting, address, stop))
        await waiting.until_migrated(stop)
        tasks.create_task(give_memory_back(stop))
        tasks.create_task(run_measuring(app, resources, stop, relay=RELAY in queues))
        for queue in queues:
            if queue == RELAY:
                tasks.create_task(run_relay(resources, stop))
            else:
                tasks.create_task(run_worker(queue, resources, stop))
            if queue == Service.PROGRAMS:
                tasks.create_task(run_watch(resources, stop))
