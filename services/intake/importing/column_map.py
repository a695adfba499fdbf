"""The column map: what an admin may write about the columns, formats and words of an export.

It is a TOML file. Everything in it is optional:

    [columns]                       # our field = the file's header; "" means: do not use this field
    external_id = "EmpID"
    name = "Employee_Name"          # or given_name and family_name
    email = "Work Email"
    manager = "Reports to"          # an id, an e-mail address or a name; or manager_id, manager_email, manager_name
    hired_on = "DateofHire"
    terminated_on = "DateofTermination"
    # also: job_title, department, location, time_zone, language, level

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
    leavers = ["Terminated", "Resigned"]

    [managers]
    none = ["Board of Directors"]   # cells that mean: nobody above
    unknown = "nobody"              # accept managers who are not in the export; else such rows are rejected

    [time_zones]                    # cell of the time zone or location column = IANA name
    "Berlin HQ" = "Europe/Berlin"

    [languages]
    "Schweizerdeutsch" = "de"

Headers are compared without case, spaces and punctuation.
"""

import tomllib
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from services.intake.importing.cells import EMAIL, DateOrder, clean, parse_language, parse_time_zone
from services.intake.importing.names import NameOrder
from services.intake.importing.problems import ColumnsInvalid

Header = Annotated[str, Field(max_length=200)]


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
    leavers: tuple[str, ...] | None = None
    """The cells that mean that the person has left. None means the usual words."""


class Managers(_Section):
    none: tuple[str, ...] = ()
    unknown: Literal["reject", "nobody"] = "reject"


class ColumnMap(_Section):
    """The whole column map."""

    columns: Columns = Columns()
    formats: Formats = Formats()
    defaults: Defaults = Defaults()
    status: Status = Status()
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
            return cls.model_validate(tomllib.loads(data.decode("utf-8-sig")))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError):
            raise ColumnsInvalid(
                "The column mapping is not a TOML file.", errors=[{"field": "columns", "detail": "is not valid TOML"}]
            ) from None
        except ValidationError as error:
            raise ColumnsInvalid(
                "Some entries of the column mapping are not valid; see errors.", errors=_field_errors(error)
            ) from None


def _field_errors(error: ValidationError) -> list[dict[str, str]]:
    return [{"field": ".".join(str(part) for part in found["loc"]), "detail": found["msg"]} for found in error.errors()]
