"""The event log under fire: `python bench/events.py --events N --kills N [--json]`.

Three measurements, each on an embedded Postgres of its own with processes beside it (`bench/event_run.py`):

- `events_per_s`: writers and sequencers work as fast as they can, from the first commit until everything is sequenced.
- `drain_per_s`: sequencers alone work off a backlog.
- The ledgers: writers commit `--rate` events per second, in transactions of several statements and beside rollbacks.
  Meanwhile processes are killed with -9 at random: backends of Postgres (so that Postgres recovers from a crash),
  relays (sequencer, dispatcher and fan-out), workers that deliver, the receiver of webhooks, writers, and the reader of
  the feed. The events that the writers recorded as committed are compared with those that the reader and the receiver
  received (`bench/ledger.py`), and the reader's digest with the log's. `lag` is the time from a commit's return until
  the event can be read, over all events. `first_attempt` is the time from a commit's return until its delivery first
  arrives, over all deliveries; endpoints chose a type that one event in a hundred has. `repeated` counts those that
  came again after a kill, as documented. Retries come sooner here than in the product, and the death of a worker is
  noticed sooner (`bench/event_workers.py` says by how much). `--kills 0` shows `first_attempt` without kills.

With `--foreign-seconds N` it also measures the lag without and with foreign transactions that are held open for that
long, one with a transaction id and one with an old snapshot.

`--neighbour` measures instead whether one organization's endpoint disturbs the others (`bench/neighbours.py`).

It ends with 1 if an event was lost, duplicated, invented or misplaced. With `--strict` it also ends with 1 if it was
too slow, which is meaningful only on a machine that does nothing else.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psycopg
from rich.console import Console
from rich.table import Table

from bench import neighbours
from bench.event_run import SIZE, Load, Run, running
from bench.event_writers import is_delivered, read_markers
from bench.ledger import Committed, compare, compare_arrivals, first_attempts, lags, percentile
from bench.ledger_files import count_refused, read_arrivals, read_committed, read_received, read_sightings

Found = dict[str, Any]
MOST_LAG_MS = 250
LEAST_EVENTS_PER_S = 5_000
MOST_FOREIGN_MS = 1_000
FAULTS = ("lost", "phantom", "gaps", "order_violations", "duplicates")
BOTH_LEDGERS = (*FAULTS, "repeated")
"""Faults that are summed over the ledgers of the reader and the receiver."""
WARM_SECONDS = 1
STARTING_SECONDS, KILL_SECONDS, COMPARED_PER_S = 10, 0.2, 30_000
"""For the estimate of the duration: starting the servers and processes of a run, the average cost of a kill, and how
many events are compared per second."""
CORES, EVENT_SECONDS, TRANSACTION_SECONDS = 1.75, 0.0004, 0.014
"""What of two cores is free for events, and what of a core all processes together spend on one and on a transaction."""
BULK = 100
"""Events of a transaction in the measurements of speed alone."""


def measure_speed(events: int, seed: int) -> Found:
    """The speed of sequencing, at the same time as the writers and of a backlog."""
    with running(Load(None, BULK), seed) as run:
        run.start("sequencer")
        run.wait(WARM_SECONDS)
        begun = time.monotonic()
        run.start("writer")
        run.write(events)
        run.stop("writer")
        run.wait_until_sequenced()
        together = run.sequenced() / (time.monotonic() - begun)
        run.stop("sequencer")
        run.start("writer")
        run.write(events // 2)
        run.stop("writer")
        already, begun = run.sequenced(), time.monotonic()
        run.start("sequencer")
        run.wait_until_sequenced()
        alone = (run.sequenced() - already) / (time.monotonic() - begun)
        run.stop("sequencer")
    return {"events_per_s": round(together), "drain_per_s": round(alone)}


def measure_ledgers(events: int, kills: int, load: Load, seed: int) -> Found:
    """Compares what was committed with what was received, through all kills."""
    with running(load, seed, delivering=True) as run:
        run.start("relay", "worker", "receiver", "reader", "observer")
        run.wait_until_workers()
        run.wait(WARM_SECONDS)
        run.start("writer")
        run.write(events, kills)
        run.stop("writer")
        run.wait_until_sequenced()
        proven = run.wait_until_read()
        run.stop("reader", "observer")
        committed = read_committed(run.folder, read_markers(run.url))
        undispatched = run.wait_until_dispatched()
        run.wait_until_delivered([fact for fact in committed.facts if is_delivered(fact)])
        run.stop("worker", "relay", "receiver")
        received = list(read_received(run.folder))
        ordered = lags(received, read_sightings(run.folder), committed.returned)
        found = compare(committed.facts, received)._asdict()
        delivered = _deliveries(run, committed)
    found |= {name: found[name] + delivered.pop(name) for name in BOTH_LEDGERS}
    return found | {
        "kills": run.kills.total(),
        "killed": dict(run.kills),
        "proven": proven,
        **_lag(ordered, "lag"),
        "undispatched": undispatched,
        **delivered,
    }


def _deliveries(run: Run, committed: Committed) -> Found:
    """Compares the receiver's ledger with the writers' ledgers."""
    arrivals = list(read_arrivals(run.folder))
    found = compare_arrivals([fact for fact in committed.facts if is_delivered(fact)], arrivals)
    return {
        **{name: getattr(found, name) for name in BOTH_LEDGERS},
        "deliveries": len({arrival.fact for arrival in arrivals}),
        "deliveries_repeated": found.repeated,
        "refused": count_refused(run.folder),
        **_lag(first_attempts(arrivals, committed.returned), "first_attempt"),
    }


def measure_foreign(seconds: float, rate: float, seed: int) -> Found:
    """The lag without foreign transactions, and while some are held open."""
    with running(Load(rate), seed) as run:
        run.start("sequencer", "observer", "reader")
        _lag_of(run, 2)  # caches are warm from here on
        quiet = _lag_of(run, seconds)
        with _foreign_transactions(run.url):
            held = _lag_of(run, seconds)
        run.stop("sequencer", "reader", "observer")
    return {**_lag(quiet, "without_foreign"), **_lag(held, "foreign")}


def _lag_of(run: Run, seconds: float) -> list[float]:
    """The lag of the events that are committed within that time."""
    begun = time.monotonic_ns()
    run.start("writer")
    run.wait(seconds)
    run.stop("writer")
    run.wait_until_sequenced()
    run.wait_until_read()
    returned = read_committed(run.folder, set()).returned
    within = {transaction: at for transaction, at in returned.items() if at >= begun}
    return lags(list(read_received(run.folder)), read_sightings(run.folder), within)


@contextmanager
def _foreign_transactions(url: str) -> Iterator[None]:
    """Holds transactions open, as somebody else's report or forgotten session in the same database would."""
    with psycopg.connect(url) as writing, psycopg.connect(url) as reading:
        writing.execute("select pg_current_xact_id()")
        reading.execute("set transaction isolation level repeatable read")
        reading.execute("select count(*) from bench.subject")
        yield


