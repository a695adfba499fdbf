"""HTTP edge of the catalogue: the event types as our own JSON, as AsyncAPI, and as webhooks in the OpenAPI document."""

from typing import Any

from fastapi import APIRouter, Response

from services.events.log.rules.asyncapi import CONTENT_TYPE, asyncapi_document
from services.events.log.rules.catalogue import EventType, EventTypes, event_schema, read_catalogue
from shared.auth import Viewer
from shared.http.routing import Route

router = APIRouter(route_class=Route, prefix="/v1/events", tags=["events"])


@router.get("/catalogue")
async def read_event_types(caller: Viewer) -> EventTypes:
    """Every type of event: its version, when it happens, its subject, the JSON schema of its data and an example."""
    return read_catalogue()


@router.get("/asyncapi.json")
async def read_asyncapi(caller: Viewer) -> dict[str, Any]:
    """The catalogue as an AsyncAPI 3.0 document."""
    return asyncapi_document(read_catalogue())


def describe_webhooks() -> APIRouter:
    """What an endpoint receives: one webhook for each type. These routes only describe; none of them is served."""
    webhooks = APIRouter(tags=["events"])
    for found in read_catalogue().types:
        webhooks.add_api_route(
            f"{found.name}.v{found.version}",
            _receive,
            methods=["POST"],
            operation_id=f"receive_{found.name.replace('.', '_')}_v{found.version}",
            summary=found.name,
            description=found.when,
            status_code=204,
            response_class=Response,
            response_description="Taken. Any 2xx will do.",
            openapi_extra={"requestBody": _body(found)},
        )
    return webhooks


def _body(found: EventType) -> dict[str, Any]:
    content = {"schema": event_schema(found), "example": found.example.model_dump(mode="json")}
    return {"required": True, "content": {CONTENT_TYPE: content}}


async def _receive() -> None:
    """The owner of the endpoint implements this."""
