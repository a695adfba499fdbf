"""Who teaches and who learns in the demo, whatever the company looks like."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.properties import examples
from upward.demo.people import departments_differ, senior_from, why_no_pairs


@pytest.mark.parametrize(
    ("levels", "start"),
    [
        ([1] * 97 + [2] * 30 + [3] * 12 + [4] * 3 + [5], 2),
        ([1, 2], 2),
        ([1] * 9 + [7], 7),
        ([1] + [2] * 9, 2),
        ([1, 2, 3, 4, 5, 6], 5),
    ],
)
def test_about_a_third_learns(levels: list[int], start: int) -> None:
    assert senior_from(levels) == start


@examples(50)
@given(st.lists(st.integers(1, 100), min_size=1, max_size=40))
def test_somebody_stands_on_each_side_wherever_levels_differ(levels: list[int]) -> None:
    start = senior_from(levels)
    if start is None:
        assert len(set(levels)) == 1
    else:
        assert min(levels) < start <= max(levels)


def person(level: int, department: str = "IT", *, active: bool = True) -> dict[str, object]:
    return {"level": level, "department": department, "active": active}


def test_it_is_said_why_no_pairs_are_possible() -> None:
    assert why_no_pairs([person(1), person(2)]) is None
    assert "same level" in str(why_no_pairs([person(1), person(1), person(2, active=False)]))


def test_departments_count_where_there_are_several() -> None:
    assert departments_differ([person(1, "IT"), person(1, "Sales")])
    assert not departments_differ([person(1, "IT"), person(1, "it"), person(1, ""), person(1, "Sales", active=False)])
