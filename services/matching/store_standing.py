"""SQL of what a match run starts from: places taken, couples tried in this cycle, couples of earlier cycles."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.computation import Couple, Held
from services.matching.models import Pair
from shared.contracts.matching import PairState

HOLDING = (PairState.OFFERED, PairState.ACTIVE, PairState.ON_HOLD)
MET = (PairState.ACTIVE, PairState.ON_HOLD, PairState.ENDED, PairState.COMPLETED)


class Standing(NamedTuple):
    """What earlier runs and cycles mean for the next run."""

    held: tuple[Held, ...]
    tried: tuple[Couple, ...]
    past: tuple[Couple, ...]


async def read_standing(session: AsyncSession, organization_id: UUID, cycle_id: UUID) -> Standing:
    """Places taken and couples tried in this cycle, and couples of earlier cycles."""
    tried = await session.execute(
        select(Pair.mentor_id, Pair.mentee_id, Pair.state)
        .where(Pair.organization_id == organization_id, Pair.cycle_id == cycle_id, Pair.state != PairState.PROPOSED)
        .order_by(Pair.id)
    )
    past = await session.execute(
        select(Pair.mentor_id, Pair.mentee_id)
        .where(Pair.organization_id == organization_id, Pair.cycle_id != cycle_id, Pair.state.in_(MET))
        .order_by(Pair.id)
    )
    rows = tried.all()
    mentors = [mentor_id for mentor_id, _, state in rows if state in HOLDING]
    mentees = [mentee_id for _, mentee_id, state in rows if state in HOLDING]
    return Standing(
        held=_held(mentors, mentees),
        tried=tuple((mentor_id, mentee_id) for mentor_id, mentee_id, _ in rows),
        past=tuple((mentor_id, mentee_id) for mentor_id, mentee_id in past),
    )


def _held(mentors: list[UUID], mentees: list[UUID]) -> tuple[Held, ...]:
    places: dict[UUID, list[int]] = {}
    for side, people in enumerate((mentors, mentees)):
        for person_id in people:
            places.setdefault(person_id, [0, 0])[side] += 1
    return tuple(
        Held(person_id=person_id, as_mentor=taken[0], as_mentee=taken[1]) for person_id, taken in sorted(places.items())
    )
