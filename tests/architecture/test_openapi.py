"""The OpenAPI document is enough to write a client: how to sign in, what methods are called, what bodies look like, and
how each request can fail."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import SecretStr

from shared.config import Settings
from shared.contracts.base import Service
from shared.database import Database
from shared.http.application import create_application
from tests.services.wrong_input.public_routes import ROWS, Row
from upward.composition import routers, webhooks

FIXED = re.compile(r"\^\[[^\]]+\]\{\d+\}\$")
"""The pattern of a text that has a fixed length."""
METHODS = ("get", "put", "post", "delete", "patch")
REF = "#/components/schemas/ProblemDocument"
OPERATION_IDS = """\
advance_cycle approve_match_run archive_program assign_concern cancel_cycle create_endpoint create_person
create_program delete_endpoint disable_endpoint enable_endpoint end_pair end_session get_report import_people
list_all_concerns list_all_cycles list_all_pairs list_attempts list_candidates list_concerns list_cycle_events
list_cycles list_deliveries list_endpoints list_match_run_pairs list_match_runs list_messages list_pairs list_pending
list_people list_person_enrolments list_programs list_topics list_unmatched list_wordings open_session pause_cycle
preview_messages preview_program preview_steering preview_wording read_asyncapi read_caller read_checkpoint
read_concern read_counterfactual read_cycle read_delivery read_directory_values read_endpoint read_event_types
read_events read_match_run read_match_run_inputs read_messages read_organization read_pair read_person read_program
read_wording remind_cycle replace_endpoint replace_person replace_program replace_wording replay_events
replay_match_run request_cycle reset_wording resolve_concern restore_program resume_cycle rotate_secret
steer_match_run test_endpoint end_absence read_absence set_absence
create_key list_keys read_key revoke_key rotate_key
list_sessions end_own_session end_other_sessions
preview_brand read_brand read_logo remove_logo replace_brand replace_logo reset_brand
apply_import preview_import read_import_upload replace_import_mapping upload_import
preview_policy
read_current_match_run read_names
resend_message resend_messages
"""
"""Generated clients have methods of these names. Add new ones; none is changed or removed."""


def document_of(services: list[Service], described: list[Service] | None = None) -> dict[str, Any]:
    settings = Settings(service_token=SecretStr("a" * 32))
    database = Database("postgresql://nobody@127.0.0.1:1/none", pool_size=1)
    told = None if described is None else routers(described)
    app = create_application(routers(services), database, settings, webhooks=webhooks(list(Service)), described=told)
    return app.openapi()


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return document_of(list(Service))


def operations(document: dict[str, Any]) -> Iterator[tuple[Row, dict[str, Any]]]:
    rows = {(row.method.lower(), row.path): row for row in ROWS}
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield rows[method, path], item[method]


def test_every_operation_needs_the_key_and_says_which_role(document: dict[str, Any]) -> None:
    assert document["components"]["securitySchemes"]["accessKey"]["type"] == "http"
    assert document["components"]["securitySchemes"]["accessKey"]["scheme"] == "bearer"
    for row, operation in operations(document):
        assert operation["security"] == [{"accessKey": [row.role.value]}], row


def test_no_operation_has_the_key_as_a_parameter(document: dict[str, Any]) -> None:
    for row, operation in operations(document):
        assert "authorization" not in {one["name"].lower() for one in operation.get("parameters", ())}, row


def test_headers_that_a_route_insists_on_are_required(document: dict[str, Any]) -> None:
    for row, operation in operations(document):
        needed = {
            one["name"].lower() for one in operation.get("parameters", ()) if one["required"] and one["in"] == "header"
        }
        assert needed == ({"idempotency-key"} if row.once else {"if-match"} if row.if_match else set()), row


def test_a_parameter_may_be_repeated_up_to_a_bound(document: dict[str, Any]) -> None:
    seen = 0
    for row, operation in operations(document):
        for one in operation.get("parameters", ()):
            for schema in one["schema"].get("anyOf", [one["schema"]]):
                if schema.get("type") == "array":
                    seen += 1
                    assert schema.get("maxItems", 1000) <= 200, (row, one["name"])
    assert seen >= 8


def test_a_text_in_the_address_is_bounded_before_anything_is_made_of_it(document: dict[str, Any]) -> None:
    """A cursor is decoded and a search is taken apart: the address of a request may have 64 kB."""
    names = set()
    for row, operation in operations(document):
        for one in operation.get("parameters", ()):
            for schema in one["schema"].get("anyOf", [one["schema"]]):
                if schema.get("type") == "string" and one["in"] == "query" and "format" not in schema:
                    names.add(one["name"])
                    is_short = schema.get("maxLength", 5000) <= 4000 or "enum" in schema or "const" in schema
                    assert is_short or FIXED.fullmatch(schema.get("pattern", "")), (row, one["name"])
    assert names >= {"cursor", "q", "department", "types"}


def test_operation_ids_are_short_and_unique_and_stay(document: dict[str, Any]) -> None:
    found = [operation["operationId"] for _, operation in operations(document)]
    assert len(found) == len(set(found))
    known = OPERATION_IDS.split()
    assert set(known) <= set(found), "a method that generated clients have is gone"
    assert sorted(found) == sorted(known), "name the new ones above"


def test_no_two_schemas_share_a_name(document: dict[str, Any]) -> None:
    """Both would be called by their modules, and generated clients would lose the one that they knew."""
    assert [name for name in document["components"]["schemas"] if "__" in name] == []


def test_each_refusal_that_can_happen_is_named_and_a_problem_document(document: dict[str, Any]) -> None:
    for row, operation in operations(document):
        statuses = {status for status in operation["responses"] if status[0] in "45"}
        expected = {"401", "403"}
        expected |= {"404", "422"} if row.ids and not row.lists else set()
        expected |= {"412", "428"} if row.if_match else set()
        expected |= {"400", "409"} if row.once else set()
        expected |= {"413", "422"} if row.body else set()
        assert expected <= statuses, row
        for status in statuses:
            content = operation["responses"][status]["content"]
            assert content == {"application/problem+json": {"schema": {"$ref": REF}}}, (row, status)
            assert operation["responses"][status]["description"], (row, status)
    named = {status for _, operation in operations(document) for status in operation["responses"]}
    assert named >= {"401", "403", "404", "409", "410", "412", "413", "415", "422", "428", "429"}


def test_every_body_has_an_example_that_its_schema_takes(document: dict[str, Any]) -> None:
    seen = 0
    for row, operation in operations(document):
        for kind, content in operation.get("requestBody", {}).get("content", {}).items():
            seen += 1
            schema = {**content["schema"], "components": document["components"]}
            assert Draft202012Validator(schema).is_valid(content["example"]), (row, kind)
    assert seen >= 12


def test_a_process_that_serves_one_service_describes_all_of_them(document: dict[str, Any]) -> None:
    assert document_of([Service.CONSOLE], list(Service)) == document
    assert document_of([Service.CONSOLE])["paths"] == {}
