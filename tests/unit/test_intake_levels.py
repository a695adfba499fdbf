"""Levels that follow from the reporting line stay what they are when the company changes a little."""

from hypothesis import given
from hypothesis import strategies as st

from services.intake.importing.hierarchy import derive_levels
from tests.unit.properties import examples
from tests.unit.test_intake_cases import Directory

HEADER = "id,name,email,manager\n"
COMPANY = {"1": "", "2": "1", "3": "1", "4": "2", "5": "4", "6": "3"}
"""The manager of each person: four layers."""


def text(company: dict[str, str]) -> bytes:
    rows = (f"{number},Given{number} Family{number},p{number}@x.example,{above}\n" for number, above in company.items())
    return (HEADER + "".join(rows)).encode()


def levels(found: Directory) -> dict[str | None, int]:
    return {person.external_id: person.level for person in found.people.values()}


def company() -> Directory:
    found = Directory()
    found.take(text(COMPANY))
    return found


def test_one_new_hire_below_the_lowest_layer_changes_nobody_and_is_a_note() -> None:
    found = company()
    before = levels(found)
    plan = found.take(text(COMPANY | {"9": "5"}))

    assert before == {"1": 4, "2": 3, "3": 3, "4": 2, "5": 1, "6": 2}
    assert levels(found) == before | {"9": 1}
    assert (len(plan.created), plan.changed) == (1, [])
    assert [(note.line, note.column) for note in plan.notes] == [(8, "manager")]


def test_a_layer_that_empties_changes_nobody() -> None:
    found = company()
    found.take(text({number: above for number, above in COMPANY.items() if number != "5"}))
    assert levels(found)["1"] == 4


def test_a_new_head_takes_the_level_of_the_old_one() -> None:
    found = company()
    after = {"10": ""} | {number: "10" if above == "1" else above for number, above in COMPANY.items() if number != "1"}
    plan = found.take(text(after))

    assert levels(found)["10"] == 4
    assert [person.level for person in plan.changed] == [3, 3]


def test_a_new_layer_on_top_stands_above() -> None:
    found = company()
    before = levels(found)
    found.take(text({"10": ""} | COMPANY | {"1": "10"}))

    assert levels(found) == before | {"10": 5}


def test_who_moves_up_has_the_level_of_the_new_place() -> None:
    found = company()
    found.take(text(COMPANY | {"5": "1"}))
    assert levels(found)["5"] == 3


def test_levels_that_were_never_a_scale_do_not_hold_a_line_down() -> None:
    found = Directory()
    found.take(text(COMPANY).replace(b",manager", b",nothing"))
    assert set(levels(found).values()) == {1}
    found.take(text(COMPANY))
    assert levels(found)["1"] == 4


def test_a_second_tree_does_not_move_the_first() -> None:
    found = company()
    before = levels(found)
    found.take(text(COMPANY | {"20": "", "21": "20"}))
    assert levels(found) == before | {"20": 4, "21": 3}


@examples(100)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=20), st.integers(0, 20))
def test_one_hire_anywhere_in_any_company_changes_nobody(picks: list[int], place: int) -> None:
    above: list[int | None] = [None, *(pick % (node + 1) for node, pick in enumerate(picks))]
    before = derive_levels(above, {}, ())
    after = derive_levels([*above, place % len(above)], {}, (), dict(enumerate(before)))

    assert after[:-1] == before
    assert after[-1] == max(1, before[place % len(above)] - 1)
