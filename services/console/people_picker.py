"""Finding the people whom somebody wishes for, or would rather not be matched with, within the form of the enrolment.

The buttons send the whole form, which is shown again as it was filled in: nothing is saved, and no script is needed.
`find` searches for `colleague`; `wish` and `avoid` hold the address of somebody who was found.
"""

from typing import NamedTuple

from pydantic import ValidationError
from starlette.datastructures import FormData

from services.console.forms.enrolment import AVOIDED, MOST_WISHES, PREFERRED, addresses_in
from services.console.forms.questionnaire import text
from services.console.participation import NO_ORGANIZATION
from shared.contracts.base import Service
from shared.contracts.intake import Colleague, Colleagues, FindColleagues
from shared.errors import DomainError
from shared.http.internal import Internal
from shared.language.words import translatable

FIND, WISH, AVOID = "find", "wish", "avoid"
TOO_SHORT = translatable("Write a whole e-mail address, or at least three letters of a name.")
NOBODY = translatable("We found nobody. Names are found in your own department only. Otherwise, write the address.")
FOUND = translatable("Choose whom you mean.")
MORE = translatable("There are more people than these. Write more letters of the name.")
TOO_MANY = translatable("You have searched ten times within an hour. Search again later, or write the address below.")
WISHED = translatable("Added to your wishes. Send the form to keep it.")
AVOIDED_NOW = translatable("Added to those whom you would rather not be matched with. Send the form to keep it.")
FULL = translatable("You have five wishes already. Empty one of them first.")
REFUSALS = {"too_few_letters": TOO_SHORT, "too_many_searches": TOO_MANY}


class Picker(NamedTuple):
    """What the form shows below its search."""

    people: tuple[Colleague, ...] = ()
    said: str = ""
    """Translated where it is shown."""


def is_asked(typed: FormData) -> bool:
    """Whether a button of the search sent the form."""
    return any(name in typed for name in (FIND, WISH, AVOID))


async def pick(internal: Internal, token: str, typed: FormData) -> tuple[FormData, Picker]:
    """The form as it is shown now, and what was found."""
    for name, address in ((WISH, text(typed, WISH)), (AVOID, text(typed, AVOID))):
        if address:
            return _added(typed, name, address)
    try:
        request = FindColleagues(token=token, text=text(typed, "colleague"))
        found = await internal.ask(Service.INTAKE, "/links/colleagues", request, Colleagues, NO_ORGANIZATION)
    except ValidationError:
        return typed, Picker(said=TOO_SHORT)
    except DomainError as refused:
        if refused.code not in REFUSALS:
            raise
        return typed, Picker(said=REFUSALS[refused.code])
    return typed, Picker(found.people, MORE if found.more else FOUND if found.people else NOBODY)


def _added(typed: FormData, button: str, address: str) -> tuple[FormData, Picker]:
    name = PREFERRED if button == WISH else AVOIDED
    have = addresses_in(typed, name)
    if button == WISH and address not in have and len(have) >= MOST_WISHES:
        return typed, Picker(said=FULL)
    values = tuple(dict.fromkeys([*have, address]))
    fields = [(field, value) for field, value in typed.multi_items() if field not in (name, "colleague")]
    fields += [(name, value) for value in values] if button == WISH else [(name, "\n".join(values))]
    return FormData(fields), Picker(said=WISHED if button == WISH else AVOIDED_NOW)
