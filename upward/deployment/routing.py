"""Which version new runs of workflows begin on, as Temporal keeps it for a Worker Deployment."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, TypeVar

from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.deployment.v1 import WorkerDeploymentInfo
from temporalio.api.enums.v1 import WorkerDeploymentVersionStatus
from temporalio.api.workflowservice.v1 import (
    DescribeWorkerDeploymentRequest,
    SetWorkerDeploymentCurrentVersionRequest,
    SetWorkerDeploymentRampingVersionRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

UNVERSIONED = ""
"""In place of a build id: workers without versions."""
IDENTITY = "upward deployment"
BUSY = (RPCStatusCode.RESOURCE_EXHAUSTED, RPCStatusCode.UNAVAILABLE, RPCStatusCode.ABORTED)
TRIES, PAUSE_SECONDS = 50, 1.0
Answer = TypeVar("Answer")


class State(StrEnum):
    CURRENT = "current"
    """New runs begin on it."""
    RAMPING = "ramping"
    """A share of new runs begins on it."""
    DRAINING = "draining"
    """Runs that began on it still go on."""
    DRAINED = "drained"
    """Nothing runs on it any more."""
    INACTIVE = "inactive"
    """No run has begun on it."""


class Version(NamedTuple):
    """One version of the deployment."""

    build_id: str
    state: State
    first_active_at: datetime | None = None
    """When the first share of new runs began on it; None if none did."""
    last_current_at: datetime | None = None
    """When it became the current one last; None if it never was."""


class Routing(NamedTuple):
    """The versions of a deployment, the newest first, and where new runs begin."""

    versions: tuple[Version, ...] = ()
    current: str = UNVERSIONED
    ramping: str | None = None
    percent: float = 0

    def version(self, build_id: str) -> Version | None:
        return next((found for found in self.versions if found.build_id == build_id), None)

    def earlier(self) -> str | None:
        """Of the versions that were tried before the current one was, the one that was current last; None if none was.
        A version that was left for an earlier one is not among them."""
        now = self.version(self.current)
        limit = now.first_active_at if now is not None else None
        were = [
            (found.last_current_at, found.build_id)
            for found in self.versions
            if found.last_current_at and limit and found.first_active_at and found.first_active_at < limit
        ]
        return max(were)[1] if were else None


async def read_routing(client: Client, deployment: str) -> Routing:
    """The routing; an empty one if no worker of the deployment was ever there."""
    request = DescribeWorkerDeploymentRequest(namespace=client.namespace, deployment_name=deployment)
    try:
        described = await _unless_busy(lambda: client.workflow_service.describe_worker_deployment(request))
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return Routing()
        raise
    return _routing(described.worker_deployment_info)


async def make_current(client: Client, deployment: str, build_id: str) -> None:
    """From now on new runs begin on this version, whose workers must be there. Raises RPCError (FAILED_PRECONDITION or
    NOT_FOUND if they are not)."""
    request = SetWorkerDeploymentCurrentVersionRequest(
        namespace=client.namespace, deployment_name=deployment, build_id=build_id, identity=IDENTITY
    )
    await _unless_busy(lambda: client.workflow_service.set_worker_deployment_current_version(request))


async def ramp(client: Client, deployment: str, build_id: str, percent: float) -> None:
    """From now on this share of new runs begins on the version. UNVERSIONED and 0 end the ramp. Raises RPCError, as
    `make_current` does."""
    request = SetWorkerDeploymentRampingVersionRequest(
        namespace=client.namespace,
        deployment_name=deployment,
        build_id=build_id,
        percentage=percent,
        identity=IDENTITY,
    )
    await _unless_busy(lambda: client.workflow_service.set_worker_deployment_ramping_version(request))


async def _unless_busy(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """The answer. Temporal answers at once, and may say that it changes the deployment or is busy otherwise; then it is
    asked again for most of a minute."""
    for _ in range(TRIES):
        try:
            return await ask()
        except RPCError as error:
            if error.status not in BUSY:
                raise
        await asyncio.sleep(PAUSE_SECONDS)
    return await ask()


def _routing(info: WorkerDeploymentInfo) -> Routing:
    config = info.routing_config
    ramping = config.ramping_deployment_version.build_id or None
    current = config.current_deployment_version.build_id
    versions = [
        Version(
            summary.deployment_version.build_id,
            _state(summary, current, ramping),
            _moment(summary.first_activation_time),
            _moment(summary.last_current_time),
        )
        for summary in sorted(info.version_summaries, key=lambda found: found.create_time.ToDatetime(), reverse=True)
    ]
    return Routing(tuple(versions), current, ramping, config.ramping_version_percentage if ramping else 0)


def _state(summary: WorkerDeploymentInfo.WorkerDeploymentVersionSummary, current: str, ramping: str | None) -> State:
    if summary.deployment_version.build_id in (current, ramping):
        return State.CURRENT if summary.deployment_version.build_id == current else State.RAMPING
    if summary.status == WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINED:
        return State.DRAINED
    if summary.status == WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINING:
        return State.DRAINING
    return State.INACTIVE


def _moment(stamp: Timestamp) -> datetime | None:
    return stamp.ToDatetime() if stamp.seconds else None
