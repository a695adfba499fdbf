"""SQL of match runs: storing one once, superseding, approving and expiring it.

Whoever adds, approves or expires runs of a cycle locks the cycle's runs first, in the order of attempts; that row lock
decides between an approval and the end of the time for it. Functions never commit.
"""

from uuid import UUID, uuid5

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.computation import CODE_VERSION, Inputs, Result
from services.matching.models import MatchRun, Pair, UnmatchedPerson
from services.matching.resources import MatchRunDetail, MatchRunView, PairView, UnmatchedView
from services.matching.unmatched import NOT_APPROVED, UnmatchedReason
from shared.contracts.events import MatchRunApproved, MatchRunProposed, PairOffered
from shared.contracts.matching import MatchRunState, PairState, Proposal
from shared.errors import Conflict, NotFound
from shared.events import emit


class MatchRunNotFound(NotFound):
    code = "match_run_not_found"


class MatchRunSuperseded(Conflict):
    code = "match_run_superseded"


class MatchRunExpired(Conflict):
    code = "match_run_expired"


class NothingToApprove(Conflict):
    code = "nothing_to_approve"


def match_run_id_for(cycle_id: UUID, attempt: int) -> UUID:
    return uuid5(cycle_id, f"match-run-{attempt}")


async def lock_runs(session: AsyncSession, organization_id: UUID, cycle_id: UUID) -> list[MatchRun]:
    """The cycle's runs, locked, in the order of attempts. `FOR NO KEY UPDATE`: a stronger lock would make changes of
    their pairs wait wherever Postgres looks at the foreign key again, against the order of locks."""
    found = await session.scalars(
        select(MatchRun)
        .where(MatchRun.organization_id == organization_id, MatchRun.cycle_id == cycle_id)
        .order_by(MatchRun.attempt)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return list(found)


async def find_proposal(session: AsyncSession, organization_id: UUID, cycle_id: UUID, attempt: int) -> Proposal | None:
    row = await session.scalar(
        select(MatchRun).where(
            MatchRun.organization_id == organization_id, MatchRun.cycle_id == cycle_id, MatchRun.attempt == attempt
        )
    )
    if row is None:
        return None
    return Proposal(match_run_id=row.id, enrolled=row.enrolled, pairs=row.pairs_count, unmatched=row.unmatched_count)


async def store_run(
    session: AsyncSession, organization_id: UUID, attempt: int, inputs: Inputs, result: Result
) -> Proposal:
    """Stores a run with its pairs and unmatched people, once, and supersedes the cycle's runs that still wait for an
    approval. The caller holds the cycle's runs locked. Emits `match_run.proposed`."""
    run_id = match_run_id_for(inputs.cycle_id, attempt)
    created = await session.scalar(
        insert(MatchRun)
        .values(
            id=run_id,
            organization_id=organization_id,
            cycle_id=inputs.cycle_id,
            attempt=attempt,
            state=MatchRunState.PROPOSED,
            direction=inputs.direction,
            policy=inputs.policy.model_dump(mode="json"),
            inputs=inputs.model_dump(mode="json", exclude={"cycle_id", "direction", "policy"}),
            inputs_hash=inputs.hash(),
            code_version=CODE_VERSION,
            seed=str(inputs.cycle_id),
            optimal=result.optimal,
            enrolled=len(inputs.people),
            mentors=result.mentors,
            mentees=result.mentees,
            pairs_count=len(result.pairs),
            unmatched_count=len(result.unmatched),
        )
        .on_conflict_do_nothing()
        .returning(MatchRun.id)
    )
    if created is not None:
        await _retire(session, organization_id, inputs.cycle_id, MatchRunState.SUPERSEDED, keep=run_id)
        await _insert_result(session, organization_id, inputs.cycle_id, run_id, result)
        event = MatchRunProposed(
            match_run_id=run_id,
            cycle_id=inputs.cycle_id,
            pairs=len(result.pairs),
            unmatched=len(result.unmatched),
        )
        await emit(session, organization_id, event)
    stored = await find_proposal(session, organization_id, inputs.cycle_id, attempt)
    if stored is None:
        raise MatchRunNotFound("This attempt was stored for another organization.")
    return stored


async def _insert_result(
    session: AsyncSession, organization_id: UUID, cycle_id: UUID, run_id: UUID, result: Result
) -> None:
    pairs = [
        {
            "id": uuid5(run_id, f"{pair.mentor_id}-{pair.mentee_id}"),
            "organization_id": organization_id,
            "cycle_id": cycle_id,
            "match_run_id": run_id,
            "mentor_id": pair.mentor_id,
            "mentee_id": pair.mentee_id,
            "state": PairState.PROPOSED,
            "score": pair.points,
            "contributions": pair.contributions,
            "reasons": list(pair.reasons),
            "topics": list(pair.topics),
        }
        for pair in result.pairs
    ]
    unmatched = [
        {
            "match_run_id": run_id,
            "person_id": person.person_id,
            "organization_id": organization_id,
            "reason": person.reason,
            "candidates": person.candidates,
            "blocked": {constraint.value: count for constraint, count in person.blocked.items()},
            "detail": person.detail,
        }
        for person in result.unmatched
    ]
    if pairs:
        await session.execute(insert(Pair), pairs)
    if unmatched:
        await session.execute(insert(UnmatchedPerson), unmatched)


async def expire_runs(session: AsyncSession, organization_id: UUID, cycle_id: UUID) -> None:
    """The time for offers is over: runs that nobody approved expire (the caller holds them locked). The people of
    their pairs become unmatched, because their pairs were never approved."""
    await _retire(session, organization_id, cycle_id, MatchRunState.EXPIRED)


async def _retire(
    session: AsyncSession, organization_id: UUID, cycle_id: UUID, state: MatchRunState, keep: UUID | None = None
) -> None:
    runs = await session.scalars(
        update(MatchRun)
        .where(
            MatchRun.organization_id == organization_id,
            MatchRun.cycle_id == cycle_id,
            MatchRun.state == MatchRunState.PROPOSED,
            *(() if keep is None else (MatchRun.id != keep,)),
        )
        .values(state=state)
        .returning(MatchRun.id)
        .execution_options(synchronize_session=False)
    )
    gone = await session.execute(
        delete(Pair)
        .where(
            Pair.organization_id == organization_id,
            Pair.match_run_id.in_(runs.all()),
            Pair.state == PairState.PROPOSED,
        )
        .returning(Pair.match_run_id, Pair.mentor_id, Pair.mentee_id)
        .execution_options(synchronize_session=False)
    )
    rows = [
        {
            "match_run_id": run_id,
            "person_id": person_id,
            "organization_id": organization_id,
            "reason": UnmatchedReason.NOT_APPROVED,
            "candidates": 0,
            "blocked": {},
            "detail": NOT_APPROVED,
        }
        for run_id, person_id in dict.fromkeys((run_id, person) for run_id, *sides in gone for person in sides)
    ]
    if rows and state is MatchRunState.EXPIRED:
        await session.execute(insert(UnmatchedPerson).on_conflict_do_nothing(), rows)


async def approve_run(session: AsyncSession, organization_id: UUID, run_id: UUID, key_id: str) -> MatchRunView:
    """Offers the run's pairs and records who approved it; approving again changes nothing. Emits `pair.offered` for
    each pair, then `match_run.approved`. Raises MatchRunNotFound, MatchRunSuperseded, MatchRunExpired,
    NothingToApprove."""
    cycle_id = await session.scalar(
        select(MatchRun.cycle_id).where(MatchRun.organization_id == organization_id, MatchRun.id == run_id)
    )
    runs = await lock_runs(session, organization_id, cycle_id) if cycle_id is not None else []
    run = next((run for run in runs if run.id == run_id), None)
    if run is None:
        raise MatchRunNotFound("There is no such match run.")
    if run.state == MatchRunState.APPROVED:
        return MatchRunView.model_validate(run, from_attributes=True)
    _check_open(run)
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
    approved = MatchRunApproved(match_run_id=run.id, cycle_id=run.cycle_id, pairs=len(events))
    await emit(session, organization_id, *events, approved)
    return MatchRunView.model_validate(run, from_attributes=True)


def _check_open(run: MatchRun) -> None:
    if run.state == MatchRunState.SUPERSEDED:
        raise MatchRunSuperseded("A newer match run of this cycle took its place; approve that one.")
    if run.state == MatchRunState.EXPIRED:
        raise MatchRunExpired("The time for offers is over; this match run can no longer be approved.")
    if run.pairs_count == 0:
        raise NothingToApprove("This match run proposes no pairs; see the reasons of its unmatched people.")


async def read_runs(session: AsyncSession, organization_id: UUID, cycle_id: UUID) -> tuple[MatchRunView, ...]:
    """The cycle's runs, in the order of attempts."""
    found = await session.scalars(
        select(MatchRun)
        .where(MatchRun.organization_id == organization_id, MatchRun.cycle_id == cycle_id)
        .order_by(MatchRun.attempt)
    )
    return tuple(MatchRunView.model_validate(run, from_attributes=True) for run in found)


async def read_run(session: AsyncSession, organization_id: UUID, run_id: UUID) -> MatchRunDetail:
    """One run with its pairs, best first, and its unmatched people. Raises MatchRunNotFound."""
    run = await session.scalar(
        select(MatchRun).where(MatchRun.organization_id == organization_id, MatchRun.id == run_id)
    )
    if run is None:
        raise MatchRunNotFound("There is no such match run.")
    pairs = await session.scalars(
        select(Pair)
        .where(Pair.organization_id == organization_id, Pair.match_run_id == run_id)
        .order_by(Pair.score.desc(), Pair.id)
    )
    unmatched = await session.scalars(
        select(UnmatchedPerson)
        .where(UnmatchedPerson.organization_id == organization_id, UnmatchedPerson.match_run_id == run_id)
        .order_by(UnmatchedPerson.person_id)
    )
    return MatchRunDetail(
        **MatchRunView.model_validate(run, from_attributes=True).model_dump(),
        pairs=tuple(PairView.model_validate(pair, from_attributes=True) for pair in pairs),
        unmatched=tuple(UnmatchedView.model_validate(person, from_attributes=True) for person in unmatched),
    )
