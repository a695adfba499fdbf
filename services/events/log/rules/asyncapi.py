"""The catalogue as an AsyncAPI 3.0 document (https://www.asyncapi.com/docs/reference/specification/v3.0.0)."""

from typing import Any

from services.events.log.rules.catalogue import EventType, EventTypes, event_schema

CONTENT_TYPE = "application/cloudevents+json"
DESCRIPTION = "Every fact that Upward emits, as CloudEvents 1.0 in structured JSON: ids, codes, counts and times only."
CHANNEL = (
    "Each event of your organization. `GET /v1/events` gives all of them in the order of their `sequence`, and an"
    " endpoint receives those of the types that it chose. Accept fields and codes that you do not know."
)


def asyncapi_document(catalogue: EventTypes) -> dict[str, Any]:
    names = {found.name: f"{found.name}.v{found.version}" for found in catalogue.types}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Upward's events", "version": "1", "description": DESCRIPTION},
        "defaultContentType": CONTENT_TYPE,
        "channels": {
            "events": {
                "address": None,  # the endpoint's own
                "description": CHANNEL,
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names.values()},
            }
        },
        "operations": {
            "tell": {
                "action": "send",
                "channel": {"$ref": "#/channels/events"},
                "summary": "Upward tells what happened.",
                "bindings": {"http": {"method": "POST", "bindingVersion": "0.3.0"}},
            }
        },
        "components": {"messages": {names[found.name]: _message(found) for found in catalogue.types}},
    }


def _message(found: EventType) -> dict[str, Any]:
    return {
        "name": found.type,
        "title": found.name,
        "summary": found.when,
        "contentType": CONTENT_TYPE,
        "payload": event_schema(found),
        "examples": [{"payload": found.example.model_dump(mode="json")}],
    }
