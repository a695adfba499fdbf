"""What every contract between rooms shares: frozen, plain data."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class Contract(BaseModel):
    """A value that crosses a room's wall: frozen; unknown fields are ignored so that contracts may grow."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)


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
