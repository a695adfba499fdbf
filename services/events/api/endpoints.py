"""HTTP edge of endpoints: where an organization's systems receive events."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import JSONResponse

from services.events.log.rules.cloudevents import check_types
from services.events.webhooks import switching
from services.events.webhooks.rules.addresses import parse_endpoint_url
from services.events.webhooks.rules.endpoints import (
    UNKNOWN_OWNER,
    EnableRequest,
    Endpoint,
    EndpointDefinition,
    EndpointPage,
    NewEndpoint,
    NewSecret,
    RotationRequest,
)
from services.events.webhooks.rules.signing import new_secret
from services.events.webhooks.store import endpoints
from shared.auth import Admin, ServiceCaller
from shared.config import Settings
from shared.contracts.endpoints import EndpointBrief, EndpointRef
from shared.http.dependencies import AppDatabase, AppSettings, IdempotencyKey, InternalClient, Session
from shared.http.directory import UnknownPerson, refuse_others
from shared.http.etags import check_present, etag
from shared.http.idempotency import Answer, answer_once
from shared.http.internal import Internal
from shared.http.paging import Cursor, Limit
from shared.http.problems import refusals
from shared.http.routing import Route

router = APIRouter(route_class=Route, tags=["endpoints"])


@router.post("/v1/endpoints", status_code=201, response_model=NewEndpoint, responses=refusals(409))
async def create_endpoint(
    body: EndpointDefinition,
    caller: Admin,
    session: Session,
    settings: AppSettings,
    internal: InternalClient,
    request: Request,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Creates an endpoint, which receives events from the organization's next one on. Only this answer shows the
    secret."""
    refusal = await _refusal(body, caller.organization_id, internal)

    async def work() -> Answer:
        definition = _normal(body, settings)
        if refusal is not None:
            raise refusal
        secret = new_secret()
        made = await endpoints.create_endpoint(session, caller.organization_id, definition, secret)
        headers = {"location": f"/v1/endpoints/{made.id}", "etag": etag(made.version)}
        document = NewEndpoint(**dict(made)).model_dump(mode="json")
        return Answer(status=201, body=document, headers=headers, shown_once={"secret": secret})

    return await answer_once(session, request, caller.organization_id, idempotency_key, work)


@router.get("/v1/endpoints")
async def list_endpoints(caller: Admin, session: Session, cursor: Cursor = None, limit: Limit = 50) -> EndpointPage:
    """The organization's endpoints, oldest first."""
    return await endpoints.list_endpoints(session, caller.organization_id, cursor, limit)


@router.get("/v1/endpoints/{endpoint_id}", responses=refusals(404))
async def read_endpoint(endpoint_id: UUID, caller: Admin, session: Session, response: Response) -> Endpoint:
    found = await endpoints.read_endpoint(session, _ref(caller.organization_id, endpoint_id))
    response.headers["etag"] = etag(found.version)
    return found


@router.put("/v1/endpoints/{endpoint_id}", responses=refusals(404))
async def replace_endpoint(
    endpoint_id: UUID,
    body: EndpointDefinition,
    caller: Admin,
    session: Session,
    settings: AppSettings,
    internal: InternalClient,
    response: Response,
    if_match: Annotated[str | None, Header()] = None,
) -> Endpoint:
    """Replaces the whole definition. Deliveries that wait go to the new URL. A new choice of types counts for events
    that happen from now on."""
    expected = check_present(if_match)
    endpoint = _ref(caller.organization_id, endpoint_id)
    refusal = await _refusal(body, caller.organization_id, internal)
    await endpoints.read_endpoint(session, endpoint)
    definition = _normal(body, settings)
    if refusal is not None:
        raise refusal
    changed = await endpoints.replace_endpoint(session, endpoint, definition, expected)
    response.headers["etag"] = etag(changed.version)
    return changed


@router.delete("/v1/endpoints/{endpoint_id}", status_code=204, responses=refusals(404))
async def delete_endpoint(endpoint_id: UUID, caller: Admin, database: AppDatabase) -> None:
    """Disables the endpoint, and then deletes it with its deliveries, attempts and secrets."""
    await switching.delete_endpoint(database, _ref(caller.organization_id, endpoint_id))


@router.post("/v1/endpoints/{endpoint_id}/disable", responses=refusals(404))
async def disable_endpoint(endpoint_id: UUID, caller: Admin, session: Session) -> Endpoint:
    """Nothing is sent from now on. A repeat changes nothing."""
    return await endpoints.disable_endpoint(session, _ref(caller.organization_id, endpoint_id))


@router.post("/v1/endpoints/{endpoint_id}/enable", responses=refusals(404, 409))
async def enable_endpoint(
    endpoint_id: UUID, caller: Admin, database: AppDatabase, body: EnableRequest | None = None
) -> Endpoint:
    """Lets an endpoint receive events again. Unless `catch_up` is false, it first gets what still waited and what
    happened while it was disabled."""
    catch_up = (body or EnableRequest()).catch_up
    return await switching.enable_endpoint(database, _ref(caller.organization_id, endpoint_id), catch_up=catch_up)


@router.post(
    "/v1/endpoints/{endpoint_id}/secrets", status_code=201, response_model=NewSecret, responses=refusals(404, 409)
)
async def rotate_secret(
    endpoint_id: UUID,
    caller: Admin,
    session: Session,
    request: Request,
    body: RotationRequest | None = None,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Makes a new secret, which only this answer shows. During the overlap every delivery is signed with the old
    secrets too."""

    async def work() -> Answer:
        secret, overlap = new_secret(), timedelta(hours=(body or RotationRequest()).overlap_hours)
        endpoint = _ref(caller.organization_id, endpoint_id)
        expires_at = await endpoints.rotate_secret(session, endpoint, secret, overlap)
        document = NewSecret(old_secrets_expire_at=expires_at).model_dump(mode="json")
        return Answer(status=201, body=document, shown_once={"secret": secret})

    return await answer_once(session, request, caller.organization_id, idempotency_key, work)


@router.get("/internal/events/endpoints/{endpoint_id}", include_in_schema=False)
async def read_brief(endpoint_id: UUID, caller: ServiceCaller, session: Session) -> EndpointBrief:
    return await endpoints.read_brief(session, _ref(caller.organization_id, endpoint_id))


def _ref(organization_id: UUID, endpoint_id: UUID) -> EndpointRef:
    return EndpointRef(organization_id=organization_id, endpoint_id=endpoint_id)


def _normal(body: EndpointDefinition, settings: Settings) -> EndpointDefinition:
    """The definition with its URL and types in their normal form. Raises UnsafeUrl, UnknownEventType."""
    url = parse_endpoint_url(body.url, development=bool(settings.webhook_development_networks))
    return body.model_copy(update={"url": url, "types": tuple(sorted(check_types(body.types)))})


async def _refusal(body: EndpointDefinition, organization_id: UUID, internal: Internal) -> UnknownPerson | None:
    return await refuse_others(internal, organization_id, {"body.owner_id": body.owner_id}, code=UNKNOWN_OWNER)
