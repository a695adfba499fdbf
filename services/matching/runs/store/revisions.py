"""SQL of steering: the next revision of a run takes its place, if nobody was faster. Functions never commit."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.engine.computation import Inputs, Result
from services.matching.models import MatchRun
from services.matching.resources import MatchRunDetail, MatchRunView
from services.matching.runs.store.approval import check_waits
from services.matching.runs.store.reading import Basis, read_run, version_of
from services.matching.runs.store.runs import lock_runs, match_run_id_for, not_found, store_run
from services.matching.runs.store.standing import read_standing
from shared.contracts.matching import MatchRunState
from shared.errors import Conflict
from shared.http.etags import check_match


class MatchRunApproved(Conflict):
    code = "match_run_approved"


class NobodyToMatch(Conflict):
    code = "nobody_to_match"


def check_steerable(run: MatchRun | MatchRunView, if_match: str | None) -> None:
    """Raises StaleVersion when the caller read another state of the run; MatchRunApproved, MatchRunSuperseded,
    MatchRunExpired, NobodyToMatch when it can no longer be steered."""
    if if_match is not None:
        check_match(if_match, version_of(run.attempt, run.revision, run.state))
    check_waits(run)
    if run.state == MatchRunState.APPROVED:
        raise MatchRunApproved(
            "This match run is approved: its pairs are offered. Only a run that waits can be steered."
        )
    if (run.attempt, run.revision, run.pairs_count) == (1, 1, 0):
        raise NobodyToMatch("The cycle ended when this match run found no pair; correct the program and start another.")


async def store_revision(
    session: AsyncSession,
    organization_id: UUID,
    basis: Basis,
    inputs: Inputs,
    result: Result,
    if_match: str,
    key_id: str,
) -> MatchRunDetail | None:
    """Stores the result as the run's next revision, which supersedes it. None when the cycle's pairs hold other
    places by now than the result was computed with. Raises what `check_steerable` does."""
    runs = await lock_runs(session, organization_id, basis.run.cycle_id)
    run = next((run for run in runs if run.id == basis.run.id), None)
    if run is None:
        raise not_found()
    check_steerable(run, if_match)
    if await read_standing(session, organization_id, run.cycle_id) != basis.standing:
        return None
    revision = run.revision + 1
    await store_run(
        session, organization_id, run.program_id, run.attempt, inputs, result, revision=revision, steered_by=key_id
    )
    return await read_run(session, organization_id, match_run_id_for(run.cycle_id, run.attempt, revision))
