"""Whether cycles move is watched: what is wrong is written to the cycle, told once, and forgotten when it is mended."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select, update

from services.events.log.models import Event, Undispatchable
from services.events.log.positions import sequence_batch
from services.programs import watching
from services.programs.models import CycleRow
from services.programs.store.cycles import read_plan
from services.programs.watching import Watch, keep_watching
from shared.contracts.overview import StallReason
from shared.contracts.programs import CycleRef
from shared.database import Database
from shared.events import StagedEvent
from shared.rounds.models import Round
from shared.temporal import WORKFLOWS_QUEUE, connect, create_worker
from tests.patience import PATIENCE_SECONDS
from tests.services.watching.world import LONG_AGO, Headers, Workflows, add_round, stalled, told
from tests.temporal_server import temporal_server
from workflows.registry import WORKFLOWS


async def test_a_cycle_whose_workflow_is_gone_is_stalled_once_and_moves_again_when_it_is_back(
    http: httpx.AsyncClient,
    db: Database,
    watch: Watch,
    temporal: Workflows,
    key: Headers,
    organization_id: UUID,
    cycle_id: UUID,
) -> None:
    await watch.look()
    assert await stalled(http, key, cycle_id) is None
    temporal.running.clear()
    await watch.look()
    await watch.look()
    assert await stalled(http, key, cycle_id) == StallReason.WORKFLOW_MISSING
    assert await told(db, organization_id) == [StallReason.WORKFLOW_MISSING]
    temporal.unlisted.add(f"cycle-{cycle_id}")
    await watch.look()
    assert await stalled(http, key, cycle_id) is None
    assert await told(db, organization_id) == [StallReason.WORKFLOW_MISSING]


async def test_a_failing_workflow_of_a_cycle_or_of_its_open_round_stalls_the_cycle(
    http: httpx.AsyncClient, db: Database, watch: Watch, temporal: Workflows, key: Headers, cycle_id: UUID
) -> None:
    round_id = await add_round(db, cycle_id, datetime.now(UTC) + timedelta(days=1))
    temporal.attributes["announcement-1"] = str(cycle_id)
    for workflow_id in (f"round-{round_id}", f"cycle-{cycle_id}", "announcement-1"):
        temporal.failing = {workflow_id, "cycle-none", f"announcement-{uuid4()}"}
        await watch.look()
        assert await stalled(http, key, cycle_id) == StallReason.WORKFLOW_FAILING
        temporal.failing.clear()
        await watch.look()
        assert await stalled(http, key, cycle_id) is None


async def test_a_pause_that_the_version_before_has_ended_is_over(
    db: Database, watch: Watch, organization_id: UUID, cycle_id: UUID
) -> None:
    """It knows nothing of when a pause began, and leaves that in the row."""
    ref = CycleRef(organization_id=organization_id, cycle_id=cycle_id)
    async with db.transaction() as session:
        await session.execute(update(CycleRow).where(CycleRow.id == cycle_id).values(paused=False, paused_at=LONG_AGO))
    async with db.transaction() as session:
        assert (await read_plan(session, ref)).paused_at is None
    for _ in range(2):
        await watch.look()
        async with db.transaction() as session:
            (pause,) = (await read_plan(session, ref)).pauses
            assert pause.begins_at == LONG_AGO < pause.ends_at
            row = await session.scalar(select(CycleRow).where(CycleRow.id == cycle_id))
            assert row is not None
            assert row.paused_at is None


async def test_while_temporal_is_away_what_was_known_of_workflows_stays(
    http: httpx.AsyncClient, watch: Watch, temporal: Workflows, key: Headers, cycle_id: UUID
) -> None:
    temporal.failing.add(f"cycle-{cycle_id}")
    await watch.look()
    temporal.failing.clear()
    temporal.away = True
    await watch.look()
    assert await stalled(http, key, cycle_id) == StallReason.WORKFLOW_FAILING
    temporal.away = False
    await watch.look()
    assert await stalled(http, key, cycle_id) is None


async def test_a_server_that_reports_no_problems_still_tells_which_workflows_are_gone(
    http: httpx.AsyncClient, watch: Watch, temporal: Workflows, key: Headers, cycle_id: UUID
) -> None:
    temporal.reports = False
    temporal.running.clear()
    await watch.look()
    assert await stalled(http, key, cycle_id) == StallReason.WORKFLOW_MISSING
    temporal.running.add(f"cycle-{cycle_id}")
    await watch.look()
    assert await stalled(http, key, cycle_id) is None


async def test_an_overdue_round_stalls_its_cycle(
    http: httpx.AsyncClient, db: Database, watch: Watch, key: Headers, organization_id: UUID, cycle_id: UUID
) -> None:
    await add_round(db, cycle_id, LONG_AGO)
    assert await stalled(http, key, cycle_id) == StallReason.ROUND_OVERDUE, "whoever reads the cycle sees it at once"
    await watch.look()
    assert await told(db, organization_id) == [StallReason.ROUND_OVERDUE]


async def test_a_cycle_that_is_resumed_after_its_deadline_is_not_stalled(
    http: httpx.AsyncClient, db: Database, watch: Watch, key: Headers, organization_id: UUID, cycle_id: UUID
) -> None:
    """The workflow of the round hears of it a moment later, and moves the deadline once more to the same moment."""
    round_id = await add_round(db, cycle_id, LONG_AGO)
    await http.post(f"/v1/cycles/{cycle_id}/pause", headers=key)
    paused_at = LONG_AGO - timedelta(days=2)
    async with db.transaction() as session:
        await session.execute(update(CycleRow).where(CycleRow.id == cycle_id).values(paused_at=paused_at))
        opened_at = paused_at - timedelta(days=1)
        await session.execute(update(Round).where(Round.id == round_id).values(opened_at=opened_at))
    resumed = (await http.post(f"/v1/cycles/{cycle_id}/resume", headers=key)).json()
    assert resumed["stalled"] is None
    left = datetime.fromisoformat(resumed["waits_for"]["until"]) - datetime.now(UTC)
    assert timedelta(days=1, hours=23) < left <= timedelta(days=2)
    await watch.look()
    assert await told(db, organization_id) == []


async def test_events_that_the_relay_does_not_hand_on_stall_the_cycle_they_tell_of(
    http: httpx.AsyncClient, db: Database, watch: Watch, key: Headers, organization_id: UUID, cycle_id: UUID
) -> None:
    async with db.transaction() as session:
        await session.execute(
            update(StagedEvent).where(StagedEvent.organization_id == organization_id).values(time=LONG_AGO)
        )
    await watch.look()
    assert await stalled(http, key, cycle_id) == StallReason.EVENTS_WAITING


async def test_events_that_the_dispatcher_does_not_read_stall_the_cycle_they_tell_of(
    http: httpx.AsyncClient, db: Database, watch: Watch, key: Headers, organization_id: UUID, cycle_id: UUID
) -> None:
    async with db.transaction() as session:
        await sequence_batch(session)
    await watch.look()
    assert await stalled(http, key, cycle_id) is None
    async with db.transaction() as session:
        late = update(Event).where(Event.organization_id == organization_id).values(recorded_at=LONG_AGO)
        await session.execute(late)
    await watch.look()
    assert await stalled(http, key, cycle_id) == StallReason.EVENTS_WAITING


async def test_an_event_that_was_set_aside_stalls_the_cycle_whose_workflow_waits_for_it(
    http: httpx.AsyncClient, db: Database, watch: Watch, key: Headers, organization_id: UUID, cycle_id: UUID
) -> None:
    async with db.transaction() as session:
        held = {"holds": f"cycle-{cycle_id}", "retry_at": LONG_AGO, "reason": "reaction_failed", "position": 1}
        session.add(Undispatchable(event_id=uuid4(), organization_id=organization_id, **held))
    await watch.look()
    assert await stalled(http, key, cycle_id) is None, "it may be tried again in a moment, as after a clean failover"
    async with db.transaction() as session:
        late = update(Undispatchable).where(Undispatchable.organization_id == organization_id)
        await session.execute(late.values(recorded_at=LONG_AGO))
    await watch.look()
    assert await stalled(http, key, cycle_id) == StallReason.EVENT_SET_ASIDE


@pytest.mark.long
async def test_a_real_server_tells_of_a_workflow_that_fails_at_the_same_place(
    http: httpx.AsyncClient, db: Database, app: FastAPI, key: Headers, cycle_id: UUID, tmp_path: Path
) -> None:
    """The server tells after several tries, which takes it most of a minute."""
    with temporal_server(tmp_path) as server:
        client = await connect(server.address, lazy=False)
        watch = Watch(db, app.state.internal, client)
        async with create_worker(client, WORKFLOWS_QUEUE, workflows=WORKFLOWS):
            await watch.look()
            assert await stalled(http, key, cycle_id) == StallReason.WORKFLOW_MISSING
            gone = "WorkflowOfAReleaseThatIsGone"
            await client.start_workflow(gone, id=f"cycle-{cycle_id}", task_queue=WORKFLOWS_QUEUE)
            async with asyncio.timeout(PATIENCE_SECONDS):
                while await stalled(http, key, cycle_id) != StallReason.WORKFLOW_FAILING:
                    await asyncio.sleep(1)
                    await watch.look()


async def test_the_watch_ends_at_once_when_it_is_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless:
        looks = 0

        async def look(self) -> None:
            self.looks += 1
            if self.looks == 1:
                raise ValueError("the next look goes on")
            stop.set()
            await asyncio.Event().wait()

    stop, endless = asyncio.Event(), Endless()
    monkeypatch.setattr(watching, "LOOK_SECONDS", 0.01)
    await keep_watching(cast(Watch, endless), stop)
    assert endless.looks == 2
