"""The request that something follows from: its id goes with the event, the workflows that the event moves, their
activities, and into each message and webhook, so that one id finds all lines about it.

In a process the id stands in `structlog.contextvars`, and so in every log entry. Between processes it is a header: of
HTTP (`X-Request-ID`), of Temporal, and of what is sent. It is an id that a caller chose or that was made here. It is
checked where it comes in, because it is written everywhere.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

from structlog.contextvars import bound_contextvars, get_contextvars
from temporalio.api.common.v1 import Payload
from temporalio.client import (
    Interceptor,
    OutboundInterceptor,
    SignalWorkflowInput,
    StartWorkflowInput,
    WorkflowHandle,
)
from temporalio.converter import PayloadConverter
from temporalio.worker import (
    ContinueAsNewInput,
    ExecuteWorkflowInput,
    HandleSignalInput,
    SignalChildWorkflowInput,
    SignalExternalWorkflowInput,
    StartActivityInput,
    StartChildWorkflowInput,
    WorkflowInboundInterceptor,
    WorkflowOutboundInterceptor,
)
from temporalio.workflow import ActivityHandle, ChildWorkflowHandle

from shared.contracts.base import Origin
from shared.telemetry.spans import TRACEPARENT, current_traceparent

REQUEST_ID = "x-request-id"
"""The header of requests, answers and webhooks."""
FORM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
"""What is taken as the id of a request. Anything else is replaced by an id of our own."""
ORIGIN = "upward-origin"
"""The header of workflows, signals and activities."""
IDS = frozenset({"organization_id", "cycle_id"})
_converter = PayloadConverter.default


def request_id_of(given: str | None) -> str:
    """The id that the caller gave, or a new one if there is none or it is not well formed."""
    return given if given is not None and FORM.fullmatch(given) else str(uuid4())


def current_origin() -> Origin | None:
    """The request that is being answered, or that this activity follows from; None if nobody asked for it."""
    request_id, traceparent = get_contextvars().get("request_id"), current_traceparent()
    return Origin(request_id=request_id, traceparent=traceparent) if request_id or traceparent else None


def current_headers() -> dict[str, str]:
    """The headers that tell another service of Upward, or an endpoint, which request this follows from."""
    origin = current_origin()
    return {} if origin is None else headers_of(origin)


def headers_of(origin: Origin) -> dict[str, str]:
    told = {REQUEST_ID: origin.request_id, TRACEPARENT: origin.traceparent}
    return {name: value for name, value in told.items() if value}


@contextmanager
def following(origin: Origin | None) -> Iterator[None]:
    """Everything in the block follows from this request."""
    known = {"request_id": origin.request_id} if origin is not None and origin.request_id else {}
    with bound_contextvars(**known):
        yield


def ids_of(*arguments: object) -> dict[str, str]:
    """The ids of organization and cycle that an activity's request holds, for its log entries."""
    found: dict[str, str] = {}
    for one in arguments:
        for part in (one, getattr(one, "announcement", None)):
            found |= {name: str(id) for name in IDS if isinstance(id := getattr(part, name, None), UUID)}
    return found


def ids_in(path: Mapping[str, Any]) -> dict[str, str]:
    """The ids among the parameters of a path. Others, such as the secrets of links, are left out."""
    found: dict[str, str] = {}
    for name, value in path.items():
        try:
            found[name] = str(UUID(str(value)))
        except ValueError:
            continue
    return found


def read_origin(headers: Mapping[str, Payload]) -> Origin | None:
    """What a header of Temporal tells. None for one that this version does not understand."""
    payload = headers.get(ORIGIN)
    try:
        return None if payload is None else Origin.model_validate(_converter.from_payload(payload))
    except Exception:  # another version wrote it, and an activity runs all the same
        return None


class CarryingClient(Interceptor):
    """Lets workflows that are started or signalled know which request that follows from."""

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        return _Carried(next)


class _Carried(OutboundInterceptor):
    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:
        input.headers = {**input.headers, **_told()}
        return await super().start_workflow(input)

    async def signal_workflow(self, input: SignalWorkflowInput) -> None:
        input.headers = {**input.headers, **_told()}
        await super().signal_workflow(input)


def _told() -> dict[str, Payload]:
    """The place in the trace travels in a header of OpenTelemetry's own."""
    request_id = get_contextvars().get("request_id")
    return {ORIGIN: _converter.to_payload({"request_id": request_id})} if request_id else {}


class CarryingWorkflow(WorkflowInboundInterceptor):
    """Hands on what a workflow was told last, by its start or by a signal, to its activities, its children, and the
    workflows that it signals."""

    told: Payload | None = None

    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        super().init(_CarriedOn(outbound, self))

    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:
        self.told = self.told or input.headers.get(ORIGIN)  # a signal that came with the start may have been first
        return await super().execute_workflow(input)

    async def handle_signal(self, input: HandleSignalInput) -> None:
        self.told = input.headers.get(ORIGIN) or self.told
        await super().handle_signal(input)


class _CarriedOn(WorkflowOutboundInterceptor):
    def __init__(self, next: WorkflowOutboundInterceptor, inbound: CarryingWorkflow) -> None:
        super().__init__(next)
        self._inbound = inbound

    def _with(self, headers: Mapping[str, Payload]) -> Mapping[str, Payload]:
        return headers if self._inbound.told is None else {**headers, ORIGIN: self._inbound.told}

    def start_activity(self, input: StartActivityInput) -> ActivityHandle[Any]:
        input.headers = self._with(input.headers)
        return super().start_activity(input)

    async def start_child_workflow(self, input: StartChildWorkflowInput) -> ChildWorkflowHandle[Any, Any]:
        input.headers = self._with(input.headers)
        return await super().start_child_workflow(input)

    async def signal_child_workflow(self, input: SignalChildWorkflowInput) -> None:
        input.headers = self._with(input.headers)
        await super().signal_child_workflow(input)

    async def signal_external_workflow(self, input: SignalExternalWorkflowInput) -> None:
        input.headers = self._with(input.headers)
        await super().signal_external_workflow(input)

    def continue_as_new(self, input: ContinueAsNewInput) -> Any:
        input.headers = self._with(input.headers)
        return super().continue_as_new(input)
