"""An event that cannot be handled is set aside. It holds back its own cycle alone, and is tried again."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, select, update
from structlog.testing import capture_logs
from temporalio.service import RPCError, RPCStatusCode
from typer.testing import CliRunner, Result

from services.events.log.dispatcher import Dispatcher, Progress
from services.events.log.models import Event, Undispatchable
from services.events.log.store import days as days_store
from services.events.log.store import reading, set_aside
from shared.config import Settings
from shared.contracts.events import CyclePaused, CycleRequested, CycleResumed, PairDeclined
from shared.contracts.matching import EndReason
from shared.database import Database
from tests.services.dispatch_stand import cursor, dispatch, empty_log, record, record_raw, refusals
from tests.services.faulty_temporal import FaultyTemporal, exhausted, no_namespace
from upward.cli import app
from workflows.ids import cycle_workflow_id


def answers(status: RPCStatusCode) -> Callable[[], Exception]:
    return lambda: RPCError("canary", status, b"")


@pytest.fixture(autouse=True)
async def clean_log(database: Database) -> AsyncIterator[None]:
    await empty_log(database)
    yield
    await empty_log(database)


@pytest.fixture
def temporal() -> FaultyTemporal:
    return FaultyTemporal()


async def let_time_pass(database: Database) -> None:
    """Everything that is set aside becomes due."""
    async with database.transaction() as session:
        await session.execute(
            update(Undispatchable).where(Undispatchable.retry_at.is_not(None)).values(retry_at=func.clock_timestamp())
        )


@pytest.mark.parametrize("error", [RuntimeError, TypeError, RecursionError, NotImplementedError])
async def test_a_bug_at_one_event_holds_up_no_other_organization(
    error: type[Exception], database: Database, temporal: FaultyTemporal
) -> None:
    bad, good = (CycleRequested(cycle_id=uuid4(), program_id=uuid4()) for _ in range(2))
    temporal.faults[cycle_workflow_id(bad.cycle_id)] = lambda: error("canary")
    organization_id = uuid4()
    await record(database, organization_id, bad)
    await record(database, uuid4(), good)
    with capture_logs() as logs:
        assert await dispatch(database, Dispatcher(temporal.as_client)) == Progress(2)
    assert temporal.heard == [(cycle_workflow_id(good.cycle_id), "start")]
    assert await refusals(database) == ["not_sendable"]
    (told,) = (one for one in logs if one["event"] == "event.undispatchable")
    assert (told["log_level"], told["error"], told["code"]) == ("error", error.__name__, "not_sendable")
    assert (told["organization_id"], told["workflow_id"]) == (str(organization_id), cycle_workflow_id(bad.cycle_id))
    assert "canary" not in str(logs)


@pytest.mark.parametrize(
    ("error", "away"),
    [(exhausted(busy_workflow=False), True), (exhausted(busy_workflow=True), False), (no_namespace(), True)],
)
async def test_a_workflow_that_is_too_busy_is_no_server_that_is(
    error: RPCError, away: bool, database: Database, temporal: FaultyTemporal
) -> None:
    """Both have one status; the details say which it is."""
    bad, good = (CycleRequested(cycle_id=uuid4(), program_id=uuid4()) for _ in range(2))
    temporal.faults[cycle_workflow_id(bad.cycle_id)] = lambda: error
    for event in (bad, good):
        await record(database, uuid4(), event)
    progress = await dispatch(database, Dispatcher(temporal.as_client, patience=0))
    assert (progress == Progress(2)) is not away
    assert (temporal.heard == []) is away


async def test_the_same_error_means_that_temporal_is_away_when_temporal_does_not_answer(
    database: Database, temporal: FaultyTemporal
) -> None:
    bad = CycleRequested(cycle_id=uuid4(), program_id=uuid4())
    temporal.faults[cycle_workflow_id(bad.cycle_id)] = RuntimeError
    temporal.is_well = False
    await record(database, uuid4(), bad)
    assert await dispatch(database, Dispatcher(temporal.as_client)) == Progress(0, "RuntimeError")
    assert (await cursor(database), await refusals(database)) == (None, [])


async def test_later_events_of_its_cycle_wait_and_follow_in_their_order_when_it_can_be_handled(
    database: Database, temporal: FaultyTemporal
) -> None:
    organization_id, cycle, other = uuid4(), uuid4(), uuid4()
    workflow_id = cycle_workflow_id(cycle)
    temporal.faults[workflow_id] = RuntimeError
    declined = PairDeclined(pair_id=uuid4(), cycle_id=cycle, reason=EndReason.DECLINED)
    await record(database, organization_id, CycleRequested(cycle_id=cycle, program_id=uuid4()), declined)
    await record(database, organization_id, CyclePaused(cycle_id=other), CyclePaused(cycle_id=cycle))
    assert await dispatch(database, Dispatcher(temporal.as_client)) == Progress(4)
    assert temporal.heard == [(cycle_workflow_id(other), "pause")]
    assert await refusals(database) == ["not_sendable", "behind_another", "behind_another"]

    temporal.faults.clear()
    await record(database, organization_id, CycleResumed(cycle_id=cycle))
    await let_time_pass(database)
    assert await dispatch(database, Dispatcher(temporal.as_client)) == Progress(1)
    assert temporal.heard[1:] == [(workflow_id, what) for what in ("start", "decline", "pause", "resume")]
    async with database.transaction() as session:
        epoch = await reading.read_epoch(session)
    assert [argument.epoch for argument in temporal.arguments] == [epoch] * 5, "a restored log is told from this one"
    assert await refusals(database) == []


async def test_what_still_cannot_be_handled_waits_longer_and_keeps_its_followers(
    database: Database, temporal: FaultyTemporal
) -> None:
    cycle = uuid4()
    temporal.faults[cycle_workflow_id(cycle)] = answers(RPCStatusCode.INVALID_ARGUMENT)
    await record(database, uuid4(), CyclePaused(cycle_id=cycle), CycleResumed(cycle_id=cycle))
    for _ in range(3):
        await let_time_pass(database)
        await dispatch(database, Dispatcher(temporal.as_client))
        assert await refusals(database) == ["refused_by_temporal", "behind_another"]
    async with database.transaction() as session:
        assert await set_aside.read_due(session, 10) == []
        pause = await session.scalar(select(func.max(Undispatchable.retry_at) - func.clock_timestamp()))
    assert pause is not None
    assert 5 < pause.total_seconds() <= 10


@pytest.mark.parametrize(
    ("type", "data", "code"),
    [
        ("cycle.paused", ["canary"], "invalid_event_data"),
        ("cycle.paused", {"cycle_id": "canary"}, "invalid_event_data"),
        ("no.such_event", {}, "unknown_event_type"),
    ],
)
async def test_a_broken_row_holds_up_nobody_else(
    type: str, data: Any, code: str, database: Database, temporal: FaultyTemporal
) -> None:
    await record_raw(database, uuid4(), type, data)
    cycle = uuid4()
    await record(database, uuid4(), CyclePaused(cycle_id=cycle))
    assert await dispatch(database, Dispatcher(temporal.as_client)) == Progress(2)
    assert temporal.heard == [(cycle_workflow_id(cycle), "pause")]
    assert await refusals(database) == [code]


async def test_an_event_at_which_temporal_alone_fails_for_long_is_set_aside(
    database: Database, temporal: FaultyTemporal
) -> None:
    bad, good = uuid4(), uuid4()
    temporal.faults[cycle_workflow_id(bad)] = answers(RPCStatusCode.INTERNAL)
    await record(database, uuid4(), CyclePaused(cycle_id=bad))
    await record(database, uuid4(), CyclePaused(cycle_id=good))
    patient = Dispatcher(temporal.as_client)
    assert [await dispatch(database, patient) for _ in range(2)] == [Progress(0, "internal")] * 2
    assert await dispatch(database, Dispatcher(temporal.as_client, patience=0)) == Progress(2)
    assert await refusals(database) == ["temporal_internal"]
    assert temporal.heard == [(cycle_workflow_id(good), "pause")]


@pytest.mark.parametrize(
    "status", [RPCStatusCode.UNAVAILABLE, RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.RESOURCE_EXHAUSTED]
)
async def test_what_temporal_answers_to_every_event_sets_none_aside(
    status: RPCStatusCode, database: Database, temporal: FaultyTemporal
) -> None:
    cycle = uuid4()
    temporal.faults[cycle_workflow_id(cycle)] = answers(status)
    await record(database, uuid4(), CyclePaused(cycle_id=cycle))
    impatient = Dispatcher(temporal.as_client, patience=0)
    assert [await dispatch(database, impatient) for _ in range(2)] == [Progress(0, status.name.lower())] * 2
    assert await refusals(database) == []


async def test_an_operator_sees_what_is_set_aside_and_can_leave_it_out(
    database: Database, temporal: FaultyTemporal, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UPWARD_DATABASE_URL", settings.database_url)

    async def run(*options: str) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, app, ["events", "set-aside", *options])

    cycle, organization_id = uuid4(), uuid4()
    workflow_id = cycle_workflow_id(cycle)
    temporal.faults[workflow_id] = RuntimeError
    first, _ = await record(database, organization_id, CyclePaused(cycle_id=cycle), CycleResumed(cycle_id=cycle))
    await dispatch(database, Dispatcher(temporal.as_client))
    shown = [json.loads(line) for line in (await run()).stdout.splitlines()]
    assert [(one["reason"], one["holds"]) for one in shown] == [
        ("not_sendable", workflow_id),
        ("behind_another", workflow_id),
    ]
    assert shown[0]["organization_id"] == str(organization_id)

    for nobody in (str(uuid4()), "nonsense"):
        assert (await run("--skip", nobody)).exit_code == 1
    assert (await run("--skip", str(first.id))).exit_code == 0
    temporal.faults.clear()
    await let_time_pass(database)
    await dispatch(database, Dispatcher(temporal.as_client))
    assert temporal.heard == [(workflow_id, "resume")], "what waited goes on, and what was left out is not sent"
    assert (await run()).stdout == ""


async def test_a_day_with_an_event_that_is_set_aside_is_not_dropped(
    database: Database, temporal: FaultyTemporal
) -> None:
    async def is_held_back() -> bool:
        async with database.transaction() as session:
            day = (await session.scalars(select(Event.day))).one()
            return await days_store.is_held_back(session, day)

    cycle = uuid4()
    temporal.faults[cycle_workflow_id(cycle)] = RuntimeError
    await record(database, uuid4(), CyclePaused(cycle_id=cycle))
    await dispatch(database, Dispatcher(temporal.as_client))
    assert await is_held_back()
    temporal.faults.clear()
    await let_time_pass(database)
    await dispatch(database, Dispatcher(temporal.as_client))
    assert not await is_held_back()
