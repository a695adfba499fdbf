"""How long matching takes: `python bench/matching.py --sizes 500,2000,10000 --json [--peer mentor-match]`.

For each size, as many mentors as mentees. `upward_s` is the whole of `services.matching.runs.solving.solve_here`:
eligibility, scoring, the exact assignment with its proof, and reasons for all pairs. `scipy_s` is the time of
`scipy.optimize.linear_sum_assignment` alone, given the finished matrix of the same scores. Each runs in a process of
its own, one after the other, three times (once from 5,000 on); the medians are compared. `peak_rss_mb` is the highest
memory of the whole process, interpreter and libraries included. `same_total` compares the totals, `feasible_max` is
how many pairs scipy's answer has; under `coverage_first` that is as many as possible.

`--peer mentor-match` adds that package (from PyPI, to be installed by hand) on what it can express.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)  # not this folder, where `matching` would be found

REPEATS = 3
LARGE = 5000


def run_upward(size: int) -> dict[str, Any]:
    from bench.pools import make_inputs
    from services.matching.runs.solving import solve_here

    inputs = make_inputs(size)
    begun = time.perf_counter()
    result = solve_here(inputs)
    seconds = time.perf_counter() - begun
    return {
        "seconds": seconds,
        "total": result.total.points,
        "matched": len(result.pairs),
        "certified": result.certified,
        "reasons": all(pair.reasons for pair in result.pairs),
    }


def run_scipy(size: int) -> dict[str, Any]:
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    from bench.pools import make_inputs
    from services.matching.engine.inputs import participants, rules_of
    from services.matching.engine.rules.pool import Pool
    from services.matching.engine.solver.grid import Grid

    inputs = make_inputs(size)
    grid = Grid(Pool(participants(inputs)), rules_of(inputs))
    person = 2 * 10**9  # more than all points together: coverage first
    matrix = np.empty(grid.shape)
    first = 0
    for scores in grid.sweep(lambda _, found: found.copy()):
        matrix[first : first + len(scores)] = np.where(scores < 0, 0, scores + np.float64(person))
        first += len(scores)
    begun = time.perf_counter()
    rows, columns = linear_sum_assignment(matrix, maximize=True)
    seconds = time.perf_counter() - begun
    chosen = matrix[rows, columns]
    chosen = chosen[chosen > 0]
    return {"seconds": seconds, "total": int((chosen - person).sum()), "matched": len(chosen)}


def run_mentor_match(size: int) -> dict[str, Any]:
    from bench.mentor_match import match
    from bench.pools import make_inputs

    return match(make_inputs(size))


RUNS = {"upward": run_upward, "scipy": run_scipy, "mentor-match": run_mentor_match}


def measure(name: str, size: int) -> dict[str, Any]:
    """Runs it in processes of their own; medians of seconds and memory."""
    found = []
    for _ in range(REPEATS if size < LARGE else 1):
        command = [sys.executable, __file__, "--run", name, "--sizes", str(size)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
        if done.returncode != 0:
            raise SystemExit(f"{name} failed on {size}:\n{done.stderr[-2000:]}")
        found.append(json.loads(done.stdout.splitlines()[-1]))
    middle = {key: statistics.median(one[key] for one in found) for key in ("seconds", "peak_rss_mb")}
    return dict(found[0], **middle)


def compare(size: int, peers: list[str]) -> dict[str, Any]:
    upward, scipy = measure("upward", size), measure("scipy", size)
    line = {
        "n": size,
        "upward_s": round(upward["seconds"], 3),
        "scipy_s": round(scipy["seconds"], 3),
        "ratio": round(upward["seconds"] / scipy["seconds"], 3),
        "peak_rss_mb": round(upward["peak_rss_mb"]),
        "scipy_peak_rss_mb": round(scipy["peak_rss_mb"]),
        "certified": upward["certified"],
        "same_total": upward["total"] == scipy["total"],
        "matched": upward["matched"],
        "feasible_max": scipy["matched"],
    }
    for peer in peers:
        found = measure(peer, size)
        line |= {f"{peer}_s": round(found["seconds"], 3), f"{peer}_matched": found["matched"]}
    return line


def show(lines: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(*lines[0], title="Matching: Upward beside scipy's solver alone")
    for line in lines:
        table.add_row(*map(str, line.values()))
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description="Matching beside scipy's solver, on the same scores.")
    parser.add_argument("--sizes", default="500,2000", help="numbers of mentors and of mentees, with commas between")
    parser.add_argument("--json", action="store_true", help="print one JSON line a size")
    parser.add_argument("--peer", action="append", default=[], choices=["mentor-match"], help="also measure this")
    parser.add_argument("--run", choices=list(RUNS), help=argparse.SUPPRESS)
    given = parser.parse_args()
    sizes = [int(size) for size in given.sizes.split(",")]
    if given.run:
        found = RUNS[given.run](sizes[0])
        return print(json.dumps(found | {"peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
    lines = []
    for size in sizes:
        lines.append(compare(size, given.peer))
        if given.json:
            print(json.dumps(lines[-1]), flush=True)
    return None if given.json else show(lines)


if __name__ == "__main__":
    main()
