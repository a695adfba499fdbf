"""The charts of a report, each with the figures that it shows. A chart of two reports shows both side by side. Pure.

What the API hides is hidden here too: nothing is computed from figures but the difference of two that are shown.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar

from services.console.admin.reports.resources import Mean, Report, ResponseRate, Share, Supply
from services.console.words.codes import OBSTACLES
from shared.contracts.feedback import Obstacle
from shared.contracts.intake import TopicFigures
from shared.contracts.rounds import RoundKind
from shared.language.words import Words

Item = TypeVar("Item")
LOWEST, HIGHEST = 1, 5
"""The ends of the scale of usefulness."""


class Figure(NamedTuple):
    """One figure in the words of the reader."""

    text: str = "–"
    value: float | None = None
    """None if the figure is hidden, or if there is none."""
    aside: str = ""
    """What else belongs to it, such as how many answered."""
    hidden: bool = False
    part: float = 0
    """How long its bar is, from 0 to 1; on a scale, where its mark stands."""
    exact: bool = True
    """Whether the value is the figure itself, and not the end of a range."""

    @property
    def absent(self) -> bool:
        """Whether there is no such figure."""
        return self.value is None and not self.hidden

    @property
    def percent(self) -> str:
        """The length of the bar as SVG takes it."""
        return f"{100 * min(max(self.part, 0), 1):.1f}%"


NONE = Figure()


class Row(NamedTuple):
    label: str
    figures: tuple[Figure, ...]
    change: str = ""
    """How the second report differs from the first; empty if that cannot be told."""


class Chart(NamedTuple):
    id: str
    title: str
    about: str
    rows: tuple[Row, ...]
    column: str
    """What the rows are."""
    series: tuple[str, ...]
    """What the figures of each row are, in their order."""
    scale: bool = False
    """Whether figures are marks on the scale from 1 to 5, and not bars."""
    compared: bool = False

    @property
    def hides(self) -> bool:
        return any(figure.hidden for row in self.rows for figure in row.figures)


class Told(NamedTuple):
    """A report with the topics of its cycle, under the name by which it is compared."""

    name: str
    report: Report
    supply: Supply
    labels: dict[str, str]
    """The labels of topics by their codes."""


Read = Callable[[Told], Figure]


class Charts:
    """Makes the charts of one report, or of two. `round_title` says what rounds of a kind are called, in English."""

    def __init__(self, words: Words, round_title: Callable[[RoundKind], str], *told: Told) -> None:
        self._words, self._round_title, self._told = words, round_title, told
        self._compared = len(told) > 1

    def all(self) -> tuple[Chart, ...]:
        topics = (self.wanted(), self.taught()) if self._compared else (self.topics(),)
        made = (self.people(), self.pairs(), self.answers(), self.usefulness(), self.agreed(), self.obstacles())
        return tuple(chart for chart in (*made, *topics, self.met_about()) if chart.rows)

    def people(self) -> Chart:
        gettext = self._words.gettext
        names = (
            (gettext("Enrolled"), "people_enrolled"),
            (gettext("Offered a pair"), "people_matched"),
            (gettext("In an active pair"), "people_active"),
            (gettext("Completed the cycle"), "people_completed"),
        )

        def read(name: str) -> Read:
            return lambda told: self._of_all(getattr(told.report.funnel, name), told.report.funnel.people_enrolled)

        rows = [self._row(label, read(name)) for label, name in names]
        about = gettext("Each person is counted once. The share is of those who enrolled.")
        return self._bars("people", gettext("People"), about, rows, gettext("Step"), gettext("People"))

    def pairs(self) -> Chart:
        gettext = self._words.gettext
        names = (
            (gettext("Offered"), "pairs_offered"),
            (gettext("Went live"), "pairs_active"),
            (gettext("Completed"), "pairs_completed"),
            (gettext("Ended early"), "pairs_ended"),
        )

        def read(name: str) -> Read:
            return lambda told: self._of_all(getattr(told.report.funnel, name), told.report.funnel.pairs_offered)

        rows = [self._row(label, read(name)) for label, name in names]
        about = gettext("The share is of the pairs that were offered.")
        return self._bars("pairs", gettext("Pairs"), about, rows, gettext("Step"), gettext("Pairs"))

    def answers(self) -> Chart:
        gettext = self._words.gettext

        def title(kind: RoundKind, number: int) -> str:
            name = gettext(self._round_title(kind))
            return f"{name} {self._words.number(number)}" if kind is RoundKind.CHECK_IN or (kind, 2) in rounds else name

        def read(kind: RoundKind, number: int) -> Read:
            return lambda told: self._rate(told.report.rounds, kind, number)

        rounds = _once((one.kind, one.number) for told in self._told for one in told.report.rounds)
        kinds = list(RoundKind)
        rows = [
            self._row(title(kind, number), read(kind, number), points=True)
            for kind, number in sorted(rounds, key=lambda one: (kinds.index(one[0]), one[1]))
        ]
        about = gettext("How many of those who were asked have answered, in each round.")
        return self._chart("answers", gettext("Response rates"), about, rows, gettext("Round"), gettext("Answered"))

    def usefulness(self) -> Chart:
        gettext = self._words.gettext
        rows = [
            self._row(gettext("Check-ins: mentors"), lambda told: self._mean(told.report.usefulness.check_ins.mentor)),
            self._row(gettext("Check-ins: mentees"), lambda told: self._mean(told.report.usefulness.check_ins.mentee)),
            self._row(gettext("Survey: mentors"), lambda told: self._mean(told.report.usefulness.survey.mentor)),
            self._row(gettext("Survey: mentees"), lambda told: self._mean(told.report.usefulness.survey.mentee)),
        ]
        about = gettext("The mean of all answers, from 1 (not at all useful) to 5 (very useful).")
        chart = self._chart("usefulness", gettext("Usefulness"), about, rows, gettext("Asked"), gettext("Mean"))
        return chart._replace(scale=True)

    def agreed(self) -> Chart:
        gettext = self._words.gettext
        rows = [
            self._row(gettext("The pair has met"), lambda told: self._share(told.report.meetings_held), points=True),
            self._row(
                gettext("Would take part again"), lambda told: self._share(told.report.would_repeat), points=True
            ),
        ]
        about = gettext("The share of check-ins that say that the pair has met, and of survey answers that say yes.")
        return self._chart(
            "agreed", gettext("Meetings, and taking part again"), about, rows, gettext("Said"), gettext("Share")
        )

    def obstacles(self) -> Chart:
        gettext = self._words.gettext

        def read(obstacle: Obstacle) -> Read:
            return lambda told: self._count(
                next((one.people for one in told.report.obstacles if one.obstacle is obstacle), None)
            )

        rows = [self._row(gettext(OBSTACLES[one]), read(one)) for one in Obstacle]
        about = gettext("How many people named it at least once in their check-ins.")
        return self._bars(
            "obstacles", gettext("What got in the way"), about, rows, gettext("Obstacle"), gettext("People")
        )

    def topics(self) -> Chart:
        """Wanted and taught beside each other, of one report."""
        gettext = self._words.gettext
        (told,) = self._told
        rows = [Row(one.label, (self._wanted(one), self._taught(one))) for one in told.supply.items]
        about = gettext("How many people want to learn each topic and how many teach it, of those who enrolled.")
        series = gettext("Wanted by"), gettext("Taught by")
        title = gettext("Topics wanted and taught")
        return self._lengths(Chart("topics", title, about, tuple(rows), gettext("Topic"), series))

    def wanted(self) -> Chart:
        gettext = self._words.gettext
        about = gettext("How many people want to learn each topic, of those who enrolled.")
        rows = self._rows_of_topics(self._wanted)
        return self._bars("wanted", gettext("Topics wanted"), about, rows, gettext("Topic"), gettext("Wanted by"))

    def taught(self) -> Chart:
        gettext = self._words.gettext
        about = gettext("How many people teach each topic, of those who enrolled.")
        rows = self._rows_of_topics(self._taught)
        return self._bars("taught", gettext("Topics taught"), about, rows, gettext("Topic"), gettext("Taught by"))

    def met_about(self) -> Chart:
        gettext = self._words.gettext
        labels = {code: label for told in reversed(self._told) for code, label in told.labels.items()}
        codes = _once(one.topic for told in self._told for one in told.report.topics)

        def read(code: str) -> Read:
            return lambda told: self._met_about(told.report, code)

        rows = [self._row(labels.get(code, code), read(code)) for code in codes]
        about = gettext("The topics of the pairs that went live. A pair may have several.")
        return self._bars("met-about", gettext("Topics of the pairs"), about, rows, gettext("Topic"), gettext("People"))

    def _rows_of_topics(self, figure: Callable[[TopicFigures], Figure]) -> list[Row]:
        labels = {one.topic: one.label for told in reversed(self._told) for one in told.supply.items}

        def read(code: str) -> Read:
            return lambda told: next((figure(one) for one in told.supply.items if one.topic == code), NONE)

        codes = _once(one.topic for told in self._told for one in told.supply.items)
        return [self._row(labels[code], read(code)) for code in codes]

    def _row(self, label: str, read: Read, *, points: bool = False) -> Row:
        figures = tuple(read(told) for told in self._told)
        return Row(label, figures, self._change(figures, points=points) if self._compared else "")

    def _change(self, figures: Sequence[Figure], *, points: bool) -> str:
        found = difference(figures)
        if found is None:
            return ""
        if not points:
            return self._words.signed(found)
        signed, whole = self._words.signed(round(100 * found)), round(100 * found)
        return self._words.ngettext("%(signed)s point", "%(signed)s points", abs(whole), signed=signed)

    def _bars(self, id: str, title: str, about: str, rows: Sequence[Row], column: str, series: str) -> Chart:
        """A chart of counts: the longest bar has the whole width."""
        return self._lengths(self._chart(id, title, about, rows, column, series))

    def _chart(self, id: str, title: str, about: str, rows: Sequence[Row], column: str, series: str) -> Chart:
        names = tuple(told.name for told in self._told) if self._compared else (series,)
        return Chart(id, title, about, tuple(rows), column, names, compared=self._compared)

    @staticmethod
    def _lengths(chart: Chart) -> Chart:
        most = max((figure.value or 0 for row in chart.rows for figure in row.figures), default=0) or 1
        rows = [
            row._replace(figures=tuple(one._replace(part=(one.value or 0) / most) for one in row.figures))
            for row in chart.rows
        ]
        return chart._replace(rows=tuple(rows))

    def _hidden(self) -> Figure:
        return Figure(self._words.gettext("hidden"), hidden=True)

    def _count(self, count: int | None, aside: str = "") -> Figure:
        return self._hidden() if count is None else Figure(self._words.number(count), count, aside)

    def _of_all(self, count: int, total: int) -> Figure:
        return self._count(count, self._words.percent(count / total) if total else "")

    def _rate(self, rounds: Iterable[ResponseRate], kind: RoundKind, number: int) -> Figure:
        found = next((one for one in rounds if (one.kind, one.number) == (kind, number)), None)
        if found is None:
            return NONE
        if found.rate is None or found.answered is None or found.recipients is None:
            return self._hidden()
        counts = self._words.gettext(
            "%(answered)s of %(asked)s",
            answered=self._words.number(found.answered),
            asked=self._words.number(found.recipients),
        )
        return Figure(self._words.percent(found.rate), found.rate, counts, part=found.rate)

    def _mean(self, mean: Mean) -> Figure:
        if mean.mean is None:
            return self._hidden()
        number = self._words.number(mean.mean, places=1)
        text = number
        if mean.bound == "or_more":
            text = self._words.gettext("%(number)s or more", number=number)
        elif mean.bound == "or_less":
            text = self._words.gettext("%(number)s or less", number=number)
        part = (mean.mean - LOWEST) / (HIGHEST - LOWEST)
        return Figure(text, mean.mean, self._people(mean.people), part=part, exact=mean.bound is None)

    def _share(self, share: Share) -> Figure:
        if share.share is None:
            return self._hidden()
        return Figure(self._words.percent(share.share), share.share, self._people(share.people), part=share.share)

    def _wanted(self, topic: TopicFigures) -> Figure:
        gap = 0 if self._compared else topic.gap or 0
        aside = self._words.ngettext("%(num)s without a teacher", "%(num)s without a teacher", gap) if gap else ""
        return self._count(topic.wanted_by, aside)

    def _taught(self, topic: TopicFigures) -> Figure:
        places = topic.places
        aside = "" if places is None else self._words.ngettext("%(num)s place", "%(num)s places", places)
        return self._count(topic.teachers, aside)

    def _met_about(self, report: Report, code: str) -> Figure:
        found = next((one for one in report.topics if one.topic == code), None)
        if found is None:
            return NONE
        pairs = found.pairs
        return self._count(
            found.people, "" if pairs is None else self._words.ngettext("%(num)s pair", "%(num)s pairs", pairs)
        )

    def _people(self, people: int | None) -> str:
        return "" if people is None else self._words.ngettext("%(num)s person", "%(num)s people", people)


def difference(figures: Sequence[Figure]) -> float | None:
    """By how much the second figure is more than the first. None where one of them is hidden, absent or a range."""
    before, after = figures
    if before.value is None or after.value is None or not (before.exact and after.exact):
        return None
    return round(after.value - before.value, 3)


def _once(items: Iterable[Item]) -> list[Item]:
    """Each item once, in the order in which they came first."""
    return list(dict.fromkeys(items))
