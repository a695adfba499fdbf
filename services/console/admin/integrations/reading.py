"""Reading for the pages about integrations, and what their forms do, by the public API."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from starlette.datastructures import FormData

from services.console.admin.forms import Sent
from services.console.admin.integrations.resources import (
    Accepted,
    CatchUp,
    Checkpoint,
    Endpoint,
    EndpointDefinition,
    EventPage,
    EventTypes,
    MadeEndpoint,
    MadeSecret,
    Overlap,
    People,
    Person,
    ReplayAccepted,
)
from services.console.admin.integrations.view import OVERLAPS, Line, definition_of, lines_of, owner_in, replay_of
from services.console.forms.errors import FieldError, Refused
from shared.contracts.base import Service
from shared.errors import BadRequest, Gone, Invalid, NotFound
from shared.http.public import PublicApi, Versioned
from shared.language.words import translatable

NOBODY = translatable("Type the e-mail address of somebody of the directory who has not left.")
NO_NUMBER = translatable("Type a whole number.")
NO_CHOICE = translatable("Choose one of these.")
FEWER = (25, 5, 1)
"""How many of the newest events are asked for, until none of them is too old to be kept."""


async def read_tail(api: PublicApi, newest: int, types: str = "") -> tuple[Line, ...]:
    """The newest events, newest first: of the last `newest` events those of these types."""
    last = (await api.get(Service.EVENTS, "/events/checkpoint", Checkpoint)).sequence
    for many in (newest, *FEWER):
        wanted = {"after": max(last - many, 0), "limit": 1000} | ({"types": types} if types else {})
        try:
            return lines_of((await api.get(Service.EVENTS, "/events", EventPage, wanted)).events)
        except Gone:
            continue
    return ()


async def read_types(api: PublicApi) -> EventTypes:
    return await api.get(Service.EVENTS, "/events/catalogue", EventTypes)


async def read_endpoint(api: PublicApi, endpoint_id: UUID) -> Versioned[Endpoint]:
    return await api.get_versioned(Service.EVENTS, f"/endpoints/{endpoint_id}", Endpoint)


async def read_owner(api: PublicApi, owner_id: UUID) -> Person | None:
    """None if the directory does not have the person any more."""
    try:
        return await api.get(Service.INTAKE, f"/people/{owner_id}", Person)
    except NotFound:
        return None


async def create(sent: Sent) -> MadeEndpoint:
    definition = await _definition(sent.visit.api, sent.typed)
    return await sent.visit.api.post(Service.EVENTS, "/endpoints", MadeEndpoint, definition, sent.once)


async def replace(sent: Sent, endpoint_id: UUID) -> None:
    definition, etag = await _definition(sent.visit.api, sent.typed), str(sent.typed.get("etag", ""))
    await sent.visit.api.put(Service.EVENTS, f"/endpoints/{endpoint_id}", Endpoint, definition, etag)


async def rotate(sent: Sent, endpoint_id: UUID) -> MadeSecret:
    hours = str(sent.typed.get("overlap", ""))
    if hours not in OVERLAPS:
        raise Refused([FieldError("overlap", NO_CHOICE)])
    wanted = Overlap(overlap_hours=int(hours))
    return await sent.visit.api.post(Service.EVENTS, f"/endpoints/{endpoint_id}/secrets", MadeSecret, wanted, sent.once)


async def replay(sent: Sent, endpoint_id: UUID) -> ReplayAccepted:
    try:
        wanted = replay_of(sent.typed, datetime.now(UTC))
    except ValueError:
        raise Refused([FieldError("what", NO_CHOICE)]) from None
    return await sent.visit.api.post(Service.EVENTS, f"/endpoints/{endpoint_id}/replays", ReplayAccepted, wanted)


async def enable(sent: Sent, endpoint_id: UUID) -> None:
    wanted = CatchUp(catch_up=sent.typed.get("catch_up") != "no")
    await sent.visit.api.post(Service.EVENTS, f"/endpoints/{endpoint_id}/enable", Endpoint, wanted)


async def order(sent: Sent, endpoint_id: UUID, what: str) -> None:
    """`disable` or `test`."""
    await sent.visit.api.post(Service.EVENTS, f"/endpoints/{endpoint_id}/{what}", Accepted)


async def delete(sent: Sent, endpoint_id: UUID) -> None:
    await sent.visit.api.delete(Service.EVENTS, f"/endpoints/{endpoint_id}")


async def _definition(api: PublicApi, typed: FormData) -> EndpointDefinition:
    """Raises Refused for the fields that say nothing; the API checks the others."""
    owner_text = str(typed.get("owner", ""))
    owner = await _find_owner(api, owner_text)
    errors = [] if owner is not None else [FieldError("owner", NOBODY)]
    try:
        fields = {name: str(value) for name, value in typed.items()}
        definition = definition_of(fields, _texts(typed, "types"), owner.id if owner else UUID(int=0))
    except ValueError:
        raise Refused([*errors, FieldError("rate_limit", NO_NUMBER)]) from None
    if errors:
        raise Refused(errors)
    return definition


async def _find_owner(api: PublicApi, text: str) -> Person | None:
    if not text.strip():
        return None
    try:
        found = await api.get(Service.INTAKE, "/people", People, {"q": text[:100], "limit": 50})
    except (BadRequest, Invalid):  # what no search takes is nobody's name
        return None
    return owner_in(found.items, text)


def _texts(typed: FormData, name: str) -> Sequence[str]:
    return [str(value) for value in typed.getlist(name)]
