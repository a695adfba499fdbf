"""Two admins who edit the same program: what the form of the second one keeps, and what it takes over. Pure.

The form carries the ETag of what it was filled with, and a digest of every field. So it is known which fields the admin
has changed and which ones somebody else has, without keeping anything between two requests.
"""

import hashlib
from typing import NamedTuple

from services.console.admin.programs.resources import Definition

DIGEST = 12
"""Hexadecimal digits of a digest. It only has to tell values of one field apart."""


class Mark(NamedTuple):
    """What the form was filled with."""

    etag: str
    digests: dict[str, str]


class Joined(NamedTuple):
    """What the second admin's form shows."""

    definition: Definition
    taken: tuple[str, ...] = ()
    """Fields that somebody else has changed and this admin has not: they are taken over."""
    both: tuple[str, ...] = ()
    """Fields that both have changed: the form keeps what this admin typed."""


def write_mark(etag: str, definition: Definition) -> str:
    return " ".join([etag, *(f"{name}={_digest(definition, name)}" for name in Definition.model_fields)])


def read_mark(text: str) -> Mark:
    """Something else than a mark is one of no version, so that the API refuses it."""
    etag, *parts = text.split(" ")
    return Mark(etag, dict(part.split("=", 1) for part in parts if "=" in part))


def joined(mark: Mark, mine: Definition, stored: Definition) -> Joined:
    """What was typed and what is stored now, after somebody else changed what the form was filled with."""
    changed = [name for name in Definition.model_fields if mark.digests.get(name) != _digest(stored, name)]
    differs = [name for name in changed if getattr(mine, name) != getattr(stored, name)]
    taken = tuple(name for name in differs if _digest(mine, name) == mark.digests.get(name))
    both = tuple(name for name in differs if name not in taken)
    return Joined(mine.model_copy(update={name: getattr(stored, name) for name in taken}), taken, both)


def _digest(definition: Definition, name: str) -> str:
    return hashlib.sha256(definition.model_dump_json(include={name}).encode()).hexdigest()[:DIGEST]
