"""Telling the workflows of a cycle's open concerns that the cycle is paused, goes on or ends."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import structlog
from temporalio import activity
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from services.feedback.store import concerns
from services.feedback.store.concerns import OpenConcern
from shared.contracts.feedback import ConcernReason, ConcernsTold, TellConcerns, workflow_of_concern, workflow_of_digest
from shared.database import Database
from shared.temporal import is_for_all, is_missing

PAGE = 500
AT_ONCE = 20
ATTEMPTS = 5
"""After so many attempts nobody waits any more for one workflow that takes no signal."""
log = structlog.get_logger(__name__)


async def tell_concerns(database: Database, client: Client, request: TellConcerns) -> ConcernsTold:
    """Signals the workflows of one page of concerns. A workflow that does not run is passed over, and so is one that
    takes no signal, after a few attempts: the others and the cycle itself must not wait for it. Raises RPCError."""
    async with database.transaction() as session:
        page = await concerns.read_open(session, request.organization_id, request.cycle_id, request.after, PAGE)
    told = 0
    workflow_ids = list(dict.fromkeys(map(workflow_of, page)))
    for start in range(0, len(workflow_ids), AT_ONCE):
        batch = workflow_ids[start : start + AT_ONCE]
        told += await _tell_all(client, batch, request.word.value)
    return ConcernsTold(told=told, after=_cursor(page))


def workflow_of(concern: OpenConcern) -> str:
    """A round's concerns about missed check-ins are one matter; every other concern is one by itself."""
    if concern.reason is ConcernReason.MISSED_CHECK_INS:
        return workflow_of_digest(concern.round_id)
    return workflow_of_concern(concern.id)


def _cursor(page: list[OpenConcern]) -> UUID | None:
    return page[-1].id if len(page) == PAGE else None


async def _tell_all(client: Client, workflow_ids: Sequence[str], signal: str) -> int:
    """Tells all of them, and returns how many have heard it. Raises the first failure that may pass."""
    calls = (client.get_workflow_handle(workflow_id).signal(signal) for workflow_id in workflow_ids)
    answers = await asyncio.gather(*calls, return_exceptions=True)
    for workflow_id, failure in zip(workflow_ids, answers, strict=True):
        if isinstance(failure, RPCError) and is_missing(failure):
            continue
        if isinstance(failure, RPCError) and _is_hopeless(failure):
            log.error("concern.not_told", workflow_id=workflow_id, signal=signal, code=failure.status.name.lower())
        elif failure is not None:
            raise failure
    return sum(failure is None for failure in answers)


def _is_hopeless(failure: RPCError) -> bool:
    """Whether this workflow will not hear the signal: it is refused, as when it has taken as many signals as one may,
    or has failed a few times while others are heard."""
    if failure.status is RPCStatusCode.INVALID_ARGUMENT:
        return True
    attempt = activity.info().attempt if activity.in_activity() else 1
    return attempt >= ATTEMPTS and not is_for_all(failure)
