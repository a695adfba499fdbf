"""What is read of reports, cycles and topics: the answers of the public API, as far as these pages need them."""

from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime

from shared.contracts.base import Contract
from shared.contracts.feedback import Obstacle
from shared.contracts.intake import TopicFigures
from shared.contracts.programs import Outcome, Stage, Topic
from shared.contracts.rounds import RoundKind


class Funnel(Contract):
    people_enrolled: int
    people_matched: int
    people_active: int
    people_completed: int
    pairs_offered: int
    pairs_active: int
    pairs_completed: int
    pairs_ended: int


class ResponseRate(Contract):
    kind: RoundKind
    number: int
    recipients: int | None
    answered: int | None
    rate: float | None


class Mean(Contract):
    mean: float | None
    people: int | None
    bound: Literal["or_more", "or_less"] | None = None


class SideMeans(Contract):
    mentor: Mean
    mentee: Mean


class Usefulness(Contract):
    check_ins: SideMeans
    survey: SideMeans


class Share(Contract):
    share: float | None
    people: int | None


class ObstacleCount(Contract):
    obstacle: Obstacle
    people: int | None


class TopicCount(Contract):
    topic: str
    pairs: int | None
    people: int | None


class Report(Contract):
    """A figure that is null is hidden: it is about too few people."""

    outcome: Outcome
    compiled_at: AwareDatetime
    funnel: Funnel
    rounds: tuple[ResponseRate, ...]
    usefulness: Usefulness
    would_repeat: Share
    meetings_held: Share
    obstacles: tuple[ObstacleCount, ...]
    topics: tuple[TopicCount, ...]


class Supply(Contract):
    items: tuple[TopicFigures, ...]


class Cycle(Contract):
    id: UUID
    program_id: UUID
    period: str
    stage: Stage
    outcome: Outcome | None = None
    ended_at: AwareDatetime | None = None


class EndedCycle(Cycle):
    program_name: str


class EndedCycles(Contract):
    items: tuple[EndedCycle, ...]
    next: str | None = None
    total: int | None = None


class Program(Contract):
    id: UUID
    name: str
    time_zone: str
    topics: tuple[Topic, ...]
