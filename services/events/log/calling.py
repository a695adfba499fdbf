"""What the dispatcher asks of Temporal: to start a workflow, or to signal one."""

import asyncio
from uuid import UUID

from temporalio.client import Client
from temporalio.common import TypedSearchAttributes, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from services.events.log.searchable import Searchable
from shared.temporal import WORKFLOWS_QUEUE, is_missing
from workflows.reactions import Signal, Start
from workflows.searching import attributes_of, summary_of

CALL_SECONDS = 5.0


class Caller:
    """Carries out reactions. The results are codes."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._searchable = Searchable(client)

    async def _execute(self, organization_id: UUID, reaction: Start | Signal) -> str:
        if isinstance(reaction, Start):
            return await self._start(organization_id, reaction)
        return await self._signal(reaction)

    async def _start(self, organization_id: UUID, start: Start) -> str:
        attributes = attributes_of(organization_id, start.argument) if await self._searchable.is_known() else None
        try:
            try:
                await self._start_with(start, attributes)
            except RPCError as error:
                if attributes is None or error.status is not RPCStatusCode.INVALID_ARGUMENT:
                    raise
                self._searchable.doubt()
                await self._start_with(start, None)
        except WorkflowAlreadyStartedError:
            return "over_already"
        return "started"

    async def _start_with(self, start: Start, attributes: TypedSearchAttributes | None) -> None:
        await self._client.start_workflow(
            start.workflow,
            start.argument,
            id=start.id,
            task_queue=WORKFLOWS_QUEUE,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            search_attributes=attributes,
            static_summary=summary_of(start.argument),
        )

    async def _signal(self, signal: Signal) -> str:
        handle = self._client.get_workflow_handle(signal.workflow_id)
        arguments = [] if signal.argument is None else [signal.argument]
        try:
            await handle.signal(signal.name, args=arguments)
        except RPCError as error:
            if not is_missing(error):
                raise
            return "over_already"
        return "signalled"


async def temporal_is_well(client: Client) -> bool:
    """Whether Temporal says so. It tells an error that means "Temporal is away" from a bug, where both have one
    class."""
    try:
        async with asyncio.timeout(CALL_SECONDS):
            return await client.service_client.check_health()
    except Exception:  # whatever it is, Temporal did not say that it is well
        return False
