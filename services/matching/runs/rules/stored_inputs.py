"""The inputs of a run as they are stored beside it, and back again: the same hash, the same result. Pure."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.matching.engine.inputs import Inputs, canonical

APART = {"cycle_id", "direction", "policy", "steering"}
"""What the run's row holds in columns of its own."""


def ordered(inputs: Inputs) -> Inputs:
    """The inputs in the one order that their hash is taken of. What Postgres stores as JSON loses the order of keys."""
    people = tuple(
        person.model_copy(update={"taught_levels": dict(sorted(person.taught_levels.items()))})
        for person in inputs.people
    )
    return canonical(inputs.model_copy(update={"people": people}))


def written(inputs: Inputs) -> dict[str, Any]:
    return inputs.model_dump(mode="json", exclude=APART)


def restored(
    cycle_id: UUID, direction: str, policy: Mapping[str, Any], steering: Mapping[str, Any], stored: Mapping[str, Any]
) -> Inputs:
    """What a run was computed from. Runs of the first version did not count how long ago past pairs were: the cycle
    before then counts for all."""
    past = [couple if len(couple) > 2 else [*couple, 1] for couple in stored.get("past", ())]
    return ordered(
        Inputs.model_validate(
            {
                **stored,
                "past": past,
                "cycle_id": cycle_id,
                "direction": direction,
                "policy": policy,
                "steering": steering,
            }
        )
    )
