"""One run of the bench: its own Postgres and Temporal server, the processes beside them, and the kills.

The parent only starts, kills and restarts processes. So it can fork, and its children have everything imported and
begin their work within milliseconds. It kills only its own children and those of its own Postgres, by their process
ids.
"""

import asyncio
import ctypes
import logging
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import LiteralString, NamedTuple

import psutil
import psycopg

from bench import event_workers
from bench.event_readers import Cursor, cursor_path, observe, read_heads, run_reader, run_sequencer
from bench.event_receiver import Mailbox, create_endpoints, run_receiver
from bench.event_writers import Work, Writer, create_tables
from bench.ledger import Fact
from bench.ledger_files import read_arrivals
from shared.logging import configure_logging
from upward.embedded import EmbeddedPostgres, EmbeddedTemporal
from upward.migration import migrate
from upward.process import freeze_started_objects

FORK = multiprocessing.get_context("fork")
WRITERS, REPLICAS = 2, 2
ROLES = (
    *("writer",) * WRITERS,
    *("sequencer",) * REPLICAS,
    *("relay",) * REPLICAS,
    *("worker",) * REPLICAS,
    *("receiver", "reader", "observer"),
)
POSTGRES = "postgres"
PREY = (POSTGRES, "relay", "worker", "receiver", "writer", "reader")
"""What is killed, each as often as the others: a backend of Postgres, or one of our own processes. A relay runs the
sequencer, the dispatcher and the fan-out; a worker delivers."""
POLL_SECONDS = 0.005
LOOK_SECONDS = 0.5
WORTH_FORESEEING = 50_000
UNDISPATCHED: LiteralString = """
    select (select count(*) from events.undispatchable) + count(*) from events.event
    where position > coalesce((select position from events.consumer where name = 'dispatcher'), 0)
"""
WAITING: LiteralString = "select count(*) from events.delivery where state = 'waiting'"
PATIENCE_SECONDS = 120
SIZE = 50


class Load(NamedTuple):
    """How much the writers write."""

    rate: float | None
    """Events per second of all writers together; None means as many as possible."""
    size: float = SIZE
    """The average number of events of a transaction. With small transactions the writers need most of two cores."""


class Outside(NamedTuple):
    """What delivering needs in addition to the database."""

    temporal: str
    mailbox: Mailbox


