"""Reading an enrolments file. Every row becomes the `Enrolment` of a person, and everything that is wrong in it a
problem."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from services.intake.enrolment_file import cells
from services.intake.enrolment_file.column_map import ColumnMaps
from services.intake.enrolment_file.columns import Layout, find_columns
from services.intake.enrolment_file.directory import SKIP, Directory, UnavailablePerson
from services.intake.enrolment_file.enrolments import Enrolment, Enrolments
from services.intake.enrolment_file.problems import FileProblem, FilesInvalid, problems_of_import, read_bytes
from services.intake.enrolment_file.topics import Topics
from services.intake.importing.cells import LONGEST_CELL, BadCell, clean, is_blank, parse_id, parse_yes, unmark
from services.intake.importing.csv_file import Row, read_table
from services.intake.importing.manager_index import Unresolved
from services.intake.importing.problems import ImportInvalid
from services.intake.person import PersonRecord
from shared.contracts.intake import EnrolmentRole, TeachingLevel

Value = TypeVar("Value")
UNKNOWN = "Nobody in the people file is meant by this; correct it, or add the person there."
TEACHES = (EnrolmentRole.MENTOR, EnrolmentRole.BOTH)
LEARNS = (EnrolmentRole.MENTEE, EnrolmentRole.BOTH)


def read_enrolments(
    path: Path, maps: ColumnMaps, directory: Directory, topics: Topics, *, skip_invalid: bool
) -> Enrolments:
    """The enrolments of the file. Raises FilesInvalid."""
    formats = maps.enrolments.formats
    try:
        table = read_table(read_bytes(path), encoding=formats.encoding, delimiter=formats.delimiter)
    except ImportInvalid as failure:
        problems = problems_of_import(path.name, failure.extra["errors"], {})
        own = [
            problem._replace(reason=problem.reason.replace("[formats]", "[enrolments.formats]")) for problem in problems
        ]
        raise FilesInvalid(own) from None
    layout = find_columns(path.name, table.header.cells, table.header.line, maps.enrolments)
    reader = _Reader(path.name, layout, maps, directory, topics, len(table.header.cells))
    reader.add_wanted_topics(table.rows)
    used = {column.position for columns in layout.values() for column in columns}
    header = [clean(cell) for cell in table.header.cells]
    found = Enrolments(
        columns={name: [column.header for column in columns] for name, columns in layout.items()},
        unused=[cell for position, cell in enumerate(header) if position not in used and cell],
    )
    for row in table.rows:
        reader.read(row, found)
    if found.left_out and not skip_invalid:
        raise FilesInvalid(found.left_out, SKIP)
    return found


class _UnusableRow(Exception):
    """The row cannot be used. Its problems have been listed."""


class _Reader:
    def __init__(
        self, file: str, layout: Layout, maps: ColumnMaps, directory: Directory, topics: Topics, width: int
    ) -> None:
        self._file, self._layout, self._directory, self._topics, self._width = file, layout, directory, topics, width
        self._roles, self._levels = maps.enrolments.roles, maps.enrolments.levels
        self._languages = maps.people.languages
        self._lines: dict[UUID, int] = {}

    def add_wanted_topics(self, rows: list[Row]) -> None:
        """Makes the wanted topics known before the rows are read, so that a colon in a topic does not start a level."""
        for row in rows:
            for label in self._entries(row, "topics_wanted"):
                self._topics.add(label)

    def read(self, row: Row, found: Enrolments) -> None:
        problems: list[FileProblem] = []
        try:
            enrolment = self._read(row, problems, found.notes)
        except _UnusableRow:
            enrolment = None
        if problems:
            found.left_out += problems
        elif enrolment is None:
            found.declined += 1
        else:
            found.people.append(enrolment)

    def _read(self, row: Row, problems: list[FileProblem], notes: list[FileProblem]) -> Enrolment | None:
        """The enrolment, or None for somebody who does not take part.

        Raises _UnusableRow when the rest of the row need not be read.
        """

        def reject(name: str, reason: str) -> None:
            problems.append(self._problem(row, name, reason))

        def take(name: str, parse: Callable[[str], Value], nothing: Value) -> Value:
            cell = self._cell(row, name)
            if is_blank(cell):
                return nothing
            try:
                return parse(cell)
            except BadCell as error:
                reject(name, str(error))
                return nothing

        if any(cell.strip() for cell in row.cells[self._width :]):
            reject("", "This row has more cells than the header; a cell with a delimiter needs quotes.")
            raise _UnusableRow
        used = (column.position for columns in self._layout.values() for column in columns)
        if any(len(row.cells[position]) > LONGEST_CELL for position in used if position < len(row.cells)):
            reject("", f"A cell of this row is longer than {LONGEST_CELL} characters.")
            raise _UnusableRow
        person = self._person(row, reject)
        role = self._role(row, reject)
        if role is None:
            return None
        taught, wanted = self._teaching(row, role, reject), self._wanted(row, role)
        places = take("capacity", cells.parse_places, 1)
        enrolment = Enrolment(
            person=person,
            role=role,
            taught=taught,
            wanted=wanted,
            mentor_capacity=take("mentor_capacity", cells.parse_places, places) if role in TEACHES else 1,
            mentee_capacity=take("mentee_capacity", cells.parse_places, places) if role in LEARNS else 1,
            languages=tuple(take("languages", lambda cell: cells.parse_languages(cell, self._languages), [])),
            meeting_windows=tuple(take("meeting_windows", cells.parse_windows, [])),
            preferred=self._people(row, "preferred", person, reject),
            avoided=self._people(row, "avoided", person, reject),
            waited=take("waited", parse_yes, False),
            past_partners=self._people(row, "past_partners", person, reject),
        )
        if set(enrolment.preferred) & set(enrolment.avoided):
            reject("avoided", "Nobody can be both preferred and avoided.")
        self._note_missing_topics(row, enrolment, notes)
        return enrolment

    def _person(self, row: Row, reject: Callable[[str, str], None]) -> PersonRecord:
        """The person of the row. Raises _UnusableRow.

        The name counts only if neither an address nor an id is given, so that nobody enrols for somebody else of the
        same name.
        """
        names = [name for name in ("email", "employee_id") if not is_blank(self._cell(row, name))]
        names = names or [name for name in ("person", "name") if not is_blank(self._cell(row, name))][:1]
        if not names:
            known = next(name for name in ("email", "employee_id", "person", "name") if name in self._layout)
            reject(known, "It is not said who this is; give the e-mail address or the employee id.")
            raise _UnusableRow
        found = self._directory.find({name: _key(self._cell(row, name)) for name in names})
        if isinstance(found, PersonRecord):
            first = self._lines.setdefault(found.id, row.line)
            if first == row.line:
                return found
            reject(names[0], f"This person enrolled on line {first} already; keep one of the rows.")
        else:
            reject(names[0], _why_nobody(found))
        raise _UnusableRow

    def _role(self, row: Row, reject: Callable[[str, str], None]) -> EnrolmentRole | None:
        """The role in the row, or, if there is no column for it, the role that the topics show. Raises _UnusableRow."""
        cell = self._cell(row, "role")
        if "role" not in self._layout:
            teaches, learns = self._entries(row, "topics_taught"), self._entries(row, "topics_wanted")
            if teaches and learns:
                return EnrolmentRole.BOTH
            return EnrolmentRole.MENTOR if teaches else EnrolmentRole.MENTEE if learns else None
        if is_blank(cell) and cell.casefold() != "none":  # because "none" is a role here
            reject("role", "The role is missing; write mentor, mentee, both or none.")
            raise _UnusableRow
        try:
            return cells.parse_role(cell, self._roles)
        except BadCell as error:
            reject("role", str(error))
            raise _UnusableRow from None

    def _teaching(
        self, row: Row, role: EnrolmentRole, reject: Callable[[str, str], None]
    ) -> dict[str, TeachingLevel | None]:
        if role not in TEACHES:
            return {}
        found: dict[str, TeachingLevel | None] = {}
        for name in ("topics_taught", "topics"):
            for entry in self._entries(row, name):
                try:
                    skill = cells.parse_skill(entry, self._levels, self._topics.is_known(entry))
                except BadCell as error:
                    reject(name, str(error))
                    continue
                self._topics.add(skill.label)
                found.setdefault(self._topics.code(skill.label), skill.level)
        return found

    def _wanted(self, row: Row, role: EnrolmentRole) -> tuple[str, ...]:
        if role not in LEARNS:
            return ()
        labels = [label for name in ("topics_wanted", "topics") for label in self._entries(row, name)]
        for label in labels:
            self._topics.add(label)
        return self._topics.codes(labels)

    def _people(
        self, row: Row, name: str, person: PersonRecord, reject: Callable[[str, str], None]
    ) -> tuple[UUID, ...]:
        """The people whom a cell lists by address, id or name."""
        found: list[UUID] = []
        for entry in self._people_entries(row, name):
            someone = self._directory.find({"person": _key(entry)})
            if isinstance(someone, UnavailablePerson) and someone.leaver:
                continue  # nobody can be matched with a leaver, so neither wish matters
            if not isinstance(someone, PersonRecord):
                reject(name, _why_nobody(someone))
            elif someone.id == person.id:
                reject(name, "Name other people, not the person of this row.")
            else:
                found.append(someone.id)
        return tuple(dict.fromkeys(found))

    def _people_entries(self, row: Row, name: str) -> list[str]:
        """The entries of a list of people. `Doe, Jane` is one person; `jane@example.com, joe@example.com` are two."""
        entries: list[str] = []
        for column in self._layout.get(name, ()):
            cell = self._raw(row, column.position)
            whole = not is_blank(clean(cell)) and isinstance(
                self._directory.find({"person": _key(clean(cell))}), PersonRecord
            )
            entries += [clean(cell)] if whole else cells.split(cell)
        return entries

    def _note_missing_topics(self, row: Row, enrolment: Enrolment, notes: list[FileProblem]) -> None:
        if enrolment.role in TEACHES and not enrolment.taught:
            notes.append(self._problem(row, "topics_taught", "A mentor who names no topic to teach."))
        if enrolment.role in LEARNS and not enrolment.wanted:
            notes.append(self._problem(row, "topics_wanted", "A mentee who names no topic to learn."))

    def _entries(self, row: Row, name: str) -> list[str]:
        """The entries of all columns of a field."""
        return [
            entry for column in self._layout.get(name, ()) for entry in cells.split(self._raw(row, column.position))
        ]

    def _cell(self, row: Row, name: str) -> str:
        """The cells of all columns of a field as one, which is clean but for the line breaks between entries."""
        columns = self._layout.get(name, ())
        raw = [self._raw(row, column.position) for column in columns]
        if len(raw) > 1:
            raw = [cell for cell in raw if not is_blank(clean(cell))]
        lines = [clean(line) for cell in raw for line in cell.splitlines()]
        return "\n".join(line for line in lines if line)

    def _raw(self, row: Row, position: int) -> str:
        """The cell without the marks of a spreadsheet. A longer text than LONGEST_CELL is cut off."""
        cell = row.cells[position][:LONGEST_CELL] if position < len(row.cells) else ""
        return unmark(cell.strip())

    def _problem(self, row: Row, name: str, reason: str) -> FileProblem:
        columns = self._layout.get(name, ())
        return FileProblem(self._file, row.line, columns[0].header if columns else "", name, reason)


def _key(cell: str) -> str:
    """The address, id or name by which a person is found. For `Jane Doe <jane@example.com>` it is the address."""
    if "<" in cell and cell.endswith(">"):
        cell = cell[cell.rindex("<") + 1 : -1]
    return parse_id(cell.removeprefix("mailto:").strip())


def _why_nobody(found: UnavailablePerson | Unresolved | PersonRecord | None) -> str:
    if isinstance(found, UnavailablePerson):
        why = "has left" if found.leaver else "was left out"
        return f"By line {found.line} of the people file this person {why}."
    if found is Unresolved.AMBIGUOUS:
        return "Several people have this name; give the e-mail address or the employee id."
    if found is Unresolved.CONFLICTING:
        return "The e-mail address and the employee id are of different people."
    return UNKNOWN
