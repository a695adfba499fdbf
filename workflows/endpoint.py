"""Delivers events to one endpoint: sends what is due, waits until the next attempt is due, until nothing is left."""

from contextlib import suppress
from datetime import datetime

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from shared.contracts.endpoints import EndpointRef, EventsActivities
    from workflows.options import EVENTS

from workflows.versions.upgrading import newer_code_waits, with_current_code


@workflow.defn
class EndpointWorkflow:
    """The fan-out starts it, or signals it, when there is something to deliver. It ends when nothing is left."""

    def __init__(self) -> None:
        self._called = False

    @workflow.run
    async def run(self, endpoint: EndpointRef) -> None:
        while True:
            self._called = False
            drained = await workflow.execute_activity_method(EventsActivities.drain_endpoint, endpoint, **EVENTS)
            if drained.next_due_at is not None:
                await self._sleep_until(drained.next_due_at)
            elif not self._called:
                return
            if workflow.info().is_continue_as_new_suggested() or newer_code_waits():
                workflow.continue_as_new(endpoint, initial_versioning_behavior=with_current_code())

    @workflow.signal
    def call(self) -> None:
        """Tells that there is something to deliver now."""
        self._called = True

    async def _sleep_until(self, moment: datetime) -> None:
        seconds = (moment - workflow.now()).total_seconds()
        if seconds > 0:
            with suppress(TimeoutError):
                await workflow.wait_condition(lambda: self._called, timeout=seconds)
