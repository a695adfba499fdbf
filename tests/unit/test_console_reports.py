"""What the pages about reports show: figures as the API tells them, nothing of what is hidden, and differences."""

import csv
import io
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from services.console.admin.reports.charts import Chart, Charts, Figure, Told
from services.console.admin.reports.resources import EndedCycle, Program, Report, Supply
from services.console.admin.reports.tables import table_of, why_hidden
from services.console.admin.reports.view import chosen_of, grouped, told_of
from services.console.forms.registry import round_title
from shared.contracts.feedback import Obstacle
from shared.contracts.intake import TopicFigures
from shared.contracts.programs import Outcome, Stage, Topic
from shared.http.tables import MARK
from shared.language.words import words_of

ENGLISH = words_of("en")
HIDDEN: dict[str, Any] = {"mean": None, "people": None}


def mean(value: float | None, **more: Any) -> dict[str, Any]:
    return HIDDEN if value is None else {"mean": value, "people": 9} | more


def report(rate: float = 0.5, useful: float | None = 4.0, obstacles: int | None = 6, **more: Any) -> Report:
    means = {"mentor": mean(useful), "mentee": mean(4.5, bound="or_more")}
    document: dict[str, Any] = {
        "outcome": Outcome.COMPLETED,
        "compiled_at": datetime(2027, 3, 1, tzinfo=UTC),
        "funnel": {
            "people_enrolled": 40, "people_matched": 30, "people_active": 28, "people_completed": 20,
            "pairs_offered": 15, "pairs_active": 14, "pairs_completed": 10, "pairs_ended": 4,
        },
        "rounds": [
            {"kind": "survey", "number": 1, "recipients": None, "answered": None, "rate": None},
            {"kind": "check_in", "number": 1, "recipients": 20, "answered": 20 * rate, "rate": rate},
        ],
        "usefulness": {"check_ins": means, "survey": means},
        "would_repeat": {"share": None, "people": None},
        "meetings_held": {"share": 0.75, "people": 20},
        "obstacles": [{"obstacle": one, "people": obstacles} for one in Obstacle],
        "topics": [{"topic": "ai", "pairs": 6, "people": 12}, {"topic": "gone", "pairs": None, "people": None}],
    }  # fmt: skip
    return Report.model_validate(document | more)


def supply(wanted: int | None = 12, taught: int | None = 6) -> Supply:
    figures = {"places": taught, "first_choice_of": None, "gap": 3 if taught else None}
    topic = TopicFigures(topic="ai", label="AI", wanted_by=wanted, teachers=taught, **figures)
    return Supply(items=(topic,))


def told(name: str = "2027-Q1", **more: Any) -> Told:
    return Told(name, report(**more), supply(), {"ai": "AI"})


def chart(id: str, *reports: Told) -> Chart:
    return next(one for one in Charts(ENGLISH, round_title, *(reports or (told(),))).all() if one.id == id)


def texts(one: Chart, place: int = 0) -> list[str]:
    return [row.figures[place].text for row in one.rows]


def test_people_and_pairs_are_told_with_their_shares() -> None:
    people, pairs = chart("people"), chart("pairs")
    assert texts(people) == ["40", "30", "28", "20"]
    assert [row.figures[0].aside for row in people.rows] == ["100%", "75%", "70%", "50%"]
    assert [row.figures[0].percent for row in pairs.rows] == ["100.0%", "93.3%", "66.7%", "26.7%"]


def test_rounds_are_in_the_order_of_a_cycle_and_hidden_ones_have_no_bar() -> None:
    rounds = chart("answers")
    assert [row.label for row in rounds.rows] == ["Check-in 1", "Closing survey"]
    (first,), (last,) = (row.figures for row in rounds.rows)
    assert (first.text, first.aside, first.percent) == ("50%", "10 of 20", "50.0%")
    assert last == Figure("hidden", hidden=True)
    assert rounds.hides


def test_a_mean_near_the_end_of_its_scale_is_told_as_a_range() -> None:
    useful = chart("usefulness")
    assert useful.scale
    assert texts(useful) == ["4.0", "4.5 or more"] * 2
    assert [row.figures[0].percent for row in useful.rows[:2]] == ["75.0%", "87.5%"]
    assert not useful.rows[1].figures[0].exact


def test_topics_that_are_wanted_stand_beside_those_that_are_taught() -> None:
    topics = chart("topics")
    assert topics.series == ("Wanted by", "Taught by")
    wanted, taught = topics.rows[0].figures
    assert (wanted.text, wanted.aside, wanted.percent) == ("12", "3 without a teacher", "100.0%")
    assert (taught.text, taught.aside, taught.percent) == ("6", "6 places", "50.0%")


def test_a_topic_that_the_program_has_no_more_is_told_by_its_code() -> None:
    assert [row.label for row in chart("met-about").rows] == ["AI", "gone"]


def test_the_topics_of_a_cycle_keep_the_labels_that_they_had() -> None:
    program = Program(id=uuid4(), name="P", time_zone="UTC", topics=(Topic(code="ai", label="New label"),))
    cycle = ended(1)
    assert told_of(program, cycle, report(), supply()).labels == {"ai": "AI"}


