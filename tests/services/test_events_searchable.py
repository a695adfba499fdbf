"""Workflows are started with search attributes only if the namespace knows them, and else without."""

from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from temporalio.client import Client
from temporalio.service import RPCStatusCode

from services.events.log import searchable
from services.events.log.dispatcher import Dispatcher
from services.events.log.searchable import ASK_SECONDS, Searchable
from shared.contracts.events import CycleRequested
from shared.database import Database
from tests.services.dispatch_stand import dispatch, empty_log, record, refusals
from tests.services.faulty_temporal import answer
from workflows.searching import KEYS, STAGE


class Namespace:
    """A client of a namespace that knows some attributes."""

    namespace = "acme"

    def __init__(self, *known: str, allowed: bool = True) -> None:
        self.known, self._allowed = set(known), allowed
        self.refused = False
        """Whether it refuses attributes that it says it knows, as a server does for some seconds."""
        self.asked = 0
        self.started: list[Any] = []
        self.operator_service = self

    async def list_search_attributes(self, request: Any) -> Any:
        self.asked += 1
        return SimpleNamespace(custom_attributes=self.known)

    async def add_search_attributes(self, request: Any) -> None:
        if not self._allowed:
            raise answer(RPCStatusCode.PERMISSION_DENIED)
        self.known |= set(request.search_attributes)

    async def start_workflow(self, *arguments: Any, search_attributes: Any, **options: Any) -> None:
        if search_attributes is not None and self.refused:
            raise answer(RPCStatusCode.INVALID_ARGUMENT)
        self.started.append(search_attributes)


@pytest.fixture
def pass_time(monkeypatch: pytest.MonkeyPatch) -> Any:
    now = [100.0]
    monkeypatch.setattr(searchable, "monotonic", lambda: now[0])

    def add(seconds: float) -> None:
        now[0] += seconds

    return add


async def test_attributes_that_are_missing_are_added_and_used_a_minute_later(pass_time: Any) -> None:
    namespace = Namespace(STAGE.name)
    found = Searchable(cast(Client, namespace))
    assert not await found.is_known()
    assert namespace.known == {key.name for key in KEYS}
    assert not await found.is_known(), "the server may need some seconds"
    pass_time(ASK_SECONDS)
    assert await found.is_known()
    assert await found.is_known()
    assert namespace.asked == 2


async def test_an_account_that_may_not_add_them_goes_without(pass_time: Any) -> None:
    found = Searchable(cast(Client, Namespace(allowed=False)))
    assert not await found.is_known()
    pass_time(ASK_SECONDS)
    assert not await found.is_known()


async def test_a_namespace_that_refuses_attributes_gets_the_workflow_without_them(
    database: Database, organization_id: UUID
) -> None:
    namespace = Namespace(*(key.name for key in KEYS))
    dispatcher = Dispatcher(cast(Client, namespace))
    await empty_log(database)
    try:
        for refused in (False, True, False):
            namespace.refused = refused
            await record(database, organization_id, CycleRequested(cycle_id=uuid4(), program_id=uuid4()))
            await dispatch(database, dispatcher)
        assert await refusals(database) == []
    finally:
        await empty_log(database)
    assert [attributes is not None for attributes in namespace.started] == [True, False, False]
