"""The form that comes to mind first, a workflow for each pair, to compare with.

A parent workflow starts one child for each pair, at most 500 at once. For each check-in the child waits for a timer and
then runs one activity. The timers are as short as possible and the activity does nothing: there is no e-mail, no
reminder, no deadline and no answer.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client

with workflow.unsafe.imports_passed_through():
    from shared.temporal import create_worker

QUEUE = "naive"
AT_ONCE = 500
PAIRS_A_RUN = 1000
"""After so many pairs the parent continues as new, because a history has its limits."""


@dataclass
class NaiveCycle:
    pairs: int
    check_ins: int


@activity.defn
async def ask_pair() -> None:
    """Stands for one check-in of one pair."""


@workflow.defn
class NaivePairWorkflow:
    @workflow.run
    async def run(self, check_ins: int) -> None:
        for _ in range(check_ins):
            await workflow.sleep(timedelta(milliseconds=1))
            await workflow.execute_activity(ask_pair, start_to_close_timeout=timedelta(minutes=1))


@workflow.defn
class NaiveCycleWorkflow:
    @workflow.run
    async def run(self, cycle: NaiveCycle) -> None:
        slots = asyncio.Semaphore(AT_ONCE)

        async def pair() -> None:
            async with slots:
                await workflow.execute_child_workflow(NaivePairWorkflow.run, cycle.check_ins)

        now = min(cycle.pairs, PAIRS_A_RUN)
        await asyncio.gather(*(pair() for _ in range(now)))
        if cycle.pairs > now:
            workflow.continue_as_new(NaiveCycle(cycle.pairs - now, cycle.check_ins))


async def run_naive(client: Client, pairs: int, check_ins: int) -> None:
    """Runs the naive form from its start to its end, with the same worker settings as the project's own."""
    async with create_worker(client, QUEUE, workflows=[NaivePairWorkflow, NaiveCycleWorkflow], activities=[ask_pair]):
        cycle = NaiveCycle(pairs, check_ins)
        await client.execute_workflow(NaiveCycleWorkflow.run, cycle, id="naive-cycle", task_queue=QUEUE)
