"""What all contracts have in common. A contract is immutable, plain data that one part of Upward gives to another."""

import re
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field


class Contract(BaseModel):
    """Data that services, workflows and events exchange. It is immutable, and fields that a reader does not know are
    ignored, so that a contract can get new fields while older processes still run."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)


class Vocabulary(StrEnum):
    """A set of codes that is published in schemas, and to which a process may add codes of its own while it starts.

    The members of a class are published. A code that `add` makes is a value like the members, wherever the class is
    expected, but no schema lists it.
    """

    @classmethod
    def add(cls, value: str) -> Self:
        """The code of this value, which is made if there is none yet."""
        try:
            return cls(value)
        except ValueError:
            code = str.__new__(cls, value)
            code._name_, code._value_ = value.upper(), value
            _ADDED[cls, value] = code
            return code

    @classmethod
    def _missing_(cls, value: object) -> Any:
        """Python and pydantic ask here for a value that is no member (enum.Enum._missing_)."""
        return _ADDED.get((cls, str(value)))


_ADDED: dict[tuple[type[Vocabulary], str], Vocabulary] = {}


class Service(StrEnum):
    """The services of Upward. The value is also the name of the service's task queue in Temporal."""

    ACCOUNTS = "accounts"
    PROGRAMS = "programs"
    INTAKE = "intake"
    MATCHING = "matching"
    FEEDBACK = "feedback"
    NOTIFICATIONS = "notifications"
    EVENTS = "events"
    CONSOLE = "console"


ISO_DURATION = re.compile(
    r"P(?=[0-9]|T[0-9])([0-9]+Y)?([0-9]+M)?([0-9]+W)?([0-9]+D)?"
    r"(T(?=[0-9])([0-9]+H)?([0-9]+M)?([0-9]+([.,][0-9]{1,9})?S)?)?"
)
ISO_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ].+")


def _iso_duration(value: Any) -> Any:
    """Pydantic also reads `14 days`, `01:00` and bare numbers, which no description of Upward allows."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str) and ISO_DURATION.fullmatch(value):
        return value.replace(",", ".")
    raise ValueError("must be an ISO 8601 duration, such as P14D or PT20S")


def _iso_moment(value: Any) -> Any:
    """Pydantic also reads numbers as the time since 1970, which no description of Upward allows."""
    if isinstance(value, datetime) or (isinstance(value, str) and ISO_MOMENT.fullmatch(value)):
        return value
    raise ValueError("must be a date and a time with an offset, such as 2027-01-11T09:00:00Z")


Duration = Annotated[
    timedelta,
    Field(gt=timedelta(0), description="ISO 8601 duration, longer than zero", examples=["P14D"]),
    BeforeValidator(_iso_duration),
]
Moment = Annotated[AwareDatetime, BeforeValidator(_iso_moment)]
"""A point in time that a caller writes: ISO 8601, with an offset."""


SEARCHED_ORGANIZATION, SEARCHED_CYCLE, SEARCHED_STAGE = "UpwardOrganization", "UpwardCycle", "UpwardStage"
"""The search attributes of workflows in Temporal: two ids and a code."""


class Origin(Contract):
    """What something follows from."""

    request_id: str | None = None
    traceparent: str | None = None
    """The place in a trace, if traces are made (https://www.w3.org/TR/trace-context/)."""


class PersonPage(Contract):
    """One page of a list of people, ordered by id."""

    person_ids: tuple[UUID, ...]
    after: UUID | None = None
    """The cursor of the next page; None on the last page."""


CODE = r"^[a-z][a-z0-9_]*$"
"""The form of a code whose values are not listed."""
FailureCode = Annotated[str, Field(pattern=CODE, max_length=64, examples=["smtp_550"])]
"""What a server of others replied, such as `smtp_550`, or why it was not asked."""


class EventData(Contract):
    """The `data` of one type of event. Each class has its own `type` and `version`; `subject` names the aggregate.

    The docstring of each class says in one sentence when the event happens, and the catalogue shows it to consumers. A
    class may get new fields with defaults, and a vocabulary new values; every other change needs a new version.
    """

    type: ClassVar[str]
    version: ClassVar[int] = 1

    @property
    def subject(self) -> str:
        """`<aggregate>/<id>`, from the first field of the class."""
        field = next(iter(type(self).model_fields))
        return f"{field.removesuffix('_id')}/{getattr(self, field)}"
