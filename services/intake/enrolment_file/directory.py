"""The people of `upward match`, who are read from an HR export as an import into an empty directory reads them."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import NamedTuple
from uuid import UUID, uuid5

from services.intake.enrolment_file.problems import FileProblem, FilesInvalid, problems_of_import, read_bytes
from services.intake.importing.column_map import ColumnMap
from services.intake.importing.drafts import ParsedFile, parse_people
from services.intake.importing.manager_index import ManagerIndex, Unresolved
from services.intake.importing.names import NameOrder, PersonName
from services.intake.importing.plan import ImportPlan, plan_import
from services.intake.importing.problems import ImportInvalid, Problem
from services.intake.person import PersonRecord

NAMESPACE = UUID("6f1d0c52-3c1b-5c62-9a43-52a4a8c0b2b7")
"""The namespace of the ids and seeds of `upward match`, so that the same files give the same ids."""
SKIP = "Or leave such rows out with --skip-invalid."
MANAGERS = 'Managers who are not in the file can be accepted: [managers] unknown = "nobody" in --columns.'


class UnavailablePerson(NamedTuple):
    """A row of the people file whose person cannot be matched: a leaver, or a row that was left out."""

    line: int
    leaver: bool


@dataclass(frozen=True)
class Directory:
    people: dict[UUID, PersonRecord]
    columns: dict[str, str]
    """The header of the column for each of our fields that the file has."""
    leavers: int
    left_out: tuple[FileProblem, ...]
    notes: tuple[FileProblem, ...]
    _order: tuple[PersonRecord | UnavailablePerson, ...]
    """The people by their numbers in the index."""
    _index: ManagerIndex

    def find(self, cells: dict[str, str]) -> PersonRecord | UnavailablePerson | Unresolved | None:
        """The person whom the cells mean:

        `email`, `employee_id`, `name`, or `person` for any of the three. None if there are no cells.
        """
        found = self._index.find({INDEXED[field]: cell for field, cell in cells.items()})
        return self._order[found] if isinstance(found, int) else found

    def managers(self, person: PersonRecord) -> tuple[UUID, ...]:
        """The managers above the person, nearest first."""
        line: list[UUID] = []
        above = person.manager_id
        while above is not None:
            line.append(above)
            above = self.people[above].manager_id
        return tuple(line)


INDEXED = {"email": "manager_email", "employee_id": "manager_id", "name": "manager_name", "person": "manager"}
"""The field of a manager for each field of a person, because people are found as the import finds managers."""


def read_directory(
    path: Path, column_map: ColumnMap, today: date, *, skip_invalid: bool, names: NameOrder = NameOrder.AUTO
) -> Directory:
    """The people of the file. `names` is the order in which the enrolments write names without a comma.

    Raises FilesInvalid.
    """
    data = read_bytes(path)
    try:
        parsed = parse_people(data, column_map, today)
    except ImportInvalid as failure:
        raise FilesInvalid(problems_of_import(path.name, failure.extra["errors"], {})) from None
    fields = {column.header: field for field, column in parsed.layout.items()}
    try:
        plan = plan_import(parsed, [], skip_invalid=skip_invalid)
    except ImportInvalid:
        raise FilesInvalid(_problems(path, parsed.problems, fields), _advice(parsed.problems)) from None
    people = _people(plan)
    left_out = tuple(_problems(path, plan.left_out, fields))
    notes = [*_problems(path, plan.notes, fields), *_without_levels(path, parsed)]
    columns = {field: column.header for field, column in parsed.layout.items()}
    order, index = _index(parsed, people, names)
    return Directory(people, columns, plan.skipped_leavers, left_out, tuple(notes), order, index)


def _people(plan: ImportPlan) -> dict[UUID, PersonRecord]:
    """The people, with ids that are derived from their addresses."""
    ids = {person.id: uuid5(NAMESPACE, person.email) for person in plan.created}
    people = [
        person._replace(id=ids[person.id], manager_id=ids[person.manager_id] if person.manager_id else None)
        for person in plan.created
    ]
    return {person.id: person for person in people}


def _index(
    parsed: ParsedFile, people: dict[UUID, PersonRecord], names: NameOrder
) -> tuple[tuple[PersonRecord | UnavailablePerson, ...], ManagerIndex]:
    """An index of the people. Those who can be matched come first, so that they are found before the others."""
    order: list[PersonRecord | UnavailablePerson] = []
    index = ManagerIndex(names)
    for person in people.values():
        name = PersonName(person.name, person.given_name, person.family_name)
        index.add(len(order), 0, person.external_id, person.email, name)
        order.append(person)
    for draft in parsed.drafts:
        if draft.leaver or draft.rejected:
            index.add(len(order), 1 + draft.leaver, draft.external_id, draft.email, draft.name)
            order.append(UnavailablePerson(draft.line, draft.leaver))
    return tuple(order), index


def _problems(path: Path, problems: list[Problem], fields: dict[str, str]) -> list[FileProblem]:
    ordered = sorted(problems, key=lambda problem: problem.line)
    return problems_of_import(path.name, (problem.model_dump() for problem in ordered), fields)


def _advice(problems: list[Problem]) -> str:
    unknown = any(problem.code == Unresolved.UNKNOWN.value for problem in problems)
    return f"{SKIP} {MANAGERS}" if unknown else SKIP


def _without_levels(path: Path, parsed: ParsedFile) -> list[FileProblem]:
    if parsed.gives_levels or parsed.names_managers:
        return []
    reason = "The file has neither levels nor managers; everybody counts as level 1."
    return [FileProblem(path.name, 1, "", "level", reason)]
