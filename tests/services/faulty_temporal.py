"""A stand-in for Temporal that fails as it is told, for each workflow on its own."""

from collections.abc import Callable, Sequence
from typing import Any, cast

from temporalio.client import Client


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
