"""Asking humans for a decision: the coordinators first, reminders, then the sponsor, then waiting on."""

from collections.abc import Awaitable, Callable
from enum import Enum

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from shared.contracts.programs import LadderPlan

from workflows.pausing import PausableClock


class Rung(Enum):
    FIRST = "first"
    REMINDER = "reminder"
    ESCALATED = "escalated"


async def climb(
    plan: LadderPlan,
    clock: PausableClock,
    decided: Callable[[], bool],
    say: Callable[[Rung, int], Awaitable[None]],
) -> None:
    """Says it once, reminds every `remind_every`, escalates after `escalate_after`, then waits on without end.

    `say` gets the rung and counts its repeats from 1. Returns when `decided` is true."""
    begun = clock.now()
    escalates_at = begun + plan.escalate_after
    await say(Rung.FIRST, 1)
    repeat = 1
    while (reminds_at := begun + plan.remind_every * repeat) < escalates_at:
        if not await clock.reach(reminds_at, unless=decided):
            return
        await say(Rung.REMINDER, repeat)
        repeat += 1
    if await clock.reach(escalates_at, unless=decided):
        await say(Rung.ESCALATED, 1)
        await workflow.wait_condition(decided)
