"""The examples of the matching API are what the API takes and answers."""

import json
import re

import pytest
from pydantic import BaseModel

from services.matching.resources import MatchRunDetail, MatchRunInputs
from services.matching.runs.rules.counterfactual import Counterfactual
from services.matching.runs.rules.preview import Preview
from services.matching.runs.rules.replay import Replay
from services.matching.runs.rules.steering_rules import SteeringRequest
from shared.contracts.programs import MatchingPolicy
from shared.http.problems import Problem
from tests.architecture.documents import TEXTS

EXAMPLES = re.findall(r"^```json\n(.*?)^```$", TEXTS["docs/matching-api.md"], re.MULTILINE | re.DOTALL)
MODELS: list[type[BaseModel]] = [
    MatchRunDetail, Counterfactual, Counterfactual, SteeringRequest, Preview, Problem, Replay, Replay, MatchRunInputs,
]  # fmt: skip
IN_PART = {"policy"}
"""Only a part of these is shown, as the document says."""


@pytest.mark.parametrize(("example", "model"), [*zip(EXAMPLES, MODELS, strict=True)])
def test_an_example_has_the_fields_of_the_api_and_no_others(example: str, model: type[BaseModel]) -> None:
    shown = json.loads(example)
    parsed = model.model_validate_json(example)
    assert without(json.loads(parsed.model_dump_json())) == without(shown)
    for policy in re.findall(r'"policy": (\{[^}]*\})', example):
        MatchingPolicy.model_validate_json(policy, extra="forbid")


def without(document: object) -> object:
    """The document without the fields of which it shows only a part."""
    if isinstance(document, dict):
        return {name: without(value) for name, value in document.items() if name not in IN_PART or value is None}
    return [without(item) for item in document] if isinstance(document, list) else document
