"""What is taught and what is wanted in the pool, before anybody is matched."""

from services.matching.engine.computation import compute
from services.matching.engine.inputs import Inputs
from services.matching.engine.supply import topic_supply
from shared.contracts.intake import TopicSupply
from tests.unit.matching_pools import grid_of, inputs, junior, juniors, person, senior, seniors, with_held

LABELS = {"ai": "Generative AI", "data": "Data literacy"}


def supply(run: Inputs) -> dict[str, TopicSupply]:
    return {one.topic: one for one in topic_supply(grid_of(run).pool, LABELS)}


def test_teachers_places_and_wishes_are_counted_for_each_topic() -> None:
    people = [
        junior(topics_taught=("ai", "data"), mentor_capacity=3),
        junior(topics_taught=("data",)),
        senior(topics_wanted=("law", "ai")),
        senior(topics_wanted=("law",)),
        senior(topics_wanted=("data", "law")),
    ]
    found = supply(inputs(people))
    assert found == {
        "ai": TopicSupply(topic="ai", label="Generative AI", teachers=1, places=3, wanted_by=1, first_choice_of=0),
        "data": TopicSupply(topic="data", label="Data literacy", teachers=2, places=4, wanted_by=1, first_choice_of=1),
        "law": TopicSupply(topic="law", label="law", teachers=0, places=0, wanted_by=3, first_choice_of=2),
    }
    assert {topic: one.gap for topic, one in found.items()} == {"ai": 0, "data": 0, "law": 3}


def test_the_topic_that_most_people_want_in_vain_comes_first() -> None:
    people = [
        *juniors(3, topics_taught=("data",)),
        *seniors(2, topics_wanted=("ai",)),
        *seniors(5, topics_wanted=("law",)),
        senior(topics_wanted=("data",)),
    ]
    assert list(supply(inputs(people))) == ["law", "ai", "data"]


def test_only_the_part_that_someone_takes_counts() -> None:
    people = [
        person(role="mentor", topics_taught=("ai",), topics_wanted=("ai",)),
        person(role="mentee", topics_taught=("ai",), topics_wanted=("ai",)),
        person(role="both", topics_taught=("ai",), topics_wanted=("ai",)),
    ]
    found = supply(inputs(people))["ai"]
    assert (found.teachers, found.wanted_by, found.first_choice_of) == (2, 2, 2)


def test_people_without_a_free_place_neither_teach_nor_want() -> None:
    mentors, mentees = juniors(2, mentor_capacity=2), seniors(2)
    run = with_held(inputs([*mentors, *mentees]), [mentors[0].person_id, mentees[0].person_id])
    assert (supply(run)["ai"].places, supply(run)["ai"].wanted_by) == (3, 1)
    dropped = {"dropped": [mentors[1].person_id, mentees[1].person_id]}
    run = inputs([*mentors, *mentees], steering=dropped)
    assert (supply(run)["ai"].teachers, supply(run)["ai"].wanted_by) == (1, 1)


def test_a_run_tells_the_supply_of_its_pool() -> None:
    run = inputs([*juniors(1), *seniors(3)])
    assert compute(run).supply == tuple(supply(run).values())
    assert compute(inputs([])).supply == ()
