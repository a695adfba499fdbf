"""What connects Upward with Temporal: the client, the workers, and an interceptor that raises expected failures by
their code."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

import structlog
from google.protobuf.message import Message
from structlog.contextvars import bound_contextvars
from temporalio import activity
from temporalio.api.enums.v1 import ResourceExhaustedCause
from temporalio.api.errordetails.v1 import NamespaceNotFoundFailure, ResourceExhaustedFailure
from temporalio.client import Client, OutboundInterceptor, StartWorkflowInput, WorkflowHandle
from temporalio.client import Interceptor as ClientInterceptor
from temporalio.common import Priority, VersioningBehavior, WorkerDeploymentVersion
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig
from temporalio.exceptions import ApplicationError
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    OpenTelemetryConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
    Worker,
    WorkerDeploymentConfig,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from shared.errors import DomainError, Unauthorized
from shared.logging import where
from shared.telemetry.starting import Telemetry
from shared.tracing import CarryingClient, CarryingWorkflow, following, ids_of, read_origin

log = structlog.get_logger(__name__)
WORKFLOWS_QUEUE = "workflows"
GRACE = timedelta(seconds=10)
HELD, HELD_FOR = "held", timedelta(seconds=5)
"""By which code an activity that is held tells so, and how soon it is tried again."""
IsHeld = Callable[[UUID], Awaitable[bool]]
"""Whether the workflows of an organization are held, as after a restore."""
CORE = "temporalio.bridge"
"""The modules by which the SDK calls its core."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(milliseconds=500), timedelta(minutes=1)
HEARTBEAT_PART = 1 / 2
"""The time between heartbeats, as a part of the heartbeat timeout."""
PAUSE = "upward_pause"
"""Under this name an error carries how long to wait before the next attempt."""
FOR_ALL = frozenset(
    {
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.NOT_FOUND,  # of the namespace
        RPCStatusCode.PERMISSION_DENIED,
        RPCStatusCode.UNAUTHENTICATED,
        RPCStatusCode.RESOURCE_EXHAUSTED,  # of calls
    }
)
"""Answers that do not depend on what was asked."""


@lru_cache
def _runtime(metrics: OpenTelemetryConfig | PrometheusConfig | None) -> Runtime:
    """The SDK's core. Its log records go through Upward's logging instead of to stdout, and its metrics to where
    `metrics` says."""
    forwarding = LogForwardingConfig(
        logger=logging.getLogger("temporalio.core"),
        append_target_to_name=False,
        prepend_target_on_message=False,
        append_log_fields_to_message=False,
    )
    levels = TelemetryFilter(core_level="WARN", other_level="ERROR")
    logging_config = LoggingConfig(filter=levels, forwarding=forwarding)
    return Runtime(telemetry=TelemetryConfig(logging=logging_config, metrics=metrics))


def temporal_address(given: str | None = None) -> str:
    """Where Temporal is: at this address, or else where `TEMPORAL_*` variables and profiles say."""
    return given or ClientConfig.load_client_connect_config().get("target_host") or "127.0.0.1:7233"


async def connect(address: str | None = None, *, lazy: bool = True, telemetry: Telemetry | None = None) -> Client:
    """Makes a client. A lazy client connects when it is first used, so that an API can start while Temporal is away; a
    worker needs one that is not lazy. `TEMPORAL_*` variables and profiles count (temporalio.envconfig)."""
    config: dict[str, Any] = dict(ClientConfig.load_client_connect_config())
    config["target_host"] = temporal_address(address)
    return await Client.connect(
        **config,
        data_converter=pydantic_data_converter,
        interceptors=[CarryingClient(), Sharing(), *(telemetry.interceptors if telemetry is not None else ())],
        runtime=_runtime(telemetry.sdk if telemetry is not None else None),
        lazy=lazy,
    )


