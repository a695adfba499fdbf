"""What an enrolments file says: who takes part, as what, and which rows were left out."""

from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from services.intake.enrolment_file.problems import FileProblem
from services.intake.person import PersonRecord
from shared.contracts.intake import EnrolmentRole, MeetingWindow, TeachingLevel


class Enrolment(NamedTuple):
    """One person who takes part."""

    person: PersonRecord
    role: EnrolmentRole
    taught: dict[str, TeachingLevel | None]
    """The level of each topic, by its code. None if the file says nothing about it."""
    wanted: tuple[str, ...]
    mentor_capacity: int
    mentee_capacity: int
    languages: tuple[str, ...]
    meeting_windows: tuple[MeetingWindow, ...]
    preferred: tuple[UUID, ...]
    avoided: tuple[UUID, ...]
    waited: bool
    """Whether the person found no partner in an earlier cycle."""
    past_partners: tuple[UUID, ...]


@dataclass
class Enrolments:
    """The whole file."""

    columns: dict[str, list[str]]
    """The headers of the columns for each of our fields that the file has."""
    unused: list[str]
    """The headers of the columns that are not used."""
    people: list[Enrolment] = field(default_factory=list)
    declined: int = 0
    """The number of people who do not take part."""
    left_out: list[FileProblem] = field(default_factory=list)
    """What is wrong in the rows that cannot be used."""
    notes: list[FileProblem] = field(default_factory=list)
    """What the user should know about rows that are used."""
