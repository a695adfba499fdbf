"""docs/policy.md says what the code says: every field and weight with its default, and examples that are taken."""

import json
import re
from typing import Any

import pytest

from services.programs.rules.definition import ProgramDefinition
from shared.contracts.programs import MatchingPolicy, Weights
from tests.architecture.documents import names_in, section, table_rows

POLICY = "docs/policy.md"
FIELDS = ("## The objective", "## Hard constraints", "### Their settings")
EXAMPLES = dict(
    re.findall(r"^### ([^\n]+)\n[^#]+?```json\n(.*?)^```$", section(POLICY, "## Examples"), re.MULTILINE | re.DOTALL)
)


def test_the_tables_have_every_field_with_its_default() -> None:
    rows = [row for heading in FIELDS for row in table_rows(POLICY, heading)]
    written = {names_in(row[0])[0]: json_of(names_in(row[2])[0]) for row in rows}
    assert written == MatchingPolicy().model_dump(mode="json", exclude={"weights"})
    assert len(rows) == len(written)


def test_the_table_of_preferences_has_every_weight_with_its_default() -> None:
    rows = table_rows(POLICY, "## Preferences")
    assert {names_in(row[0])[0]: json_of(names_in(row[1])[0]) for row in rows} == Weights().model_dump(mode="json")


@pytest.mark.parametrize("policy", EXAMPLES.values(), ids=EXAMPLES)
def test_an_example_is_complete_and_a_program_takes_it(policy: str) -> None:
    document = json.loads(policy)
    assert set(document) == set(MatchingPolicy.model_fields)
    assert set(document["weights"]) == set(Weights.model_fields)
    taken = ProgramDefinition.model_validate({"name": "Upward", "policy": document}).policy
    assert taken == MatchingPolicy.model_validate(document, extra="forbid")
    assert taken.model_dump(mode="json") == document


def test_there_is_an_example_of_every_kind() -> None:
    assert list(EXAMPLES) == ["Reverse, strict", "Mutual", "Traditional", "Quality first"]


def json_of(written: str) -> Any:
    """Reads a default as the tables write it: JSON, but words have no quotes."""
    try:
        return json.loads(written)
    except ValueError:
        return written
