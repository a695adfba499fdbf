"""What Upward costs while nothing happens: `python bench/idle.py [--seconds N] [--settle N] [--json]`.

Starts the whole embedded stack as `upward up` does, in a process of its own, lets it settle, and then measures the CPU
time of all its processes for a while: Upward itself with every service and worker, Temporal's development server, and
Postgres with all its children, those that come and go included. `share` is that time over the measured time, so 0.05 is
5 % of one core, whatever the number of cores. `upward_to_temporal` is Upward's own time by that of Temporal's server in
the same run, which does not depend on the machine. `wakeups_per_s` is how often a thread of Upward's process began to
run again after it had waited (its voluntary context switches).

It ends with 1 when the stack uses more than 5 %, when Upward uses more than Temporal, or wakes up more than ten times a
second. The time is what the system accounts to these processes: other programs on the machine do not enter, but for
what they do to its caches.
"""

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import psutil
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from upward.embedded import free_port

ROOT = Path(__file__).resolve().parent.parent
MOST = 0.05
"""The share of one core that an idle stack may use."""
MOST_OF_TEMPORAL = 1.0
MOST_WAKEUPS = 10.0
UPWARD, TEMPORAL = "upward", "temporal"
"""What the two are called among the parts."""
START_SECONDS = 120


@contextmanager
def idle_stack(folder: Path) -> Iterator[psutil.Process]:
    """`upward up` in this folder, ready; answers its process."""
    port = free_port()
    command = [sys.executable, "-m", "upward", "up", "--folder", str(folder), "--port", str(port)]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log) as process:
        try:
            _wait_until_ready(f"http://127.0.0.1:{port}/readyz", process)
            yield psutil.Process(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def _wait_until_ready(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(url, timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise SystemExit("The stack did not become ready.")


def cpu_seconds(upward: psutil.Process, folder: Path) -> dict[str, float]:
    """The CPU time that each part of the stack has used since it started."""
    used: defaultdict[str, float] = defaultdict(float)
    used[UPWARD] = _own(upward)
    for child in upward.children(recursive=True):
        used[child.name()] += _own(child)
    postmaster = psutil.Process(int((folder / "postgres" / "postmaster.pid").read_text().split()[0]))
    times = postmaster.cpu_times()
    used["postgres: postmaster"] = _own(postmaster)
    used["postgres: children that ended"] = times.children_user + times.children_system
    for child in postmaster.children(recursive=True):
        try:
            used[_role(child)] += _own(child)
        except psutil.NoSuchProcess:  # it ended meanwhile; the postmaster accounts for it from now on
            continue
    return used


def _own(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _role(process: psutil.Process) -> str:
    """`postgres: checkpointer`, and one name for all that serve a connection."""
    title = " ".join(process.cmdline())
    return "postgres: connections" if "[local]" in title or "127.0.0.1" in title else title.strip()


def wakeups(process: psutil.Process) -> int:
    """How often the threads of this process have given up the processor because they waited."""
    found = 0
    for status in Path(f"/proc/{process.pid}/task").glob("*/status"):
        try:
            found += int(status.read_text().split("\nvoluntary_ctxt_switches:")[1].split()[0])
        except FileNotFoundError:  # the thread ended meanwhile
            continue
    return found


class Idle(NamedTuple):
    shares: dict[str, float]
    """The share of one core of each part."""
    wakeups_per_s: float
    seconds: float

    @property
    def share(self) -> float:
        return sum(self.shares.values())

    @property
    def upward_to_temporal(self) -> float:
        return self.shares[UPWARD] / self.shares[TEMPORAL]

    def problems(self) -> list[str]:
        found = []
        if self.share > MOST:
            found.append(f"the stack uses more than {MOST:.0%} of a core")
        if self.upward_to_temporal > MOST_OF_TEMPORAL:
            found.append("Upward uses more than Temporal")
        if self.wakeups_per_s > MOST_WAKEUPS:
            found.append(f"Upward wakes up more than {MOST_WAKEUPS:g} times a second")
        return found


def measure(settle: float, seconds: float) -> Idle:
    with tempfile.TemporaryDirectory(prefix="upward-idle-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        with idle_stack(folder) as upward:
            time.sleep(settle)
            before, woken, begun = cpu_seconds(upward, folder), wakeups(upward), time.monotonic()
            time.sleep(seconds)
            after, woken = cpu_seconds(upward, folder), wakeups(upward) - woken
            lasted = time.monotonic() - begun
    shares = {part: (used - before[part]) / lasted for part, used in after.items()}
    return Idle(shares, woken / lasted, lasted)


def show(idle: Idle) -> None:
    table = Table("", "% of one core", title=f"The embedded stack without traffic, {idle.seconds:.0f} s")
    for part, share in sorted(idle.shares.items(), key=lambda one: -one[1]):
        table.add_row(part, f"{share:.2%}")
    table.add_row("[bold]all", f"[bold]{idle.share:.2%}")
    Console().print(table)
    Console().print(
        f"Upward uses {idle.upward_to_temporal:.2f} of what Temporal uses, and wakes up {idle.wakeups_per_s:.1f} times "
        "a second."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="CPU use of the idle embedded stack.")
    parser.add_argument("--seconds", type=float, default=60, help="how long to measure")
    parser.add_argument("--settle", type=float, default=30, help="how long to wait before")
    parser.add_argument("--json", action="store_true", help="print one JSON line")
    given = parser.parse_args()
    idle = measure(given.settle, given.seconds)
    if given.json:
        found = {
            "share": round(idle.share, 5),
            "required": MOST,
            "upward_to_temporal": round(idle.upward_to_temporal, 3),
            "wakeups_per_s": round(idle.wakeups_per_s, 2),
            "seconds": round(idle.seconds, 1),
            "problems": idle.problems(),
            "parts": {part: round(share, 5) for part, share in idle.shares.items()},
        }
        print(json.dumps(found))
    else:
        show(idle)
    raise SystemExit("; ".join(idle.problems()) or 0)


if __name__ == "__main__":
    main()
