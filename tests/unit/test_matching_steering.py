"""What an admin may write down to steer a run."""

from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from services.matching.engine.steering import HandMadePair, Steering

TWO = {"mentor_id": str(UUID(int=1)), "mentee_id": str(UUID(int=2))}


def test_a_run_that_nobody_steers_has_nothing_in_it() -> None:
    assert Steering() == Steering.model_validate({})
    assert not any(Steering().model_dump().values())


def test_the_whole_document_is_kept() -> None:
    document = {
        "pins": [TWO],
        "forbidden": [TWO],
        "by_hand": [TWO | {"override_reason": "They asked for each other."}],
        "dropped": [str(UUID(int=3))],
    }
    found = Steering.model_validate(document).model_dump(mode="json")
    assert {name: found[name] for name in document} == document
    assert Steering.model_validate_json(Steering.model_validate(document).model_dump_json()) == Steering.model_validate(
        document
    )


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"pinned": []}, "pinned"),
        ({"pins": [TWO | {"reason": "x"}]}, "reason"),
        ({"forbidden": [TWO | {"override_reason": "They are friends."}]}, "override_reason"),
        ({"by_hand": [TWO | {"overide_reason": "They are friends."}]}, "overide_reason"),
        ({"pins": [{"mentor_id": TWO["mentor_id"]}]}, "mentee_id"),
        ({"dropped": ["somebody"]}, "dropped"),
        ({"policy": {"min_level_gap": -1}}, "min_level_gap"),
    ],
)
def test_a_typing_error_is_refused_by_its_name(document: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Steering.model_validate(document)
    assert field in [name for error in refused.value.errors() for name in error["loc"]]


@pytest.mark.parametrize(
    ("reason", "kept"),
    [("ask", "ask"), ("  They asked. ", "They asked."), ("x" * 500, "x" * 500), (None, None)],
)
def test_a_reason_is_kept_without_spaces_around_it(reason: str | None, kept: str | None) -> None:
    assert HandMadePair.model_validate(TWO | {"override_reason": reason}).override_reason == kept


@pytest.mark.parametrize("reason", ["", "no", "   \n ", " x ", "x" * 501, 7])
def test_a_reason_that_says_nothing_or_too_much_is_refused(reason: Any) -> None:
    with pytest.raises(ValidationError):
        HandMadePair.model_validate(TWO | {"override_reason": reason})


@pytest.mark.parametrize(("field", "most"), [("pins", 5000), ("forbidden", 5000), ("by_hand", 500)])
def test_a_document_has_an_end(field: str, most: int) -> None:
    Steering.model_validate({field: [TWO] * most})
    with pytest.raises(ValidationError):
        Steering.model_validate({field: [TWO] * (most + 1)})


def test_what_was_decided_does_not_change_afterwards() -> None:
    with pytest.raises(ValidationError):
        Steering().dropped = (UUID(int=1),)  # type: ignore[misc]
