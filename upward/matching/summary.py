"""The summary of `upward match` on the terminal: pairs, the proof, why people are unmatched, topics without
teachers."""

from collections import Counter
from math import floor
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from services.intake.enrolment_file.problems import FileProblem, listed
from services.matching.engine.computation import Result, Total
from upward.matching.result_files import WRITTEN, Run, counts

LACKING = 10
"""How many topics are shown."""
NOTES = 5


def show(run: Run, folder: Path, console: Console) -> None:
    found = counts(run)
    enrolled = found["enrolled"]
    table = Table(title="Matching", title_justify="left", show_header=False)
    table.add_row("People", f"{found['people']:,}{_besides(found)}")
    table.add_row("Enrolled", f"{enrolled:,}: {found['mentors']:,} as mentors, {found['mentees']:,} as mentees")
    table.add_row("Pairs", f"{found['pairs']:,}")
    share = f" ({floor(1000 * found['matched'] / enrolled) / 10:g} %)" if enrolled else ""
    table.add_row("Coverage", f"{found['matched']:,} of {enrolled:,} people{share}")
    table.add_row("Total", f"{run.result.total.points:,} points")
    table.add_row("Proof", proof(run.result))
    console.print(table)
    _show_unmatched(run.result, console)
    _show_lacking(run.result, console)
    _show_remarks("Left out", run.left_out, console)
    _show_remarks("Notes", run.notes, console)
    if run.unlisted:
        console.print(escape(f"Topics that the policy does not list: {', '.join(run.unlisted[:LACKING])}"))
    if run.enrolments.unused:
        console.print(escape(f"Columns that are not used: {', '.join(run.enrolments.unused)}"))
    console.print(escape(f"Written to {folder}: {', '.join(WRITTEN)}"))


def proof(result: Result) -> str:
    if result.certified:
        return "best possible, proven"
    people = result.bound.people - result.total.people
    points = result.bound.points - result.total.points
    short = []
    if people:
        short.append(f"at most {people:,} more {'person' if people == 1 else 'people'} could be matched")
    if points > 0:
        short.append(f"the total could be at most {points:,} points ({_percent(points, result.total)}) higher")
    return f"not proven best: {' and '.join(short)}"


def _percent(points: int, total: Total) -> str:
    return f"{points / total.points:.2%}" if total.points else "all"


def _besides(found: dict[str, int]) -> str:
    parts = [
        f"{found[name]:,} {words}"
        for name, words in (
            ("not_enrolled", "without enrolment"),
            ("declined", "enrolled for neither side"),
            ("leavers", "who left"),
        )
        if found[name]
    ]
    return f"; left out: {', '.join(parts)}" if parts else ""


def _show_unmatched(result: Result, console: Console) -> None:
    reasons = Counter(found.reason.value for found in result.unmatched)
    if reasons:
        table = Table("Reason", "People", title="Unmatched", title_justify="left")
        for reason, people in sorted(reasons.items(), key=lambda item: (-item[1], item[0])):
            table.add_row(reason.replace("_", " "), f"{people:,}")
        console.print(table)


def _show_lacking(result: Result, console: Console) -> None:
    lacking = [topic for topic in result.supply if topic.wanted_by > topic.places]
    if lacking:
        title = "Topics that lack teachers"
        table = Table("Topic", "Wanted by", "First choice", "Teachers", "Places", title=title, title_justify="left")
        for topic in lacking[:LACKING]:
            numbers = (topic.wanted_by, topic.first_choice_of, topic.teachers, topic.places)
            table.add_row(escape(topic.label), *(f"{number:,}" for number in numbers))
        console.print(table)


def _show_remarks(title: str, remarks: list[FileProblem], console: Console) -> None:
    if remarks:
        console.print(escape(f"{title}: {len(remarks)}"))
        for line in listed(remarks, NOTES):
            console.print(escape(line))