def _lag(ordered: list[float], name: str) -> Found:
    shares = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    return {f"{name}_{word}_ms": _rounded(percentile(ordered, share)) for word, share in shares.items()}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def failures(found: Found, *, strict: bool) -> list[str]:
    """The requirements that are not met."""
    failed = [name for name in (*FAULTS, "undispatched", "refused") if found[name]]
    if not found["proven"]:
        failed.append("proven")
    if strict:
        failed += [] if found["lag_p99_ms"] <= MOST_LAG_MS else ["lag_p99_ms"]
        failed += [] if found["events_per_s"] >= LEAST_EVENTS_PER_S else ["events_per_s"]
        if "foreign_p99_ms" in found:
            added = found["foreign_max_ms"] - found["without_foreign_max_ms"]
            failed += [] if added <= MOST_FOREIGN_MS else ["foreign_max_ms"]
    return failed


def estimate(events: int, kills: int, load: Load, speed_events: int, foreign_seconds: float) -> float:
    """A rough estimate of the duration in seconds, on a machine of two cores that does nothing else."""
    most = CORES / (EVENT_SECONDS + TRANSACTION_SECONDS / load.size)
    seconds = STARTING_SECONDS + kills * KILL_SECONDS + events / COMPARED_PER_S
    seconds += events / min(load.rate or most, most)
    if speed_events:
        seconds += STARTING_SECONDS + 2 * speed_events / LEAST_EVENTS_PER_S
    if foreign_seconds:
        seconds += STARTING_SECONDS + 2 * foreign_seconds
    return seconds


def show(found: Found, failed: list[str]) -> None:
    table = Table("", "", title="The event log under fire")
    for name, value in found.items():
        mark = "[bold red]" if name in failed else ""
        table.add_row(mark + name.replace("_", " "), mark + str(value))
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description="The event log under fire: ledgers compared, lag and speed measured.")
    parser.add_argument("--events", type=int, default=20_000, help="events committed while processes are killed")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--rate", type=float, default=1_500, help="events a second while processes are killed")
    parser.add_argument("--size", type=float, default=SIZE, help="events of a transaction, on average")
    parser.add_argument("--speed-events", type=int, default=60_000, help="events of the measurement of speed; 0: none")
    parser.add_argument("--foreign-seconds", type=float, default=0, help="how long foreign transactions are held open")
    parser.add_argument("--neighbour", action="store_true", help="measure neighbours instead (bench/neighbours.py)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--strict", action="store_true", help="end with 1 also when it was too slow")
    parser.add_argument("--json", action="store_true", help="print one JSON line")
    given = parser.parse_args()
    if given.neighbour:
        neighbours.main(["--json"] if given.json else [])
    load = Load(given.rate, given.size)
    seconds = estimate(given.events, given.kills, load, given.speed_events, given.foreign_seconds)
    print(f"This takes about {seconds / 60:.1f} minutes where nothing else runs.", file=sys.stderr, flush=True)
    found = measure_ledgers(given.events, given.kills, load, given.seed)
    found |= {"events_per_s": None}
    if given.speed_events:
        found |= measure_speed(given.speed_events, given.seed)
    if given.foreign_seconds:
        found |= measure_foreign(given.foreign_seconds, given.rate, given.seed)
    failed = failures(found, strict=given.strict)
    if given.json:
        print(json.dumps(found))
    else:
        show(found, failed)
    raise SystemExit(bool(failed))


if __name__ == "__main__":
    main()
