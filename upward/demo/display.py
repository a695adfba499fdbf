"""What is shown while cycles are played: lines and a table. In the demo, also its matches and its report."""

import time
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from shared.contracts.programs import Stage

STAGES = tuple(stage.value for stage in Stage if stage is not Stage.CANCELLED)


class Display:
    """The display is live on a terminal, and consists of plain lines elsewhere."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
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
        """Shows the cycle, and prints a line for each round that has closed since the last time."""
        for found in cycle["rounds"]:
            if found["state"] == "closed" and found["id"] not in self._closed:
                self._closed.add(found["id"])
                answers = f"{found['answered']} of {found['recipients']} answered"
                self.say(f"{round_name(found).capitalize()} closed ({found['close_reason']}): {answers}")
        self.update(Group(_stages(cycle), _rounds(cycle)))

    def update(self, table: RenderableType) -> None:
        """Shows this below the lines, instead of what was there."""
        self._live.update(table)

    def matches(self, run: dict[str, Any], names: dict[str, str]) -> None:
        """Prints the first pairs of a match run with their reasons, and some people who were not matched, with the
        reason.
        """
        table = Table("Mentor", "Mentee", "Score", "Why", title=f"Match run {run['attempt']}", title_justify="left")
        for pair in run["pairs"][:5]:
            mentor, mentee = names[pair["mentor_id"]], names[pair["mentee_id"]]
            table.add_row(mentor, mentee, str(pair["score"]), " ".join(pair["reasons"][:2]))
        self.console.print(table)
        if run["attempt"] == 1:
            for person in run["unmatched"][:3]:
                self.say(f"Not matched: {names[person['person_id']]}. {person['detail']}")

    def report(self, report: dict[str, Any]) -> None:
        """Prints the closing report. A figure about fewer than five people is shown as a dash."""
        self.console.print(f"\n[bold]Closing report[/]: {report['outcome']}")
        funnel = report["funnel"]
        people = Table("People enrolled", "matched", "active", "completed", "Pairs ended early")
        steps = [funnel[f"people_{step}"] for step in ("enrolled", "matched", "active", "completed")]
        people.add_row(*map(str, steps), str(funnel["pairs_ended"]))
        rates = Table("Round", "Asked", "Answered", "Rate")
        for found in report["rounds"]:
            counts = (_figure(found["recipients"]), _figure(found["answered"]))
            rates.add_row(round_name(found).capitalize(), *counts, _share(found["rate"]))
        useful = Table("Usefulness, 1 to 5", "Mentors", "Mentees")
        for title, kind in (("in check-ins", "check_ins"), ("in the survey", "survey")):
            sides = report["usefulness"][kind]
            useful.add_row(title, _mean(sides["mentor"]), _mean(sides["mentee"]))
        topics = Table("Topic", "Pairs", "People")
        for topic in report["topics"]:
            topics.add_row(topic["topic"], _figure(topic["pairs"]), _figure(topic["people"]))
        self.console.print(people, rates, useful, topics)
        would_repeat, met = _share(report["would_repeat"]["share"]), _share(report["meetings_held"]["share"])
        self.console.print(f"Would take part again: {would_repeat}. Check-ins that say the pair met: {met}.")


def round_name(found: dict[str, Any]) -> str:
    return f"round {found['kind'].replace('_', '-')} {found['number']}"


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
        table.add_row(round_name(found).capitalize(), found["state"], str(found["answered"]), str(found["pending"]))
    return table


def _figure(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def _mean(side: dict[str, Any]) -> str:
    """A mean near the end of the scale is shown as that end, for instance as `4.5 or more`."""
    return " ".join([_figure(side["mean"]), *(side["bound"] or "").split("_")]).strip()


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"
