"""The reporting line: circles, climbing and levels."""

from hypothesis import given
from hypothesis import strategies as st

from services.intake.importing.hierarchy import derive_levels, find_cycles, nearest_above
from services.intake.importing.manager_index import ManagerIndex, Unresolved
from services.intake.importing.names import parse_name

LINES = st.integers(1, 12).flatmap(
    lambda size: st.lists(st.none() | st.integers(0, size - 1), min_size=size, max_size=size)
)


def test_only_the_members_of_a_circle_are_in_it() -> None:
    #        0 -> 1 -> 2 -> 1, 3 -> 3, 4 -> top
    assert find_cycles([1, 2, 1, 3, None]) == {1, 2, 3}


@given(LINES)
def test_a_circle_is_what_comes_back_to_itself(above: list[int | None]) -> None:
    def comes_back(start: int) -> bool:
        node = above[start]
        for _ in above:
            if node is None or node == start:
                break
            node = above[node]
        return node == start

    assert find_cycles(above) == {node for node in range(len(above)) if comes_back(node)}


def test_the_line_climbs_over_people_who_are_gone() -> None:
    #      0 -> 1(gone) -> 2(gone) -> 3;  4 -> 5(gone) -> nobody
    assert nearest_above([1, 2, 3, None, 5, None], {1, 2, 5}) == [3, 3, 3, None, None, None]


@given(LINES, st.sets(st.integers(0, 11)))
def test_climbing_ends_and_never_at_someone_who_is_gone(above: list[int | None], gone: set[int]) -> None:
    assert all(manager is None or manager not in gone for manager in nearest_above(above, gone))


def test_levels_fall_by_one_a_layer_and_the_lowest_layer_is_one() -> None:
    #              top, two below, one below the first of them
    assert derive_levels([None, 0, 0, 1], {}, ()) == [3, 2, 2, 1]


def test_people_below_a_broken_line_are_counted_from_the_bottom() -> None:
    assert derive_levels([None, 0, 1, None, 3], {}, {3}) == [3, 2, 1, 2, 1]


def test_a_manager_with_a_known_level_anchors_those_below() -> None:
    assert derive_levels([3, 0, 1, None], {3: 3}, ()) == [2, 1, 1, 3]


@given(LINES)
def test_everyone_stands_below_their_manager_in_a_sound_line(above: list[int | None]) -> None:
    sound = [None if node in find_cycles(above) else manager for node, manager in enumerate(above)]
    levels = derive_levels(sound, {}, ())
    assert all(manager is None or levels[node] == levels[manager] - 1 for node, manager in enumerate(sound))
    assert min(levels) == 1


def test_a_manager_is_found_by_id_address_or_name() -> None:
    index = ManagerIndex()
    index.add(0, 0, "M17", "ann@x.example", parse_name("Lee, Ann"))
    index.add(1, 0, "M18", "bob@x.example", parse_name("Ray, Bob"))

    for cell in ("m17", "ANN@x.example", "Ann Lee", "Lee, Ann", "Ann Lee (M17)", "Ann Q. Lee"):
        assert index.find({"manager": cell}) == 0, cell
    assert index.find({}) is None
    assert index.find({"manager_id": "99"}) is Unresolved.UNKNOWN
    assert index.find({"manager_id": "99", "manager_name": "Bob Ray"}) == 1
    assert index.find({"manager_id": "M17", "manager_name": "Bob Ray"}) is Unresolved.CONFLICTING


def test_a_name_of_several_people_is_ambiguous_unless_one_of_them_alone_still_works_here() -> None:
    index = ManagerIndex()
    index.add(0, 0, None, None, parse_name("Ann Lee"))
    index.add(1, 1, None, None, parse_name("Ann Lee"))
    assert index.find({"manager_name": "Ann Lee"}) == 0

    index.add(2, 0, None, None, parse_name("Ann Lee"))
    assert index.find({"manager_name": "Ann Lee"}) is Unresolved.AMBIGUOUS
