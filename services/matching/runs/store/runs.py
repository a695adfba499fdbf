"""SQL of match runs: storing a run or its next revision, superseding and expiring runs.

Every transaction that adds, approves or expires runs of a cycle first locks the cycle's runs, in the order of attempts.
This lock decides which comes first: an approval, a steering, or the end of the time for offers. Functions never commit.
"""

import secrets
from dataclasses import asdict
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.engine.alternatives import Alternative
from services.matching.engine.computation import Result
from services.matching.engine.inputs import Inputs
from services.matching.engine.unmatched import NOT_APPROVED, UnmatchedReason
from services.matching.models import MatchRun, Pair, UnmatchedPerson
from services.matching.runs.rules.replay import result_hash
from services.matching.runs.rules.stored_inputs import columns_of
from shared.contracts.events import MatchRunProposed
from shared.contracts.matching import MatchRunState, PairState, Proposal
from shared.errors import NotFound
from shared.events import emit


class MatchRunNotFound(NotFound):
    code = "match_run_not_found"


def not_found() -> MatchRunNotFound:
    return MatchRunNotFound("There is no such match run.")


def match_run_id_for(cycle_id: UUID, attempt: int, revision: int = 1) -> UUID:
    return uuid5(cycle_id, f"match-run-{attempt}" if revision == 1 else f"match-run-{attempt}-{revision}")


async def lock_runs(session: AsyncSession, organization_id: UUID, cycle_id: UUID) -> list[MatchRun]:
    """The cycle's runs, locked, in the order of attempts and revisions. The lock is `FOR NO KEY UPDATE`: with a
    stronger one, changes of the runs' pairs would wait wherever Postgres checks the foreign key again, which is against
    the order in which locks are taken."""
    found = await session.scalars(
        select(MatchRun)
        .where(MatchRun.organization_id == organization_id, MatchRun.cycle_id == cycle_id)
        .order_by(MatchRun.attempt, MatchRun.revision)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return list(found)


async def find_proposal(session: AsyncSession, organization_id: UUID, cycle_id: UUID, attempt: int) -> Proposal | None:
    """The latest revision of the attempt, if there is one."""
    row = await session.scalar(
        select(MatchRun)
        .where(MatchRun.organization_id == organization_id, MatchRun.cycle_id == cycle_id, MatchRun.attempt == attempt)
        .order_by(MatchRun.revision.desc())
        .limit(1)
    )
    if row is None:
        return None
    return Proposal(match_run_id=row.id, enrolled=row.enrolled, pairs=row.pairs_count, unmatched=row.unmatched_count)


async def store_run(
    session: AsyncSession,
    organization_id: UUID,
    program_id: UUID | None,
    attempt: int,
    inputs: Inputs,
    result: Result,
    *,
    revision: int = 1,
    steered_by: str | None = None,
) -> Proposal:
    """Stores a run with its pairs and unmatched people, and supersedes the cycle's runs that still wait for approval. A
    run that exists already is not stored again. The caller holds the cycle's runs locked. Emits
    `match_run.proposed`."""
    run_id = match_run_id_for(inputs.cycle_id, attempt, revision)
    created = await session.scalar(
        insert(MatchRun)
        .values(
            id=run_id,
            organization_id=organization_id,
            program_id=program_id,
            attempt=attempt,
            revision=revision,
            steered_by=steered_by,
            **_columns(inputs, result),
        )
        .on_conflict_do_nothing()
        .returning(MatchRun.id)
    )
    if created is not None:
        await _retire(session, organization_id, inputs.cycle_id, MatchRunState.SUPERSEDED, keep=run_id)
        await _insert_result(session, organization_id, run_id, inputs, result)
        event = MatchRunProposed(
            match_run_id=run_id,
            cycle_id=inputs.cycle_id,
            pairs=len(result.pairs),
            unmatched=len(result.unmatched),
            attempt=attempt,
            revision=revision,
        )
        await emit(session, organization_id, event)
    stored = await find_proposal(session, organization_id, inputs.cycle_id, attempt)
    if stored is None:
        raise MatchRunNotFound("This attempt was stored for another organization.")
    return stored


def _columns(inputs: Inputs, result: Result) -> dict[str, Any]:
    return {
        **columns_of(inputs, secrets.token_hex(16)),
        "state": MatchRunState.PROPOSED,
        "result_hash": result_hash(result),
        "certified": result.certified,
        "total": asdict(result.total),
        "bound": asdict(result.bound),
        "supply": [topic.model_dump(mode="json") for topic in result.supply],
        "enrolled": len(inputs.people),
        "mentors": result.mentors,
        "mentees": result.mentees,
        "pairs_count": len(result.pairs),
        "unmatched_count": len(result.unmatched),
    }


async def _insert_result(
    session: AsyncSession, organization_id: UUID, run_id: UUID, inputs: Inputs, result: Result
) -> None:
    overridden = {(pair.mentor_id, pair.mentee_id): pair.override_reason for pair in inputs.steering.by_hand}
    pairs = [
        {
            "id": uuid5(run_id, f"{pair.mentor_id}-{pair.mentee_id}"),
            "organization_id": organization_id,
            "cycle_id": inputs.cycle_id,
            "match_run_id": run_id,
            "mentor_id": pair.mentor_id,
            "mentee_id": pair.mentee_id,
            "state": PairState.PROPOSED,
            "score": pair.points,
            "contributions": pair.contributions,
            "reasons": [],
            "reason_codes": [reason.model_dump(mode="json") for reason in pair.reasons],
            "topics": list(pair.topics),
            "origin": pair.origin,
            "alternatives": [_alternative(alternative) for alternative in pair.alternatives],
            "override_reason": overridden.get((pair.mentor_id, pair.mentee_id)),
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
            "change": asdict(person.change) if person.change is not None else None,
            "detail": person.detail,
        }
        for person in result.unmatched
    ]
    if pairs:
        await session.execute(insert(Pair), pairs)
    if unmatched:
        await session.execute(insert(UnmatchedPerson), unmatched)


def _alternative(alternative: Alternative) -> dict[str, Any]:
    ids = {"person_id": str(alternative.person_id), "partners": [str(partner) for partner in alternative.partners]}
    return alternative._asdict() | ids


async def expire_runs(session: AsyncSession, organization_id: UUID, cycle_id: UUID) -> None:
    """Runs that nobody approved expire, because the time for offers is over. The caller holds them locked. The people
    of their pairs become unmatched, with the reason that their pairs were not approved."""
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
