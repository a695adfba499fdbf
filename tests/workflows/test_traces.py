"""A trace goes on through workflows and their activities; a signal that is part of another trace is linked. The
SDK's own metrics get to the same collector."""

import asyncio
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="requirements/telemetry.txt is not installed")

from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.runtime import OpenTelemetryConfig, Runtime, TelemetryConfig
from temporalio.testing import WorkflowEnvironment

from shared.contracts.rounds import RoundKind
from shared.telemetry.metrics import Registry
from shared.telemetry.otlp import Exporting
from shared.telemetry.spans import current_traceparent, span
from tests.otlp_receiver import collecting
from tests.patience import PATIENCE_SECONDS
from tests.workflows.conftest import TEST_SERVER, World, world_in


async def test_activities_are_part_of_the_trace_that_started_their_workflow_and_a_signal_links_its_own() -> None:
    with collecting() as collector:
        exporting = Exporting(collector.url, "upward tests", Registry())
        metrics = OpenTelemetryConfig(f"{collector.url}/v1/metrics", http=True)
        env = await WorkflowEnvironment.start_time_skipping(
            test_server_existing_path=TEST_SERVER,
            data_converter=pydantic_data_converter,
            interceptors=[exporting.interceptor],
            runtime=Runtime(telemetry=TelemetryConfig(metrics=metrics)),
        )
        async with env, world_in(env) as world:
            traces = await cancelled_in_its_first_round(world)
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not any(name.startswith("temporal_") for name in collector.metrics):
                    await asyncio.sleep(0.1)
        exporting.close()
        names: dict[str, list[Any]] = {}
        for one in collector.spans:
            names.setdefault(one.name, []).append(one)
    for name in ("StartWorkflow:CycleWorkflow", "RunWorkflow:CycleWorkflow", "RunActivity:open_round"):
        assert {one.trace_id.hex() for one in names[name]} == {traces["start"]}
    [signalled] = names["HandleSignal:cancel"]
    assert signalled.trace_id.hex() == traces["start"]
    assert [link.trace_id.hex() for link in signalled.links] == [traces["cancel"]]


async def cancelled_in_its_first_round(world: World) -> dict[str, str]:
    """Plays such a cycle, and returns the traces of its start and of its cancellation."""
    traces: dict[str, str] = {}

    async def cancel() -> None:
        with span("an admin cancels", parent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"):
            traces["cancel"] = (current_traceparent() or "").split("-")[1]
            await world.cancel()

    world.ledger.at_open[RoundKind.ENROLMENT, 1] = cancel
    with span("an admin starts"):
        traces["start"] = (current_traceparent() or "").split("-")[1]
        running = await world.start()
    await running.result()
    return traces
