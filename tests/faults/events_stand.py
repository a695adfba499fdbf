"""A stand for faults of deliveries: Postgres, Temporal, a receiver, and processes of relay and events worker to kill.

Endpoints' workflows run in the test's own process, which is not killed: what dies are the parts that send.
"""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Select, select
from sqlalchemy.exc import SQLAlchemyError
from temporalio.common import RetryPolicy
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from services.events.log.store.reading import read_head
from services.events.webhooks import switching
from services.events.webhooks.models import DeliveryRow, EndpointRow
from services.events.webhooks.rules.delivery import DeliveryState, DrainState
from services.events.webhooks.rules.endpoints import EndpointDefinition
from services.events.webhooks.rules.signing import new_secret
from services.events.webhooks.store import endpoints
from shared.contracts.endpoints import EndpointRef
from shared.contracts.events import PairCompleted
from shared.database import Database
from shared.events import StagedEvent, emit
from shared.temporal import WORKFLOWS_QUEUE, connect
from tests.clusters import copy_cluster
from tests.faults.events_process import PAGE, Order
from tests.faults.kill_points import struck
from tests.patience import PATIENCE_SECONDS
from tests.temporal_server import Server, temporal_server
from tests.webhook_receiver import Received, Receiver, Reply, receiving
from upward.embedded import EmbeddedPostgres
from workflows import options
from workflows.endpoint import EndpointWorkflow

ROOT = Path(__file__).parents[2]
NOTICED_AFTER = timedelta(seconds=1)
"""So long after the death of its worker a drain is given to another."""
AT_ONCE_AGAIN = RetryPolicy(initial_interval=timedelta(seconds=0.2), backoff_coefficient=1)
"""A drain that dies a dozen times does not wait longer each time."""
BURST = 10


