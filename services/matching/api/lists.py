"""The public HTTP edge of the lists of pairs, which an admin searches, filters, sorts and takes as a table."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.engine.reasons import Origin
from services.matching.engine.unmatched import UnmatchedReason
from services.matching.pairs.store import lists
from services.matching.resources import PairList, PairSort, PairView, UnmatchedList, UnmatchedSort, UnmatchedView
from services.matching.runs.store import reading
from shared.auth import Viewer
from shared.contracts.matching import PairState
from shared.http.dependencies import AppDatabase, InternalClient
from shared.http.directory import find_people
from shared.http.lists import Page, answer_list
from shared.http.paging import NO_NUL, Cursor, Limit, Search
from shared.http.routing import Route
from shared.http.tables import tables_too

router = APIRouter(route_class=Route, prefix="/v1", tags=["matching"])
States = Annotated[
    list[PairState] | None, Query(max_length=20, description="only pairs in these states; may be repeated")
]
Origins = Annotated[list[Origin] | None, Query(max_length=20, description="only pairs of this origin; may be repeated")]
Reasons = Annotated[
    list[UnmatchedReason | Literal["not_possible"]] | None,
    Query(max_length=20, description="only people with this reason; may be repeated"),
]
Person = Annotated[UUID | None, Query(description="only pairs of this person")]
Department = Annotated[
    str | None, Query(max_length=200, pattern=NO_NUL, description="of one of the two people, at the time of the run")
]
Level = Annotated[
    int | None, Query(ge=-1_000_000, le=1_000_000, description="of one of the two people, at the time of the run")
]


@router.get("/cycles/{cycle_id}/pairs", response_model=PairList, responses=tables_too())
async def list_pairs(
    cycle_id: UUID,
    request: Request,
    caller: Viewer,
    database: AppDatabase,
    state: States = None,
    origin: Origins = None,
    person_id: Person = None,
    sort: PairSort = "id",
    cursor: Cursor = None,
    limit: Limit = 100,
) -> PairList | Response:
    """The pairs of the cycle, of all its match runs."""
    wanted = lists.Wanted(states=state, origins=origin, person_id=person_id)

    async def read(session: AsyncSession, page: Page) -> PairList:
        return await lists.list_cycle_pairs(session, caller.organization_id, cycle_id, wanted, page)

    return await answer_list(request, database, Page(sort, cursor, limit), read, name="pairs", item=PairView)


@router.get("/pairs", response_model=PairList, responses=tables_too())
async def list_all_pairs(
    request: Request,
    caller: Viewer,
    database: AppDatabase,
    state: States = None,
    origin: Origins = None,
    person_id: Person = None,
    sort: PairSort = "id",
    cursor: Cursor = None,
    limit: Limit = 100,
) -> PairList | Response:
    """The pairs of all cycles, such as those of one person."""
    wanted = lists.Wanted(states=state, origins=origin, person_id=person_id)

    async def read(session: AsyncSession, page: Page) -> PairList:
        return await lists.list_all_pairs(session, caller.organization_id, wanted, page)

    return await answer_list(request, database, Page(sort, cursor, limit), read, name="pairs", item=PairView)


@router.get("/match-runs/{match_run_id}/pairs", response_model=PairList, responses=tables_too(404))
async def list_match_run_pairs(
    match_run_id: UUID,
    request: Request,
    caller: Viewer,
    database: AppDatabase,
    internal: InternalClient,
    q: Search = None,
    state: States = None,
    origin: Origins = None,
    person_id: Person = None,
    department: Department = None,
    level: Level = None,
    wished: Annotated[bool | None, Query(description="whether one of the two wished for the other")] = None,
    low_fit: Annotated[
        bool | None, Query(description="whether it has at most half the points of the run's middle pair")
    ] = None,
    details: Annotated[
        bool, Query(description="false leaves out alternatives, and the sentences of reasons that have codes")
    ] = True,
    sort: PairSort = "-score",
    cursor: Cursor = None,
    limit: Limit = 100,
) -> PairList | Response:
    """The pairs that the run proposed, by default the best first. `q` looks for the names and addresses of their
    people, of whom the first 1,000 that are found count. The list is empty once the run is superseded or expired."""
    people = await find_people(internal, caller.organization_id, q) if q and q.strip() else None
    wanted = lists.Wanted(state, origin, person_id, people, wished, low_fit, department, level, details)

    async def read(session: AsyncSession, page: Page) -> PairList:
        found = await lists.list_run_pairs(session, caller.organization_id, match_run_id, wanted, page)
        if not found.items:
            await reading.read_cycle_id(session, caller.organization_id, match_run_id)
        return found

    return await answer_list(request, database, Page(sort, cursor, limit), read, name="pairs", item=PairView)


@router.get("/match-runs/{match_run_id}/unmatched", response_model=UnmatchedList, responses=tables_too(404))
async def list_unmatched(
    match_run_id: UUID,
    request: Request,
    caller: Viewer,
    database: AppDatabase,
    internal: InternalClient,
    q: Search = None,
    reason: Reasons = None,
    person_id: Annotated[UUID | None, Query(description="only this person")] = None,
    sort: UnmatchedSort = "reason",
    cursor: Cursor = None,
    limit: Limit = 100,
) -> UnmatchedList | Response:
    """The people of the run who are in no pair, with the reason and the smallest change. `q` looks for their names and
    addresses."""
    people = await find_people(internal, caller.organization_id, q) if q and q.strip() else None
    if person_id is not None:
        people = (person_id,) if people is None or person_id in people else ()

    async def read(session: AsyncSession, page: Page) -> UnmatchedList:
        found = await lists.list_unmatched(session, caller.organization_id, match_run_id, reason, people, page)
        if not found.items:
            await reading.read_cycle_id(session, caller.organization_id, match_run_id)
        return found

    return await answer_list(request, database, Page(sort, cursor, limit), read, name="unmatched", item=UnmatchedView)
