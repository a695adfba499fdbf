"""SQL of people in a cycle's pairs, for other services: who takes part, who stayed unmatched, and how many they are."""

from uuid import UUID

from sqlalchemy import CompoundSelect, Select, case, func, select, union, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.models import MatchRun, Pair, UnmatchedPerson
from shared.contracts.base import PersonPage
from shared.contracts.matching import MatchingSummary, MatchRunState, PairState

TAKING_PART = (PairState.ACTIVE, PairState.ON_HOLD, PairState.COMPLETED)
"""Completed pairs are included, because messages at the end of a cycle go to the people who took part to the end."""
NOT_LOST = (*TAKING_PART, PairState.PROPOSED, PairState.OFFERED)


async def read_participants(
    session: AsyncSession, organization_id: UUID, cycle_id: UUID, after: UUID | None, limit: int
) -> PersonPage:
    """Both people of every pair that is live or ran to the end. Each person appears once, in the order of ids."""
    return await _page(session, _sides(organization_id, cycle_id, TAKING_PART), after, limit)


async def read_unmatched(
    session: AsyncSession, organization_id: UUID, cycle_id: UUID, after: UUID | None, limit: int
) -> PersonPage:
    """Everybody who was in the pool of one of the cycle's runs and is in no proposed, offered, live or completed
    pair."""
    left_over = (
        select(UnmatchedPerson.person_id.label("person_id"))
        .join(MatchRun, MatchRun.id == UnmatchedPerson.match_run_id)
        .where(MatchRun.organization_id == organization_id, MatchRun.cycle_id == cycle_id)
    )
    seen = union(left_over, _sides(organization_id, cycle_id, tuple(PairState))).subquery()
    matched = _sides(organization_id, cycle_id, NOT_LOST).subquery()
    lost = select(seen.c.person_id).where(seen.c.person_id.not_in(select(matched.c.person_id)))
    return await _page(session, lost, after, limit)


def _sides(organization_id: UUID, cycle_id: UUID, states: tuple[PairState, ...]) -> CompoundSelect[tuple[UUID]]:
    return union(
        *(
            select(side.label("person_id")).where(
                Pair.organization_id == organization_id, Pair.cycle_id == cycle_id, Pair.state.in_(states)
            )
            for side in (Pair.mentor_id, Pair.mentee_id)
        )
    )


async def _page(
    session: AsyncSession, people: CompoundSelect[tuple[UUID]] | Select[tuple[UUID]], after: UUID | None, limit: int
) -> PersonPage:
    person_id = people.subquery().c.person_id
    query = select(person_id).order_by(person_id).limit(limit + 1)
    if after is not None:
        query = query.where(person_id > after)
    found = (await session.scalars(query)).all()
    page = tuple(found[:limit])
    return PersonPage(person_ids=page, after=page[-1] if len(found) > limit else None)


async def read_summary(session: AsyncSession, organization_id: UUID, cycle_id: UUID) -> MatchingSummary:
    """The cycle's counts: enrolled people as the latest run counted them, people in pairs and pairs as they are now."""
    run = (
        await session.execute(
            select(
                MatchRun.id, MatchRun.state, MatchRun.enrolled, MatchRun.mentors, MatchRun.mentees, MatchRun.pairs_count
            )
            .where(MatchRun.organization_id == organization_id, MatchRun.cycle_id == cycle_id)
            .order_by(MatchRun.attempt.desc(), MatchRun.revision.desc())
            .limit(1)
        )
    ).first()
    waits = run is not None and run.state == MatchRunState.PROPOSED and run.pairs_count > 0
    sides = union_all(
        *(
            select(
                side.label("person_id"),
                Pair.id,
                Pair.offered_at,
                Pair.activated_at,
                case((Pair.state == PairState.COMPLETED, 1)).label("completed"),
                case((Pair.state == PairState.ENDED, 1)).label("ended"),
            ).where(Pair.organization_id == organization_id, Pair.cycle_id == cycle_id)
            for side in (Pair.mentor_id, Pair.mentee_id)
        )
    ).subquery()
    offered, active = sides.c.offered_at.is_not(None), sides.c.activated_at.is_not(None)
    completed, ended = sides.c.completed.is_not(None), sides.c.ended.is_not(None)
    people = func.count(sides.c.person_id.distinct())
    pairs = func.count(sides.c.id.distinct())
    counts = (
        await session.execute(
            select(
                people.filter(offered).label("matched"),
                people.filter(active).label("active"),
                people.filter(completed).label("completed"),
                pairs.filter(offered).label("pairs_offered"),
                pairs.filter(active).label("pairs_active"),
                pairs.filter(completed).label("pairs_completed"),
                pairs.filter(ended).label("pairs_ended"),
            )
        )
    ).mappings()
    return MatchingSummary(
        enrolled=run.enrolled if run is not None else 0,
        mentors=run.mentors if run is not None else 0,
        mentees=run.mentees if run is not None else 0,
        awaiting_approval=run.id if run is not None and waits else None,
        **counts.one(),
    )
