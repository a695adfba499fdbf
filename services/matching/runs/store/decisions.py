"""SQL of what admins decide about a match run: they approve it, or steer it, which makes its next revision.

The lock on the cycle's runs makes such decisions wait for each other. Nothing but an approval adds an offer, so what an
approval counts under this lock stays true until its offers are written. Functions never commit.
"""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import BigInteger, Integer, Uuid, cast, column, func, null, or_, select, union_all, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.engine.computation import Result
from services.matching.engine.inputs import Inputs
from services.matching.models import MatchRun, Pair
from services.matching.resources import MatchRunDetail, MatchRunView, Reviewed
from services.matching.runs.store.reading import StoredRun, read_run, version_of, view_of
from services.matching.runs.store.runs import lock_runs, match_run_id_for, not_found, store_run
from services.matching.runs.store.standing import HOLDING, read_standing
from shared.contracts.events import MatchRunApproved, PairOffered
from shared.contracts.matching import EndReason, MatchRunState, PairState
from shared.errors import Conflict
from shared.events import emit
from shared.http.etags import check_match


class AlreadyApproved(Conflict):
    code = "match_run_approved"


class NobodyToMatch(Conflict):
    code = "nobody_to_match"


class MatchRunSuperseded(Conflict):
    code = "match_run_superseded"


class MatchRunExpired(Conflict):
    code = "match_run_expired"


class ReviewDiffers(Conflict):
    code = "review_differs"


class NothingToApprove(Conflict):
    code = "nothing_to_approve"


class NoPlaceLeft(Conflict):
    code = "no_place_left"


async def approve_run(
    session: AsyncSession,
    organization_id: UUID,
    run_id: UUID,
    key_id: str,
    leavers: Collection[UUID] = (),
    *,
    reviewed: Reviewed | None = None,
) -> MatchRunView:
    """Offers the run's pairs and records who approved it; approving again changes nothing. Pairs with one of the
    `leavers` are dropped instead. Emits `pair.offered` for each pair, then `match_run.approved`, which says whether
    the admin confirmed how many pairs and unmatched people they have seen. Raises MatchRunNotFound,
    MatchRunSuperseded, MatchRunExpired, ReviewDiffers, NothingToApprove, NoPlaceLeft."""
    cycle_id = await session.scalar(
        select(MatchRun.cycle_id).where(MatchRun.organization_id == organization_id, MatchRun.id == run_id)
    )
    runs = await lock_runs(session, organization_id, cycle_id) if cycle_id is not None else []
    run = next((run for run in runs if run.id == run_id), None)
    if run is None:
        raise not_found()
    if run.state == MatchRunState.APPROVED:
        return view_of(run)
    check_waits(run)
    if reviewed is not None and (reviewed.pairs, reviewed.unmatched) != (run.pairs_count, run.unmatched_count):
        raise ReviewDiffers(
            f"This match run has {run.pairs_count} pairs and {run.unmatched_count} people without one; review it again."
        )
    if run.pairs_count == 0:
        raise NothingToApprove("This match run proposes no pairs; see the reasons of its unmatched people.")
    dropped = await _drop_pairs(session, run, leavers)
    await _check_places(session, run)
    now = await session.scalar(select(func.now()))
    run.state, run.approved_by, run.approved_at = MatchRunState.APPROVED, key_id, now
    await session.flush()
    offered = await session.execute(
        update(Pair)
        .where(Pair.organization_id == organization_id, Pair.match_run_id == run_id, Pair.state == PairState.PROPOSED)
        .values(state=PairState.OFFERED, offered_at=func.now())
        .returning(Pair.id, Pair.mentor_id, Pair.mentee_id)
        .execution_options(synchronize_session=False)
    )
    events = [
        PairOffered(pair_id=pair_id, cycle_id=run.cycle_id, mentor_id=mentor_id, mentee_id=mentee_id)
        for pair_id, mentor_id, mentee_id in sorted(offered)
    ]
    approved = MatchRunApproved(
        match_run_id=run.id,
        cycle_id=run.cycle_id,
        pairs=len(events),
        attempt=run.attempt,
        dropped=dropped,
        revision=run.revision,
        unmatched=run.unmatched_count,
        reviewed=reviewed is not None,
    )
    await emit(session, organization_id, *events, approved)
    return view_of(run)


