"""What the form of a program shows beside its fields. Pure."""

from datetime import datetime
from typing import NamedTuple

from starlette.datastructures import FormData

from services.console.admin.programs.resources import (
    CyclesPage,
    Definition,
    Names,
    PeoplePage,
    PersonLine,
    Preview,
    ProgramDetails,
)
from services.console.admin.programs.rules.effects import EffectView
from services.console.admin.programs.rules.facts import AT_ONCE, Change, changes_between
from services.console.admin.programs.rules.versions import Joined
from services.console.admin.programs.typed import chosen_people
from services.console.forms.errors import FieldError
from shared.language.words import Words

Option = tuple[str, str, str]
"""The value, the name and the description of somebody who can be chosen."""


class Search(NamedTuple):
    """A search for people within the form."""

    words: str
    options: list[Option]
    """Those who are chosen, and those who were found."""
    found: int | None
    """How many people there are with these words; None if nobody was looked for, or if they are too many to count."""
    shown: int


class Effects(NamedTuple):
    """What an edit changes for which cycle."""

    at_once: list[Change]
    """For running cycles too."""
    later: list[Change]
    """For cycles that are requested from now on."""


class Others(NamedTuple):
    """What somebody else changed meanwhile."""

    taken: list[Change]
    """From what this admin's form held, to what they stored."""
    both: list[Change]
    """From what they stored, to what this admin typed."""


class FormPage(NamedTuple):
    program: ProgramDetails | None
    """None for a new one."""
    mark: str
    rows: range
    sponsor: Search
    coordinators: Search
    nobody: bool
    """Whether the directory has no active person."""
    preview: Preview | None
    """None if what was typed is no definition yet."""
    unread: list[FieldError]
    """Why it is none."""
    time_zone: str
    running: CyclesPage
    effects: Effects | None = None
    others: Others | None = None
    effect: EffectView | None = None
    """What the rules would do, once somebody asked."""

    @property
    def first(self) -> datetime | None:
        """When the coming cycle would start."""
        return self.preview.starts_at if self.preview else None

    @property
    def last(self) -> datetime | None:
        """When its last round would close."""
        return max((one.closes_at for one in self.preview.rounds), default=None) if self.preview else None


def search_of(words: Words, typed: FormData, field: str, names: Names, found: PeoplePage) -> Search:
    """The people to choose from: whom the form has chosen, and then those who were found."""
    wanted = str(typed.get(f"{field}_q", "")).strip()
    chosen = chosen_people(FormData([(field, str(value)) for value in typed.getlist(field)]))
    options = [_option(words, names[one]) if one in names else _unknown(words, str(one)) for one in chosen]
    options += [_option(words, person) for person in found.items if person.id not in chosen]
    return Search(wanted, options, found.total if wanted else None, len(found.items))


def effects_of(words: Words, stored: Definition, mine: Definition, names: Names) -> Effects:
    changes = changes_between(words, stored, mine, names)
    return Effects(
        [change for change in changes if change.field in AT_ONCE],
        [change for change in changes if change.field not in AT_ONCE],
    )


def others_of(words: Words, mine: Definition, stored: Definition, how: Joined, names: Names) -> Others | None:
    """None if nobody else has changed anything that the form shows otherwise."""
    theirs = changes_between(words, mine, stored, names)
    ours = changes_between(words, stored, mine, names)
    taken = [change for change in theirs if change.field in how.taken]
    both = [change for change in ours if change.field in how.both]
    return Others(taken, both) if taken or both else None


def _option(words: Words, person: PersonLine) -> Option:
    about = ", ".join(part for part in (person.job_title, person.department) if part) or person.email
    if not person.active:
        about = words.gettext("%(about)s. Has left: choose somebody else.", about=about)
    return str(person.id), person.name, about


def _unknown(words: Words, person_id: str) -> Option:
    return person_id, words.gettext("Somebody who is not in the directory"), ""
