"""What can be wrong with an import: a list of positions in the file, each with a reason.

Cells are personal data, and problems get into logs, terminals and tickets. So a problem names the line and the column
and says what to do, and never repeats what the cell contains.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field

from shared.contracts.base import Contract
from shared.contracts.imports import ProblemCode
from shared.errors import DomainError, Invalid
from shared.language.problems import ROWS, in_english

LISTED = 200


class Problem(Contract):
    """One thing to correct. `line` counts the physical lines of the file from 1. `column` is the text of the header."""

    line: int
    column: str
    reason: str
    persons: Annotated[tuple[UUID, ...], Field(exclude_if=lambda persons: not persons)] = ()
    """The people of the directory whom the row contradicts. It is left out where there are none."""
    code: ProblemCode | str = ""
    """What `reason` says, as a code. A later version may have further ones."""
    arguments: Annotated[dict[str, int | str], Field(exclude_if=lambda arguments: not arguments)] = {}
    """The values in `reason` by their names, such as `line` or `most`, and in `rows` how many rows a note is about."""

    @classmethod
    def of(
        cls, line: int, column: str, code: ProblemCode, persons: tuple[UUID, ...] = (), /, **arguments: int | str
    ) -> Self:
        reason = in_english(code, arguments)
        return cls(line=line, column=column, reason=reason, persons=persons, code=code, arguments=arguments)


class Remarks:
    """What somebody should look at, counted: one note for all rows of which the same is true, at the first of them."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, ProblemCode, str], tuple[int, dict[str, int | str]]] = {}
        self._rows: Counter[tuple[str, ProblemCode, str]] = Counter()

    def add(self, line: int, column: str, code: ProblemCode, kind: str = "", /, **arguments: int | str) -> None:
        """`kind` keeps apart what has the same reason, such as two unknown words. It is not shown."""
        self._found.setdefault((column, code, kind), (line, arguments))
        self._rows[column, code, kind] += 1

    def notes(self) -> list[Problem]:
        notes = [
            Problem.of(line, column, code, **arguments, **{ROWS: self._rows[column, code, kind]})
            for (column, code, kind), (line, arguments) in self._found.items()
        ]
        kept = notes[:LISTED]
        if len(notes) > LISTED:
            line, column, more = notes[LISTED].line, notes[LISTED].column, len(notes) - LISTED
            kept.append(Problem.of(line, column, ProblemCode.MORE_NOTES, count=more))
        return sorted(kept, key=lambda note: (note.line, note.column))


class ImportInvalid(Invalid):
    """The file, or some of its rows, cannot be used. Nothing was imported."""

    code = "import_invalid"

    def __init__(self, problems: Sequence[Problem], *, skippable: bool = False) -> None:
        """`problems` is not empty. `skippable` says that `skip_invalid` would import the other rows."""
        listed = sorted(problems, key=lambda problem: problem.line)[:LISTED]
        advice = " Correct them, or import the other rows with skip_invalid=true." if skippable else ""
        super().__init__(
            f"Nothing was imported; errors lists what to correct.{advice}",
            errors=[problem.model_dump(mode="json") for problem in listed],
            total=len(problems),
        )


def unusable(line: int, column: str, code: ProblemCode, /, **arguments: int | str) -> ImportInvalid:
    """The error for a file that cannot be used at all, even if rows are left out."""
    return ImportInvalid([Problem.of(line, column, code, **arguments)])


class ColumnsInvalid(Invalid):
    """The column mapping cannot be used."""

    code = "columns_invalid"


class FileTooLarge(DomainError):
    status = 413
    code = "file_too_large"


class FileTypeUnknown(DomainError):
    status = 415
    code = "unsupported_media_type"
