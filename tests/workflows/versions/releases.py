"""Releases for the tests to roll out. In each the workflow of a cycle is another one, without a patch."""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from shared.contracts.programs import RoundPlan
    from shared.contracts.rounds import RoundClosed, RoundKind
    from workflows.states.cycle_state import CycleState

from workflows.cycle import CycleWorkflow


@workflow.defn(name="CycleWorkflow")
class ChangedCycle(CycleWorkflow):
    """Waits for a moment before it begins: a run that has not waited does not replay with it."""

    @workflow.init
    def __init__(self, state: CycleState) -> None:
        super().__init__(state)

    @workflow.run
    async def run(self, state: CycleState) -> CycleState:
        return await super().run(state)

    async def begin(self) -> None:
        await workflow.sleep(timedelta(milliseconds=1))
        await super().begin()


@workflow.defn(name="CycleWorkflow")
class WrongCycle(CycleWorkflow):
    """Fails in its first task if the id of the cycle is even, and otherwise when it asks a round."""

    @workflow.init
    def __init__(self, state: CycleState) -> None:
        super().__init__(state)

    @workflow.run
    async def run(self, state: CycleState) -> CycleState:
        return await super().run(state)

    async def begin(self) -> None:
        if self.state.cycle_id.int % 2 == 0:
            raise RuntimeError("This release is wrong")
        await super().begin()

    async def ask(self, kind: RoundKind, number: int, plan: RoundPlan) -> RoundClosed:
        raise RuntimeError("This release is wrong")
