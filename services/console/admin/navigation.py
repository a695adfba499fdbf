"""Where the console leads: the entries of its menu. Pure."""

from typing import NamedTuple

from shared.contracts.accounts import Role
from shared.language.words import translatable


class Entry(NamedTuple):
    label: str
    """Translated where it is shown."""
    path: str
    role: Role = Role.VIEWER
    """The lowest role that sees the entry."""


class Shown(NamedTuple):
    label: str
    path: str
    current: str
    """The value of `aria-current`: `page` on the page itself, `true` on those below it, else empty."""


HOME = "/console"
REPORTS = "/console/reports"
INTEGRATIONS = "/console/integrations"
KEYS = "/console/settings/keys"
SESSIONS = "/console/settings/sessions"
ENTRIES: tuple[Entry, ...] = (
    Entry(translatable("Home"), HOME),
    Entry(translatable("Programs"), "/console/programs"),
    Entry(translatable("People"), "/console/people"),
    Entry(translatable("Concerns"), "/console/concerns"),
    Entry(translatable("Reports"), REPORTS),
    Entry(translatable("Messages"), "/console/messages", Role.COORDINATOR),
    Entry(translatable("Integrations"), INTEGRATIONS, Role.ADMIN),
    Entry(translatable("Access keys"), KEYS, Role.OWNER),
    Entry(translatable("Your sessions"), SESSIONS),
)


def entries_for(role: Role, path: str, entries: tuple[Entry, ...] = ENTRIES) -> tuple[Shown, ...]:
    """The entries that this role sees on the page of this path."""
    return tuple(Shown(entry.label, entry.path, _current(entry, path)) for entry in entries if role.covers(entry.role))


def _current(entry: Entry, path: str) -> str:
    if path.rstrip("/") == entry.path:
        return "page"
    return "true" if entry.path != HOME and path.startswith(f"{entry.path}/") else ""
