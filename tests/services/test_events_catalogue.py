"""The catalogue of events is generated and valid, it only grows, and events hold only ids, codes, counts and times."""

import json
from collections.abc import Awaitable, Callable
from copy import deepcopy
from datetime import UTC, datetime
from enum import StrEnum
from types import NoneType
from typing import Any, get_args
from uuid import UUID

import pytest
from fastapi import FastAPI
from jsonschema import Draft202012Validator
from pydantic import AwareDatetime
from pydantic.fields import FieldInfo

from services.events import main
from services.events.log.rules.asyncapi import asyncapi_document
from services.events.log.rules.catalogue import EventType, data_schema, event_schema, read_catalogue
from services.events.log.rules.cloudevents import cloud_event
from shared.auth import Role
from shared.contracts.base import CODE, Service
from shared.contracts.events import CATALOGUE, EventData, EventRecord
from shared.database import Database
from shared.http.application import create_application
from tests.services.conftest import client_of
from tests.services.write_event_schemas import DOCUMENT, SNAPSHOT, TABLE, broken, committed, current, snapshot, table
from upward.composition import webhooks

AccessKeys = Callable[..., Awaitable[dict[str, str]]]
TYPES = read_catalogue().types
MODELS = [CATALOGUE[name] for name in sorted(CATALOGUE)]
LARGEST_BYTES = 20_000
PAUSED, FAILED, APPROVED = (
    f"app.upward.{name}.v1" for name in ("cycle.paused", "message.failed", "match_run.approved")
)
WRITE = "python -m tests.services.write_event_schemas"


def name(found: Any) -> str:
    return str(found.type)


@pytest.fixture
def app(application: Callable[..., FastAPI]) -> FastAPI:
    return application(main)


async def test_the_catalogue_and_asyncapi_are_given_to_viewers(app: FastAPI, access_key: AccessKeys) -> None:
    headers = await access_key(Role.VIEWER)
    async with client_of(app) as client:
        types = await client.get("/v1/events/catalogue", headers=headers)
        document = await client.get("/v1/events/asyncapi.json", headers=headers)
        refused = [await client.get(f"/v1/events/{path}") for path in ("catalogue", "asyncapi.json")]
    assert types.json() == read_catalogue().model_dump(mode="json")
    assert document.json() == asyncapi_document(read_catalogue())
    assert [answer.status_code for answer in refused] == [401, 401]


def test_the_catalogue_has_every_type_with_its_version_and_when_it_happens() -> None:
    assert [found.type for found in TYPES] == [f"app.upward.{model.type}.v{model.version}" for model in MODELS]
    for found in TYPES:
        assert found.when.endswith("."), found.type
        assert "\n" not in found.when, "one sentence, as a table shows it"
        assert ". " not in found.when, "one sentence, as a table shows it"


@pytest.mark.parametrize("found", TYPES, ids=name)
def test_an_example_is_an_event_of_its_type(found: EventType) -> None:
    schema = event_schema(found)
    example = found.example.model_dump(mode="json")
    Draft202012Validator.check_schema(schema)
    assert not list(
        Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).iter_errors(example)
    )
    assert CATALOGUE[found.name].model_validate(found.example.data).model_dump(mode="json") == found.example.data
    assert read_catalogue() == read_catalogue()
    assert "$ref" not in json.dumps(schema), "it stands by itself, in whatever document"


def test_asyncapi_tells_every_type_with_its_envelope_and_example() -> None:
    document = asyncapi_document(read_catalogue())
    assert document["asyncapi"] == "3.0.0"
    messages = document["components"]["messages"]
    references = [one["$ref"] for one in document["channels"]["events"]["messages"].values()]
    assert references == [f"#/components/messages/{key}" for key in messages]
    assert [one["name"] for one in messages.values()] == [found.type for found in TYPES]
    for found, message in zip(TYPES, messages.values(), strict=True):
        assert (message["summary"], message["payload"]) == (found.when, event_schema(found))
        assert message["examples"] == [{"payload": found.example.model_dump(mode="json")}]


def test_the_openapi_document_lists_every_type_as_a_webhook(db: Database, settings: Any) -> None:
    app = create_application([main.router], db, settings, webhooks=webhooks(Service))
    document = app.openapi()
    listed = {path: one["post"] for path, one in document["webhooks"].items()}
    assert set(listed) == {found.type.removeprefix("app.upward.") for found in TYPES}
    for found in TYPES:
        described = listed[found.type.removeprefix("app.upward.")]
        body = described["requestBody"]["content"]["application/cloudevents+json"]["schema"]
        assert body["properties"]["type"]["const"] == found.type
        assert described["description"] == found.when
    assert not set(listed) & set(document["paths"]), "described, not served"


# What was promised


