"""What forcing a couple would cost, exactly: the difference that solving again with that couple shows."""

from hypothesis import given
from hypothesis import strategies as st

from services.matching.engine.computation import Result, compute
from services.matching.engine.inputs import Inputs
from shared.contracts.programs import Objective
from tests.unit.matching_pools import pin, runs
from tests.unit.properties import examples


def reached(inputs: Inputs, result: Result) -> tuple[int, int]:
    """People in a pair, where they count, and points."""
    people = {person for pair in result.pairs for person in (pair.mentor_id, pair.mentee_id)}
    counted = len(people) if inputs.policy.objective is Objective.COVERAGE_FIRST else 0
    return counted, sum(pair.points for pair in result.pairs)


@examples(30)
@given(runs(both=False, steered=False), st.data())
def test_the_cost_of_an_alternative_is_the_difference_that_solving_again_shows(
    inputs: Inputs, data: st.DataObject
) -> None:
    result = compute(inputs)
    choices = [(pair, other) for pair in result.pairs for other in pair.alternatives]
    if not choices:
        return
    pair, other = data.draw(st.sampled_from(choices))
    as_mentor = other.side == "mentor"
    couple = (pair.mentor_id, other.person_id) if as_mentor else (other.person_id, pair.mentee_id)
    before, after = reached(inputs, result), reached(inputs, compute(pin(inputs, couple)))
    people, points = before[0] - after[0], before[1] - after[1]
    assert other.exact
    assert (other.people, other.costs) == (people, 0 if people else points)