class Run:
    """Processes on one database. `folder` holds the ledgers."""

    def __init__(self, folder: Path, url: str, load: Load, seed: int, outside: Outside | None) -> None:
        self.folder, self.url = folder, url
        self._load, self._outside = load, outside
        self._chance = random.Random(seed)
        self._lives = 0
        self._processes: dict[int, BaseProcess] = {}
        self._stopping = FORK.RawArray(ctypes.c_bool, len(ROLES))
        self._committed = FORK.RawArray(ctypes.c_int64, len(ROLES))
        self._next_prey: list[str] = []
        self.kills: Counter[str] = Counter()

    @property
    def committed(self) -> int:
        """How many events were committed, according to answered commits."""
        return sum(self._committed)

    def start(self, *roles: str) -> None:
        for place, role in enumerate(ROLES):
            if role in roles:
                self._stopping[place] = False
                self._start(place)

    def stop(self, *roles: str) -> None:
        """Asks these processes to end, and waits until they have. One that was just killed is not started again."""
        places = [place for place in self._processes if ROLES[place] in roles]
        for place in places:
            self._stopping[place] = True
        for place in places:
            process = self._processes.pop(place)
            process.join(PATIENCE_SECONDS)
            if process.exitcode not in (0, -signal.SIGKILL):
                raise RuntimeError(f"A {ROLES[place]} ended with {process.exitcode}")

    def end(self) -> None:
        for process in self._processes.values():
            process.kill()
            process.join()

    def write(self, events: int, kills: int = 0) -> None:
        """Waits until so many more events are committed. The kills are spread over that time, at random moments. Raises
        TimeoutError if nothing is committed any more."""
        already = self.committed
        begun, foreseen = time.monotonic(), events < WORTH_FORESEEING
        seen, given_up_at = already, begun + PATIENCE_SECONDS
        moments = [already + events * (kill + self._chance.random()) / kills for kill in range(kills)]
        while moments or self.committed < already + events:
            if moments and self.committed >= moments[0]:
                self._kill()
                moments.pop(0)
            if self.committed > seen:
                seen, given_up_at = self.committed, time.monotonic() + PATIENCE_SECONDS
                if not foreseen and seen >= already + events / 10:
                    foreseen = True
                    _foresee(seen - already, events, time.monotonic() - begun)
            elif time.monotonic() > given_up_at:
                raise TimeoutError(f"Nothing was committed for {PATIENCE_SECONDS} s")
            self._raise_the_dead()
            time.sleep(POLL_SECONDS)

    def wait(self, seconds: float) -> None:
        """Lets everything go on for that long."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._raise_the_dead()
            time.sleep(POLL_SECONDS)

    def wait_until_sequenced(self) -> None:
        """Waits until nothing is staged. Raises TimeoutError."""
        if not self._comes_about(lambda: not self._ask("select count(*) from events.staged_event")):
            raise TimeoutError("Events are staged still")

    def wait_until_read(self) -> bool:
        """Waits until the reader's cursors and digests equal the organizations' heads. That proves that the reader has
        everything, as docs/events-feed.md says. False if it does not happen."""
        return self._comes_about(lambda: proven(self.folder, self.url))

    def wait_until_workers(self) -> None:
        """Waits until every task queue of the deliveries has a worker."""
        assert self._outside is not None
        waiting = FORK.Process(
            target=lambda at: asyncio.run(event_workers.wait_for_workers(at)), args=self._outside[:1]
        )
        waiting.start()
        waiting.join()
        if waiting.exitcode:
            raise TimeoutError("No worker came up")

    def wait_until_dispatched(self) -> int:
        """Waits until the dispatcher has dealt with every event. Returns the number of events that it has not dealt
        with or could not dispatch."""
        if self._comes_about(lambda: not self._ask(UNDISPATCHED)):
            return 0
        return self._ask(UNDISPATCHED)

    def wait_until_delivered(self, meant: Collection[Fact]) -> None:
        """Waits until all of these deliveries have arrived. If that does not happen, it prints the missing ones on
        standard error."""
        missing, deadline = set(meant), time.monotonic() + PATIENCE_SECONDS
        while missing and time.monotonic() < deadline:
            self.wait(LOOK_SECONDS)
            missing.difference_update(arrival.fact for arrival in read_arrivals(self.folder))
        if missing:
            subjects = sorted({fact.subject for fact in missing})
            print(
                f"{len(missing)} of {len(meant)} deliveries did not arrive within {PATIENCE_SECONDS} s;"
                f" {self._ask(WAITING)} wait in the database; subjects {subjects[:10]}",
                file=sys.stderr,
            )

    def sequenced(self) -> int:
        """How many events are in the log."""
        return self._ask("select count(*) from events.event")

    def _comes_about(self, done: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                if done():
                    return True
            except psycopg.OperationalError:  # Postgres is on its way up
                pass
            self.wait(POLL_SECONDS)
        return False

    def _ask(self, query: LiteralString) -> int:
        with psycopg.connect(self.url) as connection:
            row = connection.execute(query).fetchone()
        assert row is not None
        return int(row[0])

    def _kill(self) -> None:
        """Kills one of the processes that live."""
        found: list[int] = []
        while not found:  # Postgres may be on its way up
            self._next_prey = self._next_prey or self._chance.sample(PREY, len(PREY))
            prey = self._next_prey.pop()
            found = backends(self.folder) if prey == POSTGRES else self._pids(prey)
        try:
            os.kill(self._chance.choice(found), signal.SIGKILL)
        except ProcessLookupError:  # it ended by itself
            return self._kill()
        self.kills[prey] += 1
        return None

    def _pids(self, role: str) -> list[int]:
        alive = [process for place, process in self._processes.items() if ROLES[place] == role and process.is_alive()]
        return [process.pid for process in alive if process.pid is not None]

    def _raise_the_dead(self) -> None:
        for place, process in list(self._processes.items()):
            if process.exitcode is None:
                continue
            if process.exitcode != -signal.SIGKILL:
                raise RuntimeError(f"A {ROLES[place]} ended with {process.exitcode}")
            self._start(place)

    def _start(self, place: int) -> None:
        self._lives += 1
        process = FORK.Process(target=self._live, args=(place, self._lives), daemon=True)
        process.start()
        self._processes[place] = process

    def _live(self, place: int, life: int) -> None:
        """What a child does."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
        configure_logging("CRITICAL", "console")
        logging.getLogger("psycopg").setLevel(logging.CRITICAL)  # it warns of every connection that is lost

        def stopping() -> bool:
            return bool(self._stopping[place]) or os.getppid() == 1

        def report(events: int) -> None:
            self._committed[place] += events

        match ROLES[place]:
            case "writer":
                rate = self._load.rate and self._load.rate / WRITERS
                work = Work(self.url, self.folder, life, rate, self._load.size, stopping, report)
                asyncio.run(Writer(work).run())
            case "sequencer":
                asyncio.run(run_sequencer(self.url, stopping))
            case "relay" if self._outside:
                asyncio.run(event_workers.run_relay(self.url, self._outside.temporal, stopping))
            case "worker" if self._outside:
                asyncio.run(event_workers.run_worker(self.url, self._outside.temporal, stopping))
            case "receiver" if self._outside:
                asyncio.run(run_receiver(self._outside.mailbox, self.folder, life, stopping))
            case "reader":
                asyncio.run(run_reader(self.url, self.folder, life, stopping))
            case "observer":
                observe(self.url, self.folder, life, stopping)
            case role:
                raise ValueError(f"A {role} needs endpoints")


