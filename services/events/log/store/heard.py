"""SQL of events that workflows have heard, or should have: those that a restore has lost, and those of leavers."""

from collections.abc import Collection
from uuid import UUID, uuid5

from sqlalchemy import ARRAY, Text, Uuid, any_, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.log.models import Event, OrganizationDay
from shared.contracts.events import PersonLeft
from shared.contracts.intake import Leaver
from shared.contracts.programs import CycleRef


async def read_departures(session: AsyncSession, leavers: Collection[Leaver]) -> list[tuple[UUID, Leaver]]:
    """Each of these leavers with the id and the time of the event that said so last. If the log does not keep it, the
    id is made of what is known."""
    organizations = literal([*{one.organization_id for one in leavers}], ARRAY(Uuid()))
    people = literal([str(one.person_id) for one in leavers], ARRAY(Text()))
    found = await session.execute(
        select(Event.data["person_id"].astext, Event.event_id, Event.time)
        .where(
            Event.organization_id == any_(organizations),
            Event.type == PersonLeft.type,
            Event.data["person_id"].astext == any_(people),
        )
        .order_by(Event.day, Event.position)
    )
    told = {person: (event_id, time) for person, event_id, time in found}
    departures = list[tuple[UUID, Leaver]]()
    for one in leavers:
        made_up = uuid5(one.person_id, one.left_at.isoformat()), one.left_at
        event_id, time = told.get(str(one.person_id), made_up)
        departures.append((event_id, one.model_copy(update={"left_at": time})))
    return departures


async def is_unknown(session: AsyncSession, cycle: CycleRef, event_id: UUID, sequence: int) -> bool:
    """Whether this event of the cycle was lost. One that is older than the log keeps is not."""
    found = await session.scalar(
        select(Event.event_id)
        .where(
            Event.organization_id == cycle.organization_id,
            Event.data["cycle_id"].astext == str(cycle.cycle_id),
            Event.event_id == event_id,
        )
        .limit(1)
    )
    if found is not None:
        return False
    kept = select(func.min(OrganizationDay.first_sequence))
    oldest = await session.scalar(kept.where(OrganizationDay.organization_id == cycle.organization_id))
    return sequence >= (oldest or 1)
