"""The bench runs a whole cycle and the naive form beside it. What it measures is read, not asserted."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.patience import PATIENCE_SECONDS

ROOT = Path(__file__).resolve().parents[2]


pytestmark = pytest.mark.long


def cycle_of(pairs: int) -> dict[str, Any]:
    # From another folder, as nothing may depend on where the command is given.
    arguments = ("--pairs", str(pairs), "--check-ins", "1", "--naive-pairs", "6", "--json")
    command = [sys.executable, str(ROOT / "bench" / "cycle.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, cwd=ROOT.parent)

    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def test_the_bench_of_a_cycle_prints_one_json_line_and_twenty_times_as_many_people_cost_hardly_more_actions() -> None:
    """Heartbeats are left out: they count seconds in which messages were sent, of which a busy machine needs more. It
    may also need a few activities more."""
    found, larger = cycle_of(6), cycle_of(120)
    assert list(found) == [
        "pairs",
        "actions",
        "actions_per_pair",
        "naive_actions_per_pair",
        "heartbeats",
        "history_events_max",
        "messages",
        "wall_s",
        "naive_wall_s",
        "required",
    ]
    assert found["pairs"] == 6
    assert larger["messages"] > 15 * found["messages"]
    assert larger["actions"] - larger["heartbeats"] <= 1.25 * (found["actions"] - found["heartbeats"])
    assert isinstance(found["actions"], int)
    assert isinstance(found["actions_per_pair"], float)
    assert isinstance(found["naive_actions_per_pair"], float)
    assert isinstance(found["history_events_max"], int)


ATTACKS = ("stalled_uploads", "bodies_without_a_key", "evil_mapping", "swapped_addresses", "long_polls")


def test_the_bench_of_abuse_prints_one_json_line_with_its_ratios() -> None:
    arguments = ("--runs", "1", "--seconds", "1", "--rows", "50", "--json")
    command = [sys.executable, str(ROOT / "bench" / "abuse.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, cwd=ROOT.parent)

    (line,) = done.stdout.splitlines() or [done.stderr]
    found = json.loads(line)
    assert list(found) == [*(f"ratio_{attack}" for attack in ATTACKS), "ratio_worst", "errors_5xx", "required"]
    assert found["ratio_worst"] == max(found[f"ratio_{attack}"] for attack in ATTACKS)
    assert found["errors_5xx"] == 0


def test_the_bench_of_the_console_prints_one_json_line_with_its_measures() -> None:
    arguments = ("--people", "60", "--pairs", "20", "--requests", "6", "--previews", "2", "--json")
    command = [sys.executable, str(ROOT / "bench" / "console.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, cwd=ROOT.parent)

    (line,) = done.stdout.splitlines() or [done.stderr]
    found = json.loads(line)
    assert list(found) == ["review_p95_ms", "preview_p95_ms", "page_kb_max", "ratio_bare", "required"]
    assert all(found[name] > 0 for name in found["required"])


def test_the_bench_of_mail_prints_one_json_line_with_its_measures() -> None:
    command = [sys.executable, str(ROOT / "bench" / "mail.py"), "--messages", "40", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, cwd=ROOT.parent)

    (line,) = done.stdout.splitlines() or [done.stderr]
    found = json.loads(line)
    assert list(found) == ["messages", "per_s", "bare_per_s", "ratio_bare", "per_s_slow", "required"]
    assert found["messages"] == 40


def test_the_bench_of_rounds_prints_one_json_line_with_its_measures() -> None:
    command = [sys.executable, str(ROOT / "bench" / "rounds.py"), "--people", "1200", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, cwd=ROOT.parent)

    (line,) = done.stdout.splitlines() or [done.stderr]
    found = json.loads(line)
    assert list(found) == [
        *("people", "open_s", "first_message_s", "prepared_s", "sent_when_prepared", "close_s", "bare_s", "ratio_bare"),
        *("peak_mb", "postgres_mb", "temporal_mb", "required"),
    ]
    assert found["people"] == 1200


def test_the_bench_of_tenants_prints_one_json_line_with_its_ratios() -> None:
    sizes = ("--organizations", "10", "--people", "20", "--events", "2000", "--invited", "200")
    command = [sys.executable, str(ROOT / "bench" / "tenants.py"), *sizes, "--seconds", "4", "--rounds", "1", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, cwd=ROOT.parent)

    (line,) = done.stdout.splitlines() or [done.stderr]
    found = json.loads(line)
    ratios = [found[f"ratio_{name}"] for name in ("event", "page", "mail")]
    assert all(ratio > 0 for ratio in ratios)
    assert found["ratio_worst"] == max(ratios)
    assert found["large_events_per_s"] > 0
