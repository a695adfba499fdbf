"""`python -m tests.faults.sequencing_process URL RECORD`: sequencing that dies, each time in a process of its own.

Each line of standard input orders a process that sequences until nothing is staged and kills itself at that step
(`tests/faults/steps.py`; 0: never). Each is answered by one line: whether it died, and the steps that it took.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import psycopg

from services.events.log import sequencer
from services.events.log.sequencer import Sequencer
from services.events.log.store.polling import ANY_STAGED
from services.events.log.waiting import Notifier
from shared.database import Database
from shared.logging import configure_logging
from tests.faults.steps import Steps

BATCH = 2
"""Small, so that what a test stages takes more than one."""


async def sequence(url: str, steps: Steps) -> None:
    database, stop = Database(url, pool_size=2), asyncio.Event()
    steps.watch(database)
    running = asyncio.create_task(Sequencer(database, Notifier()).run(stop))
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        while await (await connection.execute(ANY_STAGED)).fetchone() is not None:
            await asyncio.sleep(0.01)
    stop.set()
    await running
    await database.close()


def main() -> None:
    configure_logging("CRITICAL", "console")
    url, record = sys.argv[1], Path(sys.argv[2])
    setattr(sequencer, "BATCH", BATCH)  # noqa: B010 (mypy refuses the plain assignment)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            asyncio.run(sequence(url, Steps(int(line), record)))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        died = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        assert died or status == 0, "sequencing failed"
        print(json.dumps({"died": died, "steps": record.read_text().splitlines()}), flush=True)


if __name__ == "__main__":
    main()
