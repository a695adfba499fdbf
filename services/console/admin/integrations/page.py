"""The pages about integrations: endpoints with their deliveries, the newest events, and the types of events."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response
from starlette.datastructures import FormData

from services.console.admin.forms import Filled, Sent, SentForm
from services.console.admin.integrations import reading, view
from services.console.admin.integrations.resources import Attempts, Deliveries, Delivery, Endpoint, Endpoints
from services.console.admin.layout import admin_page
from services.console.admin.navigation import INTEGRATIONS
from services.console.admin.routes import AdminRoute
from services.console.admin.visit import CurrentVisit, Visit
from services.console.words import event_types
from shared.contracts.accounts import Role
from shared.contracts.base import Service
from shared.http.public import Versioned

router = APIRouter(route_class=AdminRoute, include_in_schema=False, prefix=INTEGRATIONS)
NEWEST, MOST_NEWEST = 10, 200
A_PAGE = 25
MOST_ENDPOINTS = 50
Sequence = Annotated[int, Path(ge=1, le=2**63 - 1)]
State = Annotated[str, Query(pattern="^(|waiting|delivered|dead|dropped)$")]


@router.get("")
async def show_integrations(visit: CurrentVisit) -> Response:
    visit.need(Role.ADMIN)
    endpoints = await visit.api.get(Service.EVENTS, "/endpoints", Endpoints, {"limit": MOST_ENDPOINTS})
    lines = await reading.read_tail(visit.api, NEWEST)
    return _page(visit, "integrations.html", endpoints=endpoints.items, lines=lines)


@router.get("/events")
async def show_events(visit: CurrentVisit, type: str = "") -> Response:
    """The newest events. Those of one type are looked for among the last ones."""
    visit.need(Role.ADMIN)
    types = (await reading.read_types(visit.api)).types
    chosen = type if type in {one.name for one in types} else ""
    lines = await reading.read_tail(visit.api, MOST_NEWEST, chosen)
    return _page(visit, "integration_events.html", lines=lines, types=types, chosen=chosen, newest=MOST_NEWEST)


@router.get("/types")
async def show_types(visit: CurrentVisit) -> Response:
    visit.need(Role.ADMIN)
    return _page(visit, "integration_types.html", types=(await reading.read_types(visit.api)).types)


@router.get("/new")
async def show_new(visit: CurrentVisit) -> Response:
    visit.need(Role.ADMIN)
    return await _form(visit, None, Filled(FormData([("rate_limit", str(view.DEFAULT_RATE))])))


@router.post("/new")
async def take_new(sent: SentForm) -> Response:
    async def save() -> Response:
        made = await reading.create(sent)
        return await _secret(sent.visit, made.id, made.secret, "created")

    return await sent.answer(Role.ADMIN, lambda filled: _form(sent.visit, None, filled), save)


@router.get("/{endpoint_id}")
async def show_endpoint(endpoint_id: UUID, visit: CurrentVisit, state: State = "", cursor: str = "") -> Response:
    visit.need(Role.ADMIN)
    return await _endpoint(visit, endpoint_id, state, cursor)


@router.get("/{endpoint_id}/edit")
async def show_edit(endpoint_id: UUID, visit: CurrentVisit) -> Response:
    visit.need(Role.ADMIN)
    stored = await reading.read_endpoint(visit.api, endpoint_id)
    return await _form(visit, stored, Filled(FormData([*await _typed(visit, stored.value)])))


@router.post("/{endpoint_id}/edit")
async def take_edit(endpoint_id: UUID, sent: SentForm) -> Response:
    async def show(filled: Filled) -> Response:
        return await _form(sent.visit, await reading.read_endpoint(sent.visit.api, endpoint_id), filled)

    async def save() -> str:
        await reading.replace(sent, endpoint_id)
        return _address(endpoint_id, "changed")

    return await sent.answer(Role.ADMIN, show, save)


@router.get("/{endpoint_id}/secret")
async def show_rotation(endpoint_id: UUID, visit: CurrentVisit) -> Response:
    visit.need(Role.ADMIN)
    return await _step(visit, endpoint_id, "secret", Filled(FormData([("overlap", "24")])))


@router.post("/{endpoint_id}/secret")
async def take_rotation(endpoint_id: UUID, sent: SentForm) -> Response:
    async def save() -> Response:
        made = await reading.rotate(sent, endpoint_id)
        return await _secret(sent.visit, endpoint_id, made.secret, "rotated", until=made.old_secrets_expire_at)

    return await sent.answer(Role.ADMIN, _again(sent, endpoint_id, "secret"), save)


@router.get("/{endpoint_id}/replay")
async def show_replay(endpoint_id: UUID, visit: CurrentVisit) -> Response:
    visit.need(Role.ADMIN)
    return await _step(visit, endpoint_id, "replay", Filled(FormData([("what", "dead"), ("since", "7")])))


@router.post("/{endpoint_id}/replay")
async def take_replay(endpoint_id: UUID, sent: SentForm) -> Response:
    async def save() -> str:
        range = await reading.replay(sent, endpoint_id)
        return _address(endpoint_id, "replayed" if range.to_sequence >= range.from_sequence else "nothing")

    return await sent.answer(Role.ADMIN, _again(sent, endpoint_id, "replay"), save)


@router.get("/{endpoint_id}/enable")
async def show_enabling(endpoint_id: UUID, visit: CurrentVisit) -> Response:
    visit.need(Role.ADMIN)
    return await _step(visit, endpoint_id, "enable", Filled(FormData([("catch_up", "yes")])))


@router.post("/{endpoint_id}/enable")
async def take_enabling(endpoint_id: UUID, sent: SentForm) -> Response:
    async def save() -> str:
        await reading.enable(sent, endpoint_id)
        return _address(endpoint_id, "enabled")

    return await sent.answer(Role.ADMIN, _again(sent, endpoint_id, "enable"), save)


@router.get("/{endpoint_id}/disable")
async def show_disabling(endpoint_id: UUID, visit: CurrentVisit) -> Response:
    visit.need(Role.ADMIN)
    return await _step(visit, endpoint_id, "disable", Filled())


@router.post("/{endpoint_id}/disable")
async def take_disabling(endpoint_id: UUID, sent: SentForm) -> Response:
    async def save() -> str:
        await reading.order(sent, endpoint_id, "disable")
        return _address(endpoint_id, "disabled")

    return await sent.answer(Role.ADMIN, _again(sent, endpoint_id, "disable"), save)


@router.post("/{endpoint_id}/test")
async def take_test(endpoint_id: UUID, sent: SentForm) -> Response:
    async def save() -> str:
        await reading.order(sent, endpoint_id, "test")
        return _address(endpoint_id, "tested")

    return await sent.answer(Role.ADMIN, lambda filled: _endpoint(sent.visit, endpoint_id, filled=filled), save)


@router.get("/{endpoint_id}/delete")
async def show_deletion(endpoint_id: UUID, visit: CurrentVisit) -> Response:
    visit.need(Role.ADMIN)
    return await _step(visit, endpoint_id, "delete", Filled())


@router.post("/{endpoint_id}/delete")
async def take_deletion(endpoint_id: UUID, sent: SentForm) -> Response:
    async def save() -> str:
        await reading.delete(sent, endpoint_id)
        return f"{INTEGRATIONS}?done=deleted"

    return await sent.answer(Role.ADMIN, _again(sent, endpoint_id, "delete"), save)


@router.get("/{endpoint_id}/deliveries/{sequence}")
async def show_delivery(endpoint_id: UUID, sequence: Sequence, visit: CurrentVisit) -> Response:
    visit.need(Role.ADMIN)
    endpoint = await reading.read_endpoint(visit.api, endpoint_id)
    delivery = await visit.api.get(Service.EVENTS, f"/endpoints/{endpoint_id}/deliveries/{sequence}", Delivery)
    wanted = {"sequence": sequence, "limit": 100}
    attempts = await visit.api.get(Service.EVENTS, f"/endpoints/{endpoint_id}/attempts", Attempts, wanted)
    return _page(
        visit, "integration_delivery.html", endpoint=endpoint.value, delivery=delivery, attempts=attempts.items
    )


async def _endpoint(
    visit: Visit, endpoint_id: UUID, state: str = "", cursor: str = "", filled: Filled | None = None
) -> Response:
    endpoint = (await reading.read_endpoint(visit.api, endpoint_id)).value
    owner = await reading.read_owner(visit.api, endpoint.owner_id)
    wanted = {name: value for name, value in (("state", state), ("cursor", cursor)) if value}
    address = f"/endpoints/{endpoint_id}/deliveries"
    deliveries = await visit.api.get(Service.EVENTS, address, Deliveries, wanted | {"limit": A_PAGE})
    shown = (filled or Filled()).for_template(visit.words)
    context = {"endpoint": endpoint, "owner": owner, "deliveries": deliveries, "state": state, "first": not cursor}
    return _page(visit, "integration.html", **shown, **context)


async def _form(visit: Visit, stored: Versioned[Endpoint] | None, filled: Filled) -> Response:
    """A form for a new endpoint, or for the one that is stored, with what somebody else has changed meanwhile."""
    changed: dict[str, str] = {}
    if stored is not None and str(filled.typed.get("etag", stored.etag)) != stored.etag:
        typed = [(name, str(value)) for name, value in filled.typed.multi_items()]
        changed = view.changed_since(typed, await _typed(visit, stored.value))
    types = (await reading.read_types(visit.api)).types
    context = {"stored": stored, "types": types, "changed": changed, "fields": view.FIELDS}
    return _page(visit, "integration_form.html", **filled.for_template(visit.words), **context)


async def _typed(visit: Visit, endpoint: Endpoint) -> list[tuple[str, str]]:
    owner = await reading.read_owner(visit.api, endpoint.owner_id)
    return view.as_typed(endpoint, owner.email if owner else "")


async def _step(visit: Visit, endpoint_id: UUID, step: str, filled: Filled) -> Response:
    """The page on which one step is confirmed. It says what will happen."""
    endpoint = (await reading.read_endpoint(visit.api, endpoint_id)).value
    return _page(visit, "integration_step.html", endpoint=endpoint, step=step, **filled.for_template(visit.words))


def _again(sent: Sent, endpoint_id: UUID, step: str) -> Any:
    return lambda filled: _step(sent.visit, endpoint_id, step, filled)


async def _secret(visit: Visit, endpoint_id: UUID, secret: str | None, why: str, until: Any = None) -> Response:
    """The one page that shows a secret."""
    endpoint = (await reading.read_endpoint(visit.api, endpoint_id)).value
    return _page(visit, "integration_secret.html", endpoint=endpoint, secret=secret, why=why, until=until)


def _page(visit: Visit, template: str, **context: Any) -> Response:
    return admin_page(visit, template, view=view, kinds=event_types, **context)


def _address(endpoint_id: UUID, done: str) -> str:
    return f"{INTEGRATIONS}/{endpoint_id}?done={done}"
