"""What the demo shows: one line when something happens, a table of the rounds, the report at the end."""

import time
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

STAGES = ("scheduled", "intake", "matching", "review", "kickoff", "active", "closing", "completed")


class Display:
    """Live on a terminal; plain lines where the output is not one."""

    def __init__(self) -> None:
        self.console = Console(highlight=False)
        self._started = time.monotonic()
        self._live = Live(console=self.console, refresh_per_second=4, transient=True)
        self._closed: set[str] = set()

    def __enter__(self) -> "Display":
        self._started = time.monotonic()
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    def say(self, text: str) -> None:
        self.console.print(f"[dim]{self.seconds:5.1f} s[/]  {text}")

    def show(self, cycle: dict[str, Any]) -> None:
        """The cycle as it stands; a round that has closed gets a line of its own."""
        for found in cycle["rounds"]:
            if found["state"] == "closed" and found["id"] not in self._closed:
                self._closed.add(found["id"])
                answers = f"{found['answered']} of {found['recipients']} answered"
                self.say(f"{_name(found)} closed ({found['close_reason']}): {answers}")
        self._live.update(Group(_stages(cycle), _rounds(cycle)))

    def matches(self, run: dict[str, Any], names: dict[str, str]) -> None:
        """The first pairs of a match run, with their reasons, and who was not matched and why."""
        table = Table("Mentor", "Mentee", "Score", "Why", title="Some of the proposed pairs", title_justify="left")
        for pair in run["pairs"][:6]:
            mentor, mentee = names[pair["mentor_id"]], names[pair["mentee_id"]]
            table.add_row(mentor, mentee, str(pair["score"]), "; ".join(pair["reasons"][:2]))
        self.console.print(table)
        for person in run["unmatched"][:3]:
            self.say(f"Not matched: {names[person['person_id']]}: {person['detail']}")

    def report(self, document: dict[str, Any]) -> None:
        table = Table("What came of it", "", title="Closing report", title_justify="left")
        for name, value in _flat(document):
            table.add_row(name, value)
        self.console.print(table)


def _name(found: dict[str, Any]) -> str:
    return f"Round {found['kind'].replace('_', '-')} {found['number']}"


def _stages(cycle: dict[str, Any]) -> Text:
    line = Text()
    reached = STAGES.index(cycle["stage"]) if cycle["stage"] in STAGES else -1
    for place, stage in enumerate(STAGES):
        style = "bold green" if place == reached else "green" if place < reached else "dim"
        line.append(f" {stage} ", style=style)
    return line


def _rounds(cycle: dict[str, Any]) -> Table:
    table = Table("Round", "State", "Answered", "Pending", box=None)
    for found in cycle["rounds"]:
        table.add_row(_name(found), found["state"], str(found["answered"]), str(found["pending"]))
    return table


def _flat(value: Any, name: str = "") -> list[tuple[str, str]]:
    if isinstance(value, dict):
        if value.get("suppressed") is True:
            return [(name, "not shown: fewer than five people")]
        label = value.get("kind") or value.get("topic") or value.get("side")
        rows = []
        for key, inner in value.items():
            rows += _flat(inner, f"{name} {key}".strip() if label is None else f"{name} {key}")
        return rows
    if isinstance(value, list):
        return [row for place, inner in enumerate(value, 1) for row in _flat(inner, f"{name} {place}")]
    if isinstance(value, float):
        return [(name, f"{value:.2f}")]
    return [(name, str(value))]
