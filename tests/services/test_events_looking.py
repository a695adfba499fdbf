"""What runs is compared with the rows. What merely waits until its organization is released does not differ."""

from collections.abc import AsyncIterator, Collection
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from temporalio.client import Client
from temporalio.service import RPCStatusCode

from services.events.log.dispatcher import Dispatcher
from services.events.log.store import epoch as epoch_store
from services.events.recovery import looking
from services.events.recovery.looking import look
from services.events.recovery.rules.comparing import Difference
from services.events.recovery.rules.wanted import Rows
from shared.contracts.events import CyclePaused, CycleRequested, EventData
from shared.contracts.programs import CycleRef, Stage
from shared.contracts.rounds import RoundKind, round_id_for
from shared.database import Database
from tests.services.dispatch_stand import dispatch, empty_log, record
from tests.services.faulty_temporal import FaultyTemporal, answer
from workflows.states.cycle_state import CycleState
from workflows.states.round_state import RoundStatus


class Running:
    """The workflows that run, and what each answers when it is asked."""

    def __init__(self, *, ended: Collection[str] = (), **answers: Any) -> None:
        self.answers = answers
        self.ended = ended
        """Workflows that have ended."""

    async def list_workflows(self, query: str) -> AsyncIterator[Any]:
        for id in self.answers:
            yield SimpleNamespace(id=id)

    def get_workflow_handle(self, id: str) -> Any:
        async def query(*_: object, **__: object) -> Any:
            return self.answers[id]

        async def describe() -> None:
            if id not in self.ended:
                raise answer(RPCStatusCode.NOT_FOUND)

        return SimpleNamespace(query=query, describe=describe)


@pytest.fixture(autouse=True)
async def at_once(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    monkeypatch.setattr(looking, "SETTLED_SECONDS", 0.0)
    await empty_log(database)
    yield
    await empty_log(database)


@pytest.fixture
def cycle() -> CycleRef:
    return CycleRef(organization_id=uuid4(), cycle_id=uuid4())


async def differences(database: Database, running: Running, rows: Rows) -> list[Difference]:
    async def read() -> Rows:
        return rows

    return [one.difference for one in await look(database, cast(Client, running), read)]


@pytest.mark.parametrize(("waits", "ended"), [(True, False), (False, False), (True, True)])
async def test_a_cycle_that_was_requested_while_its_organization_is_held_is_not_missing_unless_it_has_ended_before(
    database: Database, cycle: CycleRef, waits: bool, ended: bool
) -> None:
    """Otherwise it would hold its organization for ever, as its workflow starts when that is released. But an event
    starts no workflow for a second time."""
    await record(database, cycle.organization_id, CyclePaused(cycle_id=uuid4()))
    await dispatch(database, Dispatcher(FaultyTemporal().as_client))
    async with database.transaction() as session:
        await epoch_store.change_epoch(session)
    waiting: EventData = CyclePaused(cycle_id=cycle.cycle_id)
    if waits:
        waiting = CycleRequested(cycle_id=cycle.cycle_id, program_id=uuid4())
    await record(database, cycle.organization_id, waiting)
    await dispatch(database, Dispatcher(FaultyTemporal().as_client))
    running = Running(ended=[f"cycle-{cycle.cycle_id}"] if ended else ())
    found = await differences(database, running, Rows(cycles=[(cycle, Stage.SCHEDULED)]))
    assert found == ([] if waits and not ended else [Difference.MISSING])


@pytest.mark.parametrize("is_open", [False, True])
async def test_a_round_that_has_not_been_opened_yet_is_not_ahead_of_its_row(
    database: Database, cycle: CycleRef, is_open: bool
) -> None:
    """A check-in begins by a timer, also while its organization is held. It writes its row when that is released."""
    round_id: UUID = round_id_for(cycle.cycle_id, RoundKind.CHECK_IN, 1)
    state = CycleState(organization_id=cycle.organization_id, cycle_id=cycle.cycle_id, stage=Stage.ACTIVE)
    status = RoundStatus(open=is_open, closes_at=None, closing=None, paused=False)
    running = Running(ended=(), **{f"cycle-{cycle.cycle_id}": state, f"round-{round_id}": status})
    found = await differences(database, running, Rows(cycles=[(cycle, Stage.ACTIVE)]))
    assert found == ([Difference.AHEAD, Difference.ORPHANED] if is_open else [])
    found = await differences(database, running, Rows(cycles=[(cycle, Stage.CLOSING)]))
    assert found == [Difference.BEHIND, Difference.ORPHANED], "it ends before its cycle begins again"
