"""Whether Temporal's namespace knows the attributes by which workflows are found. It is asked now and then until it
does, and told of those that it lacks. An account that may not do that, as on some hosted servers, goes without."""

import asyncio
from time import monotonic

import structlog
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client

from workflows.searching import KEYS

log = structlog.get_logger(__name__)
ASK_SECONDS = 60.0
"""A namespace knows a new attribute some seconds after it was told."""
CALL_SECONDS = 2.0
KEYWORD = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD


class Searchable:
    """What is known about one namespace."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known = False
        self._asks_at = 0.0

    async def is_known(self) -> bool:
        """Whether workflows may be started with the attributes."""
        if not self._known and monotonic() >= self._asks_at:
            self._asks_at = monotonic() + ASK_SECONDS
            try:
                async with asyncio.timeout(CALL_SECONDS):
                    self._known = await self._ask()
            except Exception as error:  # whatever it is, workflows are started without
                log.info("search_attributes.unknown", error=type(error).__name__)
        return self._known

    def doubt(self) -> None:
        """The namespace refused a workflow that had the attributes."""
        self._known, self._asks_at = False, monotonic() + ASK_SECONDS

    async def _ask(self) -> bool:
        service, namespace = self._client.operator_service, self._client.namespace
        listed = await service.list_search_attributes(ListSearchAttributesRequest(namespace=namespace))
        lacking = {key.name: KEYWORD for key in KEYS if key.name not in listed.custom_attributes}
        if not lacking:
            return True
        await service.add_search_attributes(AddSearchAttributesRequest(namespace=namespace, search_attributes=lacking))
        log.info("search_attributes.added", names=sorted(lacking))
        return False
