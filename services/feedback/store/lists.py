"""SQL of the lists of concerns: those of one cycle, and those of the whole organization."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.feedback.models import Concern
from services.feedback.resources import ConcernPage
from services.feedback.rules.concerns import ConcernStatus
from services.feedback.store.concerns import resource_of
from shared.contracts.feedback import ConcernReason
from shared.http.lists import Column, Page, equal, read_page

COLUMNS: dict[str, Column] = {"raised_at": Concern.raised_at}


class Wanted(NamedTuple):
    """Which concerns somebody looks for. None stands for any."""

    cycle_id: UUID | None = None
    state: ConcernStatus | None = None
    pair_id: UUID | None = None
    person_id: UUID | None = None
    reason: ConcernReason | None = None

    def reveals(self) -> bool:
        """Whether the list would tell whom a concern is about, or why it was raised, by what it holds."""
        return self.person_id is not None or self.reason is not None


async def list_concerns(session: AsyncSession, organization_id: UUID, wanted: Wanted, page: Page) -> ConcernPage:
    """One page of the concerns. Raises BadRequest for an unknown cursor."""
    found = await read_page(
        session,
        select(Concern),
        page,
        key=Concern.id,
        columns=COLUMNS,
        scope=[Concern.organization_id == organization_id],
        filters=[
            *equal(Concern.cycle_id, wanted.cycle_id),
            *equal(Concern.state, wanted.state),
            *equal(Concern.pair_id, wanted.pair_id),
            *equal(Concern.person_id, wanted.person_id),
            *equal(Concern.reason, wanted.reason),
        ],
    )
    items = tuple(resource_of(row[0]) for row in found.rows)
    return ConcernPage(items=items, next=found.next, total=found.total)