def is_away(error: BaseException | None) -> bool:
    """Whether Temporal itself says by this error that it cannot be used now: it answered an error, or the SDK's core
    could not reach it. The core says so by a RuntimeError. Any bug may raise one too, so what counts is who raised
    it."""
    while error is not None:
        if isinstance(error, RPCError) or (isinstance(error, RuntimeError) and _raised_in(error).startswith(CORE)):
            return True
        error = error.__cause__
    return False


def is_for_all(error: RPCError) -> bool:
    """Whether another call would fare no better now. Any other error is about the one workflow that was called: it must
    hold up no other. That one workflow is too busy has the status of a server that is. When a signal finds no workflow,
    ask `is_missing` first."""
    busy = ResourceExhaustedFailure()
    cause = busy.cause if _detail(error, busy) else None
    return error.status in FOR_ALL and cause != ResourceExhaustedCause.RESOURCE_EXHAUSTED_CAUSE_BUSY_WORKFLOW


def is_missing(error: RPCError) -> bool:
    """Whether there is no such workflow or schedule, or it has ended. While a server starts, the whole namespace may be
    missing, and only the details of the error say which it is."""
    return error.status is RPCStatusCode.NOT_FOUND and not names_no_namespace(error)


def names_no_namespace(error: RPCError) -> bool:
    """Whether the server has no such namespace."""
    return error.status is RPCStatusCode.NOT_FOUND and _detail(error, NamespaceNotFoundFailure())


def _detail(error: RPCError, wanted: Message) -> bool:
    """Whether the error has details of this kind, which are read into `wanted`."""
    return any(detail.Unpack(wanted) for detail in error.grpc_status.details)


def _raised_in(error: BaseException) -> str:
    """The name of the module that raised the error."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    return "" if at is None else str(at.tb_frame.f_globals.get("__name__", ""))


def create_worker(
    client: Client,
    task_queue: str,
    *,
    workflows: Sequence[type] = (),
    activities: Sequence[Callable[..., Any]] = (),
    at_once: int = 20,
    is_held: IsHeld | None = None,
    version: WorkerDeploymentVersion | None = None,
) -> Worker:
    """Makes the worker of one queue, with Upward's interceptors and sandbox. It runs at most `at_once` activities at a
    time, and lets those that run end for up to `GRACE` when it is shut down. `is_held` is asked before each
    activity. With a `version`, each run of a workflow that begins on this worker stays with that version."""
    return Worker(
        client,
        task_queue=task_queue,
        workflows=workflows,
        activities=activities,
        interceptors=[ExpectedFailures(), Carrying(), *([Held(is_held)] if is_held is not None else [])],
        workflow_runner=sandbox_runner(),
        max_concurrent_activities=at_once,
        # An activity learns of its cancellation by a heartbeat, which by default may be held back for most of a minute.
        max_heartbeat_throttle_interval=timedelta(seconds=2),
        graceful_shutdown_timeout=GRACE,
        deployment_config=None
        if version is None
        else WorkerDeploymentConfig(
            version=version, use_worker_versioning=True, default_versioning_behavior=VersioningBehavior.PINNED
        ),
    )


def sandbox_runner() -> SandboxedWorkflowRunner:
    """The sandbox in which workflows run, also when histories are replayed."""
    return SandboxedWorkflowRunner(
        restrictions=SandboxRestrictions.default.with_passthrough_modules("shared.contracts", "pydantic")
    )


def activity_methods(instance: object) -> list[Callable[..., Any]]:
    """The methods of an object that are activities, bound to it."""
    members = (getattr(instance, name) for name in dir(type(instance)) if not name.startswith("_"))
    return [member for member in members if hasattr(member, "__temporal_activity_definition")]


@contextmanager
def longer_pauses() -> Iterator[None]:
    """If the block raises, the running activity is tried again after a pause that doubles with each attempt, up to
    `LONGEST_PAUSE`. The pauses of its options then count only for an attempt that died."""
    try:
        yield
    except Exception as error:
        if activity.in_activity():
            doubled = FIRST_PAUSE * 2 ** min(activity.info().attempt - 1, 10)
            setattr(error, PAUSE, min(doubled, LONGEST_PAUSE))
        raise


def share_of(organization_id: UUID) -> Priority:
    """The share of an organization in the task queues: Temporal hands out the tasks that wait in turn, by this key. The
    activities and children of a workflow have the share of the workflow."""
    return Priority(fairness_key=str(organization_id))


class Sharing(ClientInterceptor):
    """Gives each workflow that is started for an organization that organization's share."""

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        return _Shared(next)


