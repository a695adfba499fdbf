"""The event log and its deliveries lose, invent, double and misplace nothing, whatever dies: the writers' ledger is
compared with the reader's and the receiver's.

`make test` kills each part once and dies at a step of each kind, `make long` kills more often and dies at every step;
`bench/events.py` is longer still: a million events, two hundred kills, with speed and lag.
"""

import asyncio
import itertools
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from bench.event_run import PREY
from bench.event_writers import event_of, fact_of
from bench.ledger import Comparison, Fact, Receipt, compare
from services.events.log.rules.cloudevents import cloud_event
from services.events.log.sequencer import BATCH, Sequencer
from services.events.log.store import reading
from services.events.log.waiting import Notifier
from shared.database import Database
from shared.events import emit
from tests.clusters import copy_cluster
from tests.faults.sequencing_process import BATCH as BATCH_OF_DEATHS
from tests.faults.stack_process import OTHER_SESSIONS, ROOT
from tests.faults.steps import one_of_each
from tests.patience import PATIENCE_SECONDS
from upward.embedded import EmbeddedPostgres

RATE, SIZE = 1_000, 15
LENGTHS = {"once": (1_500, 1), "often": (10_000, 5)}
"""How many events are written, and how often each part is killed meanwhile."""
LEAST_DELIVERIES = 5
"""Of about fifteen at least."""
NEW = itertools.count(1)
"""Organizations that have no events yet."""
STAGED = 2
"""Of each of two organizations."""


@pytest.fixture(scope="module", params=["once", pytest.param("often", marks=pytest.mark.long)])
def length(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def found(length: str) -> dict[str, Any]:
    """What the bench measured in its short form, with processes for everything that takes part."""
    events, kills = LENGTHS[length]
    given = ["--events", str(events), "--rate", str(RATE), "--size", str(SIZE), "--kills", str(kills * len(PREY))]
    given += ["--speed-events", "0", "--json"]
    command = [sys.executable, str(ROOT / "bench" / "events.py"), *given]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False, timeout=PATIENCE_SECONDS)
    answer: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == 0, answer
    return answer


def test_everything_that_takes_part_is_killed(found: dict[str, Any], length: str) -> None:
    assert found["killed"] == dict.fromkeys(PREY, LENGTHS[length][1])


def test_kills_lose_invent_double_and_misplace_no_event_and_no_delivery(found: dict[str, Any], length: str) -> None:
    assert found["committed"] >= LENGTHS[length][0]
    assert found["deliveries"] >= LEAST_DELIVERIES
    faults = ("lost", "phantom", "gaps", "order_violations", "duplicates")
    assert {name: found[name] for name in faults} == dict.fromkeys(faults, 0)


def test_through_all_kills_the_dispatcher_passes_over_nothing_and_the_receiver_verifies_all(
    found: dict[str, Any],
) -> None:
    assert (found["undispatched"], found["refused"]) == (0, 0)


def test_through_all_kills_the_readers_digest_proves_that_it_has_everything(found: dict[str, Any]) -> None:
    assert found["proven"] is True


@pytest.fixture(scope="module")
def postgres_url(faults_folder: Path) -> Iterator[str]:
    copy_cluster(faults_folder / "boundaries", migrated=True, durable=True)
    postgres = EmbeddedPostgres(faults_folder / "boundaries")
    url = postgres.start()
    yield url
    postgres.stop()


@pytest.fixture(scope="module")
async def database(postgres_url: str) -> AsyncIterator[Database]:
    database = Database(postgres_url, pool_size=1)
    yield database
    await database.close()


async def stage(database: Database, transaction: int, organizations: tuple[int, int]) -> list[Fact]:
    """Events of two organizations in one transaction, one subject each."""
    facts = [Fact(one, one, number, transaction) for number in range(1, STAGED + 1) for one in organizations]
    async with database.transaction() as session:
        for fact in facts:
            await emit(session, UUID(int=fact.organization), event_of(fact))
    return facts


