"""What the pages of an import show: a file, its columns, the differences, and what was done. Pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import BaseModel

from shared.contracts.base import Contract
from shared.contracts.imports import DOUBTS
from shared.language.problems import sentence
from shared.language.words import Words, translatable

IMPORT = "/console/people/import"
FIELDS = {
    "": translatable("Not used"),
    "name": translatable("Whole name"),
    "given_name": translatable("Given name"),
    "family_name": translatable("Family name"),
    "email": translatable("E-mail address"),
    "external_id": translatable("Employee id"),
    "job_title": translatable("Job title"),
    "department": translatable("Department"),
    "location": translatable("Location"),
    "level": translatable("Level"),
    "manager": translatable("Manager: id, address or name"),
    "manager_id": translatable("Manager’s employee id"),
    "manager_email": translatable("Manager’s e-mail address"),
    "manager_name": translatable("Manager’s name"),
    "time_zone": translatable("Time zone"),
    "language": translatable("Language"),
    "status": translatable("Employment status"),
    "active": translatable("Works here: yes or no"),
    "inactive": translatable("Has left: yes or no"),
    "hired_on": translatable("Works here since"),
    "terminated_on": translatable("Has left on"),
    "available_from": translatable("Back from leave on"),
}
CHANGED = {
    **FIELDS,
    "name": translatable("Name"),
    "manager_id": translatable("Manager"),
    "availability": translatable("Availability"),
}
"""The fields of a person, as differences name them."""
DATES = {
    "auto": translatable("As the file’s own dates show"),
    "day-first": translatable("Day first, such as 31/12/2026"),
    "month-first": translatable("Month first, such as 12/31/2026"),
}
ANSWERS = {
    "": translatable("Not decided yet: the row is left out"),
    "same": translatable("The same person as before"),
    "new": translatable("Another person, who is new"),
}
OTHERS = {
    "refuse": translatable("Decided row by row"),
    "same": translatable("The same people as before"),
    "new": translatable("Other people, who are new"),
}
STANDINGS = {
    "active": translatable("Works here"),
    "away": translatable("Is on leave"),
    "left": translatable("Has left"),
}
LINE = "line "
WHO = "who_"
DEFAULTS = ("time_zone", "language", "email_domain")
TWICE = translatable("Two columns cannot both be this. Choose another one, or leave one of them out.")
STEPS = {
    "file": translatable("File"),
    "columns": translatable("Columns"),
    "changes": translatable("Differences"),
    "done": translatable("Done"),
}
NO_FILE = translatable("Choose a file first.")
NOT_READ = translatable(
    "This file could not be read. Save it as XLSX without a password, or as CSV (UTF-8), with the names of its columns "
    "in one line, and at least one row below."
)
TOO_LARGE = translatable("The file is larger than 20 MB. Split it, or leave out columns.")
BUSY = translatable("Your organization already sends two files. Wait until one of them is done.")
CANNOT_BE_USED = translatable("With these columns the file cannot be used. See what is missing below.")
WRONG_SETTING = translatable("This is not a value that can be used.")
CONFIRM = translatable("Say that you mean it: tick the box that names how many leave.")
SKIP = translatable("Say what happens to the rows that cannot be used: correct the file, or tick the box.")
OUTDATED = translatable(
    "The directory has changed since you looked. These are the differences now; look at them once more."
)


class FileColumn(Contract):
    header: str
    field: str | None = None
    how: str
    examples: tuple[str, ...] = ()


class FirstLine(Contract):
    line: int
    cells: tuple[str, ...] = ()


class StatusWord(Contract):
    word: str
    rows: int
    standing: str | None = None


class FileLook(Contract):
    header_line: int
    rows: int
    columns: tuple[FileColumn, ...]
    first_lines: tuple[FirstLine, ...] = ()
    sheets: tuple[str, ...] = ()
    sheet: str | None = None
    status_words: tuple[StatusWord, ...] = ()


class Problem(Contract):
    line: int
    column: str
    reason: str
    code: str = ""
    arguments: Mapping[str, int | str] = {}

    def told(self, words: Words) -> str:
        """What is wrong, in the language of the reader. Empty if the code is one of a newer API."""
        return sentence(self.code, self.arguments, words)


class KnownPerson(Contract):
    id: UUID
    name: str
    email: str


class RefusedRow(Problem):
    name: str = ""
    email: str = ""
    people: tuple[KnownPerson, ...] = ()

    @property
    def is_doubt(self) -> bool:
        """Whether it is only not clear who this is."""
        return self.code in DOUBTS


class Report(Contract):
    created: int
    changed: int
    unchanged: int
    deactivated: int
    left_out_total: int = 0
    left_out: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()
    notes_total: int = 0


class PendingImport(Contract):
    id: UUID
    look: FileLook | None = None
    column_map: Mapping[str, Any]
    report: Report | None = None


class Change(Contract):
    field: str
    before: str
    after: str


class Difference(Contract):
    person_id: UUID | None = None
    name: str
    email: str
    changes: tuple[Change, ...] = ()


class Preview(Contract):
    created: int
    changed: int
    unchanged: int
    leaving: int
    returning: int
    refused: int
    doubtful: int = 0
    notes: int
    active_before: int
    fingerprint: str | None = None
    must_confirm: bool
    new_people: tuple[Difference, ...] = ()
    changed_people: tuple[Difference, ...] = ()
    leaving_people: tuple[Difference, ...] = ()
    returning_people: tuple[Difference, ...] = ()
    refused_rows: tuple[RefusedRow, ...] = ()
    noted_rows: tuple[Problem, ...] = ()

    @property
    def doubts(self) -> tuple[RefusedRow, ...]:
        return tuple(row for row in self.refused_rows if row.is_doubt)

    @property
    def unusable(self) -> int:
        """How many rows cannot be used, whoever they are about."""
        return self.refused - self.doubtful

    @property
    def unusable_rows(self) -> tuple[RefusedRow, ...]:
        return tuple(row for row in self.refused_rows if not row.is_doubt)

    @property
    def does_nothing(self) -> bool:
        return not (self.created or self.changed or self.leaving or self.returning)


class ColumnMap(BaseModel):
    """What the API is sent: the mapping of the columns, in its parts."""

    columns: dict[str, str]
    table: dict[str, Any] = {}
    formats: dict[str, Any] = {}
    defaults: dict[str, Any] = {}
    status: dict[str, Any] = {}
    identity: dict[str, Any] = {}
    managers: dict[str, Any] = {}
    time_zones: dict[str, str] = {}
    languages: dict[str, str] = {}


def placed(problem: Problem, words: Words) -> str:
    """What is wrong with the file as a whole, with the column that it is about. A code of a newer API is told as the
    API tells it."""
    told = problem.told(words) or problem.reason
    if not problem.column or problem.column in FIELDS:
        return told
    return words.gettext("%(column)s: %(problem)s", column=problem.column, problem=told)


class Apply(BaseModel):
    confirm_leaving: int | None = None
    skip_invalid: bool = False
    fingerprint: str | None = None
    """That of the differences which the page has shown."""


class Chosen(NamedTuple):
    """What was chosen for the columns."""

    column_map: ColumnMap
    twice: list[str]
    """The fields of the form whose choice another column has too."""


def as_typed(pending: PendingImport) -> dict[str, str]:
    """The form as it is filled in before anybody chooses."""
    look, kept = pending.look, pending.column_map
    columns = look.columns if look else ()
    typed = {f"column_{position}": column.field or "" for position, column in enumerate(columns)}
    defaults, managers = kept.get("defaults", {}), kept.get("managers", {})
    typed |= {name: defaults.get(name) or "" for name in DEFAULTS}
    typed |= {f"word_{position}": one.standing or "" for position, one in enumerate(look.status_words if look else ())}
    typed |= {"sheet": (look.sheet if look else None) or "", "header_line": str(look.header_line) if look else ""}
    typed["dates"] = kept.get("formats", {}).get("dates", "auto")
    typed["unknown_managers"] = "nobody" if managers.get("unknown") == "nobody" else ""
    return typed


def _words_of(pending: PendingImport, typed: Mapping[str, Any]) -> dict[str, Any]:
    """What the words of the status column mean, where the form says something else than they counted as."""
    status: dict[str, Any] = dict(pending.column_map.get("status", {}))
    for position, one in enumerate(pending.look.status_words if pending.look else ()):
        standing = str(typed.get(f"word_{position}", ""))
        if standing not in STANDINGS or standing == one.standing:
            continue
        for name in (*STANDINGS, "leavers"):
            if status.get(name):
                status[name] = [word for word in status[name] if word.casefold() != one.word.casefold()]
        status[standing] = [*(status.get(standing) or ()), one.word]
    return status


def another_table(pending: PendingImport, typed: Mapping[str, Any]) -> ColumnMap | None:
    """The mapping for another sheet or header line, if the form names one. What was chosen for columns is forgotten."""
    look, kept = pending.look, pending.column_map
    if look is None:
        return None
    table = dict(kept.get("table", {}))
    sheet, line = str(typed.get("sheet", "")), str(typed.get("header_line", ""))
    if sheet in look.sheets and sheet != look.sheet:
        table = {"sheet": sheet}
    elif line in {str(first.line) for first in look.first_lines} and line != str(look.header_line):
        table["header_line"] = int(line)
    else:
        return None
    status = {**kept.get("status", {}), "column": None}
    return ColumnMap.model_validate({**kept, "columns": {}, "table": table, "status": status, "identity": {}})


def answers_of(pending: PendingImport) -> dict[int, str]:
    """What was said about single rows, by their lines."""
    said = pending.column_map.get("identity", {})
    lines = {entry: answer for answer in ("new", "same") for entry in said.get(answer, ())}
    found = {entry.removeprefix(LINE): answer for entry, answer in lines.items() if entry.startswith(LINE)}
    return dict(sorted((int(line), answer) for line, answer in found.items() if line.isdecimal()))


def answered(pending: PendingImport, typed: Mapping[str, Any]) -> ColumnMap:
    """The mapping with what the form says about rows of which it is not clear who they are."""
    said = pending.column_map.get("identity", {})
    given = {f"{LINE}{name.removeprefix(WHO)}": str(value) for name, value in typed.items() if name.startswith(WHO)}
    identity: dict[str, Any] = {
        answer: [entry for entry in said.get(answer, ()) if entry not in given]
        + [entry for entry, value in given.items() if value == answer]
        for answer in ("new", "same")
    }
    others = str(typed.get("others", ""))
    identity["others"] = others if others in OTHERS else said.get("others", "refuse")
    columns = {name: header for name, header in pending.column_map.get("columns", {}).items() if header is not None}
    return ColumnMap.model_validate({**pending.column_map, "columns": columns, "identity": identity})


def chosen_of(pending: PendingImport, typed: Mapping[str, Any]) -> Chosen:
    """The mapping that the form asks for. What it does not show stays as it is."""
    kept, columns, status, twice = dict(pending.column_map), dict[str, str](), "", list[str]()
    known = pending.look.columns if pending.look else ()
    for position, column in enumerate(known):
        field = str(typed.get(f"column_{position}", ""))
        if not field or field not in FIELDS or not column.header:
            continue
        if field in columns or (field == "status" and status):
            twice.append(f"column_{position}")
        elif field == "status":
            status = column.header
        else:
            columns[field] = column.header
    seen = {column.field for column in known if column.field and column.field != "status"}
    unused = dict.fromkeys(seen - columns.keys(), "")
    given = {name: str(typed.get(name, "")).strip() or None for name in DEFAULTS}
    managers = dict(kept.get("managers", {})) | ({"unknown": "nobody"} if typed.get("unknown_managers") else {})
    if not typed.get("unknown_managers"):
        managers.pop("unknown", None)
    dates = str(typed.get("dates", "auto"))
    parts = {
        **kept,
        "columns": unused | columns,
        "defaults": given,
        "formats": {**kept.get("formats", {}), "dates": dates if dates in DATES else "auto"},
        "status": {**_words_of(pending, typed), "column": status},
        "managers": managers,
    }
    return Chosen(ColumnMap.model_validate(parts), twice)
