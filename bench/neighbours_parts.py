"""The processes of `bench/neighbours.py`: receivers, and Upward's relay and workers, in processes of their own as in
production.

`python bench/neighbours_parts.py receive|relay|workflows|events|all` with Upward's own environment variables; `PACE`
shortens the retries, as of an hour in a minute. `receive` prints its port.
"""

import asyncio
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import services.events.main as events
from services.events.webhooks.rules.delivery import Schedule
from shared.config import Settings
from shared.contracts.base import Service
from shared.logging import configure_logging
from shared.temporal import WORKFLOWS_QUEUE, activity_methods, connect, create_worker
from upward.composition import ACTIVITIES_AT_ONCE
from upward.process import assemble, freeze_started_objects, run_relay, run_worker, stop_on_signals

POISONED = b"00000000-0000-0000-0000-000000000001"
"""The subject that a poisoned endpoint answers with 500."""
HANG_SECONDS = 30


class Receiving(asyncio.Protocol):
    """A server of just as much of HTTP/1.1 as our own sender needs. The path says how it answers."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._came = transport, b""

    def data_received(self, data: bytes) -> None:
        self._came += data
        head, found, body = self._came.partition(b"\r\n\r\n")
        if not found:
            return
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        if len(body) < int(fields[b"content-length"]):
            return
        self._came = b""
        kind = head.split(b" ", 2)[1].strip(b"/")
        if kind == b"hang":
            self._hangs = asyncio.create_task(self._answer_slowly())
            return
        fails = kind == b"fail" or (kind == b"poison" and POISONED in body)
        self._transport.write(
            b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n" if fails else b"HTTP/1.1 204 Taken\r\n\r\n"
        )

    async def _answer_slowly(self) -> None:
        """Answers with one byte per second (slow loris)."""
        for byte in b"HTTP/1.1 204 Taken\r\nx: " + b"y" * HANG_SECONDS:
            if self._transport.is_closing():
                return
            self._transport.write(bytes([byte]))
            await asyncio.sleep(1)


async def receive() -> None:
    server = await asyncio.get_running_loop().create_server(Receiving, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def work(part: str) -> None:
    """Runs a worker as `upward worker` does, but with another pace of retries."""
    stop, settings, schedule = asyncio.Event(), Settings(), Schedule(pace=float(os.environ["PACE"]))
    stop_on_signals(stop)
    async with assemble(settings, ()) as (_, resources), asyncio.TaskGroup() as tasks:
        freeze_started_objects()
        if part in ("relay", "all"):
            tasks.create_task(run_relay(resources, stop))
        if part in ("workflows", "all"):
            tasks.create_task(run_worker(WORKFLOWS_QUEUE, resources, stop))
        if part in ("events", "all"):
            given = events.create_activities(database=resources.database, sender=resources.sender, schedule=schedule)
            queue = Service.EVENTS.value
            client = await connect(lazy=False)
            at_once = ACTIVITIES_AT_ONCE[queue]
            async with create_worker(client, queue, activities=activity_methods(given), at_once=at_once):
                await stop.wait()


if __name__ == "__main__":
    configure_logging("WARNING", "console")
    asyncio.run(receive() if sys.argv[1] == "receive" else work(sys.argv[1]))
