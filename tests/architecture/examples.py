"""Makes examples of contracts from their annotations."""

import types
import typing
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from enum import Enum
from typing import Annotated, Any, Union, get_args, get_origin
from uuid import UUID

from annotated_types import Ge, Gt, Le, MaxLen, MinLen
from hypothesis import strategies as st
from pydantic import AwareDatetime, BaseModel
from pydantic.fields import FieldInfo

from shared.contracts.programs import (
    Calendar,
    LadderPlan,
    LocationPreference,
    MatchingPolicy,
    Objective,
    RoundPlan,
    SendingHours,
    Weights,
)
from tests.unit.properties import moments

Strategy = st.SearchStrategy[Any]
SMALL = timedelta(microseconds=1)
MOMENTS = moments(date(2000, 1, 1), date(2100, 1, 1))
LENGTHS = st.timedeltas(SMALL, timedelta(days=3650))


@st.composite
def _round_plans(draw: st.DrawFn) -> RoundPlan:
    *reminders, length = sorted(draw(st.sets(LENGTHS, min_size=1, max_size=4)))
    return RoundPlan(length=length, reminders=tuple(reminders))


@st.composite
def _sending_hours(draw: st.DrawFn) -> SendingHours:
    start, end = sorted(draw(st.sets(st.times(), min_size=2, max_size=2)))
    return SendingHours(start=start, end=end)


@st.composite
def _calendars(draw: st.DrawFn) -> Calendar:
    check_in, survey = draw(_round_plans()), draw(_round_plans())
    every = check_in.length + draw(LENGTHS)
    ladder = draw(models(LadderPlan))
    first, hours = draw(st.none() | LENGTHS), draw(st.none() | _sending_hours())
    return Calendar(
        check_in=check_in,
        first_check_in=first,
        check_in_every=every,
        survey=survey,
        concern=ladder,
        sending_hours=hours,
    )


@st.composite
def _policies(draw: st.DrawFn) -> MatchingPolicy:
    low, target, high = sorted(draw(st.lists(st.integers(0, 100), min_size=3, max_size=3)))
    objective, repeats = draw(st.sampled_from(Objective)), draw(st.booleans())
    return MatchingPolicy(
        objective=objective,
        floor=draw(st.integers(0, 100)) if objective is Objective.QUALITY_FIRST else 0,
        min_level_gap=low,
        target_level_gap=draw(st.sampled_from([None, target])),
        max_level_gap=draw(st.sampled_from([None, high])),
        min_common_hours=draw(st.integers(0, 80)) / 2,
        repeat_past_pairs=repeats,
        repeat_after_cycles=None if repeats else draw(st.none() | st.integers(1, 100)),
        location=draw(st.sampled_from(LocationPreference)),
        weights=draw(models(Weights)),
    )


def models(model: type[BaseModel]) -> Strategy:
    """Makes instances of a model. Models with rules across several fields have strategies of their own."""
    special: dict[type[BaseModel], Callable[[], Strategy]] = {
        RoundPlan: _round_plans,
        SendingHours: _sending_hours,
        Calendar: _calendars,
        MatchingPolicy: _policies,
    }
    if model in special:
        return special[model]()
    fields = {name: values(field.annotation, field.metadata) for name, field in model.model_fields.items()}
    return st.builds(model, **fields)


def values(annotation: Any, metadata: list[Any]) -> Strategy:
    """Makes values of an annotation within its constraints. Raises NotImplementedError for an unknown kind of
    annotation."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation is AwareDatetime or annotation is datetime:
        return MOMENTS
    if origin is Annotated:
        given = (found.metadata if isinstance(found, FieldInfo) else [found] for found in arguments[1:])
        inner = [part for parts in given for part in parts]
        return values(arguments[0], [*metadata, *inner])
    if origin in (Union, types.UnionType):
        return st.one_of([values(argument, []) for argument in arguments])
    if origin is tuple:
        shortest = _limit(metadata, MinLen, "min_length") or 0
        return st.lists(values(arguments[0], []), min_size=shortest, max_size=shortest + 2).map(tuple)
    if origin is dict:
        if arguments[1] is Any:
            return st.just({"count": 1, "code": "a_code"})
        return st.dictionaries(values(arguments[0], []), values(arguments[1], []), max_size=2)
    if origin is typing.Literal:
        return st.sampled_from(arguments)
    return _plain(annotation, metadata)


def _plain(annotation: Any, metadata: list[Any]) -> Strategy:
    if annotation is str:
        pattern = next((found.pattern for found in metadata if getattr(found, "pattern", None)), None)
        if pattern is not None:
            return st.from_regex(pattern, fullmatch=True).filter(lambda text: "\n" not in text)
        shortest = _limit(metadata, MinLen, "min_length") or 0
        return st.text(min_size=shortest, max_size=min(shortest + 20, _limit(metadata, MaxLen, "max_length") or 10_000))
    if annotation is int:
        return st.integers(_limit(metadata, Ge, "ge"), _limit(metadata, Le, "le"))
    if annotation is float:
        return st.floats(_limit(metadata, Ge, "ge"), _limit(metadata, Le, "le"), allow_nan=False, allow_infinity=False)
    if annotation is timedelta:
        return LENGTHS if any(isinstance(found, Gt) for found in metadata) else st.just(timedelta(0)) | LENGTHS
    simple: dict[Any, Strategy] = {UUID: st.uuids(), bool: st.booleans(), time: st.times(), type(None): st.none()}
    simple |= {date: st.dates(date(2000, 1, 1), date(2100, 1, 1)), bytes: st.binary(max_size=20)}
    if annotation in simple:
        return simple[annotation]
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return st.sampled_from(list(annotation))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return models(annotation)
    raise NotImplementedError(f"no examples of {annotation} yet")


def _limit(metadata: list[Any], kind: type, name: str) -> int | None:
    found = next((one for one in metadata if isinstance(one, kind)), None)
    return None if found is None else int(getattr(found, name))
