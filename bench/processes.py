"""How large Upward's processes are and what their start costs: `python bench/processes.py [--only NAME ...] [--json]`.

Starts Postgres and Temporal, and then, one after the other, each worker as production starts it, in a process of its
own and with its probes, and at last the two processes of the small installation, `serve all` and `worker all`,
together. Of each process it tells the resident memory in MB once it has run for a moment (`mb`), and the CPU time
from its start until it works (`cpu_s`). Resident memory (RSS) is all pages in memory that the process uses. It counts
the files of libraries in every process, though a machine holds them once: `own_mb` are the pages without those files.
What a container is said to use lies between the two. It ends with 1 when something is larger than it may be.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import psutil
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from shared.contracts.base import Service
from tests.e2e.processes import environment
from upward.composition import RELAY
from upward.embedded import EmbeddedPostgres, EmbeddedTemporal, free_port
from upward.migration import migrate
from upward.serving.command import WORKERS

ROOT = Path(__file__).resolve().parent.parent
MOST_MB = 120
MOST_MB_OF = {"matching": 180}
MOST_MB_OF_TWO = 350
MOST_CPU_SECONDS = 2.0
START_SECONDS = 120
SETTLE_SECONDS = 5.0
TWO = ("serve all", "worker all")


class Size(NamedTuple):
    mb: float
    cpu_s: float
    own_mb: float


@contextmanager
def servers(folder: Path) -> Iterator[dict[str, str]]:
    """Postgres and Temporal; the settings by which processes find them."""
    postgres, temporal = EmbeddedPostgres(folder / "postgres"), EmbeddedTemporal(folder / "temporal")
    try:
        url = postgres.start()
        temporal.start()
        migrate(url)
        yield {
            "UPWARD_DATABASE_URL": url,
            "UPWARD_SERVICE_TOKEN": "the-token-of-a-measurement-0123456789",
            "TEMPORAL_ADDRESS": temporal.address,
        }
    finally:
        temporal.stop()
        postgres.stop()


def kept_compiled(variables: dict[str, str]) -> dict[str, str]:
    """Python keeps what it compiles, as the image does. Otherwise each start would compile everything again."""
    return {name: value for name, value in variables.items() if name != "PYTHONDONTWRITEBYTECODE"}


@contextmanager
def running(command: str, settings: dict[str, str], log: Path) -> Iterator[psutil.Process]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "upward", *command.split()],
            cwd=ROOT,
            stdout=output,
            stderr=output,
            env=kept_compiled(environment(**settings)),
        )
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(60)


def wait_until_it_works(command: str, settings: dict[str, str], log: Path, process: psutil.Process) -> None:
    part, name = command.split()
    queues = [queue for queue in WORKERS if queue != RELAY] if name == "all" else [name]
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.status() != psutil.STATUS_ZOMBIE:
        if part == "serve":
            try:
                if httpx.get(f"http://127.0.0.1:{settings['UPWARD_PORT']}/readyz", timeout=5).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
        elif name == RELAY:
            time.sleep(SETTLE_SECONDS)  # it does not say that it has begun
            return
        elif log.read_text().count("worker.started") >= len(queues):
            return
        time.sleep(0.1)
    raise SystemExit(f"{command} did not start:\n{log.read_text()[-2000:]}")


def measure(names: Sequence[str], folder: Path, settings: dict[str, str]) -> dict[str, Size]:
    """The sizes of these processes while they run together."""
    sizes: dict[str, Size] = {}
    with ExitStack() as cleanup:
        started: dict[str, tuple[psutil.Process, float]] = {}
        port = str(free_port())
        urls = json.dumps({service.value: f"http://127.0.0.1:{port}" for service in Service})
        for name in names:
            own = settings | {"UPWARD_PORT": port}
            if name.startswith("worker"):
                own |= {"UPWARD_SERVICE_URLS": urls, "UPWARD_WORKER_PORT": str(free_port())}
            log = folder / f"{name.replace(' ', '-')}.log"
            process = cleanup.enter_context(running(name, own, log))
            wait_until_it_works(name, own, log, process)
            times = process.cpu_times()
            started[name] = process, times.user + times.system
        time.sleep(SETTLE_SECONDS)
        for name, (process, seconds) in started.items():
            memory = process.memory_info()
            own_mb = (memory.rss - memory.shared) / 2**20
            sizes[name] = Size(round(memory.rss / 2**20, 1), round(seconds, 2), round(own_mb, 1))
    return sizes


def problems(sizes: dict[str, Size]) -> list[str]:
    """What is larger than it may be."""
    found = []
    for name, size in sizes.items():
        most = MOST_MB_OF.get(name.split()[1], MOST_MB)
        if name not in TWO and size.mb > most:
            found.append(f"{name} is larger than {most} MB")
        if name not in TWO and size.cpu_s > MOST_CPU_SECONDS:
            found.append(f"{name} takes longer than {MOST_CPU_SECONDS:g} s of CPU to start")
    if sum(sizes[name].mb for name in TWO if name in sizes) > MOST_MB_OF_TWO:
        found.append(f"{' and '.join(TWO)} are larger than {MOST_MB_OF_TWO} MB")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Memory and start of Upward's processes.")
    parser.add_argument("--only", nargs="*", help="workers to measure, such as programs; all by default")
    parser.add_argument("--json", action="store_true", help="print one JSON line")
    given = parser.parse_args()
    sizes: dict[str, Size] = {}
    with tempfile.TemporaryDirectory(prefix="upward-size-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        with servers(folder) as settings:
            measure(TWO, folder, settings)  # compiles what is not compiled yet
            for queue in WORKERS if given.only is None else given.only:
                sizes |= measure((f"worker {queue}",), folder, settings)
            sizes |= measure(TWO, folder, settings)
    found = problems(sizes)
    together = round(sum(sizes[one].mb for one in TWO), 1)
    if given.json:
        parts = {one: size._asdict() for one, size in sizes.items()}
        print(json.dumps({"two_processes_mb": together, "problems": found, "processes": parts}))
    else:
        table = Table("", "MB", "of its own", "CPU s to start", title="Upward's processes")
        for one, size in sizes.items():
            table.add_row(one, f"{size.mb:.0f}", f"{size.own_mb:.0f}", f"{size.cpu_s:.2f}")
        table.add_row("[bold]both of the small installation", f"[bold]{together:.0f}", "", "")
        Console().print(table)
    raise SystemExit("\n".join(found) if found else 0)


if __name__ == "__main__":
    main()
