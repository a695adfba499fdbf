"""The gate of figures lets nothing pass that is about fewer than five people, and nothing that tells such a one."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.intake import TopicFigures, TopicSupply
from shared.suppression import SMALLEST_GROUP, hidden_counts, share_is_told, told_mean, told_topics, untold_topics
from tests.unit.properties import examples


def supply(topic: str, teachers: int, wanted_by: int, first: int = 0, places: int | None = None) -> TopicSupply:
    return TopicSupply(
        topic=topic,
        label=topic.upper(),
        teachers=teachers,
        places=teachers if places is None else places,
        wanted_by=wanted_by,
        first_choice_of=first,
    )


def figures(*topics: TopicSupply) -> dict[str, tuple[int | None, ...]]:
    return {
        one.topic: (one.teachers, one.places, one.wanted_by, one.first_choice_of, one.gap)
        for one in told_topics(topics)
    }


def test_a_topic_of_large_groups_is_shown_whole() -> None:
    assert told_topics([supply("ai", 5, 20, 10, places=9)]) == (
        TopicFigures(
            topic="ai", label="AI", teachers=5, places=9, wanted_by=20, first_choice_of=10, gap=11, suppressed=False
        ),
    )


def test_groups_of_four_are_hidden_and_what_is_computed_from_them_too() -> None:
    assert figures(supply("ai", 4, 20, 10)) == {"ai": (None, None, 20, 10, None)}
    assert figures(supply("ai", 5, 4, 4)) == {"ai": (5, 5, None, None, None)}
    assert figures(supply("ai", 0, 11, 11)) == {"ai": (None, None, 11, 11, None)}


def test_the_few_who_want_a_topic_less_than_others_are_not_told_by_subtraction() -> None:
    assert figures(supply("ai", 5, 8, 7)) == {"ai": (5, 5, 8, None, 3)}
    assert figures(supply("ai", 5, 8, 8)) == {"ai": (5, 5, 8, 8, 3)}


def test_a_small_cell_takes_the_next_with_it_since_totals_are_known() -> None:
    assert figures(supply("ai", 9, 9, 9), supply("law", 2, 6, 6), supply("data", 6, 20, 12)) == {
        "ai": (9, 9, 9, 9, 0),
        "law": (None, None, 6, 6, None),
        "data": (None, None, 20, 12, None),
    }


def test_the_order_tells_nothing_that_is_hidden() -> None:
    assert [one.topic for one in told_topics([supply("ai", 1, 4), supply("law", 0, 1)])] == ["ai", "law"]
    assert [one.topic for one in told_topics([supply("ai", 4, 0), supply("law", 0, 9)])] == ["law", "ai"]


def test_for_those_who_may_know_no_figure_all_are_hidden_and_sorted_by_name() -> None:
    hidden = untold_topics([supply("law", 9, 90, 9), supply("ai", 9, 9, 9)])
    assert [one.topic for one in hidden] == ["ai", "law"]
    assert {value for one in hidden for value in (one.teachers, one.places, one.wanted_by, one.gap)} == {None}
    assert all(one.suppressed for one in hidden)


counts = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 30))


@given(counts)
@examples(50)
def test_hidden_counts_are_together_nobody_a_large_group_or_everything(found: dict[str, int]) -> None:
    hidden = hidden_counts(found)
    assert all(found[name] >= SMALLEST_GROUP for name in found.keys() - hidden)
    together = sum(found[name] for name in hidden)
    assert together == 0 or together >= SMALLEST_GROUP or hidden == found.keys()


@given(st.lists(st.builds(supply, st.sampled_from("abcd"), *[st.integers(0, 12)] * 2), unique_by=lambda one: one.topic))
@examples(50)
def test_no_figure_is_about_fewer_than_five_people(topics: list[TopicSupply]) -> None:
    for one in told_topics(topics):
        groups = (one.teachers, one.wanted_by, one.first_choice_of)
        assert all(group is None or group >= SMALLEST_GROUP for group in groups)
        assert one.suppressed is (None in groups)
        assert (one.gap is None) is (one.teachers is None or one.wanted_by is None)


people = st.integers(0, 12).map(lambda number: UUID(int=number))


@given(st.lists(st.tuples(people, st.booleans())))
@examples(50)
def test_a_share_is_told_if_five_people_stand_on_either_side(answers: list[tuple[UUID, bool]]) -> None:
    sides = [{person for person, said in answers if said is side} for side in (True, False)]
    assert share_is_told(answers) is all(len(side) >= SMALLEST_GROUP for side in sides)


@given(st.lists(st.integers(1, 5), min_size=5))
@examples(50)
def test_a_mean_is_exact_or_one_of_the_ends(values: list[int]) -> None:
    mean = sum(values) / len(values)
    told, bound = told_mean(mean)
    if bound is None:
        assert told == round(mean, 1)
        assert 1.5 < told < 4.5
    else:
        assert (told, round(mean, 1) >= 4.5) == ((4.5, True) if bound == "or_more" else (1.5, False))
