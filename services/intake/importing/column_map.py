"""The column map: what an admin may write about the columns, formats and words of an export.

It is a TOML file. Everything in it is optional:

    [columns]                       # our field = the file's header; "" means: do not use this field
    external_id = "EmpID"
    name = "Employee_Name"          # or given_name and family_name
    email = "Work Email"
    manager = "Reports to"          # an id, an e-mail address or a name; or manager_id, manager_email, manager_name
    hired_on = "DateofHire"
    terminated_on = "DateofTermination"
    # also: job_title, department, location, time_zone, language, level, active (a flag such as "Active?"), inactive,
    # available_from (the day on which somebody on leave is back)

    [table]
    header_line = 3                 # the line with the headers; else found
    sheet = "People"                # of a workbook; else the first one

    [formats]
    dates = "month-first"           # or "day-first"; else the file's own dates decide
    names = "last-first"            # for `Last First` without a comma
    encoding = "cp1250"             # else UTF-8, UTF-16 or Windows-1252
    delimiter = ";"                 # else found

    [defaults]                      # for empty cells and missing columns
    time_zone = "Europe/Berlin"
    language = "en"
    email_domain = "example.com"    # given.family@example.com for people without an address

    [status]
    column = "EmploymentStatus"
    leavers = ["Terminated", "Resigned"]    # else the usual words in eight languages; beside these: left, away, active

    [identity]                      # rows in which the id, the address and the name do not agree
    new = ["17", "line 3"]          # an id, an address or a line: a new person, who takes over the id
    same = ["23"]                   # the same person as before, with another name and address
    others = "refuse"               # or new, or same: all other such rows

    [managers]
    none = ["Board of Directors"]   # cells that mean: nobody above
    unknown = "nobody"              # accept managers who are not in the export; else such rows are rejected

    [time_zones]                    # cell of the time zone or location column = IANA name
    "Berlin HQ" = "Europe/Berlin"

    [languages]
    "Schweizerdeutsch" = "de"

Headers are compared without case, spaces and punctuation.
"""

import codecs
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from services.intake.formats.toml_file import TomlRefused, read_toml
from services.intake.importing.cells import EMAIL, DateOrder, clean, parse_language, parse_time_zone
from services.intake.importing.names import NameOrder
from services.intake.importing.problems import ColumnsInvalid

Header = Annotated[str, Field(max_length=200)]
Words = Annotated[tuple[Annotated[str, Field(max_length=200)], ...], Field(max_length=5_000)]
SLOW_ENCODINGS = frozenset({"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "utf_7"})
"""Encodings in which no export is written, and some of which take long for a long text."""
LISTED_ERRORS = 50


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Columns(_Section):
    external_id: Header | None = None
    name: Header | None = None
    given_name: Header | None = None
    family_name: Header | None = None
    email: Header | None = None
    manager: Header | None = None
    manager_id: Header | None = None
    manager_email: Header | None = None
    manager_name: Header | None = None
    job_title: Header | None = None
    department: Header | None = None
    location: Header | None = None
    time_zone: Header | None = None
    language: Header | None = None
    level: Header | None = None
    hired_on: Header | None = None
    terminated_on: Header | None = None
    available_from: Header | None = None
    active: Header | None = None
    inactive: Header | None = None


class Table(_Section):
    header_line: Annotated[int, Field(ge=1, le=1_000)] | None = None
    sheet: Annotated[str, Field(max_length=100)] | None = None


class Formats(_Section):
    # Values are not stripped, because a tab is a delimiter.
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=False)

    dates: DateOrder = DateOrder.AUTO
    names: NameOrder = NameOrder.AUTO
    encoding: str | None = None
    delimiter: Annotated[str, Field(pattern=r'^[^"\r\n ]$')] | None = None

    @field_validator("encoding")
    @classmethod
    def encoding_is_known(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                if codecs.lookup(value).name.replace("-", "_") in SLOW_ENCODINGS:
                    raise LookupError
                b"ab".decode(value)
            except (LookupError, UnicodeError):
                raise ValueError("is not a known text encoding; write it like cp1250") from None
        return value


class Defaults(_Section):
    time_zone: str | None = None
    language: str | None = None
    email_domain: str | None = None

    @field_validator("time_zone")
    @classmethod
    def time_zone_is_known(cls, value: str | None) -> str | None:
        return None if value is None else parse_time_zone(value)

    @field_validator("language")
    @classmethod
    def language_is_a_code(cls, value: str | None) -> str | None:
        return None if value is None else parse_language(value)

    @field_validator("email_domain")
    @classmethod
    def email_domain_is_a_domain(cls, value: str | None) -> str | None:
        if value is not None and not EMAIL.match(f"a@{value.lower()}"):
            raise ValueError("is not a domain; write it like example.com")
        return None if value is None else value.lower()


class Status(_Section):
    column: Header | None = None
    leavers: Words | None = None
    """The cells that mean that the person has left. None means the usual words."""
    left: Words = ()
    """Cells that mean that the person has left, beside the usual words."""
    away: Words = ()
    """Cells that mean that the person is on leave, beside the usual words."""
    active: Words = ()
    """Cells that mean that the person works here, beside the usual words."""


class Identity(_Section):
    """What to do with rows in which the id, the address and the name do not agree. A row is named by its id, its
    address, or its line as `line 3`."""

    new: Words = ()
    """The row is about a new person, who takes over the id, and the address of somebody who has left."""
    same: Words = ()
    """The row is about the same person as before."""
    others: Literal["refuse", "new", "same"] = "refuse"
    """What holds for all other such rows: they are refused, or about new people, or about the same people as before."""

    @field_validator("new", "same", mode="before")
    @classmethod
    def numbers_are_ids(cls, value: Any) -> Any:
        return [str(one) if type(one) is int else one for one in value] if isinstance(value, list) else value


class Managers(_Section):
    none: Words = ()
    unknown: Literal["reject", "nobody"] = "reject"


class ColumnMap(_Section):
    """The whole column map."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"columns": {"name": "Employee_Name", "email": "Work Email"}}]}
    )

    columns: Columns = Columns()
    table: Table = Table()
    formats: Formats = Formats()
    defaults: Defaults = Defaults()
    status: Status = Status()
    identity: Identity = Identity()
    managers: Managers = Managers()
    time_zones: dict[str, str] = {}
    languages: dict[str, str] = {}

    @field_validator("time_zones")
    @classmethod
    def time_zones_are_known(cls, value: dict[str, str]) -> dict[str, str]:
        return {clean(cell).casefold(): parse_time_zone(zone) for cell, zone in value.items()}

    @field_validator("languages")
    @classmethod
    def languages_are_codes(cls, value: dict[str, str]) -> dict[str, str]:
        return {clean(cell).casefold(): parse_language(code) for cell, code in value.items()}

    @classmethod
    def from_toml(cls, data: bytes) -> Self:
        """Raises ColumnsInvalid."""
        try:
            return cls.model_validate(read_toml(data))
        except TomlRefused as error:
            raise ColumnsInvalid(
                "The column mapping cannot be read; see errors.", errors=[{"field": "columns", "detail": str(error)}]
            ) from None
        except ValidationError as error:
            raise ColumnsInvalid(
                "Some entries of the column mapping are not valid; see errors.", errors=_field_errors(error)
            ) from None


def _field_errors(error: ValidationError) -> list[dict[str, str]]:
    """The first errors. A name that somebody invented is cut off, because it can be long."""
    return [
        {"field": ".".join(str(part)[:100] for part in found["loc"]), "detail": found["msg"]}
        for found in error.errors(include_url=False, include_context=False, include_input=False)[:LISTED_ERRORS]
    ]
