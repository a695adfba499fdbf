"""SQL of the lists of pairs: those of a cycle, and those that one match run proposed."""

from collections.abc import Callable, Collection
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Integer, Text, Uuid, and_, case, cast, column, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.engine.reasons import Origin
from services.matching.engine.rules.scoring import Preference
from services.matching.models import MatchRun, Pair, UnmatchedPerson
from services.matching.resources import PairList, PairView, UnmatchedList, UnmatchedView, pair_view
from services.matching.runs.rules.disclosure import NOT_POSSIBLE, NOT_TOLD, unmatched_told
from services.matching.runs.store.reading import MIDDLE
from shared.contracts.matching import PairReason, PairState
from shared.http.lists import Column, Page, among, equal, read_page

COLUMNS: dict[str, Column] = {"score": Pair.score}
TOLD_REASON = case((UnmatchedPerson.reason.in_(NOT_TOLD), NOT_POSSIBLE), else_=UnmatchedPerson.reason)
"""The reason as it is told. Nobody filters or sorts by the one that is stored: what is found would tell it."""
FIELDS = tuple(PairView.model_fields)
BRIEF = tuple(name for name in FIELDS if name != "alternatives")
"""The columns that a list reads, as columns take half the time of whole objects. The first one is the id."""
WHOLE = select(*(getattr(Pair, name) for name in FIELDS))
AS_TEXT = cast(Pair.reason_codes, Text).label("reason_codes")
PART = select(*(AS_TEXT if name == "reason_codes" else getattr(Pair, name) for name in BRIEF))
"""Reasons are read from their text at once, and most pairs of a page that is looked at again are known."""
REASONS = TypeAdapter(tuple[PairReason, ...])
MOST_KNOWN = 2000
WISHED = func.coalesce(Pair.contributions[Preference.WISHES.value].as_integer(), 0) > 0


class Wanted(NamedTuple):
    """Which pairs somebody looks for. None, and no values, stand for anything."""

    states: list[PairState] | None = None
    origins: list[Origin] | None = None
    person_id: UUID | None = None
    """One of the two people."""
    people: Collection[UUID] | None = None
    """One of the two people is among these."""
    wished: bool | None = None
    """Whether one of the two wished for the other."""
    low_fit: bool | None = None
    """Whether the pair has at most half of the points that the middle pair of its run has."""
    department: str | None = None
    """Of one of the two people when the run was computed, as is the level, which is then of the same person."""
    level: int | None = None
    details: bool = True
    """False leaves out alternatives and the sentences of reasons, which are most of what there is to read of a pair."""


async def list_cycle_pairs(
    session: AsyncSession, organization_id: UUID, cycle_id: UUID, wanted: Wanted, page: Page
) -> PairList:
    """One page of the cycle's pairs. Raises BadRequest for an unknown cursor."""
    return await _list(session, [Pair.organization_id == organization_id, Pair.cycle_id == cycle_id], wanted, page)


async def list_all_pairs(session: AsyncSession, organization_id: UUID, wanted: Wanted, page: Page) -> PairList:
    """One page of the organization's pairs. Raises BadRequest for an unknown cursor."""
    return await _list(session, [Pair.organization_id == organization_id], wanted, page)


async def list_run_pairs(
    session: AsyncSession, organization_id: UUID, run_id: UUID, wanted: Wanted, page: Page
) -> PairList:
    """One page of the pairs of a match run. Raises BadRequest for an unknown cursor."""
    of_run = [Pair.organization_id == organization_id, Pair.match_run_id == run_id]
    filters: list[ColumnElement[bool]] = []
    if wanted.department is not None or wanted.level is not None:
        filters.append(_stood(organization_id, run_id, wanted))
    if wanted.low_fit is not None:
        middle = select(func.percentile_disc(MIDDLE).within_group(Pair.score)).where(*of_run).scalar_subquery()
        is_low = Pair.score * 2 <= middle
        filters.append(is_low if wanted.low_fit else ~is_low)
    return await _list(session, of_run, wanted, page, filters)


async def list_unmatched(
    session: AsyncSession,
    organization_id: UUID,
    run_id: UUID,
    reasons: Collection[str] | None,
    people: Collection[UUID] | None,
    page: Page,
) -> UnmatchedList:
    """One page of the people of a match run who have no pair. Raises BadRequest for an unknown cursor."""
    found = await read_page(
        session,
        select(UnmatchedPerson),
        page,
        key=UnmatchedPerson.person_id,
        columns={"reason": TOLD_REASON},
        scope=[UnmatchedPerson.organization_id == organization_id, UnmatchedPerson.match_run_id == run_id],
        filters=[
            *equal(TOLD_REASON, None if reasons is None else [*reasons]),
            *([] if people is None else [among(UnmatchedPerson.person_id, people)]),
        ],
    )
    items = tuple(unmatched_told(UnmatchedView.model_validate(row[0], from_attributes=True)) for row in found.rows)
    return UnmatchedList(items=items, next=found.next, total=found.total)


async def _list(
    session: AsyncSession,
    scope: list[ColumnElement[bool]],
    wanted: Wanted,
    page: Page,
    filters: Collection[ColumnElement[bool]] = (),
) -> PairList:
    found = await read_page(
        session,
        WHOLE if wanted.details else PART,
        page,
        key=Pair.id,
        columns=COLUMNS,
        scope=scope,
        filters=[
            *equal(Pair.state, wanted.states),
            *equal(Pair.origin, wanted.origins),
            *([] if wanted.person_id is None else [_either(lambda side: side == wanted.person_id)]),
            *([] if wanted.people is None else [_either(lambda side: among(side, wanted.people or ()))]),
            *([] if wanted.wished is None else [WISHED if wanted.wished else ~WISHED]),
            *filters,
        ],
    )
    if wanted.details:
        return PairList(items=tuple(map(pair_view, found.rows)), next=found.next, total=found.total)
    # A pair of an older run has nothing but sentences, which stay.
    items = [
        {**dict(zip(BRIEF, pair, strict=True)), "reason_codes": _reasons(pair.reason_codes), "alternatives": ()}
        for pair in found.rows
    ]
    return PairList.model_validate({"items": items, "next": found.next, "total": found.total})


@lru_cache(maxsize=MOST_KNOWN)
def _reasons(text: str) -> tuple[PairReason, ...]:
    return REASONS.validate_json(text)


def _stood(organization_id: UUID, run_id: UUID, wanted: Wanted) -> ColumnElement[bool]:
    """One of the two people had this department and level when the run was computed: its stored inputs tell."""
    stored = select(MatchRun.inputs["people"]).where(MatchRun.organization_id == organization_id, MatchRun.id == run_id)
    people_then = func.jsonb_to_recordset(stored.scalar_subquery())
    person = people_then.table_valued(
        column("person_id", Uuid()), column("department", Text()), column("level", Integer())
    ).render_derived("participant", with_types=True)
    fits: list[ColumnElement[bool]] = []
    if wanted.department is not None:
        fits.append(func.lower(person.c.department) == wanted.department.strip().lower())
    if wanted.level is not None:
        fits.append(person.c.level == wanted.level)
    # Read once, although both sides are looked up in it.
    people = select(person.c.person_id).where(and_(*fits)).cte("people")
    return _either(lambda side: side.in_(select(people.c.person_id)))


def _either(condition: Callable[[Column], ColumnElement[bool]]) -> ColumnElement[bool]:
    """The condition that one of the two people of a pair meets this one."""
    return or_(condition(Pair.mentor_id), condition(Pair.mentee_id))
