"""What all routes have in common."""

import inspect
from collections.abc import Iterable, Iterator
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from shared.contracts.base import Service
from upward.composition import routers


def walk(routes: Iterable[Any]) -> Iterator[APIRoute]:
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        elif (included := getattr(route, "original_router", None)) is not None:
            yield from walk(included.routes)


def calls(dependant: Dependant) -> Iterator[object]:
    yield dependant.call
    for needed in dependant.dependencies:
        yield from calls(needed)


def is_coroutine(call: Any) -> bool:
    function = call if inspect.isroutine(call) else call.__call__
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def test_no_handler_and_none_of_its_dependencies_runs_in_a_thread() -> None:
    """FastAPI runs plain functions in threads, at a cost for each request that is higher than that of what they do."""
    called = {
        call for router in routers(list(Service)) for route in walk(router.routes) for call in calls(route.dependant)
    }
    assert len(called) > 50
    assert not {call for call in called if not is_coroutine(call)}
