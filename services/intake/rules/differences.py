"""What an import would change, field by field, and when it must ask first. Pure."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any
from uuid import UUID

from services.intake.importing.plan import ImportPlan
from services.intake.importing.problems import LISTED, Problem
from services.intake.person import PersonRecord
from shared.contracts.base import Contract
from shared.contracts.imports import DOUBTS
from shared.errors import Conflict

SHARE = 0.1
"""If more of the active people would leave, somebody has to say that they mean it."""
COMPARED = tuple(name for name in PersonRecord._fields if name not in ("id", "active", "given_name", "family_name"))


class TooManyLeaving(Conflict):
    code = "too_many_leaving"


class PreviewOutdated(Conflict):
    code = "preview_outdated"


class Change(Contract):
    field: str
    before: str
    after: str


class PersonDifference(Contract):
    """One person who would be added, changed, leave or come back."""

    person_id: UUID | None
    """Null for somebody who is new."""
    name: str
    email: str
    changes: tuple[Change, ...] = ()


class KnownPerson(Contract):
    id: UUID
    name: str
    email: str


class RefusedRow(Problem):
    """A row that cannot be used, and whom it is about."""

    name: str = ""
    email: str = ""
    people: tuple[KnownPerson, ...] = ()
    """The people of the directory whom the row contradicts."""


class ImportPreview(Contract):
    """What the import would do, were it applied now with the rows that can be used."""

    created: int
    changed: int
    """Those who leave or come back are not counted here."""
    unchanged: int
    leaving: int
    returning: int
    refused: int
    """Rows that cannot be used. Those of which it is not clear who they are count too."""
    doubtful: int
    """Rows of which only that is not clear: they can be used once somebody says whether it is the same person."""
    notes: int
    active_before: int
    fingerprint: str
    """It is another one as soon as the import would do something else. Send it when the import is applied."""
    must_confirm: bool
    """Whether so many would leave that their number has to be named when the import is applied."""
    new_people: tuple[PersonDifference, ...]
    """The first 200 of each."""
    changed_people: tuple[PersonDifference, ...]
    leaving_people: tuple[PersonDifference, ...]
    returning_people: tuple[PersonDifference, ...]
    refused_rows: tuple[RefusedRow, ...]
    """The first 200 of which it is not clear who they are, and the first 200 others, in the order of their lines."""
    noted_rows: tuple[Problem, ...]


def preview_of(plan: ImportPlan, directory: Sequence[PersonRecord]) -> ImportPreview:
    before = {person.id: person for person in directory}
    left, back = set(plan.left), set(plan.returned)
    changed = [person for person in plan.changed if person.id not in left | back]
    names = {person.id: person.name for person in (*directory, *plan.created, *plan.changed)}

    def listed(people: Iterable[PersonRecord], *, new: bool = False) -> tuple[PersonDifference, ...]:
        shown = islice(people, LISTED)
        return tuple(_difference(person, None if new else before.get(person.id), names) for person in shown)

    active = sum(person.active for person in directory)
    doubts = [problem for problem in plan.left_out if problem.code in DOUBTS]
    others = [problem for problem in plan.left_out if problem.code not in DOUBTS]
    wrong = sorted((*doubts[:LISTED], *others[:LISTED]), key=lambda problem: problem.line)
    return ImportPreview(
        created=len(plan.created),
        changed=len(changed),
        unchanged=plan.unchanged,
        leaving=len(left),
        returning=len(back),
        refused=len({problem.line for problem in plan.left_out}),
        doubtful=len({problem.line for problem in doubts} - {problem.line for problem in others}),
        notes=len(plan.notes),
        active_before=active,
        fingerprint=fingerprint_of(plan),
        must_confirm=is_too_many(len(left), active),
        new_people=listed(plan.created, new=True),
        changed_people=listed(changed),
        leaving_people=listed(person for person in plan.changed if person.id in left),
        returning_people=listed(person for person in plan.changed if person.id in back),
        refused_rows=tuple(_refused(problem, plan, before) for problem in wrong),
        noted_rows=tuple(plan.notes[:LISTED]),
    )


def is_too_many(leaving: int, active: int) -> bool:
    return leaving > SHARE * active


def check_leaving(plan: ImportPlan, directory: Sequence[PersonRecord], confirmed: int | None) -> None:
    """Raises TooManyLeaving unless few people leave, or their number was named."""
    leaving, active = len(plan.left), sum(person.active for person in directory)
    if is_too_many(leaving, active) and confirmed != leaving:
        raise TooManyLeaving(
            f"{leaving} of {active} people would leave; look at them, and repeat this with confirm_leaving: {leaving}.",
            leaving=leaving,
            active=active,
        )


def check_share(plan: ImportPlan, directory: Sequence[PersonRecord], most_percent: int) -> None:
    """Raises TooManyLeaving if a larger share of those who work here would leave."""
    leaving, active = len(plan.left), sum(person.active for person in directory)
    if leaving * 100 > most_percent * active:
        raise TooManyLeaving(
            f"{leaving} of {active} people would leave, which is more than {most_percent} %; nothing was imported. "
            "Look at the file, or send it with a higher most_leaving_percent.",
            leaving=leaving,
            active=active,
        )


def fingerprint_of(plan: ImportPlan) -> str:
    """A text that is another one as soon as the import would do something else. New people have no ids yet, so that
    they stand there with their addresses, also as somebody's manager."""
    addresses = {person.id: person.email for person in plan.created}

    def manager(person: PersonRecord) -> str:
        return addresses.get(person.manager_id, str(person.manager_id)) if person.manager_id else ""

    new = sorted(f"{person._replace(id=_NOBODY, manager_id=None)} {manager(person)}" for person in plan.created)
    changed = sorted(f"{person._replace(manager_id=None)} {manager(person)}" for person in plan.changed)
    refused = [f"{problem.line} {problem.reason}" for problem in plan.left_out]
    return hashlib.sha256("\n".join([*new, *changed, *refused]).encode()).hexdigest()


_NOBODY = UUID(int=0)


def _refused(problem: Problem, plan: ImportPlan, before: Mapping[UUID, PersonRecord]) -> RefusedRow:
    named = plan.refused.get(problem.line)
    found = [before[person_id] for person_id in problem.persons if person_id in before]
    people = tuple(KnownPerson(id=person.id, name=person.name, email=person.email) for person in found)
    name, email = (named.name, named.email) if named is not None else ("", "")
    return RefusedRow(**dict(problem), name=name, email=email, people=people)


def _difference(person: PersonRecord, before: PersonRecord | None, names: Mapping[UUID, str]) -> PersonDifference:
    changes = []
    for name in COMPARED if before is not None else ():
        old, new = getattr(before, name), getattr(person, name)
        if old != new and name != "language_known":
            changes.append(Change(field=name, before=_text(name, old, names), after=_text(name, new, names)))
    return PersonDifference(
        person_id=None if before is None else person.id, name=person.name, email=person.email, changes=tuple(changes)
    )


def _text(name: str, value: Any, names: Mapping[UUID, str]) -> str:
    if value is None:
        return ""
    return names.get(value, "") if name == "manager_id" else str(value)
