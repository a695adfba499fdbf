"""The catalogue of event types, generated from the models of `shared.contracts.events`.

Schemas are JSON Schema 2020-12 and contain no references. They say what consumers may rely on for as long as the
version lasts: fields are only added, and are then optional, as older events do not have them. Vocabularies grow.
Therefore a code is a text whose known values are listed in `x-extensible-enum`
(https://opensource.zalando.com/restful-api-guidelines/#112), so that a consumer that validates by an older schema
accepts a newer code.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from services.events.log.rules.cloudevents import SEQUENCE_DIGITS, CloudEvent, cloud_event, type_name
from shared.contracts.base import CODE, Contract
from shared.contracts.events import CATALOGUE, EventData, EventRecord

EXAMPLES = UUID("2f3bb49e-51d5-4a0c-9e0a-3c0b5a0e7c11")
"""The namespace of the ids in examples."""
EXAMPLE_TIME = datetime(2026, 3, 2, 9, tzinfo=UTC)
EXAMPLE_COUNT = 3
EXAMPLE_SEQUENCE = 42
ORGANIZATION_SOURCE = r"^urn:upward:organization:[0-9a-f-]{36}$"


class EventType(Contract):
    """One type of event."""

    type: str
    """The CloudEvents `type`, with the version."""
    name: str
    """The short form, without the version."""
    version: int
    when: str
    """When the event happens."""
    subject: str
    """The aggregate. Events of one subject are in the order in which they happened."""
    data_schema: dict[str, Any]
    """The JSON schema of `data`."""
    example: CloudEvent


class EventTypes(Contract):
    types: tuple[EventType, ...]


def read_catalogue() -> EventTypes:
    """Every type that this version emits, in the order of their names."""
    return EventTypes(types=tuple(event_type(CATALOGUE[name]) for name in sorted(CATALOGUE)))


def event_type(model: type[EventData]) -> EventType:
    schema = data_schema(model)
    return EventType(
        type=type_name(model.type, model.version),
        name=model.type,
        version=model.version,
        when=model.__doc__ or "",
        subject=subject_of(model),
        data_schema=schema,
        example=_example_event(model, schema),
    )


def subject_of(model: type[EventData]) -> str:
    """The template of the subject, such as `cycle/{cycle_id}`."""
    field = next(iter(model.model_fields))
    return f"{field.removesuffix('_id')}/{{{field}}}"


def data_schema(model: type[EventData]) -> dict[str, Any]:
    """The JSON schema of a type's `data`. Every event of this version is valid by it, old events included."""
    schema = model.model_json_schema(mode="validation")
    definitions = schema.pop("$defs", {})
    properties = {name: _plain(one, definitions) for name, one in schema["properties"].items()}
    return {"type": "object", "properties": properties, "required": schema["required"]}


def event_schema(found: EventType) -> dict[str, Any]:
    """The JSON schema of a whole event of one type, envelope and data."""
    schema = CloudEvent.model_json_schema(mode="serialization")
    properties = {name: _plain(one, {}) for name, one in schema["properties"].items()}
    properties["type"] = {"const": found.type, "type": "string"}
    properties["source"] |= {"pattern": ORGANIZATION_SOURCE}
    properties["sequence"] |= {"pattern": f"^[0-9]{{{SEQUENCE_DIGITS}}}$"}
    properties["subject"] |= {"description": f"`{found.subject}`"}
    properties["data"] = found.data_schema
    return {"type": "object", "properties": properties, "required": [*properties]}


def _plain(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """A field's schema without references, titles and closed vocabularies."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rsplit("/", 1)[-1]] | {k: v for k, v in schema.items() if k != "$ref"}
    plain = {name: value for name, value in schema.items() if name not in {"title", "enum"}}
    if "enum" in schema:
        plain |= {"pattern": CODE, "x-extensible-enum": schema["enum"]}
    if "anyOf" in schema:
        plain["anyOf"] = [_plain(one, definitions) for one in schema["anyOf"]]
    return plain


def _example_event(model: type[EventData], schema: dict[str, Any]) -> CloudEvent:
    """An example, which is always the same for the same schema."""
    data = {name: _example(name, one) for name, one in schema["properties"].items()}
    record = EventRecord(
        id=uuid5(EXAMPLES, type_name(model.type, model.version)),
        organization_id=uuid5(EXAMPLES, "organization_id"),
        sequence=EXAMPLE_SEQUENCE,
        type=model.type,
        version=model.version,
        subject=model.model_validate(data).subject,
        time=EXAMPLE_TIME,
        data=data,
    )
    return cloud_event(record)


def _example(name: str, schema: dict[str, Any]) -> Any:
    """An example value of a field. Raises NotImplementedError for a kind of field that no event has yet."""
    if "anyOf" in schema:
        return _example(name, schema["anyOf"][0])
    for known in ("examples", "x-extensible-enum"):
        if known in schema:
            return schema[known][0]
    values = {
        "uuid": str(uuid5(EXAMPLES, name)),
        "date-time": EXAMPLE_TIME.isoformat().replace("+00:00", "Z"),
        "integer": EXAMPLE_COUNT,
        "boolean": True,
    }
    kind = schema.get("format", schema.get("type"))
    if kind not in values:
        raise NotImplementedError(f"no example of {name}: {schema}")
    return values[kind]
