"""Finding the one person whom somebody typed."""

from uuid import UUID

from services.console.admin.people.edit.view import NOBODY, SEVERAL
from services.console.admin.people.resources import PeoplePage
from services.console.forms.errors import FieldError, Refused
from shared.contracts.base import Service
from shared.http.public import PublicApi

FEW = 10


async def find_person(api: PublicApi, field: str, typed: str) -> UUID | None:
    """The person whose name or address was typed in this field; None if nothing was. Raises Refused if it is nobody, or
    not clear."""
    text = typed.strip()
    if not text or "\x00" in text:
        return None
    found = (await api.get(Service.INTAKE, "/people", PeoplePage, {"q": text[:100], "limit": FEW})).items
    exact = [person for person in found if person.email == text.casefold()]
    fitting = exact or [person for person in found if person.active]
    if len(fitting) != 1:
        raise Refused([FieldError(field, SEVERAL if fitting else NOBODY)])
    return fitting[0].id
