"""What can be wrong with an import: a list of positions in the file, each with a reason.

Cells are personal data, and problems get into logs, terminals and tickets. So a problem names the line and the column
and says what to do, and never repeats what the cell contains.
"""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from pydantic import Field

from shared.contracts.base import Contract
from shared.errors import DomainError, Invalid

LISTED = 200


class Problem(Contract):
    """One thing to correct. `line` counts the physical lines of the file from 1. `column` is the text of the header."""

    line: int
    column: str
    reason: str
    persons: Annotated[tuple[UUID, ...], Field(exclude_if=lambda persons: not persons)] = ()
    """The people of the directory whom the row contradicts. It is left out where there are none."""


class Remarks:
    """What somebody should look at, counted: one note for all rows of which the same is true, at the first of them."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, str], list[int]] = {}

    def add(self, line: int, column: str, reason: str, kind: str = "") -> None:
        """`kind` keeps apart what has the same reason, such as two unknown words. It is not shown."""
        found = self._found.setdefault((column, reason, kind), [line, 0])
        found[1] += 1

    def notes(self) -> list[Problem]:
        notes = [
            Problem(line=line, column=column, reason=f"{reason} It concerns {count} {'row' if count == 1 else 'rows'}.")
            for (column, reason, _), (line, count) in self._found.items()
        ]
        kept = notes[:LISTED]
        if len(notes) > LISTED:
            reason = f"There are {len(notes) - LISTED} more notes of this kind."
            kept.append(notes[LISTED].model_copy(update={"reason": reason}))
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


def unusable(line: int, column: str, reason: str) -> ImportInvalid:
    """The error for a file that cannot be used at all, even if rows are left out."""
    return ImportInvalid([Problem(line=line, column=column, reason=reason)])


class ColumnsInvalid(Invalid):
    """The column mapping cannot be used."""

    code = "columns_invalid"


class FileTooLarge(DomainError):
    status = 413
    code = "file_too_large"


class FileTypeUnknown(DomainError):
    status = 415
    code = "unsupported_media_type"