def check_steerable(run: MatchRun | MatchRunView, if_match: str | None) -> None:
    """Raises StaleVersion if the caller has read another state of the run. Raises AlreadyApproved, MatchRunSuperseded,
    MatchRunExpired or NobodyToMatch if the run can no longer be steered."""
    if if_match is not None:
        check_match(if_match, version_of(run.attempt, run.revision, run.state), ["state"])
    check_waits(run)
    if run.state == MatchRunState.APPROVED:
        raise AlreadyApproved(
            "This match run is approved: its pairs are offered. Only a run that waits can be steered."
        )
    if (run.attempt, run.revision, run.pairs_count) == (1, 1, 0):
        raise NobodyToMatch("The cycle ended when this match run found no pair; correct the program and start another.")


async def store_revision(
    session: AsyncSession,
    organization_id: UUID,
    stored_run: StoredRun,
    inputs: Inputs,
    result: Result,
    if_match: str,
    key_id: str,
) -> MatchRunDetail | None:
    """Stores the result as the run's next revision, which supersedes the run. Returns None if the cycle's pairs take
    other places by now than those that the result was computed with. Raises what `check_steerable` raises."""
    runs = await lock_runs(session, organization_id, stored_run.view.cycle_id)
    run = next((run for run in runs if run.id == stored_run.view.id), None)
    if run is None:
        raise not_found()
    check_steerable(run, if_match)
    if await read_standing(session, organization_id, run.cycle_id) != stored_run.standing:
        return None
    revision = run.revision + 1
    await store_run(
        session, organization_id, run.program_id, run.attempt, inputs, result, revision=revision, steered_by=key_id
    )
    return await read_run(session, organization_id, match_run_id_for(run.cycle_id, run.attempt, revision))


def check_waits(run: MatchRun | MatchRunView) -> None:
    """Raises MatchRunSuperseded or MatchRunExpired if the run no longer waits for approval."""
    if run.state == MatchRunState.SUPERSEDED:
        raise MatchRunSuperseded("A newer match run of this cycle took its place; read the cycle's match runs again.")
    if run.state == MatchRunState.EXPIRED:
        raise MatchRunExpired("The time for offers is over; this match run can no longer be approved or steered.")


async def _drop_pairs(session: AsyncSession, run: MatchRun, leavers: Collection[UUID]) -> int:
    """Declines the run's pairs with people who have left. Nobody was asked about them, so that nobody is told."""
    if not leavers:
        return 0
    dropped = await session.execute(
        update(Pair)
        .where(
            Pair.organization_id == run.organization_id,
            Pair.match_run_id == run.id,
            Pair.state == PairState.PROPOSED,
            or_(Pair.mentor_id.in_(leavers), Pair.mentee_id.in_(leavers)),
        )
        .values(state=PairState.DECLINED, end_reason=EndReason.LEFT_COMPANY, ended_at=func.now())
        .returning(Pair.id)
        .execution_options(synchronize_session=False)
    )
    return len(dropped.all())


async def _check_places(session: AsyncSession, run: MatchRun) -> None:
    """Raises NoPlaceLeft if the offers would give somebody more pairs than they have places. Runs are computed with the
    places that are left, so this check is the last line of defence.

    Everything is counted in one pass and nothing joined: of pairs that were just stored Postgres does not know how many
    there are, and it would compare each with each other."""
    person = func.jsonb_to_recordset(MatchRun.inputs["people"]).table_valued(
        column("person_id", Uuid), column("mentor_capacity", Integer), column("mentee_capacity", Integer)
    )
    people = person.render_derived("person", with_types=True)
    proposed = (Pair.match_run_id == run.id) & (Pair.state == PairState.PROPOSED)
    for side, capacity in ((Pair.mentor_id, people.c.mentor_capacity), (Pair.mentee_id, people.c.mentee_capacity)):
        places = (
            select(people.c.person_id, capacity.label("places"), cast(null(), BigInteger).label("pairs"))
            .select_from(MatchRun)
            .join(people, people.c.person_id.is_not(None))
            .where(MatchRun.organization_id == run.organization_id, MatchRun.id == run.id)
        )
        pairs = (
            select(side.label("person_id"), cast(null(), Integer).label("places"), func.count().label("pairs"))
            .where(Pair.organization_id == run.organization_id, Pair.cycle_id == run.cycle_id)
            .where(or_(Pair.state.in_(HOLDING), proposed))
            .group_by(side)
            .having(func.bool_or(proposed))
        )
        both = union_all(places, pairs).subquery()
        crowded = (
            select(both.c.person_id)
            .group_by(both.c.person_id)
            .having(func.sum(both.c.pairs) > func.sum(both.c.places))
            .subquery()
        )
        over = await session.scalar(select(func.count()).select_from(crowded))
        if over:
            raise NoPlaceLeft(
                f"{over} people of this run have no place left for another pair; steer the run, which computes it anew "
                "with the places that are left."
            )
