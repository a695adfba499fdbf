"""`python -m tests.faults.events_process`: relay and events worker in a process that dies and is started again.

The order is one line of JSON on standard input. This process has imported everything and forks the one that works, so
that a start takes a moment; whenever that one is killed it forks the next, until it is ended itself. The pid of the one
that works stands in the folder's file `NAME.pid`.
"""

import asyncio
import json
import os
import signal
import sys
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio.worker import Worker

import shared.temporal
from services.events import activities
from services.events.webhooks.drain import Drain, Limits
from services.events.webhooks.rules.delivery import Schedule
from services.events.webhooks.sender import Sender
from services.events.webhooks.store import backfill
from shared.config import Settings
from shared.contracts.base import Service
from shared.contracts.endpoints import EndpointRef
from shared.database import Database
from shared.logging import configure_logging
from tests.faults.kill_points import KillPoint, Moment, install
from upward.process import assemble, run_relay, run_worker, stop_on_signals

FAN_OUT, STORE = "services.events.webhooks.fan_out:FanOut", "services.events.webhooks.store.deliveries"
FAN_OUT_POINTS: dict[str, KillPoint] = {
    "fanned_out_uncommitted": KillPoint("services.events.webhooks.store.fan_out:fan_out", Moment.AFTER),
    "fan_out_committed": KillPoint("services.events.webhooks.store.fan_out:fan_out", Moment.COMMITTED),
    "called_in_database_only": KillPoint(f"{FAN_OUT}._tell", Moment.BEFORE),
    "called_unnoted": KillPoint(f"{FAN_OUT}._tell", Moment.AFTER),
    "called_and_noted": KillPoint("services.events.webhooks.store.fan_out:note_told", Moment.COMMITTED),
    "drain_about_to_begin": KillPoint(f"{STORE}:begin_drain", Moment.BEFORE),
    "drain_begun": KillPoint(f"{STORE}:begin_drain", Moment.COMMITTED),
}
DRAIN_POINTS: dict[str, KillPoint] = {
    "page_of_the_past_filled": KillPoint("services.events.webhooks.drain:fill_page", Moment.COMMITTED),
    "about_to_send": KillPoint("services.events.webhooks.sender:Sender.post", Moment.BEFORE),
    "answered_unrecorded": KillPoint("services.events.webhooks.sender:Sender.post", Moment.AFTER),
    "recorded_uncommitted": KillPoint(f"{STORE}:finish", Moment.AFTER),
    "recorded": KillPoint(f"{STORE}:finish", Moment.COMMITTED),
    "rested_uncommitted": KillPoint(f"{STORE}:rest", Moment.AFTER),
    "rested": KillPoint(f"{STORE}:rest", Moment.COMMITTED),
}
PAGE = 10
"""Of a backfill: several pages of few events."""


@dataclass(frozen=True)
class Order:
    folder: str
    name: str
    database_url: str
    temporal: str
    points: tuple[str, ...] = ()
    pace: float = 1.0
    """Of retries."""

    def to_json(self) -> str:
        return json.dumps(asdict(self))


async def work(order: Order) -> None:
    settings = Settings(database_url=order.database_url, webhook_development_networks=("127.0.0.0/8",))
    stop = asyncio.Event()
    stop_on_signals(stop)
    async with assemble(settings, (), order.temporal) as (_, resources), asyncio.TaskGroup() as tasks:
        tasks.create_task(run_relay(resources, stop))
        tasks.create_task(run_worker(Service.EVENTS, resources, stop))


def live(order: Order) -> None:
    """One life of the process that works."""
    os.setsid()
    install(Path(order.folder), order.points, FAN_OUT_POINTS | DRAIN_POINTS)
    _make_quick(order)
    asyncio.run(work(order))


def _make_quick(order: Order) -> None:
    """The same things happen, sooner: a drain rests soon, and its death is noticed soon."""
    backfill.PAGE = PAGE

    def drain(
        database: Database, sender: Sender, endpoint: EndpointRef, schedule: Schedule, *, woken: asyncio.Event
    ) -> Drain:
        return Drain(database, sender, endpoint, schedule._replace(pace=order.pace), Limits(linger=0.1), woken)

    def worker(*given: Any, **options: Any) -> Worker:
        return Worker(*given, **options | {"max_heartbeat_throttle_interval": timedelta(seconds=0.3)})

    setattr(activities, "Drain", drain)  # noqa: B010 (mypy refuses the plain assignment)
    setattr(shared.temporal, "Worker", worker)  # noqa: B010


def main() -> None:
    configure_logging("CRITICAL", "console")
    given = json.loads(sys.stdin.readline())
    order = Order(**given | {"points": tuple(given["points"])})
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    status: int = signal.SIGKILL
    while status == signal.SIGKILL:
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            live(order)
            os._exit(0)
        try:
            (Path(order.folder) / f"{order.name}.pid").write_text(str(child))
            _, status = os.waitpid(child, 0)
        except SystemExit:
            os.kill(child, signal.SIGKILL)
            raise
    sys.exit(f"the process ended by itself: {status}")


if __name__ == "__main__":
    main()
