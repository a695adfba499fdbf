"""A stand-in for Temporal that fails as it is told, for each workflow on its own."""

from collections.abc import Callable, Sequence
from typing import Any, cast

from google.protobuf.message import Message
from temporalio.api.common.v1 import GrpcStatus
from temporalio.api.enums.v1 import ResourceExhaustedCause
from temporalio.api.errordetails.v1 import NamespaceNotFoundFailure, ResourceExhaustedFailure
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

ABOUT_ALL = (
    *(RPCStatusCode.UNAVAILABLE, RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNAUTHENTICATED),
    RPCStatusCode.RESOURCE_EXHAUSTED,
)
ABOUT_ONE = [code for code in RPCStatusCode if code not in (*ABOUT_ALL, RPCStatusCode.OK, RPCStatusCode.NOT_FOUND)]


def answer(status: RPCStatusCode, detail: Message | None = None) -> RPCError:
    """An error as Temporal answers it."""
    told = GrpcStatus(code=status.value)
    if detail is not None:
        told.details.add().Pack(detail)
    return RPCError("canary", status, told.SerializeToString())


def no_namespace() -> RPCError:
    return answer(RPCStatusCode.NOT_FOUND, NamespaceNotFoundFailure(namespace="canary"))


def exhausted(busy_workflow: bool) -> RPCError:
    """A workflow, or the whole server, has too much to do."""
    cause = (
        ResourceExhaustedCause.RESOURCE_EXHAUSTED_CAUSE_BUSY_WORKFLOW
        if busy_workflow
        else ResourceExhaustedCause.RESOURCE_EXHAUSTED_CAUSE_RPS_LIMIT
    )
    return answer(RPCStatusCode.RESOURCE_EXHAUSTED, ResourceExhaustedFailure(cause=cause))


class FaultyTemporal:
    """What dispatcher and fan-out need of a client. It fails for the workflows that have a fault."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []
        self.arguments: list[Any] = []
        self.faults: dict[str, Callable[[], Exception]] = {}
        self.is_well = True
        self.service_client = self

    async def check_health(self) -> bool:
        if not self.is_well:
            raise RuntimeError("Failed client connect")
        return True

    async def start_workflow(self, workflow: object, argument: object, *, id: str, **options: object) -> None:
        self.take(id, "start", argument)

    def get_workflow_handle(self, id: str) -> "_Handle":
        return _Handle(self, id)

    def take(self, workflow_id: str, what: str, *arguments: object) -> None:
        if fault := self.faults.get(workflow_id):
            raise fault()
        self.heard.append((workflow_id, what))
        self.arguments.extend(arguments)

    @property
    def as_client(self) -> Client:
        return cast(Client, self)


class _Handle:
    def __init__(self, temporal: FaultyTemporal, workflow_id: str) -> None:
        self._temporal, self._id = temporal, workflow_id

    async def signal(self, name: str, args: Sequence[object]) -> None:
        self._temporal.take(self._id, name, *args)
