"""One trace leads from a request over its event to the webhook; a collector gets it, and the metrics too."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, cast
from uuid import uuid4

import pytest

pytest.importorskip("opentelemetry.sdk", reason="requirements/telemetry.txt is not installed")

from fastapi import FastAPI
from opentelemetry.trace import SpanKind
from sqlalchemy import select
from temporalio.client import Client

from services.events.log.dispatcher import Dispatcher
from services.events.webhooks.sender import Sender
from services.programs import main
from shared.auth import Role
from shared.contracts.base import Origin
from shared.contracts.events import CyclePaused, CycleRequested
from shared.database import Database
from shared.events import StagedEvent
from shared.telemetry.metrics import DISPATCHED, REQUESTS, STAGED, Registry, Sample
from shared.telemetry.otlp import Exporting
from shared.telemetry.spans import SPANS, current_traceparent, span
from shared.tracing import current_origin
from tests.otlp_receiver import Collector, collecting
from tests.services.conftest import client_of
from tests.services.deliveries.conftest import endpoint, receiver, sender
from tests.services.deliveries.stand import drain, tell
from tests.services.dispatch_stand import dispatch, empty_log, record
from tests.services.programs_examples import PROGRAM, add_organization, once
from tests.webhook_receiver import Receiver

__all__ = ["endpoint", "receiver", "sender"]
Exported = Callable[[], Collector]


@pytest.fixture
def exported() -> Iterator[Exported]:
    """Ends the export, and returns what the collector got."""
    with collecting() as collector:
        exporting = Exporting(collector.url, "upward tests", Registry())

        def end() -> Collector:
            exporting.close()
            return collector

        yield end
        if SPANS.tracer is not None:  # the test failed before
            exporting.close()


def trace_of(traceparent: str | None) -> str:
    assert traceparent is not None
    return traceparent.split("-")[1]


async def test_a_request_and_its_event_are_one_trace(
    db: Database,
    organization_id: Any,
    application: Callable[..., FastAPI],
    access_key: Callable[..., Awaitable[dict[str, str]]],
    exported: Exported,
) -> None:
    await add_organization(db, organization_id)
    admin = await access_key(Role.ADMIN)
    caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with client_of(application(main)) as client:
        program = (await client.post("/v1/programs", json=dict(PROGRAM), headers=once(admin))).json()
        headers = once(admin) | {"traceparent": caller}
        await client.post(f"/v1/programs/{program['id']}/cycles", headers=headers)
    async with db.transaction() as session:
        query = select(StagedEvent.origin).where(StagedEvent.type == "cycle.requested")
        origin = await session.scalar(query.where(StagedEvent.organization_id == organization_id))
    collector = exported()
    made = collector.span("POST /v1/programs/{program_id}/cycles")
    assert (made.trace_id.hex(), made.parent_span_id.hex()) == (trace_of(caller), "b7ad6b7169203331")
    assert origin is not None
    assert origin["traceparent"] == f"00-{made.trace_id.hex()}-{made.span_id.hex()}-01"
    assert collector.resources == {"upward tests"}


async def test_the_dispatcher_goes_on_with_the_trace_of_the_event(
    database: Database, organization_id: Any, exported: Exported
) -> None:
    heard: list[Origin | None] = []

    class Temporal:
        async def start_workflow(self, *arguments: Any, **options: Any) -> None:
            heard.append(current_origin())

    await empty_log(database)
    try:
        with span("the request"):
            before = current_traceparent()
            await record(database, organization_id, CycleRequested(cycle_id=uuid4(), program_id=uuid4()))
        await dispatch(database, Dispatcher(cast(Client, Temporal())))
    finally:
        await empty_log(database)
    made = exported().span("cycle.requested")
    assert made.trace_id.hex() == trace_of(before)
    assert [trace_of(origin.traceparent) for origin in heard if origin is not None] == [trace_of(before)]


async def test_a_webhook_goes_on_with_the_trace_of_its_event_and_has_a_link_to_its_delivery(
    db: Database, organization_id: Any, endpoint: Any, receiver: Receiver, sender: Sender, exported: Exported
) -> None:
    with span("the request"):
        before = current_traceparent()
        await tell(db, organization_id, CyclePaused(cycle_id=uuid4()))
    with span("the drain"):
        delivering = current_traceparent()
        await drain(db, sender, endpoint)
    made = exported().span("webhook.attempt")
    assert made.trace_id.hex() == trace_of(before)
    assert [link.trace_id.hex() for link in made.links] == [trace_of(delivering)]
    [received] = receiver.received
    assert received.headers["traceparent"].startswith(f"00-{made.trace_id.hex()}-{made.span_id.hex()}-")


def test_the_error_of_a_span_is_told_by_its_class_alone(exported: Exported) -> None:
    with pytest.raises(ValueError), span("work"):
        raise ValueError("anna@company.example is taken")
    made = exported().span("work")
    assert (made.status.message, list(made.events)) == ("ValueError", [])
    assert "anna" not in str(made)


def test_the_error_of_a_span_of_temporal_is_told_by_its_class_too() -> None:
    """Its interceptor tells the whole message, such as the detail of an activity that was refused."""
    with collecting() as collector:
        exporting = Exporting(collector.url, "upward tests", Registry())
        spanning = exporting.interceptor._start_as_current_span
        with pytest.raises(ValueError), spanning("RunActivity:work", attributes={"id": 1}, kind=SpanKind.SERVER):
            raise ValueError("anna@company.example: is taken")
        exporting.close()
    made = collector.span("RunActivity:work")
    assert (made.status.message, list(made.events)) == ("ValueError", [])
    assert [one.key for one in made.attributes] == ["id"]
    assert "anna" not in str(made)


def test_metrics_are_sent_with_their_labels() -> None:
    registry = Registry()
    registry.on = True
    with collecting() as collector:
        exporting = Exporting(collector.url, "upward tests", registry)
        registry.put([Sample(STAGED, 7)], [STAGED])
        registry.count(DISPATCHED, "started")
        registry.observe(REQUESTS, 0.2, "GET", "/v1/cycles", "2xx")
        exporting.close()
        found = collector.metrics
    [staged] = found["upward_staged_events"].gauge.data_points
    assert staged.as_double == 7
    [started] = found["upward_events_dispatched"].sum.data_points
    assert [(one.key, one.value.string_value) for one in started.attributes] == [("outcome", "started")]
    [requests] = found["upward_request_seconds"].histogram.data_points
    assert (requests.count, requests.sum) == (1, 0.2)
