"""Small exports that went wrong once, and their right values (`tests/cases/imports`). Every person is invented."""

from datetime import date
from pathlib import Path

import pytest

from services.intake.importing.column_map import ColumnMap
from services.intake.importing.drafts import parse_people
from services.intake.importing.plan import ImportPlan, plan_import
from services.intake.importing.problems import ImportInvalid
from services.intake.person import PersonRecord

CASES = Path(__file__).parent.parent / "cases" / "imports"
TODAY = date(2026, 4, 1)


class Directory:
    """The directory of one organization, which imports change."""

    def __init__(self) -> None:
        self.people: dict[str, PersonRecord] = {}

    def take(self, data: bytes, toml: str = "", *, skip: bool = False) -> ImportPlan:
        parsed = parse_people(data, ColumnMap.from_toml(toml.encode()), TODAY)
        plan = plan_import(parsed, list(self.people.values()), skip_invalid=skip)
        self.people |= {str(person.id): person for person in [*plan.changed, *plan.created]}
        emails = [person.email for person in self.people.values()]
        numbers = [person.external_id for person in self.people.values() if person.external_id]
        assert len(emails) == len(set(emails))
        assert len(numbers) == len(set(numbers))
        return plan

    def case(self, name: str, toml: str = "") -> ImportPlan:
        return self.take((CASES / f"{name}.csv").read_bytes(), toml)

    def __getitem__(self, name: str) -> PersonRecord:
        [person] = [person for person in self.people.values() if person.name == name]
        return person


def refusal(directory: Directory, name: str) -> list[tuple[int, str, str]]:
    before = dict(directory.people)
    with pytest.raises(ImportInvalid) as caught:
        directory.case(name)
    assert directory.people == before
    for error in caught.value.extra["errors"]:
        assert all(person in error["reason"] for person in error.get("persons", ()))
    return [(error["line"], error["column"], error["reason"]) for error in caught.value.extra["errors"]]


def test_a_flag_that_says_false_is_a_leaver() -> None:
    directory = Directory()
    plan = directory.case("active-flag")

    assert ([person.name for person in plan.created], plan.skipped_leavers) == (["Bob Here"], 1)


def test_a_flag_that_says_false_deactivates_an_active_person() -> None:
    directory = Directory()
    directory.take((CASES / "active-flag.csv").read_bytes().replace(b"False", b"True"))
    plan = directory.case("active-flag")

    assert plan.left == [directory["Ann Left"].id]
    assert (directory["Ann Left"].active, directory["Bob Here"].active) == (False, True)


def test_a_status_counts_as_a_whole_and_an_unknown_one_is_a_note_with_its_count() -> None:
    directory = Directory()
    plan = directory.case("status-words")

    assert (list(map(str, [person.name for person in plan.created])), plan.skipped_leavers) == (["Dee Here"], 3)
    [note] = plan.notes
    assert (note.line, note.column) == (5, "employment_status")
    assert "not known" in note.reason
    assert "1 row" in note.reason
    assert "desk" not in note.reason


def test_an_end_before_the_start_is_a_note() -> None:
    directory = Directory()
    plan = directory.case("end-before-hire")

    assert [person.active for person in plan.created] == [True, True]
    assert [(note.line, note.column) for note in plan.notes] == [(3, "termination_date")]


@pytest.mark.parametrize("reverse", [False, True])
def test_somebody_who_is_rehired_with_a_new_number_stays_the_same_person(reverse: bool) -> None:
    directory = Directory()
    directory.case("rehired-1")
    before = directory["Rey Hire"]
    header, *rows = (CASES / "rehired-2.csv").read_bytes().splitlines()
    plan = directory.take(b"\n".join([header, *(rows[::-1] if reverse else rows)]))

    assert directory["Rey Hire"] == before._replace(external_id="99")
    assert (plan.created, plan.left, plan.skipped_leavers) == ([], [], 1)
    again = directory.case("rehired-2")
    assert (again.created, again.changed) == ([], [])


def test_a_number_that_is_given_again_gives_nobody_another_persons_record() -> None:
    directory = Directory()
    directory.case("recycled-1")
    directory.case("recycled-2")
    olaf = directory["Olaf Old"]

    [(line, column, reason)] = refusal(directory, "recycled-3")
    assert (line, column) == (3, "employee_id")
    assert str(olaf.id) in reason
    assert "line 3" in reason
    assert "Nina" not in reason

    for resolution in ('"17"', "17", '"line 3"', '"NINA.new@x.example"'):
        resolved = Directory()
        resolved.people = dict(directory.people)
        plan = resolved.case("recycled-3", f"[identity]\nnew = [{resolution}]")
        nina = resolved["Nina New"]
        assert ([person.id for person in plan.created], nina.external_id) == ([nina.id], "17")
        assert resolved["Olaf Old"] == olaf._replace(external_id=None)
        assert not resolved["Olaf Old"].active
        again = resolved.case("recycled-3")
        assert (again.created, again.changed, again.unchanged) == ([], [], 2)

    directory.case("recycled-3", '[identity]\nsame = ["17"]')
    assert directory["Nina New"].id == olaf.id


def test_row_numbers_are_no_ids() -> None:
    directory = Directory()
    directory.case("row-numbers-1")
    before = {directory[name].name: directory[name] for name in ("Ada A", "Bob B")}

    [(line, column, reason)] = refusal(directory, "row-numbers-2")
    assert (line, column) == (1, "ID")
    assert "3 of the 3" in reason

    plan = directory.case("row-numbers-2", '[columns]\nexternal_id = ""')
    assert ([person.name for person in plan.created], plan.changed, plan.unchanged) == (["Xen X"], [], 2)
    assert {name: directory[name] for name in before} == before


def test_text_marks_of_a_spreadsheet_change_nothing() -> None:
    directory = Directory()
    directory.case("excel-text-1")
    plan = directory.case("excel-text-2")

    assert (plan.created, plan.changed, plan.unchanged, plan.notes) == ([], [], 2, [])
    assert directory["Max Null"].manager_id == directory["Lea Null"].id
    assert directory["Max Null"].external_id == "00018"
