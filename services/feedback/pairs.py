"""Reads pairs and counts from matching, over its internal API."""

from collections.abc import Sequence
from uuid import UUID

from shared.contracts.base import Service
from shared.contracts.matching import MatchingSummary, PairPage, PairState, PairSummary
from shared.http.internal import Internal

PAGE = 500
ACTIVATED = (PairState.ACTIVE, PairState.ON_HOLD, PairState.ENDED, PairState.COMPLETED)
"""The states of pairs that are or may have been active."""


async def read_pairs(
    internal: Internal, organization_id: UUID, cycle_id: UUID, states: Sequence[PairState]
) -> list[PairSummary]:
    """All pairs of the cycle that are in these states, read page by page."""
    pairs: list[PairSummary] = []
    after: UUID | None = None
    while True:
        params = {"state": [state.value for state in states], "limit": PAGE} | ({"after": str(after)} if after else {})
        page = await internal.get(
            Service.MATCHING, f"/cycles/{cycle_id}/pairs", PairPage, organization_id, params=params
        )
        pairs += page.pairs
        if (after := page.after) is None:
            return pairs


async def read_summary(internal: Internal, organization_id: UUID, cycle_id: UUID) -> MatchingSummary:
    return await internal.get(Service.MATCHING, f"/cycles/{cycle_id}/summary", MatchingSummary, organization_id)
