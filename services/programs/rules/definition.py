"""What an admin may write into a program or a request for a cycle, and what is refused. Pure.

Contracts between services ignore fields that they do not know, so that they can grow. A typing error of an admin must
not be ignored, so everything here is validated strictly: an unknown field is an error that names the field.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, Self, TypeVar
from uuid import UUID
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    WrapValidator,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from services.programs.rules.reminders import keep_reminders
from services.programs.rules.topics import check_unambiguous
from shared.contracts.base import Moment
from shared.contracts.programs import Calendar, Direction, LadderPlan, MatchingPolicy, RoundPlan, Topic
from shared.contracts.text import Name, clean_text
from shared.errors import Invalid
from shared.language.choosing import SpokenLanguage
from shared.language.words import ENGLISH

Model = TypeVar("Model", bound=BaseModel)
Place = tuple[str | int, ...]
"""The position of a value in a document, in the form of pydantic's `loc`."""

LONGEST = timedelta(days=731)
"""Two years. A longer part of a cycle is a typing error, and sums of such parts could exceed the last date there is."""
MOST_REMINDERS = 50
"""Of one round. Each is a message to everybody who has not answered."""
MOST_REPEATS = 100
"""How often the coordinators are reminded of one matter before the sponsor is told. Each reminder is a step of the
workflow that waits for the decision, and Temporal ends a workflow that takes too many."""
PAST_TOLERANCE = timedelta(minutes=1)
"""How far in the past a start may lie, because the clocks of two computers differ."""
LOCAL_HOURS = "hours are local; write them without an offset"
MESSAGE = "Some fields are not valid; see errors."
TOO_MANY = f"must not hold more than {MOST_REMINDERS} reminders"
TOO_OFTEN = f"must not give more than {MOST_REPEATS} reminders before escalate_after"

PROGRAM: dict[str, JsonValue] = {
    "name": "Digital Upward",
    "direction": "reverse",
    "time_zone": "Europe/Berlin",
    "topics": [{"code": "generative-ai", "label": "Generative AI", "aliases": ["GenAI"]}],
    "calendar": {"enrolment": {"length": "P10D", "reminders": ["P5D"]}, "check_ins": 4},
    "policy": {"min_level_gap": 2, "different_department": True},
}
CYCLE: dict[str, JsonValue] = {"calendar": {"enrolment": {"length": "P10D"}}}
"""The examples of the API's description."""


def check_time_zone(value: str) -> str:
    if value not in _time_zones():
        raise ValueError("must be the name of an IANA time zone, such as Europe/Berlin")
    return value


def strict_calendar(value: Any, before: Calendar | None = None) -> Calendar:
    """Validates a calendar: no unknown field, no duration over two years, no endless reminding. A round that is given
    without reminders keeps those of `before` (by default, the default ones) that fall inside it. Raises
    ValidationError."""
    try:
        calendar = Calendar.model_validate(value, extra="forbid")
    except TypeError as error:  # comparing a time that has an offset with one that has none
        raise _refusal([("sending_hours",)], LOCAL_HOURS) from error
    if calendar.sending_hours and (calendar.sending_hours.start.tzinfo or calendar.sending_hours.end.tzinfo):
        raise _refusal([("sending_hours",)], LOCAL_HOURS)
    if too_long := [place for place, duration in _durations(calendar) if duration > LONGEST]:
        raise _refusal(too_long, "must not be longer than two years")
    for places, message in ((_long_lists(calendar), TOO_MANY), (_frequent(calendar), TOO_OFTEN)):
        if places:
            raise _refusal(places, message)
    return keep_reminders(calendar, before or Calendar())


def changed_calendar(calendar: Calendar, changes: Mapping[str, JsonValue]) -> Calendar:
    """The calendar in which the parts that `changes` names are replaced. Raises Invalid."""
    try:
        return strict_calendar(calendar.model_dump(mode="json") | dict(changes), calendar)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        raise Invalid(
            MESSAGE,
            errors=[
                {"field": ".".join(map(str, ("body", "calendar", *one["loc"]))), "detail": one["msg"]} for one in found
            ],
        ) from None


def check_start(starts_at: datetime, now: datetime, field: str = "body.starts_at") -> None:
    """Raises Invalid for a start that lies in the past or more than two years ahead. `field` is where it was given."""
    if not now - PAST_TOLERANCE <= starts_at <= now + LONGEST:
        detail = "must lie between now and two years ahead"
        raise Invalid(MESSAGE, errors=[{"field": field, "detail": detail}])


def _strictly(model: type[Model], check: Callable[[Any], Model]) -> WrapValidator:
    def validate(value: Any, _: Any) -> Model:
        return value if isinstance(value, model) else check(value)

    return WrapValidator(validate)


def _strict_policy(value: Any) -> MatchingPolicy:
    return MatchingPolicy.model_validate(value, extra="forbid")


