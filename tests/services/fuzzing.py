"""Calls that the API's own description allows, and others that it does not, by schemathesis.

This is imported by the one worker that makes the calls: to read the whole description takes some seconds.
"""

import re
from typing import Any
from uuid import UUID

import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, CheckContext, CheckFunction, GenerationMode, Response
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.unit.properties import FACTOR


def problems_are_problems(ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    if response.status_code >= 400:
        assert response.headers["content-type"] == ["application/problem+json"]
        document = response.json()
        assert document["status"] == response.status_code
        assert document["type"] == f"urn:upward:problem:{document['code']}"
        assert document["detail"]


def refusals_are_named(ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    """By their own status, and not only by the generic one, which the check of the statuses takes as well."""
    assert str(response.status_code) in case.operation.definition.raw["responses"]


def at_home(case: Case[Any], ids: dict[str, UUID | int]) -> Case[Any]:
    """Ids that could be ids become those of things that exist, so that calls get further than 404. What a DELETE would
    remove is needed by others."""
    if case.method == "DELETE":
        return case
    for name, value in (case.path_parameters or {}).items():
        if name in ids and isinstance(value, str) and re.fullmatch(r"[0-9a-f-]{36}", value):
            case.path_parameters[name] = str(ids[name])
    return case


CHECKS: list[CheckFunction] = [
    not_a_server_error,
    problems_are_problems,
    refusals_are_named,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


class Api:
    """The API that stands at `url`, whose description this is."""

    def __init__(self, url: str, description: dict[str, Any]) -> None:
        self.url = url
        schema = schemathesis.openapi.from_dict(description)
        schema.config.generation.update(with_security_parameters=False)  # every call has a valid key
        found = [operation.ok() for operation in schema.get_all_operations() if isinstance(operation, Ok)]
        self.operations = {operation.label: operation for operation in found}

    def try_out(self, operation: str, mode: str, key: str, ids: dict[str, UUID | int]) -> None:
        """Calls one operation with values that its description allows (`positive`) or does not (`negative`)."""

        @settings(
            max_examples=4 * FACTOR,
            derandomize=True,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=self.operations[operation].as_strategy(generation_mode=GenerationMode(mode)))
        def call(case: Case[Any]) -> None:
            headers = {"authorization": f"Bearer {key}"}
            at_home(case, ids).call_and_validate(base_url=self.url, headers=headers, checks=CHECKS)

        call()
