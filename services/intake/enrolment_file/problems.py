"""What is wrong with a file that was given on the command line, and what to do about it.

A problem names the file, the line, the column and our field. It never repeats a cell, because cells are personal data
and what a terminal shows is copied into tickets.
"""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

SHOWN = 40
"""The most problems that are listed. Of the others, only the number is said."""


class FileProblem(NamedTuple):
    """One thing to correct.

    `line` counts physical lines from 1, and 0 means the whole file. `column` is the text of the header and `field` our
    name for the column; both may be empty.
    """

    file: str
    line: int
    column: str
    field: str
    reason: str

    def __str__(self) -> str:
        places = [self.file]
        if self.line:
            places.append(f"line {self.line}")
        if self.column and self.column != self.field:
            places.append(f'column "{self.column}"{f" ({self.field})" if self.field else ""}')
        elif self.field:
            places.append(self.field)
        return f"{', '.join(places)}: {self.reason}"


class FilesInvalid(Exception):
    """The files cannot be used. Nothing was written."""

    def __init__(self, problems: Sequence[FileProblem], advice: str = "") -> None:
        self.problems = tuple(problems)
        lines = ["Nothing was written. Correct:", *listed(problems)]
        super().__init__("\n".join([*lines, advice] if advice else lines))


def listed(problems: Sequence[FileProblem], most: int = SHOWN) -> list[str]:
    """One line for each problem up to `most`, and a line that says how many more there are."""
    lines = [f"  {problem}" for problem in problems[:most]]
    return [*lines, f"  … and {len(problems) - most} more."] if len(problems) > most else lines


def problems_of_import(file: str, errors: Iterable[Mapping[str, Any]], fields: Mapping[str, str]) -> list[FileProblem]:
    """The problems of an import. `fields` are our fields by the headers of the file."""
    return [
        FileProblem(
            file,
            int(error["line"]),
            str(error["column"]),
            fields.get(str(error["column"]), str(error["column"])),
            str(error["reason"]).replace(" nor in the directory", ""),
        )
        for error in errors
    ]


def problems_of_model(file: str, error: ValidationError, model: type[BaseModel], start: str = "") -> list[FileProblem]:
    """The problems of a policy or a column map. `start` is the position of the model in the file."""
    problems = []
    for found in error.errors(include_url=False, include_input=False):
        place = [str(part) for part in found["loc"]]
        reason = _reason(found, model)
        if not place and (first := reason.split(" ", 1)[0]) in model.model_fields:
            place = [first]
        field = ".".join([start, *place] if start else place)
        problems.append(FileProblem(file, 0, "", field, reason if reason.endswith("?") else f"{reason}."))
    return problems


def _reason(found: ErrorDetails, model: type[BaseModel]) -> str:
    if found["type"] == "extra_forbidden":
        known = _fields(model, found["loc"][:-1])
        near = get_close_matches(str(found["loc"][-1]), known, 1, 0.8)
        return f"there is no such field; {f'is {near[0]} meant?' if near else 'there are ' + ', '.join(known)}"
    if found["type"] == "model_type":
        return "write an object, with fields and values"
    return found["msg"].removeprefix("Value error, ").replace("valid tuple", "list")


def _fields(model: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """The names of the fields of the part of a model that is at this position."""
    for name in place:
        part = model.model_fields[str(name)].annotation if str(name) in model.model_fields else None
        model = part if isinstance(part, type) and issubclass(part, BaseModel) else model
    return list(model.model_fields)


def read_bytes(path: Path) -> bytes:
    """The content of the file. Raises FilesInvalid if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise FilesInvalid([FileProblem(path.name, 0, "", "", f"cannot be read: {error.strerror}.")]) from None
