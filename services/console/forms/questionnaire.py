"""What the pages of all kinds of rounds have in common: what was typed becomes an answer, or errors beside the fields.

A form only reads what was typed and does not decide what is allowed. The owner of the round checks the answer, and
`field_of` finds the field of the form that each of the owner's errors is about.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

from pydantic import ValidationError
from starlette.datastructures import FormData

from services.console.forms.errors import FieldError, Refused
from shared.contracts.base import Contract
from shared.contracts.rounds import RoundKind
from shared.contracts.text import without_hidden
from shared.language.words import translatable

Form = TypeVar("Form", bound=Contract)
Answer = TypeVar("Answer", bound=Contract)
Entry = TypeVar("Entry", bound=Contract)
NO_ANSWER = translatable("Answer for at least one pair.")
CHECK = translatable("Check this field.")
TOO_MANY_PAIRS = translatable("Answer for at most 20 pairs at once.")


class Questionnaire(ABC, Generic[Form, Answer]):
    """The page of one kind of round: what it is called, what it shows, and how its fields become the answer."""

    kind: ClassVar[RoundKind]
    title: ClassVar[str]
    """What a round of this kind is called on pages, in English."""
    template: ClassVar[str]
    """The page, in `services/console/templates/`."""
    thanks: ClassVar[str] = "thanks.html"
    """What the page after the answer says about changing it, in the same folder."""
    form_type: type[Form]
    """What the owner of the round answers with for the page to show."""

    @abstractmethod
    def parse(self, typed: FormData) -> Answer:
        """The answer that was typed. Raises Refused."""

    @abstractmethod
    def prefill(self, form: Form) -> FormData:
        """What the fields show at first: the answer that the person gave before, if there is one."""

    @abstractmethod
    def partners(self, form: Form) -> tuple[UUID, ...]:
        """The people whom the page names."""

    @abstractmethod
    def field_of(self, location: tuple[str, ...], answer: Answer) -> str:
        """The field for a position in the answer, such as `("entries", "0", "note")`. Empty when there is none."""

    def errors_of(self, owner_errors: Iterable[dict[str, Any]], answer: Answer) -> tuple[FieldError, ...]:
        """The errors that the owner answered with, each with the field of the form that it is about."""
        located = ((_location(str(found.get("field", ""))), str(found.get("detail", ""))) for found in owner_errors)
        errors = (
            FieldError(self.field_of(location, answer), detail, self.address_of(location))
            for location, detail in located
        )
        return tuple(dict.fromkeys(errors))

    def address_of(self, location: tuple[str, ...]) -> int | None:
        """Which of several addresses an error at this position is about, counted from 1."""
        return None


def text(typed: FormData, name: str) -> str:
    """The value of a field without characters that nobody sees and without space around it. Empty when it was not
    sent."""
    value = typed.get(name, "")
    if not isinstance(value, str):
        return ""
    return without_hidden(value.replace("\r\n", "\n").replace("\r", "\n")).strip()


def texts(typed: FormData, name: str) -> tuple[str, ...]:
    """The values of a repeated field in their order, each once, without empty ones."""
    values = (without_hidden(value).strip() for value in typed.getlist(name) if isinstance(value, str))
    return tuple(dict.fromkeys(value for value in values if value))


def pair_ids(typed: FormData, *prefixes: str) -> Iterator[UUID]:
    """The pairs that the fields are about, each once. `pair_id` fields and fields `<prefix><pair id>` name them."""
    seen: set[UUID] = set()
    for name, value in typed.multi_items():
        found = [value] if name == "pair_id" else [name.removeprefix(p) for p in prefixes if name.startswith(p)]
        for candidate in found:
            try:
                pair_id = UUID(str(candidate))
            except ValueError:
                continue
            if pair_id not in seen:
                seen.add(pair_id)
                yield pair_id


def entries_of(
    typed: FormData,
    prefixes: Iterable[str],
    read: Callable[[FormData, UUID], Entry],
    untouched: Callable[[FormData, UUID], Sequence[FieldError]],
) -> tuple[Entry, ...]:
    """An entry for each pair about which something was typed. The others can be answered later.

    `untouched` returns what is missing for a pair about which nothing was typed, and an empty list for any other pair.
    Raises Refused when an entry is wrong, or when there is no entry at all.
    """
    entries: list[Entry] = []
    errors: list[FieldError] = []
    left: list[FieldError] = []
    for pair_id in pair_ids(typed, *prefixes):
        if missing := untouched(typed, pair_id):
            left += missing
            continue
        try:
            entries.append(read(typed, pair_id))
        except Refused as refused:
            errors += refused.errors
    if errors or not entries:
        raise Refused(errors or left or [FieldError("", NO_ANSWER)])
    return tuple(entries)


def entry_field(location: tuple[str, ...], pairs: list[UUID], prefixes: tuple[str, ...]) -> str:
    """The field for `("entries", "<index>", "<name>")`. If there is no such field, the first field of the pair."""
    if len(location) < 2 or location[0] != "entries" or not location[1].isdigit() or int(location[1]) >= len(pairs):
        return ""
    name = f"{location[2]}_" if len(location) > 2 else ""
    return f"{name if name in prefixes else prefixes[0]}{pairs[int(location[1])]}"


def refusals(error: ValidationError, field_of: dict[str, str], messages: dict[str, str]) -> list[FieldError]:
    """What the contract does not accept, in words for the person who typed. The value is never repeated.

    `field_of` gives the field of the form for each field of the contract, and `messages` one sentence for each.
    """
    wrong = dict.fromkeys(str(found["loc"][0]) if found["loc"] else "" for found in error.errors())
    return [FieldError(field_of.get(name, name), messages.get(name, CHECK)) for name in wrong]


def _location(field: str) -> tuple[str, ...]:
    parts = tuple(part for part in re.split(r"[.\[\]]+", field) if part)
    return parts[1:] if parts[:1] == ("body",) else parts
