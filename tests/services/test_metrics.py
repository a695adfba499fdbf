"""`/metrics` tells what waits, how cycles do and how many connections are used; what cannot be asked is left out."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from temporalio.client import Client
from temporalio.service import RPCStatusCode

from services.events.log.models import Hold, Undispatchable
from services.notifications.models import AnnouncementRow, MessageRow
from services.programs import main
from services.programs.models import CycleRow, ProgramRow
from shared.config import Settings
from shared.contracts.events import CyclePaused
from shared.database import Database
from shared.events import emit
from shared.http.application import add_metrics, create_application
from shared.rounds.models import Round
from shared.telemetry.metrics import REGISTRY, REQUESTS, exposition
from tests.services.conftest import client_of
from tests.services.faulty_temporal import answer
from tests.services.programs_examples import add_organization
from upward.metrics.measuring import Measuring
from upward.serving.probes import create_probes

LATE = datetime.now(UTC) - timedelta(minutes=10)


@pytest.fixture(autouse=True)
def registry() -> Iterator[None]:
    REGISTRY.on = True
    yield
    REGISTRY.on = False
    for values in REGISTRY.values.values():
        values.clear()
    for distributions in REGISTRY.distributions.values():
        distributions.clear()


def temporal(backlog: int | None) -> Client:
    async def describe_task_queue(request: Any) -> Any:
        if backlog is None:
            raise answer(RPCStatusCode.UNAVAILABLE)
        return SimpleNamespace(stats=SimpleNamespace(approximate_backlog_count=backlog))

    service = SimpleNamespace(describe_task_queue=describe_task_queue)
    return cast(Client, SimpleNamespace(namespace="default", workflow_service=service))


async def add_trouble(db: Database, organization_id: UUID, cycle_id: UUID | None = None) -> None:
    """An event that waits, one that was set aside, a hold, a message that is due, and a round that is overdue."""
    own = {"organization_id": organization_id}
    told = {"cycle_id": cycle_id, "scope_id": uuid4(), "template": "kickoff", "occurrence": 1}
    async with db.transaction() as session:
        await emit(session, organization_id, CyclePaused(cycle_id=uuid4()))
        session.add(Undispatchable(**own, event_id=uuid4(), position=1, reason="reaction_failed", retry_at=LATE))
        session.add(Hold(**own))
        announcement_id = uuid4()
        session.add(AnnouncementRow(**own, **told, id=announcement_id, audience="participants"))
        cycle = {"cycle_id": cycle_id or uuid4(), "kind": "enrolment", "number": 1, "state": "open", "closes_at": LATE}
        session.add(Round(**own, **cycle, id=uuid4()))
        await session.flush()
        ids = {"id": uuid4(), "announcement_id": announcement_id, "person_id": uuid4()}
        session.add(MessageRow(**own, **told, **ids, message_id="<x@y>", due_at=LATE))


async def add_cycle(
    db: Database, organization_id: UUID, cycle_id: UUID, *, stage: str = "intake", paused: bool = False
) -> None:
    await add_organization(db, organization_id)
    program = {"name": "Reverse", "direction": "reverse", "time_zone": "UTC", "recurs": False}
    empty: dict[str, Any] = {"topics": [], "calendar": {}, "policy": {}}
    cycle = {"period": "2026-Q1", "stage": stage, "direction": "reverse", "paused": paused, "starts_at": LATE}
    async with db.transaction() as session:
        own, program_id = {"organization_id": organization_id}, uuid4()
        session.add(ProgramRow(**own, **program, **empty, id=program_id, coordinator_ids=[]))
        await session.flush()
        session.add(CycleRow(**own, **cycle, **empty, id=cycle_id, program_id=program_id))


def value_of(text: str, name: str) -> float:
    [line] = [line for line in text.splitlines() if line.partition(" ")[0] == name]
    return float(line.partition(" ")[2])


async def test_what_waits_is_measured_over_all_organizations(db: Database, organization_id: UUID) -> None:
    before = Measuring(db, temporal(3))
    await before.look()
    old = exposition(REGISTRY)
    cycle_id = uuid4()
    await add_cycle(db, organization_id, cycle_id)
    await add_trouble(db, organization_id, cycle_id)
    await Measuring(db, temporal(3)).look()
    new = exposition(REGISTRY)
    for name in ("staged_events", "events_set_aside", "messages_waiting", "rounds_overdue", "organizations_held"):
        assert value_of(new, f"upward_{name}") == value_of(old, f"upward_{name}") + 1
    assert value_of(new, "upward_messages_waiting_age_seconds") >= 600
    assert value_of(new, 'upward_queue_backlog{queue="workflows",kind="workflow"}') == 3
    assert value_of(new, 'upward_cycles_stalled{reason="round_overdue"}') >= 0


async def test_an_open_round_of_a_cycle_that_has_ended_is_not_overdue(db: Database, organization_id: UUID) -> None:
    """Nobody waits for it, and no workflow will close it."""
    await Measuring(db, temporal(0)).look()
    before = value_of(exposition(REGISTRY), "upward_rounds_overdue")
    cycle_id = uuid4()
    await add_cycle(db, organization_id, cycle_id, stage="cancelled")
    await add_trouble(db, organization_id, cycle_id)
    await Measuring(db, temporal(0)).look()
    assert value_of(exposition(REGISTRY), "upward_rounds_overdue") == before


async def test_messages_of_a_paused_cycle_do_not_wait_for_the_mail_server(db: Database, organization_id: UUID) -> None:
    """A pause may last for weeks, and nobody needs to be woken by it."""
    cycle_id = uuid4()
    await add_trouble(db, organization_id, cycle_id)
    await Measuring(db, temporal(0)).look()
    before = value_of(exposition(REGISTRY), "upward_messages_waiting")
    await add_cycle(db, organization_id, cycle_id, paused=True)
    await Measuring(db, temporal(0)).look()
    assert value_of(exposition(REGISTRY), "upward_messages_waiting") == before - 1


async def test_it_is_measured_at_most_every_few_seconds(db: Database, organization_id: UUID) -> None:
    measuring = Measuring(db, temporal(0))
    await measuring.look()
    before = exposition(REGISTRY)
    await add_trouble(db, organization_id)
    await measuring.look()
    assert value_of(exposition(REGISTRY), "upward_staged_events") == value_of(before, "upward_staged_events")


async def test_what_cannot_be_asked_is_left_out() -> None:
    away = Database("postgresql://nobody@127.0.0.1:1/none")
    await Measuring(away, temporal(None)).look()
    text = exposition(REGISTRY)
    assert "upward_staged_events" not in text
    assert "upward_queue_backlog" not in text
    assert 'upward_database_connections{state="in_use"} 0' in text
    await away.close()


async def test_a_process_serves_its_metrics_with_the_time_of_its_requests(
    db: Database, settings: Settings, application: Callable[..., FastAPI]
) -> None:
    app = create_application([main.router], db, settings)
    measured: list[bool] = []

    async def measure() -> None:
        measured.append(True)

    async def exposed() -> str:
        return exposition(REGISTRY)

    add_metrics(app, exposed)
    app.state.measure = measure
    async with client_of(app) as client:
        assert (await client.get("/v1/programs")).status_code == 401
        answered = await client.get("/metrics")
    assert (answered.status_code, measured) == (200, [True])
    assert answered.headers["content-type"].startswith("text/plain; version=0.0.4")
    labels = 'method="GET",route="/v1/programs",status="4xx"'
    assert value_of(answered.text, f"{REQUESTS.name}_count{{{labels}}}") == 1


async def test_a_worker_serves_the_metrics_of_its_process_too(db: Database, settings: Settings) -> None:
    async def exposed() -> str:
        return exposition(REGISTRY)

    async with client_of(create_probes(settings, db, exposed)) as client:
        assert (await client.get("/livez")).status_code == 200
        answered = await client.get("/metrics")
    assert answered.headers["content-type"].startswith("text/plain; version=0.0.4")
    labels = 'method="GET",route="/livez",status="2xx"'
    assert value_of(answered.text, f"{REQUESTS.name}_count{{{labels}}}") == 1
    async with client_of(create_probes(settings, db, None)) as client:
        assert (await client.get("/metrics")).status_code == 404


async def test_a_request_that_fails_unexpectedly_is_counted_as_failed(db: Database, settings: Settings) -> None:
    app = create_application([], db, settings)

    @app.get("/broken")
    async def broken() -> None:
        raise ValueError("anna@company.example")

    async with client_of(app) as client:
        assert (await client.get("/broken")).status_code == 500
    labels = 'method="GET",route="/broken",status="5xx"'
    assert value_of(exposition(REGISTRY), f"{REQUESTS.name}_count{{{labels}}}") == 1


async def test_whoever_invents_methods_makes_no_new_labels(application: Callable[..., FastAPI]) -> None:
    async with client_of(application(main)) as client:
        for method in ("ANNA", "BERTA"):
            await client.request(method, "/livez")
    assert value_of(exposition(REGISTRY), f'{REQUESTS.name}_count{{method="other",route="/livez",status="4xx"}}') == 2
    assert "ANNA" not in exposition(REGISTRY)


async def test_metrics_are_not_served_unless_the_settings_say_so(application: Callable[..., FastAPI]) -> None:
    async with client_of(application(main)) as client:
        assert (await client.get("/metrics")).status_code == 404
