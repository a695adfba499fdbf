"""What can be wrong with an import: a list of positions in the file, each with a reason.

Cells are personal data, and problems get into logs, terminals and tickets. So a problem names the line and the column
and says what to do, and never repeats what the cell contains.
"""

from collections.abc import Sequence

from shared.contracts.base import Contract
from shared.errors import DomainError, Invalid

LISTED = 200


class Problem(Contract):
    """One thing to correct. `line` counts the physical lines of the file from 1. `column` is the text of the header."""

    line: int
    column: str
    reason: str


class ImportInvalid(Invalid):
    """The file, or some of its rows, cannot be used. Nothing was imported."""

    code = "import_invalid"

    def __init__(self, problems: Sequence[Problem], *, skippable: bool = False) -> None:
        """`problems` is not empty. `skippable` says that `skip_invalid` would import the other rows."""
        listed = sorted(problems, key=lambda problem: problem.line)[:LISTED]
        advice = " Correct them, or import the other rows with skip_invalid=true." if skippable else ""
        super().__init__(
            f"Nothing was imported; errors lists what to correct.{advice}",
            errors=[problem.model_dump() for problem in listed],
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
