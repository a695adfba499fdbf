"""What the pages about reports show. Pure."""

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from services.console.admin.reports.charts import Chart, Told
from services.console.admin.reports.resources import Cycle, EndedCycle, Program, Report, Supply


class ReportPage(NamedTuple):
    program: Program
    cycle: Cycle
    report: Report | None
    """None while the cycle runs."""
    charts: tuple[Chart, ...] = ()

    @property
    def hides(self) -> bool:
        return any(chart.hides for chart in self.charts)


class Comparison(NamedTuple):
    program: Program
    cycles: tuple[EndedCycle, ...]
    """Those that can be chosen, newest first."""
    chosen: tuple[EndedCycle, ...]
    """The one on the left and the one on the right; one alone if there is nothing to compare it with."""
    charts: tuple[Chart, ...] = ()

    @property
    def hides(self) -> bool:
        return any(chart.hides for chart in self.charts)


class Group(NamedTuple):
    """The cycles of one program that have ended."""

    program_id: UUID
    program_name: str
    cycles: tuple[EndedCycle, ...]


def told_of(program: Program, cycle: Cycle, report: Report, supply: Supply) -> Told:
    """The topics of a cycle are those with which it was requested; the program may have others now."""
    labels = {topic.code: topic.label for topic in program.topics} | {one.topic: one.label for one in supply.items}
    return Told(cycle.period, report, supply, labels)


def chosen_of(cycles: tuple[EndedCycle, ...], left: UUID | None, right: UUID | None) -> tuple[EndedCycle, ...] | None:
    """The two cycles to compare, of those that have ended, newest first. If only one is chosen, it is compared with the
    one before it, or else with the one after it, and the older one is on the left. None if one is chosen that is not
    among them."""
    by_id = {cycle.id: cycle for cycle in cycles}
    asked = [one for one in (left, right) if one is not None]
    if any(one not in by_id for one in asked):
        return None
    if len(asked) == 2:
        return tuple(by_id[one] for one in dict.fromkeys(asked))
    place = cycles.index(by_id[asked[0]]) if asked else 0
    start = max(0, min(place, len(cycles) - 2))
    return tuple(reversed(cycles[start : start + 2]))


def grouped(cycles: Iterable[EndedCycle]) -> tuple[Group, ...]:
    """The cycles by their programs, in the order in which the programs come first."""
    order: dict[UUID, list[EndedCycle]] = {}
    for cycle in cycles:
        order.setdefault(cycle.program_id, []).append(cycle)
    return tuple(Group(id, found[0].program_name, tuple(found)) for id, found in order.items())
