"""Telling the workflows of a cycle's open concerns that the cycle is paused, goes on or ends."""

import asyncio
from uuid import UUID

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from services.feedback.store import concerns
from services.feedback.store.concerns import OpenConcern
from shared.contracts.feedback import ConcernReason, ConcernsTold, TellConcerns, workflow_of_concern, workflow_of_digest
from shared.database import Database

PAGE = 500
AT_ONCE = 20


async def tell_concerns(database: Database, client: Client, request: TellConcerns) -> ConcernsTold:
    """Signals the workflows of one page of concerns. A workflow that does not run is passed over."""
    async with database.transaction() as session:
        page = await concerns.read_open(session, request.organization_id, request.cycle_id, request.after, PAGE)
    told = 0
    workflow_ids = list(dict.fromkeys(map(workflow_of, page)))
    for start in range(0, len(workflow_ids), AT_ONCE):
        batch = workflow_ids[start : start + AT_ONCE]
        told += sum(await asyncio.gather(*(_tell(client, workflow_id, request.word.value) for workflow_id in batch)))
    return ConcernsTold(told=told, after=_cursor(page))


def workflow_of(concern: OpenConcern) -> str:
    """A round's concerns about missed check-ins are one matter; every other concern is one by itself."""
    if concern.reason is ConcernReason.MISSED_CHECK_INS:
        return workflow_of_digest(concern.round_id)
    return workflow_of_concern(concern.id)


def _cursor(page: list[OpenConcern]) -> UUID | None:
    return page[-1].id if len(page) == PAGE else None


async def _tell(client: Client, workflow_id: str, signal: str) -> bool:
    try:
        await client.get_workflow_handle(workflow_id).signal(signal)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise
    return True
