"""No figure about fewer than five people, and none that subtraction gives away."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.matching import Side
from shared.suppression import SMALLEST_GROUP, hidden_cells, hidden_sides


def people(*numbers: int) -> set[UUID]:
    return {UUID(int=number) for number in numbers}


def crowd(size: int, start: int = 0) -> set[UUID]:
    return people(*range(start, start + size))


def test_four_people_are_hidden_and_five_are_shown() -> None:
    assert hidden_cells({"a": crowd(5), "b": crowd(5, 5)}) == frozenset()
    assert "b" in hidden_cells({"a": crowd(5), "b": crowd(4, 5)})


def test_the_smallest_other_cell_hides_a_single_small_one() -> None:
    assert hidden_cells({"a": crowd(9), "b": crowd(6, 10), "c": people(20)}) == {"b", "c"}


def test_small_cells_that_are_many_enough_together_hide_each_other() -> None:
    assert hidden_cells({"a": crowd(9), "b": crowd(3, 10), "c": crowd(3, 20)}) == {"b", "c"}


def test_the_same_few_people_in_two_cells_do_not_hide_each_other() -> None:
    assert hidden_cells({"a": crowd(9), "b": crowd(3, 20), "c": crowd(3, 20)}) == {"a", "b", "c"}


def test_cells_with_nobody_are_hidden_alone() -> None:
    assert hidden_cells({"a": crowd(9), "b": set()}) == {"b"}


def test_sides_are_shown_both_or_not_at_all() -> None:
    assert hidden_sides({Side.MENTOR: crowd(5), Side.MENTEE: crowd(5, 5)}) == frozenset()
    assert hidden_sides({Side.MENTOR: crowd(5), Side.MENTEE: crowd(4, 5)}) == set(Side)
    assert hidden_sides({Side.MENTOR: crowd(5), Side.MENTEE: set()}) == set(Side)


groups = st.dictionaries(st.sampled_from("abcdef"), st.sets(st.integers(0, 20).map(lambda n: UUID(int=n))))


@given(groups)
def test_what_subtraction_leaves_is_nobody_a_large_group_or_everything(cells: dict[str, set[UUID]]) -> None:
    hidden = hidden_cells(cells)
    assert all(len(cells[name]) >= SMALLEST_GROUP for name in cells.keys() - hidden)
    together = set[UUID]().union(*(cells[name] for name in hidden))
    assert not together or len(together) >= SMALLEST_GROUP or hidden == cells.keys()