def test_two_reports_are_told_beside_each_other_with_their_differences() -> None:
    two = told("2027-Q1"), told("2027-Q2", rate=0.8, useful=4.4)
    rounds, useful = chart("answers", *two), chart("usefulness", *two)
    assert rounds.series == ("2027-Q1", "2027-Q2")
    assert [row.change for row in rounds.rows] == ["+30 points", ""]
    assert [row.change for row in useful.rows[:2]] == ["+0.4", ""]
    assert chart("people", *two).rows[0].change == "±0"
    assert chart("wanted", *two).rows[0].change == "±0"


def test_no_difference_tells_what_is_hidden_in_one_of_two_reports() -> None:
    two = told("2027-Q1", obstacles=None, useful=None), told("2027-Q2")
    for id in ("obstacles", "usefulness"):
        assert all(row.change == "" for row in chart(id, *two).rows)


def test_a_round_that_one_of_two_cycles_did_not_have_is_no_figure() -> None:
    two = told("2027-Q1", rounds=()), told("2027-Q2")
    before, after = chart("answers", *two).rows[0].figures
    assert (before.text, before.absent, after.text) == ("–", True, "50%")


def test_a_report_of_nobody_has_no_shares() -> None:
    nobody = dict.fromkeys(report().funnel.model_dump(), 0)
    assert [row.figures[0].aside for row in chart("people", told(funnel=nobody)).rows] == [""] * 4


def test_figures_are_written_in_the_language_of_the_reader() -> None:
    german = next(one for one in Charts(words_of("de"), round_title, told()).all() if one.id == "usefulness")
    assert texts(german)[:2] == ["4,0", "4,5 oder mehr"]


def ended(number: int, program_id: UUID | None = None) -> EndedCycle:
    program_id = program_id or UUID(int=1)
    period = f"2027-Q{number}"
    return EndedCycle(
        id=UUID(int=number), program_id=program_id, period=period, stage=Stage.COMPLETED, program_name=str(program_id)
    )


def test_the_two_newest_cycles_are_compared_unless_others_are_chosen() -> None:
    cycles = newest, middle, oldest = ended(3), ended(2), ended(1)
    assert chosen_of(cycles, None, None) == (middle, newest)
    assert chosen_of(cycles, newest.id, oldest.id) == (newest, oldest)
    assert chosen_of(cycles, None, middle.id) == (oldest, middle)
    assert chosen_of(cycles, None, oldest.id) == (oldest, middle)
    assert chosen_of(cycles, middle.id, middle.id) == (middle,)
    assert chosen_of(cycles, uuid4(), None) is None
    assert chosen_of((newest,), None, newest.id) == (newest,)
    assert chosen_of((), None, None) == ()


def test_cycles_are_listed_below_their_program() -> None:
    first, second = UUID(int=7), UUID(int=8)
    groups = grouped([ended(4, first), ended(3, second), ended(2, first)])
    assert [(group.program_id, len(group.cycles)) for group in groups] == [(first, 2), (second, 1)]


def rows_in(table: str) -> list[list[str]]:
    assert table.startswith(MARK)
    return list(csv.reader(io.StringIO(table.removeprefix(MARK))))


def test_a_table_has_figures_to_compute_with_and_says_in_each_row_what_is_hidden() -> None:
    """A share can be hidden because few said no: the note tells each of the rules that the page of the report tells."""
    rate = rows_in(table_of(ENGLISH, [chart("answers")]))
    assert rate == [
        ["Round", "Answered", "Note"],
        ["Check-in 1", "0.5", "10 of 20"],
        ["Closing survey", "hidden", why_hidden(ENGLISH)],
    ]
    assert "fewer than five people" in why_hidden(ENGLISH)
    assert "at least five said no" in why_hidden(ENGLISH)
    assert rows_in(table_of(ENGLISH, [chart("usefulness")]))[2] == ["Check-ins: mentees", "4.5 or more", "9 people"]


def test_what_somebody_wrote_into_a_topic_is_no_formula() -> None:
    topic = supply().items[0].model_copy(update={"label": "=cmd|'/c calc'!A0"})
    evil = told()._replace(supply=Supply(items=(topic,)))
    assert rows_in(table_of(ENGLISH, [chart("topics", evil)]))[1][0] == "'=cmd|'/c calc'!A0"


def test_a_table_of_two_cycles_has_their_difference_where_both_figures_are_told() -> None:
    one, two = told("2026-Q4", rate=0.5, obstacles=None), told("2027-Q1", rate=0.25)
    rate = rows_in(table_of(ENGLISH, [chart("answers", one, two)]))
    assert rate[0] == ["Round", "2026-Q4", "Note", "2027-Q1", "Note", "Difference"]
    assert [rate[1][1], rate[1][3], rate[1][5]] == ["0.5", "0.25", "-0.25"]
    hidden = rows_in(table_of(ENGLISH, [chart("obstacles", one, two)]))[1]
    assert (hidden[1], hidden[3], hidden[5]) == ("hidden", "6", "")


def test_all_tables_stand_below_their_titles_and_explain_each_figure_that_is_hidden() -> None:
    charts = Charts(ENGLISH, round_title, told()).all()
    table = table_of(ENGLISH, charts)
    titles = [row[0] for row in rows_in(table) if len(row) == 1]
    assert titles == [one.title for one in charts]
    figures = [figure for one in charts for row in one.rows for figure in row.figures]
    assert table.count(why_hidden(ENGLISH)) == sum(figure.hidden for figure in figures) > 0
