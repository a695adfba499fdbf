"""Whether one client can stop the others: `python bench/abuse.py [--runs N] [--seconds N] [--rows N] [--json]`.

Starts the whole embedded stack as `upward up` does, in a process of its own. A good client of one organization reads
people, programs and its organization at a steady pace, first undisturbed and then beside a client of another
organization that misbehaves (`bench/abuse_attacks.py`): 20 stalled uploads, bodies of 10 MB without a key, an evil
column mapping, an import that swaps 100,000 addresses, and 100 long polls.

The ratio of an attack is the p95 of the good client beside it to its undisturbed p95, each the median of the runs.
`errors_5xx` counts answers of 500 and above, those of the attackers included, and requests of the good client that got
no answer. It ends with 1 if a ratio is above 2 or if there is such an answer.
"""

import argparse
import asyncio
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.abuse_attacks import ATTACKS, export
from shared.auth import Role
from shared.logging import configure_logging
from upward.embedded import free_port
from upward.running import create_access_key

ROOT = Path(__file__).resolve().parent.parent
PARTS = Path(__file__).with_name("abuse_attacks.py")
MOST = 2.0
"""The p95 beside an attack may be this many times the undisturbed p95."""
PACE_SECONDS = 0.02
PATHS = ("/v1/people?limit=50", "/v1/programs", "/v1/organization")
START_SECONDS = 300
PATIENCE_SECONDS = 600


class Options(NamedTuple):
    runs: int = 5
    seconds: float = 5
    """How long each measurement and each attack lasts; an attack finishes what it has begun."""
    rows: int = 100_000
    attacks: tuple[str, ...] = tuple(ATTACKS)


class Stand(NamedTuple):
    url: str
    good: str
    """The key of the good client."""
    bad: str
    """The key of those that misbehave, of another organization."""


class Measured(NamedTuple):
    quiet: float
    """Seconds: the median p95 without an attack."""
    beside: float
    failures: int

    @property
    def ratio(self) -> float:
        return self.beside / self.quiet


@contextmanager
def standing(folder: Path) -> Iterator[Stand]:
    """`upward up` in this folder, with a key of each of two organizations."""
    port = free_port()
    command = [sys.executable, "-m", "upward", "up", "--folder", str(folder), "--port", str(port)]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_ready(url, process)
            yield Stand(url, _key(folder, "Good"), _key(folder, "Bad"))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def _wait_until_ready(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{url}/readyz", timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise SystemExit("The stack did not become ready.")


def _key(folder: Path, organization: str) -> str:
    return asyncio.run(create_access_key(organization, Role.ADMIN, "bench", folder))


async def read_steadily(stand: Stand, ended: asyncio.Event) -> tuple[list[float], int]:
    """The seconds that each request of the good client took, and how many of them failed."""
    took: list[float] = []
    failures, number, headers = 0, 0, {"authorization": f"Bearer {stand.good}"}
    async with httpx.AsyncClient(base_url=stand.url, headers=headers, timeout=PATIENCE_SECONDS) as client:
        while not ended.is_set() or not took:
            begun = time.perf_counter()
            try:
                answer = await client.get(PATHS[number % len(PATHS)])
                failures += answer.status_code != 200
            except httpx.HTTPError:
                failures += 1
            took.append(time.perf_counter() - begun)
            number += 1
            await asyncio.sleep(PACE_SECONDS)
    return took, failures


async def measure_quiet(stand: Stand, seconds: float) -> tuple[list[float], int]:
    ended = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, ended.set)
    return await read_steadily(stand, ended)


async def measure_beside(stand: Stand, attack: str, options: Options, turn: int) -> tuple[list[float], int]:
    """The good client's requests while the attack lasts."""
    arguments = [attack, stand.url, stand.bad, str(options.seconds), str(options.rows), str(turn)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(PARTS), *arguments, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout is not None
    assert (await process.stdout.readline()).strip() == b"ready"
    ended = asyncio.Event()
    reading = asyncio.create_task(read_steadily(stand, ended))
    answers = {int(status): count for status, count in json.loads(await process.stdout.readline()).items()}
    await process.wait()
    ended.set()
    took, failures = await reading
    return took, failures + sum(count for status, count in answers.items() if status >= 500)


def p95(took: Sequence[float]) -> float:
    return sorted(took)[int(0.95 * (len(took) - 1))]


async def measure(stand: Stand, options: Options) -> dict[str, Measured]:
    await _prepare(stand, options)
    found: dict[str, Measured] = {}
    for attack in options.attacks:
        quiet: list[float] = []
        beside: list[float] = []
        failures = 0
        for turn in range(1, options.runs + 1):
            for into, measured in (
                (quiet, await measure_quiet(stand, options.seconds)),
                (beside, await measure_beside(stand, attack, options, turn)),
            ):
                into.append(p95(measured[0]))
                failures += measured[1]
        found[attack] = Measured(statistics.median(quiet), statistics.median(beside), failures)
    return found


async def _prepare(stand: Stand, options: Options) -> None:
    """Fills both directories, and lets every route that is measured run once."""
    kind = {"content-type": "text/csv"}
    async with httpx.AsyncClient(base_url=stand.url, timeout=PATIENCE_SECONDS) as client:
        for key, rows in (
            (stand.good, 100),
            (stand.bad, options.rows if "swapped_addresses" in options.attacks else 10),
        ):
            headers = kind | {"authorization": f"Bearer {key}"}
            answer = await client.post("/v1/people/import", content=export(rows, swapped=False), headers=headers)
            answer.raise_for_status()
    await measure_quiet(stand, 1)


def show(found: dict[str, Measured]) -> None:
    table = Table("beside", "p95", "undisturbed p95", "ratio", "failures", title="A good client's requests")
    for attack, one in found.items():
        times = (f"{1000 * one.beside:.1f} ms", f"{1000 * one.quiet:.1f} ms")
        table.add_row(attack.replace("_", " "), *times, f"{one.ratio:.2f}", str(one.failures))
    Console().print(table)


def main() -> None:
    defaults = Options()
    parser = argparse.ArgumentParser(description="Whether a client that misbehaves stops the others.")
    parser.add_argument("--runs", type=int, default=defaults.runs, help="how often each attack is measured")
    parser.add_argument("--seconds", type=float, default=defaults.seconds, help="how long each measurement lasts")
    parser.add_argument("--rows", type=int, default=defaults.rows, help="people of the import that swaps addresses")
    parser.add_argument("--attacks", nargs="+", choices=ATTACKS, default=defaults.attacks, help="only these")
    parser.add_argument("--json", action="store_true", help="print one JSON line")
    given = parser.parse_args()
    configure_logging("WARNING", "console")
    options = Options(given.runs, given.seconds, given.rows, tuple(given.attacks))
    with tempfile.TemporaryDirectory(prefix="upward-abuse-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        with standing(folder) as stand:
            found = asyncio.run(measure(stand, options))
    worst, failures = max(one.ratio for one in found.values()), sum(one.failures for one in found.values())
    if given.json:
        ratios = {f"ratio_{attack}": round(one.ratio, 2) for attack, one in found.items()}
        print(json.dumps({**ratios, "ratio_worst": round(worst, 2), "errors_5xx": failures, "required": MOST}))
    else:
        show(found)
    raise SystemExit(worst > MOST or failures > 0)


if __name__ == "__main__":
    main()