def test_no_schema_has_changed_incompatibly_without_a_new_version() -> None:
    assert broken(committed(), current()) == [], "raise the type's `version`, or keep what consumers rely on"


def test_the_committed_schemas_and_the_document_are_those_of_the_code() -> None:
    assert SNAPSHOT.read_text() == snapshot(), WRITE
    written = TABLE.search(DOCUMENT.read_text())
    assert written is not None
    assert written[1] == table(), WRITE
    assert DOCUMENT.read_text()[written.end() :].startswith("\n## "), "the table ends its section"


def changed(type: str, change: Callable[[dict[str, Any]], object]) -> dict[str, dict[str, Any]]:
    schemas = deepcopy(current())
    change(schemas[type])
    return schemas


@pytest.mark.parametrize(
    ("type", "change", "says"),
    [
        (PAUSED, lambda s: s["properties"].pop("cycle_id"), "`cycle_id` is gone"),
        (PAUSED, lambda s: s["properties"].update(id=s["properties"].pop("cycle_id")), "`cycle_id` is gone"),
        (PAUSED, lambda s: s["properties"]["cycle_id"].pop("format"), "`cycle_id` is something else"),
        (FAILED, lambda s: s["properties"]["code"].update(maxLength=9), "`code` is something else"),
        (FAILED, lambda s: s["properties"]["template"]["x-extensible-enum"].remove("kickoff"), "never `kickoff` again"),
        (FAILED, lambda s: s["properties"]["template"].pop("x-extensible-enum"), "`template` is something else"),
        (APPROVED, lambda s: s["properties"]["attempt"].update(default=1), "`attempt` is something else"),
        (APPROVED, lambda s: s["required"].remove("pairs"), "`pairs` is no longer required"),
        (APPROVED, lambda s: s["required"].append("attempt"), "`attempt` is now required"),
        (APPROVED, lambda s: s["required"].append("new"), "`new` is new and required"),
    ],
)
def test_a_change_that_breaks_consumers_is_found(type: str, change: Callable[[Any], object], says: str) -> None:
    assert [found for found in broken(current(), changed(type, change)) if says in found]


def test_growing_is_no_break() -> None:
    new = {"type": "integer", "default": 0}
    assert broken(current(), changed(PAUSED, lambda schema: schema["properties"].update(hours=new))) == []
    wider = changed(FAILED, lambda schema: schema["properties"]["template"]["x-extensible-enum"].append("farewell"))
    assert broken(current(), wider) == []
    assert broken(current(), current() | {"app.upward.cycle.archived.v1": {"properties": {}, "required": []}}) == []


def test_a_type_may_change_with_a_new_version_but_never_go() -> None:
    without = {type: schema for type, schema in current().items() if type != PAUSED}
    assert broken(current(), without) == [f"{PAUSED}: is gone"]
    assert broken(current(), without | {"app.upward.cycle.paused.v2": {"properties": {}, "required": []}}) == []


# What an event may hold


def largest(field: FieldInfo) -> Any:
    """The longest value of a field. Raises AssertionError for a kind of field that could hold free text or has no
    limit."""
    kinds = [kind for kind in get_args(field.annotation) or (field.annotation,) if kind is not NoneType]
    assert len(kinds) == 1, f"one kind of value, not {kinds}"
    (kind,) = kinds
    if kind is str:
        limits = [one.max_length for one in field.metadata if hasattr(one, "max_length")]
        assert CODE in [getattr(one, "pattern", None) for one in field.metadata], "a code, not a text"
        assert limits, "a code of limited length"
        return "x" * min(limits)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return max(kind, key=len)
    values: dict[Any, Any] = {
        UUID: UUID(int=2**128 - 1),
        int: 2**63 - 1,
        bool: False,
        AwareDatetime: datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    }
    assert kind in values, f"{kind} is no id, code, count or time"
    return values[kind]


@pytest.mark.parametrize("model", MODELS, ids=name)
def test_an_event_holds_no_free_text_and_stays_far_below_20_kb(model: type[EventData]) -> None:
    event = model.model_validate({field: largest(info) for field, info in model.model_fields.items()})
    record = EventRecord(
        id=UUID(int=2**128 - 1),
        organization_id=UUID(int=2**128 - 1),
        sequence=2**63 - 1,
        type=model.type,
        version=2**15 - 1,
        subject=event.subject,
        time=datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        data=event.model_dump(mode="json"),
    )
    assert len(cloud_event(record).model_dump_json().encode()) < LARGEST_BYTES / 10
    assert Draft202012Validator(data_schema(model)).is_valid(record.data)


@pytest.mark.parametrize("annotation", [str, dict[str, Any], list[str], tuple[UUID, ...], UUID | str, float, Any])
def test_a_field_that_could_hold_free_text_is_found(annotation: Any) -> None:
    with pytest.raises(AssertionError):
        largest(FieldInfo.from_annotation(annotation))
