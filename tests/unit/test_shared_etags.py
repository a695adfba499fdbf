"""Whoever edits what another has changed is told which fields that were."""

from collections.abc import Mapping, Sequence

import pytest

from shared.http.etags import StaleVersion, check_match, with_versions

VERSIONS = with_versions(with_versions(with_versions({}, ["name", "topics"], 2), ["name"], 3), ["recurs"], 5)


@pytest.mark.parametrize(
    ("if_match", "changes", "changed"),
    [
        ('"1"', VERSIONS, ["name", "recurs", "topics"]),
        ('"2"', VERSIONS, ["name", "recurs"]),
        ('"3", "1"', VERSIONS, ["recurs"]),
        ('"9"', VERSIONS, []),
        ('W/"2"', VERSIONS, []),
        ('"4444444444444444444444"', VERSIONS, []),
        ("nonsense", VERSIONS, []),
        ('"1"', {}, []),
        ('"1.1-proposed"', ["state"], ["state"]),
    ],
)
def test_a_refusal_names_the_fields_that_changed_since_the_version_that_was_read(
    if_match: str, changes: Mapping[str, int] | Sequence[str], changed: list[str]
) -> None:
    with pytest.raises(StaleVersion) as refused:
        check_match(if_match, 5, changes)
    assert refused.value.extra == {"etag": '"5"', "changed": changed}
    assert all(name in refused.value.detail for name in changed)


@pytest.mark.parametrize("if_match", ['"5"', "*", '"4", "5"'])
def test_a_version_that_is_the_present_one_passes(if_match: str) -> None:
    check_match(if_match, 5, VERSIONS)
