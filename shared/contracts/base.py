"""What every contract between rooms shares: frozen, plain data."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class Contract(BaseModel):
    """A value that crosses a room's wall: frozen; unknown fields are ignored so that contracts may grow."""

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
    """The services; the value is also the name of the service's task queue."""

    PROGRAMS = "programs"
    INTAKE = "intake"
    MATCHING = "matching"
    FEEDBACK = "feedback"
    NOTIFICATIONS = "notifications"
    EVENTS = "events"
    CONSOLE = "console"


Duration = Annotated[timedelta, Field(gt=timedelta(0), description="ISO 8601 duration, longer than zero")]


class PersonPage(Contract):
    """One page of person ids, in id order; `after` is the cursor of the next page, None on the last."""

    person_ids: tuple[UUID, ...]
    after: UUID | None = None
