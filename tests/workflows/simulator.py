"""A Temporal in memory: it runs the workflows by the activations that a worker gets, one after the other in one thread.

A real server decides by chance in which moment a signal falls, and the time-skipping one loses a task when two things
happen at once. Here a test decides. Each activity is a boundary with two sides: the fact is not yet written, and it is
written but the workflow has not heard so. Timers are boundaries too. Whatever has reached a workflow by the time it is
activated comes in one activation, as with a real server; so no workflow ends over a signal that it did not hear.
"""

import asyncio
import itertools
from collections.abc import Callable, Coroutine, Generator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from temporalio import activity, workflow
from temporalio.api.failure.v1 import Failure
from temporalio.bridge.proto.child_workflow import StartChildWorkflowExecutionFailedCause as StartFailed
from temporalio.bridge.proto.workflow_activation import WorkflowActivation, WorkflowActivationJob
from temporalio.bridge.proto.workflow_commands import WorkflowCommand
from temporalio.common import Priority, TypedSearchAttributes
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DefaultFailureConverter
from temporalio.worker import UnsandboxedWorkflowRunner, WorkflowInstance
from temporalio.worker._workflow_instance import WorkflowInstanceDetails

CONVERTER = pydantic_data_converter.payload_converter
ALREADY_EXISTS = StartFailed.START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_WORKFLOW_ALREADY_EXISTS
LONG = 4000
"""A server suggests to go on in a new run after about so many events."""
EVENTS_A_JOB = 3
"""About so many events are in a history for each job that a workflow gets."""
TIMER = "timer"


class Moment(NamedTuple):
    """A moment in which somebody else may act: an activity, or a timer that is due."""

    what: str
    """The name of the activity, or TIMER."""
    workflow_id: str
    written: bool
    """The fact is written, and the workflow has not heard so; a timer has fired."""


class WorkflowFailed(Exception):
    """A workflow ended as failed, or its code raised what it does not expect."""


@dataclass(eq=False)
class Execution:
    """One run of a workflow."""

    id: str
    definition: workflow._Definition
    instance: WorkflowInstance
    parent: tuple["Execution", int] | None
    """The workflow whose child it is, and the number of the command by which it was started."""
    jobs: list[WorkflowActivationJob] = field(default_factory=list)
    timers: dict[int, datetime] = field(default_factory=dict)
    length: int = 0
    tasks: int = 0
    """How often it was activated."""
    over: bool = False
    result: Any = None
    patches: set[str] = field(default_factory=set)


@dataclass(eq=False)
class Scheduled:
    """An activity that is scheduled and has not run yet."""

    execution: Execution
    seq: int
    name: str
    argument: Any