def _foresee(done: int, events: int, seconds: float) -> None:
    """Prints on standard error how long the rest will take."""
    speed = done / seconds
    text = f"{speed:.0f} events a second are committed: {(events - done) / speed / 60:.1f} minutes more of them."
    print(text, file=sys.stderr, flush=True)


def proven(folder: Path, url: str) -> bool:
    """Whether the reader has received everything up to every head, by its digests."""
    cursor, heads = Cursor(cursor_path(folder)), read_heads(url)
    return all((cursor.after[one], cursor.digest[one]) == heads.get(one, (0, b"")) for one in cursor.after)


def backends(folder: Path) -> list[int]:
    """The processes of this run's Postgres that serve a connection."""
    postmaster = psutil.Process(int((folder / "postgres" / "postmaster.pid").read_text().split()[0]))
    found = []
    for child in postmaster.children():
        try:
            found += [child.pid] if "[local]" in " ".join(child.cmdline()) else []
        except psutil.Error:  # it ended meanwhile
            continue
    return found


@contextmanager
def running(load: Load, seed: int, *, delivering: bool = False) -> Iterator[Run]:
    """A run on a new database; with endpoints and a Temporal server if `delivering`. No process is started yet."""
    with tempfile.TemporaryDirectory(prefix="upward-events-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        postgres, temporal = EmbeddedPostgres(folder / "postgres"), EmbeddedTemporal(folder / "temporal")
        url = postgres.start()
        run: Run | None = None
        try:
            migrate(url)
            create_tables(url)
            if delivering:
                temporal.start()
            outside = Outside(temporal.address, create_endpoints(url)) if delivering else None
            run = Run(folder, url, load, seed, outside)
            freeze_started_objects()  # as every process of the product does; the children inherit the effect
            yield run
        finally:
            if run is not None:
                run.end()
            temporal.stop()
            postgres.stop()
