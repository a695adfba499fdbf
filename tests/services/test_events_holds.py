"""After a restore each organization is held until its cycles agree with their rows: nothing is dispatched or done."""

from collections.abc import AsyncIterator, Collection
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from services.events.log.dispatcher import Dispatcher, Progress
from services.events.log.epoch import Watch
from services.events.log.holding import Gate, Keeper
from services.events.log.models import Log
from services.events.log.store import epoch as epoch_store
from services.events.log.store import holds
from shared.contracts.events import CyclePaused, CycleRequested
from shared.contracts.notifications import Announcement, Audience, PrepareMessages, Template
from shared.contracts.programs import CycleRef
from shared.database import Database
from shared.temporal import HELD_FOR, Held, organization_of
from tests.services.dispatch_stand import dispatch, empty_log, record, refusals
from tests.services.faulty_temporal import FaultyTemporal
from tests.workflows.simulated import FAKES
from workflows.ids import cycle_workflow_id


@pytest.fixture(autouse=True)
async def clean_log(database: Database) -> AsyncIterator[None]:
    await empty_log(database)
    yield
    await empty_log(database)
    async with database.transaction() as session:
        await session.execute(update(Log).values(system_identifier=None, timeline=None))


async def restore(database: Database) -> None:
    async with database.transaction() as session:
        await epoch_store.change_epoch(session)


async def held(database: Database) -> set[UUID]:
    async with database.transaction() as session:
        return {organization_id for organization_id, _ in await holds.read_holds(session)}


def keeper(database: Database, *agree: UUID) -> Keeper:
    async def agreeing(organizations: Collection[UUID]) -> Collection[UUID]:
        return set(organizations) & set(agree)

    return Keeper(database, agreeing, Watch())


async def test_what_an_organization_s_events_ask_for_waits_until_it_is_released(database: Database) -> None:
    temporal, organization_id, cycle_id = FaultyTemporal(), uuid4(), uuid4()
    await record(database, organization_id, CyclePaused(cycle_id=uuid4()))
    dispatcher = Dispatcher(temporal.as_client)
    await dispatch(database, dispatcher)
    temporal.heard.clear()
    await restore(database)
    assert await held(database) == {organization_id}
    other = CycleRequested(cycle_id=uuid4(), program_id=uuid4())
    await record(database, organization_id, CycleRequested(cycle_id=cycle_id, program_id=uuid4()))
    await record(database, organization_id, CyclePaused(cycle_id=cycle_id))
    await record(database, uuid4(), other)
    assert await dispatch(database, dispatcher) == Progress(3)
    assert temporal.heard == [(cycle_workflow_id(other.cycle_id), "start")], "another organization is not held"
    assert await refusals(database) == ["on_hold", "behind_another"]

    assert await keeper(database).step() == 1
    assert await keeper(database, organization_id).step() == 0
    await dispatch(database, Dispatcher(temporal.as_client))
    assert temporal.heard[1:] == [(cycle_workflow_id(cycle_id), what) for what in ("start", "pause")]
    assert await refusals(database) == []


async def test_the_gate_is_closed_for_those_who_are_held(database: Database) -> None:
    organization_id = uuid4()
    await record(database, organization_id, CyclePaused(cycle_id=uuid4()))
    gate = Gate(database, Watch())
    assert not await gate.is_closed(organization_id)
    await restore(database)
    assert await gate.is_closed(organization_id)
    assert not await gate.is_closed(uuid4()), "an organization that is made after the restore"
    await keeper(database, organization_id).step()
    assert not await gate.is_closed(organization_id)


async def test_everybody_is_held_until_the_relay_has_noticed_that_the_log_goes_on_elsewhere(database: Database) -> None:
    organization_id, temporal = uuid4(), FaultyTemporal()
    await record(database, organization_id, CyclePaused(cycle_id=uuid4()))
    async with database.transaction() as session:
        await epoch_store.note_server(session, epoch_store.Server(1, 1))
        before = (await session.execute(text("select epoch from events.log"))).scalar_one()
    assert await Gate(database, Watch()).is_closed(uuid4())
    await dispatch(database, Dispatcher(temporal.as_client))
    assert temporal.heard == []
    assert await keeper(database).step() == 1, "it notices although no event comes"
    async with database.transaction() as session:
        assert (await session.execute(text("select epoch from events.log"))).scalar_one() != before
    assert not await Gate(database, Watch()).is_closed(uuid4())
    assert await Gate(database, Watch()).is_closed(organization_id)


async def test_while_all_is_well_the_keeper_opens_no_transaction_and_still_notices_a_restore(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    organization_id, keeping = uuid4(), keeper(database)
    await record(database, organization_id, CyclePaused(cycle_id=uuid4()))
    assert await keeping.step() == 0
    with monkeypatch.context() as patched:
        patched.setattr(database, "transaction", None)
        assert await keeping.step() == 0
    async with database.transaction() as session:
        await epoch_store.note_server(session, epoch_store.Server(1, 1))
    assert await keeping.step() == 1, "the log goes on elsewhere"
    await keeper(database, organization_id).step()
    await restore(database)
    assert await keeping.step() == 1, "somebody has told of a restore"


async def test_the_gate_stays_closed_while_the_relay_notices_the_restore(database: Database) -> None:
    organization_id = uuid4()
    await record(database, organization_id, CyclePaused(cycle_id=uuid4()))
    async with database.transaction() as session:
        await epoch_store.note_server(session, epoch_store.Server(1, 1))

    class Meanwhile(Watch):
        async def is_elsewhere(self, session: AsyncSession) -> bool:
            assert await keeper(database).step() == 1
            return await super().is_elsewhere(session)

    assert await Gate(database, Meanwhile()).is_closed(organization_id)


class Works(ActivityInboundInterceptor):
    def __init__(self) -> None:
        self.done = 0

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        self.done += 1


async def test_an_activity_of_an_organization_that_is_held_is_tried_again_soon() -> None:
    mine, works = uuid4(), Works()

    async def is_held(organization_id: UUID) -> bool:
        return organization_id == mine

    edge = Held(is_held).intercept_activity(works)

    def asked(organization_id: UUID) -> ExecuteActivityInput:
        ref = CycleRef(organization_id=organization_id, cycle_id=uuid4())
        return ExecuteActivityInput(fn=print, args=[ref], executor=None, headers={})

    with pytest.raises(ApplicationError) as raised:
        await edge.execute_activity(asked(mine))
    error = raised.value
    assert (error.type, error.next_retry_delay, error.non_retryable) == ("held", HELD_FOR, False)
    await edge.execute_activity(asked(uuid4()))
    assert works.done == 1


def test_the_organization_of_every_activity_is_known() -> None:
    announcement = Announcement(
        organization_id=uuid4(), scope_id=uuid4(), template=Template.KICKOFF, audience=Audience.PARTICIPANTS
    )
    assert organization_of(PrepareMessages(announcement=announcement)) == announcement.organization_id
    for fake in FAKES:
        for name in dir(fake):
            if hasattr(getattr(fake, name), "__temporal_activity_definition"):
                [request] = [kind for key, kind in getattr(fake, name).__annotations__.items() if key != "return"]
                assert {"organization_id", "announcement"} & request.model_fields.keys(), name
