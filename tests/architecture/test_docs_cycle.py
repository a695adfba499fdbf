"""docs/cycle.md says what the code says: stages, events, rounds, messages, calendar, concerns."""

import json
import re
from typing import Any

import pytest

from shared.contracts.events import CATALOGUE
from shared.contracts.feedback import ConcernReason, ConcernRung
from shared.contracts.notifications import Template
from shared.contracts.programs import Calendar, Outcome, Stage
from shared.contracts.rounds import CloseReason, RoundKind
from tests.architecture.documents import TEXTS, code, names_in, section, table_rows

CYCLE = "docs/cycle.md"


def test_every_event_of_the_catalogue_is_in_the_cycle_s_document() -> None:
    named = {span for span in code(CYCLE) if re.fullmatch(r"[a-z_]+\.[a-z_]+", span)}
    assert set(CATALOGUE) - named == set()
    aggregates = {type.split(".")[0] for type in CATALOGUE}
    fields = {f"{ladder}.{field}" for ladder in ("approval", "concern") for field in ("remind_every", "escalate_after")}
    events = {name for name in named - fields if name.split(".")[0] in aggregates}
    assert events <= set(CATALOGUE), "it names an event that does not exist"


@pytest.mark.parametrize("vocabulary", [Stage, Outcome, RoundKind, CloseReason, ConcernRung], ids=lambda v: v.__name__)
def test_the_cycle_s_document_names_every_value(vocabulary: Any) -> None:
    assert {value.value for value in vocabulary} - code(CYCLE) == set()


def test_the_stages_table_has_every_stage_in_order() -> None:
    assert [row[0].strip("`") for row in table_rows(CYCLE, "## The stages")] == [one.value for one in Stage]


def test_the_diagram_shows_every_stage_and_every_stage_can_be_cancelled() -> None:
    diagram = TEXTS[CYCLE].split("```mermaid\n")[1].split("```")[0]
    arrows = set(re.findall(r"^    (\w+) --> (\w+)", diagram, re.MULTILINE))
    stages = {stage.value for stage in Stage}
    assert {name for arrow in arrows for name in arrow} == stages
    running = stages - {"completed", "cancelled"}
    assert {start for start, end in arrows if end == "cancelled"} == running


def test_the_rounds_table_has_every_kind() -> None:
    assert [row[0].strip("`") for row in table_rows(CYCLE, "## The rounds")] == [one.value for one in RoundKind]


def test_the_messages_table_has_every_template_once() -> None:
    named = [name for row in table_rows(CYCLE, "## The messages") for name in names_in(row[0])]
    assert sorted(named) == sorted(template.value for template in Template)


def test_the_calendar_table_has_every_field_with_its_default() -> None:
    rows = {row[0].strip("`"): row[1] for row in table_rows(CYCLE, "## The calendar")}
    defaults = Calendar().model_dump(mode="json")
    assert list(rows) == list(defaults)
    for name, default in defaults.items():
        values = list(default.values()) if isinstance(default, dict) else [default]
        flat = [one for value in values for one in (value if isinstance(value, list) else [value])]
        written = [one for one in names_in(rows[name]) if one not in ("remind_every", "escalate_after")]
        shown = [one if isinstance(one, str) else json.dumps(one) for one in flat]
        assert written == [one.removesuffix(":00") if ":" in one else one for one in shown], name


def test_what_raises_a_concern_is_told() -> None:
    told = section(CYCLE, "## Concerns")
    says = {ConcernReason.MISSED_CHECK_INS: "misses two check-ins in a row", ConcernReason.NOT_A_FIT: '"not a fit"'}
    assert all(says[reason] in told for reason in ConcernReason)
