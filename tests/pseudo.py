"""A language that only tests speak, to find text that is hard-coded, and layouts that break when words are long.

Its sentences are the English ones with an accent on every letter and every vowel doubled, so that they are about a
third longer: `Yes` is `Ýééš`. What is not in this form on a page has not come through the catalogues.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from gettext import NullTranslations
from html.parser import HTMLParser

from babel import Locale

from shared.language.words import SPOKEN, Words

PSEUDO = "en-XA"
ACCENTS = str.maketrans(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "ÅƁÇÐÉƑĜĤÎĴĶĻṀÑÖÞǪŔŠŢÛṼŴẊÝŽåƀçðéƒĝĥîĵķļɱñöþǫŕšţûṽŵẋýž"
)
PLACE = re.compile(r"(%\(\w+\)s)")
VOWEL = re.compile(r"([AEIOUYaeiouy])")
ADDRESS = re.compile(r"(https?://|mailto:|/)\S+|\S+@\S+")
SHOWN = ("aria-label", "alt", "placeholder", "title", "data-label", "content")
NOT_TEXT = ("style", "script", "code", "pre")
EMPTY = ("meta", "link", "br", "img", "input")


def accented(text: str) -> str:
    """The text in the language of the tests. Places for values stay."""
    return "".join(
        part if PLACE.fullmatch(part) else VOWEL.sub(r"\1\1", part).translate(ACCENTS) for part in PLACE.split(text)
    )


class PseudoTranslations(NullTranslations):
    def gettext(self, message: str) -> str:
        return accented(message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return accented(super().ngettext(msgid1, msgid2, n))

    def pgettext(self, context: str, message: str) -> str:
        return accented(message)


class PseudoWords(Words):
    def __init__(self) -> None:
        super().__init__(PSEUDO, PseudoTranslations(), Locale("en", "GB"))

    def moment(self, at: datetime, time_zone: str) -> str:
        return accented(super().moment(at, time_zone))

    def short_moment(self, at: datetime, time_zone: str) -> str:
        return accented(super().short_moment(at, time_zone))

    def date(self, at: datetime, time_zone: str) -> str:
        return accented(super().date(at, time_zone))

    def zone(self, time_zone: str, at: datetime) -> str:
        return accented(super().zone(time_zone, at))

    def duration(self, length: timedelta) -> str:
        return accented(super().duration(length))

    def weekdays(self, days: Iterable[int]) -> str:
        return accented(super().weekdays(days))

    def language_name(self, code: str) -> str:
        return accented(super().language_name(code))


@contextmanager
def pseudo_is_spoken() -> Iterator[Words]:
    """While it lasts, Upward speaks the language of the tests too."""
    SPOKEN[PSEUDO] = words = PseudoWords()
    try:
        yield words
    finally:
        del SPOKEN[PSEUDO]


class _Texts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in EMPTY:
            self._inside.append(tag)
        if tag != "meta":
            self.found += [value for name, value in attrs if name in SHOWN and value]

    def handle_endtag(self, tag: str) -> None:
        self._inside.pop()

    def handle_data(self, data: str) -> None:
        if not set(self._inside) & set(NOT_TEXT):
            self.found.append(data)


def hard_coded_in_page(page: str, *values: str) -> list[str]:
    """The texts of an HTML page that are not in the language of the tests. `values` are those of the example, which
    every language shows as they are."""
    texts = _Texts()
    texts.feed(page)
    return [found for text in texts.found if (found := hard_coded(text, *values))]


def hard_coded(text: str, *values: str) -> str:
    """What is left of a text without addresses, values and the language of the tests; empty if that is no letter."""
    left = text
    for value in sorted(values, key=len, reverse=True):
        left = left.replace(value, "")
    left = ADDRESS.sub("", left)
    return " ".join(left.split()) if re.search("[A-Za-z]", left) else ""
