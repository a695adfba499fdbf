"""What can be wrong with an import: a list of places in the file, each with a reason that repeats no cell.

Cells are personal data and problems travel into logs, terminals and tickets; so a reason names the line and the
column and says what to do, never what the cell holds.
"""

from collections.abc import Sequence

from shared.contracts.base import Contract
from shared.errors import DomainError, Invalid

LISTED = 200


class Problem(Contract):
    """One thing to mend. `line` counts the file's physical lines from 1; `column` is the header's own text."""

    line: int
    column: str
    reason: str


class ImportInvalid(Invalid):
    """The file, or rows of it, cannot be used; nothing was imported."""

    code = "import_invalid"

    def __init__(self, problems: Sequence[Problem], *, skippable: bool = False) -> None:
        """`problems` is not empty. `skippable`: `skip_invalid` would import the other rows."""
        listed = sorted(problems, key=lambda problem: problem.line)[:LISTED]
        advice = " Mend them, or import the other rows with skip_invalid=true." if skippable else ""
        super().__init__(
            f"Nothing was imported; errors lists what to mend.{advice}",
            errors=[problem.model_dump() for problem in listed],
            total=len(problems),
        )


def unusable(line: int, column: str, reason: str) -> ImportInvalid:
    """A file that cannot be used at all, whatever is skipped."""
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
