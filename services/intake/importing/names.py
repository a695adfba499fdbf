"""The names of people as exports write them, and the keys by which a manager is found by name."""

import re
import unicodedata
from enum import StrEnum
from typing import NamedTuple

PARTICLES = frozenset(
    {"al", "bin", "da", "dal", "de", "del", "della", "den", "der", "di", "dos", "du", "el", "la", "las", "le", "los"}
) | {"ten", "ter", "van", "von", "zu"}
SUFFIXES = frozenset(["jr", "sr", "ii", "iii", "iv", "phd", "md"])
LATIN = str.maketrans({"ß": "ss", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "æ": "ae", "œ": "oe", "þ": "th", "ı": "i"})


class NameOrder(StrEnum):
    """The order of the parts of a name. With `auto`, a comma means `Last, First`, and no comma means `First Last`."""

    AUTO = "auto"
    FIRST_LAST = "first-last"
    LAST_FIRST = "last-first"


class PersonName(NamedTuple):
    name: str
    """The name as it is shown, with the given name first."""
    given_name: str
    family_name: str


def parse_name(text: str, order: NameOrder = NameOrder.AUTO) -> PersonName:
    """The parts of a whole name from one cell, which is clean already. An empty cell gives empty parts."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    suffixes = [part for part in parts[1:] if _bare(part) in SUFFIXES]
    parts = [*parts[:1], *(part for part in parts[1:] if _bare(part) not in SUFFIXES)]
    if len(parts) > 1:
        given, family = " ".join(parts[1:]), parts[0]
    elif order is NameOrder.LAST_FIRST:
        family, _, given = "".join(parts).partition(" ")
    else:
        given, family = _split("".join(parts))
    return join_name(given, " ".join([family, *suffixes]).strip())


def join_name(given: str, family: str) -> PersonName:
    """A name made of its two parts. The given name, with which messages greet, does not contain initials."""
    words = [word for word in given.split() if len(_bare(word)) > 1]
    return PersonName(f"{given} {family}".strip(), " ".join(words) or given or family, family)


def exact_key(name: PersonName) -> str:
    """A key that is equal for names that differ only in case and punctuation."""
    return _bare(name.name)


def loose_key(name: PersonName) -> str:
    """A key that is equal also for names that differ in middle names, initials and accents."""
    words = slug(name.name).split("-")
    return f"{words[0]} {slug(name.family_name) or words[-1]}"


def words_of(name: PersonName) -> frozenset[str]:
    """The words of the name without case, punctuation and accents, in any writing system."""
    return frozenset((slug(name.name).replace("-", " ") or exact_key(name)).split())


def names_agree(one: PersonName, other: PersonName) -> bool:
    """Whether both can be names of one person, who is written with other accents, initials or order of words."""
    if exact_key(one) == exact_key(other):
        return True
    words, others = words_of(one), words_of(other)
    if not words or not others:
        return False
    if words == others or (min(len(words), len(others)) > 1 and (words <= others or others <= words)):
        return True
    return bool(slug(one.name) and slug(other.name)) and loose_key(one) == loose_key(other)


def names_share(one: PersonName, other: PersonName) -> bool:
    """Whether the names have a word in common, as before and after a marriage. Initials do not count."""
    return names_agree(one, other) or any(len(word) > 1 for word in words_of(one) & words_of(other))


def slug(text: str) -> str:
    """The text as lower-case ASCII words joined by hyphens, for the local part of an address.

    Empty if no letter is left.
    """
    plain = unicodedata.normalize("NFKD", text.casefold().translate(LATIN)).encode("ascii", "ignore").decode()
    return "-".join(re.findall(r"[a-z0-9]+", plain.replace("'", "")))


def _split(text: str) -> tuple[str, str]:
    words = text.split()
    if len(words) < 2:
        return text, ""
    start = len(words) - 1
    if _bare(words[start]) in SUFFIXES and start > 1:
        start -= 1
    while start > 1 and words[start - 1].casefold() in PARTICLES:
        start -= 1
    return " ".join(words[:start]), " ".join(words[start:])


def _bare(text: str) -> str:
    return " ".join(re.sub(r"[^\w\s]", " ", text.casefold()).split())