class _Shared(OutboundInterceptor):
    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:
        organization_id = getattr(input.args[0], "organization_id", None) if input.args else None
        if input.priority == Priority.default and isinstance(organization_id, UUID):
            input.priority = share_of(organization_id)
        return await super().start_workflow(input)


def is_stopping() -> bool:
    """Whether the worker is shutting down that runs this activity, so that it is better ended soon."""
    return activity.in_activity() and activity.is_worker_shutdown()


@asynccontextmanager
async def heartbeats(details: Callable[[], Sequence[Any]] = tuple) -> AsyncIterator[None]:
    """Sends heartbeats while the block runs, also while it waits, such as for a slow server (every wait has a time
    limit of its own). `details` says how far it is, which the next attempt is told if this one dies. Heartbeats are the
    cost of a long activity, as each is a billable action. A workflow that calls the activity off is heard by the answer
    to the next heartbeat."""

    async def beat() -> None:
        timeout = activity.info().heartbeat_timeout if activity.in_activity() else None
        while timeout is not None:
            await asyncio.sleep(timeout.total_seconds() * HEARTBEAT_PART)
            activity.heartbeat(*details())

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()


class Held(Interceptor):
    """Keeps activities from their work as long as their organization is held. They are tried again every few
    seconds."""

    def __init__(self, is_held: IsHeld) -> None:
        self._is_held = is_held

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _HeldEdge(next, self._is_held)


class _HeldEdge(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, is_held: IsHeld) -> None:
        super().__init__(next)
        self._is_held = is_held

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        if await self._is_held(organization_of(input.args[0])):
            log.warning("activity.held")
            raise ApplicationError("The organization is held", type=HELD, next_retry_delay=HELD_FOR)
        return await super().execute_activity(input)


def organization_of(request: Any) -> UUID:
    """The organization of an activity's request, or of what it is about."""
    found = getattr(request, "organization_id", None) or request.announcement.organization_id
    assert isinstance(found, UUID)
    return found


class ExpectedFailures(Interceptor):
    """Decides what an activity that failed tells Temporal.

    A DomainError becomes an ApplicationError whose type is its code, and which is not retried, except Unauthorized. Of
    any other exception only the name of its class is told, because its message can quote personal data."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _ActivityEdge(next)


class Carrying(Interceptor):
    """Hands on which request a workflow follows from."""

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        return CarryingWorkflow


class _ActivityEdge(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        info = activity.info()
        of_activity = {"activity": info.activity_type, "workflow_id": info.workflow_id, "attempt": info.attempt}
        with following(read_origin(input.headers)), bound_contextvars(**of_activity, **ids_of(*input.args)):
            try:
                return await super().execute_activity(input)
            except Unauthorized as error:
                # One service refused the credential of another, for example while it is being changed. A retry can
                # succeed.
                log.error("credential.refused")
                raise ApplicationError(error.detail, type=error.code) from None
            except DomainError as error:
                log.info("activity.refused", code=error.code)
                raise ApplicationError(error.detail, type=error.code, non_retryable=True) from None
            except ApplicationError:
                raise
            except Exception as error:
                kind = type(error).__name__
                log.warning("activity.failed", error=kind, where=where(error))
                pause: timedelta | None = getattr(error, PAUSE, None)
                raise ApplicationError(f"{kind} in {info.activity_type}", type=kind, next_retry_delay=pause) from None