async def receive(database: Database, organizations: tuple[int, int]) -> list[Receipt]:
    found = []
    async with database.transaction() as session:
        for organization in organizations:
            for record in await reading.read_feed(session, UUID(int=organization), 0, 1000):
                fact = fact_of(cloud_event(record).source, record.data)
                found.append(Receipt(fact, record.sequence, 1))
    return found


class Deaths:
    """Sequencing in processes that die at a step."""

    def __init__(self, database: Database, process: "subprocess.Popen[str]") -> None:
        self._database, self._process = database, process

    async def sequence(self, *, die_at: int) -> tuple[bool, list[str]]:
        """Whether it died, and its steps; answers when Postgres has dealt with all that it sent, dead or not."""
        answer = await asyncio.to_thread(self._order, die_at)
        async with asyncio.timeout(PATIENCE_SECONDS), self._database.engine.connect() as connection:
            while await connection.scalar(text(OTHER_SESSIONS)):
                await connection.rollback()
                await asyncio.sleep(0.01)
        return answer["died"], answer["steps"]

    def _order(self, die_at: int) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{die_at}\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


@pytest.fixture
def deaths(postgres_url: str, database: Database, tmp_path: Path) -> Iterator[Deaths]:
    command = [sys.executable, "-m", "tests.faults.sequencing_process", postgres_url, str(tmp_path / "steps")]
    with subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield Deaths(database, process)
        assert process.stdin is not None
        process.stdin.close()


@pytest.mark.parametrize("which", ["one of each", pytest.param("every", marks=pytest.mark.long)])
async def test_a_sequencer_that_dies_before_or_after_any_statement_or_commit_loses_and_doubles_nothing(
    database: Database, deaths: Deaths, which: str
) -> None:
    for _ in range(2):  # the first time has more steps, once for a new database: it makes the day and notes the server
        await stage(database, 1, (next(NEW), next(NEW)))
        died, steps = await deaths.sequence(die_at=0)
        assert not died
    assert steps.count("after COMMIT") == 1 + 2 * STAGED / BATCH_OF_DEATHS
    assert {"before SELECT", "after SELECT", "before WITH raised", "after WITH raised"} <= set(steps)
    numbers = range(1, len(steps) + 1) if which == "every" else one_of_each(steps, "after COMMIT")
    for number in numbers:
        organizations = (next(NEW), next(NEW))
        facts = await stage(database, number, organizations)
        died, steps = await deaths.sequence(die_at=number)
        assert died
        received = await receive(database, organizations)
        partial = compare(facts, received)
        assert partial == Comparison(partial.lost, 0, 0, 0, 0, 0, len(facts)), steps
        sent = steps.count("before COMMIT") - (steps[-1] == "before COMMIT")
        batches = max(0, sent - 1)  # the first is the rehearsal's
        assert partial.lost == len(facts) - BATCH_OF_DEATHS * batches, steps
        assert not (await deaths.sequence(die_at=0))[0]
        assert compare(facts, await receive(database, organizations)).holds, steps


async def test_events_are_sequenced_while_foreign_transactions_are_held_open(
    postgres_url: str, database: Database
) -> None:
    """One with a transaction id, which holds back every cursor that waits for the oldest transaction, and one with an
    old snapshot, which keeps dead rows from being cleaned up."""
    foreign, stop, organizations = Database(postgres_url, pool_size=2), asyncio.Event(), (1001, 1002)
    async with foreign.engine.connect() as writing, foreign.engine.connect() as reading:
        await writing.execute(text("select pg_current_xact_id()"))
        await reading.execution_options(isolation_level="REPEATABLE READ")
        await reading.execute(text("select count(*) from events.staged_event"))
        facts = await stage(database, 1001, organizations)
        assert len(facts) < BATCH
        sequencing = asyncio.create_task(Sequencer(foreign, Notifier()).run(stop))
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not compare(facts, await receive(database, organizations)).holds:
                await asyncio.sleep(0.01)
        assert await writing.scalar(text("select pg_current_xact_id_if_assigned()")) is not None
        stop.set()
        await sequencing
    await foreign.close()
