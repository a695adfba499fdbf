"""The sample company is what the generator writes, and imports without a problem."""

from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from services.intake.importing.column_map import ColumnMap
from services.intake.importing.drafts import parse_people
from services.intake.importing.plan import ImportPlan, plan_import
from upward.sample import generate

TODAY = date(2026, 4, 1)


def plan_of(name: str, toml: bytes = b"") -> ImportPlan:
    data = (generate.FOLDER / name).read_bytes()
    return plan_import(parse_people(data, ColumnMap.from_toml(toml), TODAY), [])


def test_the_committed_files_are_those_that_the_generator_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed = {name: (generate.FOLDER / name).read_bytes() for name in ("people.csv", "hris-export.csv")}
    monkeypatch.setattr(generate, "FOLDER", tmp_path)
    generate.write()

    assert {name: (tmp_path / name).read_bytes() for name in committed} == committed


def test_the_sample_company_has_the_size_and_shape_it_is_said_to_have() -> None:
    plan = plan_of("people.csv")
    people = {person.id: person for person in plan.created}

    assert (len(people), plan.skipped_leavers, plan.notes) == (120, 0, [])
    assert len({person.department for person in people.values()}) == 8
    assert len({person.time_zone for person in people.values()}) == 5
    assert {person.language for person in people.values()} == {"de", "en", "es"}
    assert Counter(person.level for person in people.values()) == {6: 1, 5: 8, 4: 13, 3: 20, 2: 34, 1: 44}
    assert len({person.name for person in people.values()}) == 120
    for person in people.values():
        assert (person.manager_id is None) == (person.level == 6)
        assert person.manager_id is None or people[person.manager_id].level == person.level + 1


def test_the_levels_of_the_sample_are_those_that_its_reporting_line_gives() -> None:
    given = {person.external_id: person.level for person in plan_of("people.csv").created}
    derived = {person.external_id: person.level for person in plan_of("people.csv", b'[columns]\nlevel = ""').created}

    assert derived == given


def test_the_messy_export_imports_with_its_mapping() -> None:
    plan = plan_of("hris-export.csv", (generate.FOLDER / "columns.toml").read_bytes())
    people = {person.external_id: person for person in plan.created}

    assert (len(people), plan.skipped_leavers, plan.notes) == (35, 5, [])
    assert {person.level for person in people.values()} == {1, 2, 3, 4}
    assert len({person.email for person in people.values()}) == 35
    assert {person.time_zone for person in people.values()} == {"America/New_York", "America/Chicago"}
    # Row 17's manager, row 5, has left: the line climbs to row 5's own manager, row 1.
    assert people["10017"].manager_id == people["10002"].id