@dataclass
class Stand:
    folder: Path
    postgres: EmbeddedPostgres
    temporal: Server
    database: Database
    receiver: Receiver
    organization_id: UUID = field(default_factory=uuid4)
    sent_again: list[int] = field(default_factory=list)
    """Events that came although it was on record that they had been taken."""

    @contextmanager
    def process(self, name: str, points: tuple[str, ...] = (), pace: float = 1.0) -> Iterator[None]:
        """Relay and events worker in a process of their own, for the length of the block."""
        url = self.postgres.start()
        order = Order(str(self.folder), name, url, self.temporal.address, points, pace)
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.events_process"],
                cwd=ROOT, stdin=subprocess.PIPE, stdout=log, stderr=log, text=True,
            )  # fmt: skip
        assert process.stdin is not None
        with process.stdin as orders:
            orders.write(order.to_json() + "\n")
        try:
            yield
            assert process.poll() is None, (self.folder / f"{name}.log").read_text()[-3000:]
        finally:
            process.terminate()
            process.wait(10)

    def kill(self, name: str) -> None:
        """`kill -9`; another is started at once."""
        os.killpg(int((self.folder / f"{name}.pid").read_text()), signal.SIGKILL)

    async def add_endpoint(self) -> EndpointRef:
        definition = EndpointDefinition(url=self.receiver.url, owner_id=uuid4(), rate_limit=500)
        async with self.database.transaction() as session:
            made = await endpoints.create_endpoint(session, self.organization_id, definition, new_secret())
        return EndpointRef(organization_id=self.organization_id, endpoint_id=made.id)

    async def emit(self, count: int, subjects: int = 5) -> None:
        """Some events, in turn about so many subjects."""
        events = (PairCompleted(pair_id=UUID(int=number % subjects), cycle_id=UUID(int=1)) for number in range(count))
        async with self.database.transaction() as session:
            await emit(session, self.organization_id, *events)

    async def take(self, received: Received) -> Reply:
        """Takes everything; watches that nothing comes again whose success is on record."""
        with suppress(SQLAlchemyError):
            async with self.database.transaction() as session:
                key = (DeliveryRow.organization_id == self.organization_id, DeliveryRow.sequence == received.sequence)
                state = await session.scalar(select(DeliveryRow.state).where(*key))
            if state == DeliveryState.DELIVERED:
                self.sent_again.append(received.sequence)
        return Reply()

    async def until(self, condition: Callable[[], bool]) -> None:
        await self.receiver.until(condition, PATIENCE_SECONDS)

    async def until_all_came(self) -> None:
        """Every event that was emitted, and the endpoint rests."""
        last = await self.last_sequence()
        await self.until(lambda: set(range(1, last + 1)) <= set(self.receiver.sequences))
        await self._until_none(select(EndpointRow.id).where(EndpointRow.drain_state != DrainState.IDLE))

    async def last_sequence(self) -> int:
        """Of the organization's events, once all that were emitted have theirs."""
        await self._until_none(select(StagedEvent.id))
        async with self.database.transaction() as session:
            head = await read_head(session, self.organization_id)
        return head.sequence if head is not None else 0

    async def _until_none(self, found: Select[Any]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                async with self.database.transaction() as session:
                    if (await session.execute(found)).first() is None:
                        return
                await asyncio.sleep(0.05)

    def out_of_order(self) -> dict[str, list[int]]:
        """Subjects whose events came first in another order than they happened."""
        came: defaultdict[str, dict[int, None]] = defaultdict(dict)
        for one in self.receiver.received:
            came[one.subject][one.sequence] = None
        return {subject: list(first) for subject, first in came.items() if list(first) != sorted(first)}


@asynccontextmanager
async def standing(folder: Path) -> AsyncIterator[Stand]:
    """A stand in this folder, without any process that sends."""
    folder.chmod(0o755)
    await asyncio.to_thread(copy_cluster, folder / "postgres", migrated=True, durable=True)
    postgres = EmbeddedPostgres(folder / "postgres")
    async with AsyncExitStack() as cleanup:
        cleanup.callback(postgres.stop)
        url = await asyncio.to_thread(postgres.start)
        database = Database(url)
        cleanup.push_async_callback(database.close)
        temporal = cleanup.enter_context(temporal_server(folder))
        patch = cleanup.enter_context(pytest.MonkeyPatch.context())
        patch.setitem(options.EVENTS, "heartbeat_timeout", NOTICED_AFTER)
        patch.setitem(options.EVENTS, "retry_policy", AT_ONCE_AGAIN)
        receiver = await cleanup.enter_async_context(receiving())
        client = await connect(temporal.address, lazy=False)
        runner = UnsandboxedWorkflowRunner()  # workflows must see the options of this process
        workflows = Worker(client, task_queue=WORKFLOWS_QUEUE, workflows=[EndpointWorkflow], workflow_runner=runner)
        await cleanup.enter_async_context(workflows)
        stand = Stand(folder, postgres, temporal, database, receiver)
        receiver.decide = stand.take
        yield stand


@asynccontextmanager
async def killed_at(points: Collection[str]) -> AsyncIterator[Stand]:
    """A stand whose relay and events worker were killed once at each of these points, while events of the past and new
    ones were to be sent, and that has come to rest."""
    with tempfile.TemporaryDirectory(prefix="upward-kills-", ignore_cleanup_errors=True) as folder:
        async with standing(Path(folder)) as stand:
            endpoint = await stand.add_endpoint()
            async with stand.database.transaction() as session:
                await endpoints.disable_endpoint(session, endpoint)
            await stand.emit(3 * PAGE)
            with stand.process("sender", tuple(points)):
                await stand.last_sequence()
                await switching.enable_endpoint(stand.database, endpoint, catch_up=True)
                await stand.until_all_came()
                for _ in points:
                    if set(struck(stand.folder)) == set(points):
                        break
                    await stand.emit(BURST)
                    await stand.until_all_came()
                await stand.emit(BURST)
                await stand.until_all_came()
            yield stand
