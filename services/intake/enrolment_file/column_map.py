"""The column map of `upward match`: the column map of the import, and a table for the enrolments.

[enrolments]                     # our field = the file's header, or several; "" means: do not use this field
email = "Work e-mail"            # who enrolled; or employee_id, name, or person (any of the three)
role = "I take part as"
topics_taught = ["Skill 1", "Skill 2"]
topics_wanted = "What I want to learn"
# also: topics (taught or wanted, as the role says), capacity, mentor_capacity, mentee_capacity, languages,
# meeting_windows, preferred, avoided, waited, past_partners

[enrolments.formats]             # of this file alone
delimiter = ";"
encoding = "cp1250"
names = "last-first"

[enrolments.roles]               # cell = mentor, mentee, both or none
"Digital buddy" = "mentor"

[enrolments.levels]              # word = basics, good or expert
"Black belt" = "expert"
"""

from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from services.intake.enrolment_file.problems import FileProblem, FilesInvalid, problems_of_model
from services.intake.formats.toml_file import TomlRefused, read_toml
from services.intake.importing.cells import clean
from services.intake.importing.column_map import ColumnMap, Formats, Header

TABLE = "enrolments"


def _several(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _folded(value: Any) -> Any:
    return {clean(str(cell)).casefold(): word for cell, word in value.items()} if isinstance(value, dict) else value


Headers = Annotated[tuple[Header, ...] | None, BeforeValidator(_several)]
Roles = Annotated[dict[str, Literal["mentor", "mentee", "both", "none"]], BeforeValidator(_folded)]
Levels = Annotated[dict[str, Literal["basics", "good", "expert"]], BeforeValidator(_folded)]


class EnrolmentColumns(BaseModel):
    """The table `[enrolments]` of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    email: Headers = None
    employee_id: Headers = None
    name: Headers = None
    person: Headers = None
    role: Headers = None
    topics: Headers = None
    topics_taught: Headers = None
    topics_wanted: Headers = None
    capacity: Headers = None
    mentor_capacity: Headers = None
    mentee_capacity: Headers = None
    languages: Headers = None
    meeting_windows: Headers = None
    preferred: Headers = None
    avoided: Headers = None
    waited: Headers = None
    past_partners: Headers = None
    formats: Formats = Formats()
    roles: Roles = {}
    levels: Levels = {}

    def headers(self) -> dict[str, tuple[str, ...]]:
        """The headers that the table names for our fields. There are none for a field that is not to be used."""
        named = self.model_dump(exclude={"formats", "roles", "levels"}, exclude_none=True)
        return {field: tuple(header for header in headers if header) for field, headers in named.items()}


class ColumnMaps(NamedTuple):
    people: ColumnMap
    enrolments: EnrolmentColumns


def read_column_maps(path: Path | None) -> ColumnMaps:
    """Raises FilesInvalid."""
    if path is None:
        return ColumnMaps(ColumnMap(), EnrolmentColumns())
    try:
        document = read_toml(path.read_bytes())
    except TomlRefused as error:
        raise FilesInvalid(
            [FileProblem(path.name, 0, "", "", f"This is not a TOML file that can be read: it {error}.")]
        ) from None
    table = document.pop(TABLE, {})
    problems: list[FileProblem] = []
    found: list[BaseModel] = []
    parts: tuple[tuple[type[BaseModel], Any, str], ...] = ((ColumnMap, document, ""), (EnrolmentColumns, table, TABLE))
    for model, value, start in parts:
        try:
            found.append(model.model_validate(value))
        except ValidationError as error:
            problems += problems_of_model(path.name, error, model, start)
    if problems:
        raise FilesInvalid(problems)
    people, enrolments = found
    assert isinstance(people, ColumnMap)
    assert isinstance(enrolments, EnrolmentColumns)
    return ColumnMaps(people, enrolments)
