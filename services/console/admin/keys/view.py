"""What the pages about access keys read, send and show. Pure."""

from typing import NamedTuple

from pydantic import AwareDatetime

from shared.contracts.accounts import Role
from shared.contracts.base import Contract
from shared.language.words import translatable

ROLES = {
    Role.VIEWER.value: translatable("Reads everything but webhook endpoints and what is personal."),
    Role.COORDINATOR.value: translatable("Also approves matches, pauses and resumes cycles, and resolves concerns."),
    Role.ADMIN.value: translatable("Also defines programs, imports people, starts and cancels cycles."),
    Role.OWNER.value: translatable("Also makes and revokes keys."),
}
DONE = {"revoked": translatable("The key was revoked. Whoever was signed in with it is signed out.")}


class Key(Contract):
    id: str
    role: Role
    label: str
    created_at: AwareDatetime
    last_used_at: AwareDatetime | None
    revoked_at: AwareDatetime | None
    sessions: int
    last_owner: bool


class Keys(Contract):
    items: tuple[Key, ...]
    next: str | None = None


class NewKey(Contract):
    role: str
    label: str


class MadeKey(Contract):
    id: str
    role: Role
    label: str
    key: str | None = None


class Line(NamedTuple):
    key: Key
    own: bool
    """Whether the visitor signed in with it."""


def lines_of(keys: Keys, own_id: str) -> tuple[Line, ...]:
    return tuple(Line(key, key.id == own_id) for key in keys.items)
