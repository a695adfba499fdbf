"""The policy of `upward match`: the JSON of a program's `policy`, to which `topics` with aliases may be added."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from services.intake.enrolment_file.problems import FileProblem, FilesInvalid, problems_of_model
from services.programs.rules.definition import StrictTopic
from services.programs.rules.topics import AmbiguousTopics, check_unambiguous
from shared.contracts.programs import MatchingPolicy, Topic

TOPICS = TypeAdapter(tuple[StrictTopic, ...])


class Policy(NamedTuple):
    policy: MatchingPolicy
    topics: tuple[Topic, ...]
    """Topics with their aliases. Enrolments may name other topics too."""


def read_policy(path: Path | None) -> Policy:
    """Reads the policy; without a file, it has the defaults. Raises FilesInvalid, also for an unknown field."""
    if path is None:
        return Policy(MatchingPolicy(), ())
    document = _read_json(path)
    topics = document.pop("topics", [])
    problems: list[FileProblem] = []
    policy = MatchingPolicy()
    listed: tuple[Topic, ...] = ()
    try:
        policy = MatchingPolicy.model_validate(document, extra="forbid")
    except ValidationError as error:
        problems += problems_of_model(path.name, error, MatchingPolicy)
    try:
        listed = TOPICS.validate_python(topics)
        check_unambiguous(listed)
    except ValidationError as error:
        problems += problems_of_model(path.name, error, Topic, "topics")
    except AmbiguousTopics as error:
        problems.append(FileProblem(path.name, 0, "", "topics", f"{error}."))
    if problems:
        raise FilesInvalid(problems, "docs/policy.md describes every field.")
    return Policy(policy, listed)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes().decode("utf-8-sig"), object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        reason = f"This is not JSON: {error.msg}, at character {error.colno}."
        raise FilesInvalid([FileProblem(path.name, error.lineno, "", "", reason)]) from None
    except _Twice as error:
        raise FilesInvalid([FileProblem(path.name, 0, "", str(error), "This field stands there twice.")]) from None
    except (ValueError, RecursionError, OSError):
        raise FilesInvalid([FileProblem(path.name, 0, "", "", "This is not a JSON file in UTF-8.")]) from None
    if not isinstance(document, dict):
        reason = "The policy is an object: fields and values in braces."
        raise FilesInvalid([FileProblem(path.name, 1, "", "", reason)])
    return document


class _Twice(Exception):
    """A field stands in an object twice. The text of the error is the field's name."""


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in members:
        if name in found:
            raise _Twice(name)
        found[name] = value
    return found
