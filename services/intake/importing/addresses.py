"""E-mail addresses for exports that have none: `given.family@domain`. Each is unique, and the same at every import."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import NamedTuple

from services.intake.importing.names import PersonName, slug


class Addressee(NamedTuple):
    """Someone without an address.

    Of two people with the same name, the one with the shorter or smaller id gets the address without a suffix, so that
    the order of the rows does not matter.
    """

    name: PersonName
    external_id: str | None
    line: int


def derive_addresses(people: Sequence[Addressee], domain: str, taken: Collection[str]) -> list[str | None]:
    """One address for each person, in their order. None of the addresses is in `taken`.

    People with the same name get their id as a suffix, or a number. The address is None for somebody without an id
    whose name has no letter that an address can contain.
    """
    used = set(taken)
    # The next number of each name, so that the last of many people with one name need not try all of them.
    numbers: dict[str, int] = defaultdict(lambda: 2)
    derived: list[str | None] = [None] * len(people)

    def seniority(index: int) -> tuple[int, str, int]:
        person = people[index]
        return (len(person.external_id or "~" * 101), person.external_id or "", person.line)

    for index in sorted(range(len(people)), key=seniority):
        local = _local_part(people[index])
        if local is None:
            continue
        suffix = slug(people[index].external_id or "")
        candidates = [local, f"{local}.{suffix}"] if suffix else [local]
        stem = f"{local}.{suffix}-" if suffix else local
        while (email := f"{candidates.pop(0)}@{domain}") in used:
            if not candidates:
                candidates = [f"{stem}{numbers[stem]}"]
                numbers[stem] += 1
        used.add(email)
        derived[index] = email
    return derived


def _local_part(person: Addressee) -> str | None:
    given = slug(person.name.given_name).split("-")[0]
    family = slug(person.name.family_name)
    words = [word for word in (given, family) if word]
    if not words and (number := slug(person.external_id or "")):
        words = ["person", number]
    return ".".join(words)[:48].strip(".-") or None
