"""SQL of what a match run starts from: places taken and couples offered in this cycle, and the history before it."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Select, Subquery, and_, case, func, literal, not_, or_, select, union
from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.engine.inputs import Held
from services.matching.engine.rules.eligibility import Couple
from services.matching.engine.unmatched import UnmatchedReason
from services.matching.models import MatchRun, Pair, UnmatchedPerson
from shared.contracts.matching import EndReason, MatchRunState, PairState, Side

HOLDING = (PairState.OFFERED, PairState.ACTIVE, PairState.ON_HOLD)
MET = (PairState.ACTIVE, PairState.ON_HOLD, PairState.ENDED, PairState.COMPLETED)


class Standing(NamedTuple):
    """What the pairs of this cycle mean for a run. It is all that can change while a run is computed or waits for
    approval."""

    held: tuple[Held, ...]
    tried: tuple[Couple, ...]
    live: frozenset[Couple]
    """Those of the tried couples that take places, because they are offered or are a pair now."""


class History(NamedTuple):
    """What earlier cycles mean for a run."""

    past: tuple[tuple[UUID, UUID, int], ...]
    waited: tuple[UUID, ...]


async def read_standing(session: AsyncSession, organization_id: UUID, cycle_id: UUID) -> Standing:
    """Places taken and couples tried in this cycle."""
    tried = await session.execute(
        select(Pair.mentor_id, Pair.mentee_id, Pair.state)
        .where(Pair.organization_id == organization_id, Pair.cycle_id == cycle_id, Pair.state != PairState.PROPOSED)
        .order_by(Pair.mentor_id, Pair.mentee_id)
    )
    rows = tried.all()
    live = [(mentor_id, mentee_id) for mentor_id, mentee_id, state in rows if state in HOLDING]
    return Standing(
        held=_held([mentor_id for mentor_id, _ in live], [mentee_id for _, mentee_id in live]),
        tried=tuple(dict.fromkeys((mentor_id, mentee_id) for mentor_id, mentee_id, _ in rows)),
        live=frozenset(live),
    )


async def read_history(session: AsyncSession, organization_id: UUID, program_id: UUID, cycle_id: UUID) -> History:
    """Couples that met in earlier cycles, with how many cycles ago that was, and people who found no partner when they
    last enrolled."""
    return History(
        past=await _past(session, organization_id, program_id, cycle_id),
        waited=await _waited(session, organization_id, program_id, cycle_id),
    )


async def _past(
    session: AsyncSession, organization_id: UUID, program_id: UUID, cycle_id: UUID
) -> tuple[tuple[UUID, UUID, int], ...]:
    """Couples that met in any other cycle of the organization, with how many cycles ago that was: 1 is the cycle before
    this one. It is one more than the number of this program's cycles that were first approved after the couple's own
    cycle was. So pairs of another program are placed among this program's cycles by time."""
    began = (
        select(MatchRun.cycle_id, MatchRun.program_id, func.min(MatchRun.approved_at).label("at"))
        .where(MatchRun.organization_id == organization_id, MatchRun.approved_at.is_not(None))
        .where(MatchRun.cycle_id != cycle_id)
        .group_by(MatchRun.cycle_id, MatchRun.program_id)
        .subquery()
    )
    later = began.alias()
    between = (
        select(func.count())
        .select_from(later)
        .where(later.c.program_id == program_id, later.c.at > began.c.at)
        .scalar_subquery()
    )
    cycles = select(began.c.cycle_id, (between + 1).label("ago")).subquery()
    met = await session.execute(
        select(Pair.mentor_id, Pair.mentee_id, func.coalesce(cycles.c.ago, 1))
        .outerjoin(cycles, cycles.c.cycle_id == Pair.cycle_id)
        .where(Pair.organization_id == organization_id, Pair.cycle_id != cycle_id, Pair.state.in_(MET))
        .order_by(Pair.mentor_id, Pair.mentee_id)
    )
    return tuple((mentor_id, mentee_id, ago) for mentor_id, mentee_id, ago in met)


async def _waited(session: AsyncSession, organization_id: UUID, program_id: UUID, cycle_id: UUID) -> tuple[UUID, ...]:
    """People who waited. In the last earlier cycle of this program in which they took part they met nobody, and they
    neither declined an offer, nor left one unanswered, nor were dropped from the run. A proposal that nobody approved
    was not their fault, so they waited."""
    others = and_(
        MatchRun.organization_id == organization_id, MatchRun.program_id == program_id, MatchRun.cycle_id != cycle_id
    )
    sides = _sides(others)
    settled = or_(
        MatchRun.state.in_((MatchRunState.APPROVED, MatchRunState.EXPIRED)),
        and_(MatchRun.state == MatchRunState.PROPOSED, MatchRun.pairs_count == 0),  # its cycle ended with it
    )
    left = (
        select(
            MatchRun.cycle_id,
            UnmatchedPerson.person_id,
            literal(False).label("met"),
            (UnmatchedPerson.reason == UnmatchedReason.DROPPED).label("own"),
        )
        .join(UnmatchedPerson, UnmatchedPerson.match_run_id == MatchRun.id)
        .where(others, settled)
    )
    seen = union(left, select(sides)).subquery()
    began = (
        select(MatchRun.cycle_id, func.min(MatchRun.created_at).label("at"))
        .where(others)
        .group_by(MatchRun.cycle_id)
        .subquery()
    )
    last = (
        select(
            seen.c.person_id,
            func.bool_or(seen.c.met).label("met"),
            func.bool_or(seen.c.own).label("own"),
            func.row_number().over(partition_by=seen.c.person_id, order_by=began.c.at.desc()).label("place"),
        )
        .join(began, began.c.cycle_id == seen.c.cycle_id)
        .group_by(seen.c.person_id, seen.c.cycle_id, began.c.at)
        .subquery()
    )
    waited = select(last.c.person_id).where(last.c.place == 1, not_(last.c.met), not_(last.c.own))
    return tuple((await session.scalars(waited.order_by(last.c.person_id))).all())


def _sides(others: object) -> Subquery:
    """Each person of every pair that was offered in these cycles: whether the two met, and whether this person
    refused."""
    rows: list[Select[tuple[UUID, UUID, bool, bool]]] = []
    for side, person, accepted_at in (
        (Side.MENTOR, Pair.mentor_id, Pair.mentor_accepted_at),
        (Side.MENTEE, Pair.mentee_id, Pair.mentee_accepted_at),
    ):
        silent = and_(Pair.end_reason == EndReason.NO_ANSWER, accepted_at.is_(None))
        refused = or_(Pair.declined_by == side, silent)
        rows.append(
            select(
                Pair.cycle_id,
                person.label("person_id"),
                Pair.state.in_(MET).label("met"),
                case((refused, literal(True)), else_=literal(False)).label("own"),
            )
            .join(MatchRun, MatchRun.id == Pair.match_run_id)
            .where(others, Pair.offered_at.is_not(None))  # type: ignore[arg-type]
        )
    return union(*rows).subquery()


def _held(mentors: list[UUID], mentees: list[UUID]) -> tuple[Held, ...]:
    places: dict[UUID, list[int]] = {}
    for side, people in enumerate((mentors, mentees)):
        for person_id in people:
            places.setdefault(person_id, [0, 0])[side] += 1
    return tuple(
        Held(person_id=person_id, as_mentor=taken[0], as_mentee=taken[1]) for person_id, taken in sorted(places.items())
    )
