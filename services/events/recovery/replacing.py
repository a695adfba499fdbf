"""Makes what runs agree with the rows: ends what disagrees, and starts what is missing."""

from collections.abc import AsyncIterator, Collection, Sequence
from typing import NamedTuple
from uuid import UUID

from temporalio.client import Client

from services.events.recovery.rules.comparing import Difference, Finding
from services.events.recovery.rules.wanted import Rows, Wanted, wanted
from services.events.recovery.temporal import become_searchable, end, start
from workflows.ids import round_workflow_id

DISAGREES = (Difference.AHEAD, Difference.BEHIND, Difference.ORPHANED)
"""What is ended. A workflow that is silent may be right."""


class Step(NamedTuple):
    """Something that is done, or would be."""

    what: str
    workflow_id: str
    workflow: Wanted | None = None

    def __str__(self) -> str:
        return f"{self.what:<9} {self.workflow_id}"


def steps(
    rows: Rows, findings: Sequence[Finding], cycle_id: UUID | None = None, running: Collection[str] = ()
) -> list[Step]:
    """What makes everything agree, or only what belongs to one cycle. Doing it again does nothing. `running` holds the
    workflows that run."""
    wants = wanted(rows, cycle_id)
    mine = {one.id for one in wants}
    meant = [one for one in findings if cycle_id is None or one.workflow_id in mine or one.cycle_id == cycle_id]
    ended = [one for one in meant if one.difference in DISAGREES]
    replaced = {one.cycle_id for one in ended}
    ends = [one.workflow_id for one in ended]
    # A round ends with its cycle, but a moment later. The new workflow of the cycle must not take it for its own, nor
    # wait for one whose row is closed and which is about to end.
    rounds = {round_workflow_id(id): open for id, (cycle, open) in rows.rounds.items() if cycle in replaced}
    ends += [one for one, open in rounds.items() if open or one in running]
    missing = {one.workflow_id for one in meant if one.difference is Difference.MISSING}
    starts = [one for one in wants if one.id in missing or one.id in ends]
    return [Step("end", one) for one in dict.fromkeys(ends)] + [Step("start", one.id, one) for one in starts]


async def carry_out(client: Client, todo: Sequence[Step]) -> AsyncIterator[Step]:
    """Does the steps, and yields those that were still to be done. Raises RPCError."""
    starts = any(step.workflow is not None for step in todo)
    searchable = starts and await become_searchable(client)
    for step in todo:
        if await _do(client, step, searchable=searchable):
            yield step


async def _do(client: Client, step: Step, *, searchable: bool) -> bool:
    if step.workflow is None:
        return await end(client, step.workflow_id)
    return await start(client, step.workflow, searchable=searchable)
