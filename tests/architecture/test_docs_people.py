"""docs/people.md says what the code says: the mapping of columns is one that the import takes, and it is complete."""

import re
import tomllib

from services.intake.importing.column_map import ColumnMap
from tests.architecture.documents import BLOCK, TEXTS

EXAMPLE = next(block for block in BLOCK.findall(TEXTS["docs/people.md"]) if block.startswith("[columns]"))


def test_the_example_is_a_mapping_that_the_import_takes() -> None:
    assert ColumnMap.from_toml(EXAMPLE.encode())


def test_the_example_names_every_section_and_every_field() -> None:
    shown = tomllib.loads(EXAMPLE)
    assert set(shown) == set(ColumnMap.model_fields)
    for name, field in ColumnMap.model_fields.items():
        known = set(getattr(field.annotation, "model_fields", ()))
        named = set(shown[name]) | set(re.findall(r"\b[a-z_]+\b", " ".join(re.findall(r"#.*", EXAMPLE))))
        assert known - named == set(), name