class Simulation:
    """The workflows that it runs, and the time they have."""

    def __init__(
        self,
        workflows: Sequence[type],
        activities: Sequence[Callable[..., Any]],
        *,
        start: datetime,
        unpatched: bool = False,
    ) -> None:
        self.now = start
        self.running: dict[str, Execution] = {}
        self.ended: dict[str, list[Execution]] = {}
        self.signalled: list[tuple[str, str]] = []
        """Every signal that was sent, by whomever: the workflow and the name."""
        self._definitions = {(found := _definition(one)).name: found for one in workflows}
        self._activities = {str(_activity(one).name): one for one in activities}
        self._scheduled: list[Scheduled] = []
        self._unpatched = unpatched
        self._runs = itertools.count(1)

    def close(self) -> None:
        """Lets all workflows go."""
        for execution in self.running.values():
            job = WorkflowActivationJob()
            job.remove_from_cache.SetInParent()
            execution.instance.activate(WorkflowActivation(run_id="gone", jobs=[job]))

    def start(self, name: str, argument: Any, workflow_id: str) -> Execution:
        """Starts a workflow, once: while one of this id runs, it is that one."""
        if (found := self.running.get(workflow_id)) is not None:
            return found
        return self._start(name, CONVERTER.to_payloads([argument]), workflow_id, None)

    def signal(self, workflow_id: str, name: str, *arguments: Any) -> bool:
        """Signals a workflow. Returns whether it was running."""
        return self._signal(workflow_id, name, CONVERTER.to_payloads(list(arguments)) if arguments else [])

    def history_of(self, workflow_id: str) -> int:
        """About how many events all runs of this workflow have."""
        return sum(one.length for one in (*self.ended.get(workflow_id, ()), *self._living(workflow_id)))

    def terminate(self, workflow_id: str) -> None:
        """Ends a workflow as an operator does, without asking it."""
        self._end(self.running[workflow_id])

    def run(self, *, longest: timedelta = timedelta(days=3650)) -> None:
        """Lets everything happen that can, until nothing is left to do or so much time has passed."""
        for _ in self.moments(longest=longest):
            pass

    def moments(self, *, longest: timedelta = timedelta(days=3650)) -> Generator[Moment, None, None]:
        """The same, moment by moment. Whoever iterates may signal and start workflows in each."""
        ends_at = self.now + longest
        self.settle()
        while True:
            if self._scheduled:
                yield from self._perform(self._scheduled[0])
            elif (due := self._next_timer()) is not None and due[0] <= ends_at:
                yield from self._fire(*due)
            else:
                self.now = ends_at
                return
            self.settle()

    def settle(self) -> None:
        """Gives every workflow what has reached it, until none has anything to hear."""
        while (execution := next((one for one in self.running.values() if one.jobs), None)) is not None:
            jobs, execution.jobs = execution.jobs, []
            execution.length += EVENTS_A_JOB * len(jobs)
            execution.tasks += 1
            activation = WorkflowActivation(run_id=execution.id, jobs=jobs, history_length=execution.length)
            activation.continue_as_new_suggested = execution.length > LONG
            activation.timestamp.FromDatetime(self.now.replace(tzinfo=None))
            completion = execution.instance.activate(activation)
            if completion.HasField("failed"):
                raise WorkflowFailed(f"{execution.id}: {completion.failed.failure}")
            for command in completion.successful.commands:
                self._carry_out(execution, command)

    def _living(self, workflow_id: str) -> list[Execution]:
        return [self.running[workflow_id]] if workflow_id in self.running else []

    def _start(
        self,
        name: str,
        arguments: Sequence[Any],
        workflow_id: str,
        parent: tuple[Execution, int] | None,
        continued: str | None = None,
    ) -> Execution:
        definition = self._definitions[name]
        run_id = f"run-{next(self._runs)}"
        info = workflow.Info(
            attempt=1, continued_run_id=continued, cron_schedule=None, execution_timeout=None, headers={},
            first_execution_run_id=run_id, namespace="default", original_execution_run_id=run_id, parent=None,
            priority=Priority(), raw_memo={}, retry_policy=None, root=None, run_id=run_id, run_timeout=None,
            search_attributes={}, start_time=self.now, task_queue="workflows", task_timeout=timedelta(seconds=10),
            typed_search_attributes=TypedSearchAttributes([]), workflow_id=workflow_id,
            workflow_start_time=self.now, workflow_type=name,
        )  # fmt: skip
        details = WorkflowInstanceDetails(
            payload_converter_factory=lambda: CONVERTER, failure_converter_class=DefaultFailureConverter,
            interceptor_classes=[], defn=definition, info=info, randomness_seed=0, extern_functions={},
            disable_eager_activity_execution=False, worker_level_failure_exception_types=[],
            patch_activation_callback=(lambda _: False) if self._unpatched else None,
            last_completion_result=None, last_failure=None,  # type: ignore[arg-type]
        )  # fmt: skip

        execution = Execution(workflow_id, definition, _instance(details), parent)
        job = WorkflowActivationJob()
        job.initialize_workflow.workflow_type = name
        job.initialize_workflow.workflow_id = workflow_id
        job.initialize_workflow.arguments.extend(arguments)
        execution.jobs.append(job)
        self.running[workflow_id] = execution
        return execution

    def _signal(self, workflow_id: str, name: str, arguments: Sequence[Any]) -> bool:
        self.signalled.append((workflow_id, name))
        execution = self.running.get(workflow_id)
        if execution is None:
            return False
        job = WorkflowActivationJob()
        job.signal_workflow.signal_name = name
        job.signal_workflow.originating_event_id = len(self.signalled)
        job.signal_workflow.input.extend(arguments)
        execution.jobs.append(job)
        return True

    def _perform(self, activity: Scheduled) -> Generator[Moment, None, None]:
        yield Moment(activity.name, activity.execution.id, written=False)
        self.settle()
        if activity not in self._scheduled:  # it was cancelled in that moment
            return
        self._scheduled.remove(activity)
        if activity.execution.over:
            return
        given = [] if activity.argument is None else [activity.argument]
        result = _finished(self._activities[activity.name](*given))
        try:
            yield Moment(activity.name, activity.execution.id, written=True)
        finally:  # also when nobody wants to know the next moment
            job = WorkflowActivationJob()
            job.resolve_activity.seq = activity.seq
            job.resolve_activity.result.completed.result.CopyFrom(CONVERTER.to_payloads([result])[0])
            activity.execution.jobs.append(job)

    def _next_timer(self) -> tuple[datetime, Execution, int] | None:
        timers = [(due, one, seq) for one in self.running.values() for seq, due in one.timers.items()]
        return min(timers, key=lambda timer: timer[0], default=None)

    def _fire(self, due: datetime, execution: Execution, seq: int) -> Generator[Moment, None, None]:
        self.now = max(self.now, due)
        yield Moment(TIMER, execution.id, written=False)
        self.settle()
        if execution.over or execution.timers.pop(seq, None) is None:
            return
        try:
            yield Moment(TIMER, execution.id, written=True)
        finally:
            job = WorkflowActivationJob()
            job.fire_timer.seq = seq
            execution.jobs.append(job)

    def _carry_out(self, execution: Execution, command: WorkflowCommand) -> None:
        kind = str(command.WhichOneof("variant"))
        getattr(self, f"_on_{kind}")(execution, getattr(command, kind))

    def _on_schedule_activity(self, execution: Execution, command: Any) -> None:
        types = _activity(self._activities[command.activity_type]).arg_types
        arguments = CONVERTER.from_payloads(list(command.arguments), types)
        self._scheduled.append(Scheduled(execution, command.seq, command.activity_type, next(iter(arguments), None)))

    def _on_request_cancel_activity(self, execution: Execution, command: Any) -> None:
        mine = [one for one in self._scheduled if one.execution is execution and one.seq == command.seq]
        if not mine:
            return  # it is done
        self._scheduled.remove(mine[0])
        job = WorkflowActivationJob()
        job.resolve_activity.seq = command.seq
        job.resolve_activity.result.cancelled.failure.canceled_failure_info.SetInParent()
        execution.jobs.append(job)

    def _on_start_timer(self, execution: Execution, command: Any) -> None:
        execution.timers[command.seq] = self.now + command.start_to_fire_timeout.ToTimedelta()

    def _on_cancel_timer(self, execution: Execution, command: Any) -> None:
        execution.timers.pop(command.seq, None)

    def _on_start_child_workflow_execution(self, execution: Execution, command: Any) -> None:
        job = WorkflowActivationJob()
        started = job.resolve_child_workflow_execution_start
        started.seq = command.seq
        if command.workflow_id in self.running:
            started.failed.workflow_id, started.failed.workflow_type = command.workflow_id, command.workflow_type
            started.failed.cause = ALREADY_EXISTS
        else:
            started.succeeded.run_id = command.workflow_id
            self._start(command.workflow_type, command.input, command.workflow_id, (execution, command.seq))
        execution.jobs.append(job)

    def _on_signal_external_workflow_execution(self, execution: Execution, command: Any) -> None:
        found = self._signal(command.workflow_execution.workflow_id, command.signal_name, command.args)
        job = WorkflowActivationJob()
        job.resolve_signal_external_workflow.seq = command.seq
        if not found:
            failure = Failure(message="Unable to signal external workflow because it was not found")
            failure.application_failure_info.type = "ExternalWorkflowNotFound"
            job.resolve_signal_external_workflow.failure.CopyFrom(failure)
        execution.jobs.append(job)

    def _on_set_patch_marker(self, execution: Execution, command: Any) -> None:
        execution.patches.add(command.patch_id)

    def _on_complete_workflow_execution(self, execution: Execution, command: Any) -> None:
        self._end(execution)
        execution.result = CONVERTER.from_payloads([command.result], [execution.definition.ret_type or object])[0]
        if execution.parent is not None and not execution.parent[0].over:
            job = WorkflowActivationJob()
            job.resolve_child_workflow_execution.seq = execution.parent[1]
            job.resolve_child_workflow_execution.result.completed.result.CopyFrom(command.result)
            execution.parent[0].jobs.append(job)

    def _on_continue_as_new_workflow_execution(self, execution: Execution, command: Any) -> None:
        self._end(execution)
        self._start(str(execution.definition.name), command.arguments, execution.id, execution.parent, execution.id)

    def _on_fail_workflow_execution(self, execution: Execution, command: Any) -> None:
        self._end(execution)
        raise WorkflowFailed(f"{execution.id}: {command.failure.message}")

    def _end(self, execution: Execution) -> None:
        execution.over = True
        self.running.pop(execution.id)
        self.ended.setdefault(execution.id, []).append(execution)


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """One for all workflows, as to make one for each takes longer than to run it."""
    return asyncio.new_event_loop()


def _instance(details: WorkflowInstanceDetails) -> WorkflowInstance:
    """It is made while a loop runs, of which it uses nothing, and then is a loop itself."""

    async def made() -> WorkflowInstance:
        return UnsandboxedWorkflowRunner().create_instance(details)

    return _loop().run_until_complete(made())


def _finished(activity: Coroutine[Any, Any, Any]) -> Any:
    """The result of an activity that waits for nothing."""
    try:
        activity.send(None)
    except StopIteration as end:
        return end.value
    raise TypeError("an activity waits for something that never happens in the simulator")


def _activity(found: Callable[..., Any]) -> activity._Definition:
    return activity._Definition.must_from_callable(found)


def _definition(found: type) -> workflow._Definition:
    return workflow._Definition.must_from_class(found)
