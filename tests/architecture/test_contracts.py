"""Contracts between rooms are plain data, which stays the same on its way. An activity takes one contract and returns
one."""

import importlib
import inspect
import re
import typing
from abc import ABC
from datetime import date, time, timedelta
from enum import Enum
from typing import Annotated, Any, get_args, get_origin
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import AwareDatetime, BaseModel
from temporalio.contrib.pydantic import pydantic_data_converter

from shared.contracts.base import Contract
from shared.contracts.events import CATALOGUE, EventData
from tests.architecture.examples import models
from tests.architecture.sources import import_all, subclasses

MODULES = [*import_all("shared.contracts"), *import_all("workflows")]
CONTRACTS = sorted(
    (
        found
        for module in MODULES
        for found in vars(module).values()
        if inspect.isclass(found) and issubclass(found, BaseModel) and found.__module__ == module.__name__
        if found is not EventData  # abstract: every event is a class below it
    ),
    key=lambda found: f"{found.__module__}.{found.__name__}",
)
ABSTRACT = [
    found
    for module in MODULES
    for found in vars(module).values()
    if inspect.isclass(found) and issubclass(found, ABC) and found.__module__ == module.__name__
]
ACTIVITIES = [
    pytest.param(getattr(contract, name), id=f"{contract.__name__}.{name}")
    for contract in ABSTRACT
    for name in vars(contract)
    if not name.startswith("_")
]
DEFINITION = "__temporal_activity_definition"
CODES = {
    # These texts are codes. A pattern limits them, because they come from mail servers and not from an enumeration.
    (CATALOGUE["message.failed"], "code"),
    (CATALOGUE["announcement.held"], "code"),
}


def name(model: type) -> str:
    return model.__name__


def texts_of(annotation: Any) -> bool:
    """Whether an annotation allows free text, at any depth. Contracts inside it are not looked at."""
    if get_origin(annotation) is Annotated:
        return texts_of(get_args(annotation)[0])
    if get_args(annotation):
        return any(texts_of(argument) for argument in get_args(annotation) if argument is not Ellipsis)
    plain = (UUID, int, float, bool, AwareDatetime, timedelta, date, time, type(None))
    is_model = isinstance(annotation, type) and issubclass(annotation, BaseModel | Enum)
    return not is_model and annotation not in plain


def inside(annotation: Any) -> list[type[BaseModel]]:
    """The contracts inside an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for argument in get_args(annotation) for found in inside(argument)]


def free_texts(model: type[BaseModel]) -> list[str]:
    """The fields of a model, and of the models inside it, that could hold free text."""
    hints = {field: info.annotation for field, info in model.model_fields.items()}
    own = [field for field, hint in hints.items() if texts_of(hint) and (model, field) not in CODES]
    within = [one for hint in hints.values() for one in inside(hint)]
    return [f"{model.__name__}.{field}" for field in own] + [text for one in within for text in free_texts(one)]


@pytest.mark.parametrize("model", CONTRACTS, ids=name)
def test_a_contract_is_the_same_after_temporal_and_json(model: type[BaseModel]) -> None:
    converter = pydantic_data_converter.payload_converter

    @settings(
        max_examples=8,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def check(data: st.DataObject) -> None:
        example = data.draw(models(model))
        assert converter.from_payloads(converter.to_payloads([example]), [model]) == [example]
        assert model.model_validate_json(example.model_dump_json()) == example

    check()


@pytest.mark.parametrize("model", CONTRACTS, ids=name)
def test_a_contract_is_frozen_and_lets_others_grow(model: type[BaseModel]) -> None:
    assert issubclass(model, Contract)
    assert model.model_config["frozen"]
    assert model.model_config["extra"] == "ignore"


@pytest.mark.parametrize("method", ACTIVITIES)
def test_an_activity_takes_one_contract_and_answers_one(method: Any) -> None:
    hints = typing.get_type_hints(method)
    answer = hints.pop("return")
    (request,) = hints.values()
    assert issubclass(request, Contract)
    assert issubclass(answer, Contract)
    assert len(inspect.signature(method).parameters) == 2


@pytest.mark.parametrize("method", ACTIVITIES)
def test_an_activity_is_abstract_and_named_like_its_method(method: Any) -> None:
    assert method.__isabstractmethod__
    assert getattr(method, DEFINITION).name == method.__name__
    assert re.fullmatch(r"[a-z]+(_[a-z]+)+", method.__name__), "verb_noun"


@pytest.mark.parametrize("method", ACTIVITIES)
def test_only_ids_codes_counts_and_times_enter_temporal(method: Any) -> None:
    assert [text for hint in typing.get_type_hints(method).values() for text in free_texts(hint)] == []


@pytest.mark.parametrize("model", [one for one in CONTRACTS if one.__module__.startswith("workflows")], ids=name)
def test_what_workflows_keep_and_tell_is_ids_codes_counts_and_times(model: type[BaseModel]) -> None:
    workflow_ids = {"CycleState.concerns", "CycleState.announcements", "Watcher.workflow_id"}
    assert set(free_texts(model)) <= workflow_ids


def test_services_and_fakes_repeat_every_activity() -> None:
    """Without the bare decorator on the real method, a worker would not know the activity."""
    list(import_all("services"))
    importlib.import_module("tests.fakes")
    concrete = [found for base in ABSTRACT for found in subclasses(base) if found not in ABSTRACT]
    assert len(concrete) > len(ABSTRACT)
    for found in concrete:
        assert not inspect.isabstract(found), f"{found.__name__} leaves out an activity"
        contracts = [base for base in found.__mro__ if base in ABSTRACT]
        promised = {method for base in contracts for method in vars(base) if not method.startswith("_")}
        assert [method for method in sorted(promised) if not hasattr(getattr(found, method), DEFINITION)] == []


def test_the_catalogue_holds_every_event() -> None:
    assert len(CATALOGUE) == len({*subclasses(EventData)}) > 20


@pytest.mark.parametrize("event", CATALOGUE.values(), ids=lambda event: event.type)
def test_an_event_is_named_for_its_aggregate_and_tells_its_id_first(event: type[EventData]) -> None:
    aggregate, _, fact = event.type.partition(".")
    first = next(iter(event.model_fields))
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", fact), "past tense, snake case"
    assert event.model_fields[first].annotation is UUID
    assert first == f"{aggregate}_id" or event.type in {"people.imported", "report.compiled"}


@pytest.mark.parametrize("event", CATALOGUE.values(), ids=lambda event: event.type)
def test_an_event_holds_ids_codes_counts_and_times_only(event: type[EventData]) -> None:
    assert free_texts(event) == []
    ids = [field for field, info in event.model_fields.items() if UUID in {info.annotation, *get_args(info.annotation)}]
    assert [field for field in ids if not field.endswith("_id")] == []
