"""Asking the directory about people whom a caller names, each of whom must be an active person of the caller's
organization, and about how many have enrolled.

Ask outside the transaction of the request, so that no connection is held meanwhile.
"""

from collections.abc import Mapping
from uuid import UUID

import httpx

from shared.contracts.base import PersonPage, Service
from shared.contracts.intake import Contacts, EnrolledCount, FindPeople, ReadContacts
from shared.errors import Invalid
from shared.http.internal import Internal


class UnknownPerson(Invalid):
    code = "unknown_person"


async def refuse_others(
    internal: Internal, organization_id: UUID, named: Mapping[str, UUID], *, code: str = UnknownPerson.code
) -> UnknownPerson | None:
    """The refusal (422) if one of these people, by their fields, is unknown, has left, or belongs to another
    organization; None otherwise. Raises httpx.HTTPError when intake is away."""
    if not named:
        return None
    wanted = ReadContacts(person_ids=tuple(dict.fromkeys(named.values())))
    found = await internal.ask(Service.INTAKE, "/contacts", wanted, Contacts, organization_id)
    active = {contact.person_id for contact in found.contacts if contact.active}
    errors = [
        {"field": field, "detail": "expected the id of an active person"}
        for field, person_id in named.items()
        if person_id not in active
    ]
    return (
        UnknownPerson("Somebody who is named is not in the directory; see errors.", code=code, errors=errors)
        if errors
        else None
    )


async def find_people(internal: Internal, organization_id: UUID, words: str) -> tuple[UUID, ...]:
    """The people whose name or address contains each of these words: the first 1,000. Raises httpx.HTTPError when
    intake is away."""
    found = await internal.ask(Service.INTAKE, "/people/find", FindPeople(words=words), PersonPage, organization_id)
    return found.person_ids


async def count_enrolled(internal: Internal, organization_id: UUID, cycle_id: UUID) -> int | None:
    """How many people have enrolled in the cycle so far. None while intake is away."""
    try:
        path = f"/cycles/{cycle_id}/enrolled/count"
        return (await internal.get(Service.INTAKE, path, EnrolledCount, organization_id)).enrolled
    except httpx.HTTPError:
        return None