def _strict_topic(value: Any) -> Topic:
    topic = Topic.model_validate(value, extra="forbid")
    if len(topic.aliases) > 50:
        raise ValueError("at most 50 aliases")
    aliases = dict.fromkeys(clean_text(alias) for alias in topic.aliases)
    return topic.model_copy(update={"label": clean_text(topic.label), "aliases": tuple(aliases)})


def _check_topics(topics: tuple[Topic, ...]) -> tuple[Topic, ...]:
    check_unambiguous(topics)
    return topics


def _distinct(people: tuple[UUID, ...]) -> tuple[UUID, ...]:
    if len(set(people)) != len(people):
        raise ValueError("must not name a person twice")
    return people


StrictTopic = Annotated[Topic, _strictly(Topic, _strict_topic)]


class ProgramDefinition(BaseModel):
    """A program as an admin writes it. PUT replaces all of it."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [PROGRAM]})

    name: Name
    direction: Direction = Direction.REVERSE
    time_zone: Annotated[str, AfterValidator(check_time_zone)] = "UTC"
    language: SpokenLanguage = ENGLISH
    """In which people are asked and written to whose own language neither the directory nor their browser tells."""
    topics: Annotated[tuple[StrictTopic, ...], Field(max_length=100), AfterValidator(_check_topics)] = ()
    calendar: Annotated[Calendar, _strictly(Calendar, strict_calendar)] = Calendar()
    policy: Annotated[MatchingPolicy, _strictly(MatchingPolicy, _strict_policy)] = MatchingPolicy()
    sponsor_id: UUID | None = None
    """The person who is told when no coordinator acts."""
    coordinator_ids: Annotated[tuple[UUID, ...], Field(max_length=50), AfterValidator(_distinct)] = ()
    recurs: bool = False
    """Whether a cycle starts by itself on the first Monday of every quarter. This needs topics."""

    @model_validator(mode="after")
    def recurring_needs_topics(self) -> Self:
        if self.recurs and not self.topics:
            raise _refusal([("topics",)], "a program that recurs needs topics, as nobody could enrol without any")
        return self

    def named_people(self) -> dict[str, UUID]:
        """Everybody whom the definition names, by the field of the request."""
        sponsor = {} if self.sponsor_id is None else {"body.sponsor_id": self.sponsor_id}
        return sponsor | {f"body.coordinator_ids.{index}": one for index, one in enumerate(self.coordinator_ids)}


class CycleRequest(BaseModel):
    """What an admin may say when they request a cycle. Every field has a default."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [CYCLE]})

    period: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")] | None = None
    """By default the quarter of `starts_at` in the program's time zone, with a number behind it if that period is
    taken."""
    starts_at: Moment | None = None
    """By default now."""
    calendar: dict[str, JsonValue] | None = None
    """The parts of the program's calendar that are different for this cycle. A round that is given without reminders
    keeps those of the program that fall inside it; `notes` of the answer tells which."""


@lru_cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones() - {"localtime", "Factory"})


def _durations(value: object, place: Place = ()) -> Iterator[tuple[Place, timedelta]]:
    """Every duration in a model, and its position."""
    if isinstance(value, timedelta):
        yield place, value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _durations(getattr(value, name), (*place, name))
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _durations(item, (*place, index))


def _long_lists(calendar: Calendar) -> list[Place]:
    """The rounds with too many reminders."""
    rounds = ((name, getattr(calendar, name)) for name in type(calendar).model_fields)
    return [(name, "reminders") for name, plan in rounds if len(getattr(plan, "reminders", ())) > MOST_REMINDERS]


def _frequent(calendar: Calendar) -> list[Place]:
    """The matters of which somebody is reminded too often."""
    ladders = {"approval": calendar.approval, "concern": calendar.concern}
    return [
        (name, "remind_every")
        for name, plan in ladders.items()
        if plan.escalate_after > (MOST_REPEATS + 1) * plan.remind_every
    ]


def without_endless_reminding(calendar: Calendar) -> Calendar:
    """The calendar as a cycle follows it. One that an earlier version stored may ask for millions of reminders: of a
    round only the first ones count, and a matter is reminded of less often, as often as is allowed today."""
    changed: dict[str, RoundPlan | LadderPlan] = {}
    for name in (str(place[0]) for place in _long_lists(calendar)):
        plan: RoundPlan = getattr(calendar, name)
        changed[name] = plan.model_copy(update={"reminders": plan.reminders[:MOST_REMINDERS]})
    for name in (str(place[0]) for place in _frequent(calendar)):
        ladder: LadderPlan = getattr(calendar, name)
        every = -(-ladder.escalate_after // (MOST_REPEATS + 1))  # rounded up
        changed[name] = ladder.model_copy(update={"remind_every": every})
    return calendar.model_copy(update=changed)


def _refusal(places: Iterable[Place], message: str) -> ValidationError:
    """The failure that pydantic would raise itself, with the same message at each position."""
    problem = PydanticCustomError("not_allowed", "{reason}", {"reason": message})
    details = [InitErrorDetails(type=problem, loc=place, input=None) for place in places]
    return ValidationError.from_exception_data(Calendar.__name__, details)
