"""What is wrong with a form that somebody sent. Pure."""

from collections.abc import Iterable
from typing import NamedTuple

from shared.language.words import Words


class FieldError(NamedTuple):
    field: str
    """The field of the form. It is empty when the message is about the whole form."""
    message: str
    """The sentence in English, as the owner of the round writes it. It stays so if no catalogue has it."""
    address: int | None = None
    """Which of several addresses in the field it is about, counted from 1. It is told instead of the address."""

    def told(self, words: Words) -> str:
        """The message in the language of the reader."""
        problem = words.translations.gettext(self.message)
        if self.address is None:
            return problem
        return words.gettext("Address %(number)s: %(problem)s", number=words.number(self.address), problem=problem)


class Refused(Exception):
    """What was typed cannot be passed on. Each of the `errors` says why, and is shown beside its field."""

    def __init__(self, errors: Iterable[FieldError]) -> None:
        super().__init__("the form has errors")
        self.errors = tuple(errors)
