"""Computing a stored run again: with an admin's steering (to store it or to preview it), with a forced pair, or as it
was.

Nothing is computed on the event loop or inside a transaction. A run is read in one transaction, then it is computed,
and before a result is stored in another transaction, the run is checked again under the lock on the cycle's runs.
"""

from collections.abc import Collection
from functools import partial
from uuid import UUID

import structlog

from services.matching.engine.computation import Result
from services.matching.engine.inputs import CODE_VERSION, Inputs, canonical
from services.matching.engine.rules.eligibility import Couple
from services.matching.engine.steering import Steering
from services.matching.resources import MatchRunDetail, MatchRunInputs
from services.matching.runs.places import TooManyWait
from services.matching.runs.rules import candidates, counterfactual, preview, replay
from services.matching.runs.rules.candidates import CandidateList
from services.matching.runs.rules.counterfactual import Counterfactual
from services.matching.runs.rules.disclosure import obstacles_told
from services.matching.runs.rules.preview import ComparedResult, Preview, pairs_of
from services.matching.runs.rules.replay import Replay
from services.matching.runs.rules.steering_rules import check, check_couple
from services.matching.runs.solving import in_thread, solve
from services.matching.runs.store.decisions import check_steerable, store_revision
from services.matching.runs.store.reading import StoredRun, read_stored_run
from shared.contracts.accounts import Role
from shared.database import Database
from shared.errors import Conflict, DomainError
from shared.keys import Caller

log = structlog.get_logger(__name__)
TRIES = 3
RETRY_SECONDS = 30


class OffersKeepChanging(Conflict):
    code = "offers_keep_changing"


class MatchingBusy(DomainError):
    status = 429
    code = "matching_busy"


def busy() -> MatchingBusy:
    return MatchingBusy(
        "Too many computations wait for their turn; send this again in a while.",
        headers={"retry-after": str(RETRY_SECONDS)},
    )


async def steer(
    database: Database, caller: Caller, match_run_id: UUID, steering: Steering, if_match: str
) -> MatchRunDetail:
    """Solves the run again with this steering and stores the result as its next revision. Raises MatchRunNotFound,
    Invalid, OffersKeepChanging, and what `check_steerable` raises."""
    for _ in range(TRIES):
        stored_run = await _read(database, caller, match_run_id)
        check_steerable(stored_run.view, if_match)
        inputs = await in_thread(partial(_steered, stored_run, steering))
        result = await _solve(caller, inputs)
        async with database.transaction() as session:
            stored = await store_revision(
                session, caller.organization_id, stored_run, inputs, result, if_match, caller.key_id
            )
        if stored is not None:
            log.info("match_run.steered", match_run_id=str(stored.id), revision=stored.revision)
            return stored
    raise OffersKeepChanging("People answered their offers while this was computed; send the same request again.")


async def show(database: Database, caller: Caller, match_run_id: UUID, steering: Steering) -> Preview:
    """What this steering would change. Raises MatchRunNotFound, Invalid, and what `check_steerable` raises."""
    stored_run = await _read(database, caller, match_run_id)
    check_steerable(stored_run.view, None)
    inputs = await in_thread(partial(_steered, stored_run, steering))
    result = await _solve(caller, inputs)
    before = ComparedResult(stored_run.pairs, await in_thread(stored_run.inputs))
    return preview.difference(
        match_run_id, before, ComparedResult(pairs_of(result), inputs), certified=result.certified
    )


async def force(database: Database, caller: Caller, match_run_id: UUID, couple: Couple) -> Counterfactual:
    """What forcing this pair into the run would cost, or what forbids the pair; a viewer is not told what. Raises
    MatchRunNotFound, Invalid."""
    stored_run = await _read(database, caller, match_run_id)
    inputs = await in_thread(stored_run.inputs)
    await in_thread(partial(check_couple, inputs, couple))
    before, certified = await _as_it_was(caller, stored_run, inputs)
    if couple in before.pairs:
        return counterfactual.answer(match_run_id, couple, before, before, chosen=True, certified=certified)
    if forbidden_by := await in_thread(partial(counterfactual.obstacles, inputs, couple)):
        told = obstacles_told(forbidden_by, in_full=_makes_pairs(caller))
        return counterfactual.refusal(match_run_id, couple, told)
    changed = counterfactual.forced(inputs, couple)
    result = await _solve(caller, changed)
    return counterfactual.answer(
        match_run_id,
        couple,
        before,
        ComparedResult(pairs_of(result), changed),
        chosen=False,
        certified=certified and result.certified,
    )


async def repeat(database: Database, caller: Caller, match_run_id: UUID) -> Replay:
    """Computes the run again from its stored inputs and compares the results. Raises MatchRunNotFound."""
    stored_run = await _read(database, caller, match_run_id)
    inputs = await in_thread(stored_run.inputs)
    result = await _solve(caller, inputs)
    unaltered = await in_thread(stored_run.inputs_are_unaltered)
    compare = partial(
        replay.compare,
        match_run_id,
        stored_run.decided(),
        result,
        code_version=stored_run.view.code_version,
        inputs_hash_matches=unaltered,
    )
    return await in_thread(compare)


async def read_inputs(
    database: Database, caller: Caller, match_run_id: UUID, people: Collection[UUID] | None = None
) -> MatchRunInputs:
    """The inputs that the run was computed from, as far as the caller may know them; of these people alone, unless that
    is None. Raises MatchRunNotFound."""
    stored_run = await _read(database, caller, match_run_id)
    if people is not None:
        stored_run = stored_run._replace(stored_inputs=stored_run.stored_inputs.only(people))
    return await in_thread(partial(stored_run.inputs_view, in_full=_makes_pairs(caller)))


async def find_candidates(
    database: Database, caller: Caller, match_run_id: UUID, person_id: UUID, among: Collection[UUID] | None, limit: int
) -> CandidateList:
    """Who could be the partner of this person. Raises MatchRunNotFound, NotInPool."""
    stored_run = await _read(database, caller, match_run_id)

    def find() -> CandidateList:
        standing = stored_run.standing
        inputs = stored_run.inputs().model_copy(update={"held": standing.held, "tried": standing.tried})
        return candidates.candidates(match_run_id, inputs, stored_run.pairs, person_id, among, limit)

    return await in_thread(find)


def _makes_pairs(caller: Caller) -> bool:
    """Whether the caller decides about pairs, and therefore reads what people enrolled with and why a pair is not
    allowed."""
    return caller.role.covers(Role.COORDINATOR)


async def _read(database: Database, caller: Caller, match_run_id: UUID) -> StoredRun:
    async with database.transaction() as session:
        return await read_stored_run(session, caller.organization_id, match_run_id)


async def _solve(caller: Caller, inputs: Inputs) -> Result:
    """The result, when it is the organization's turn. Raises MatchingBusy."""
    try:
        return await solve(inputs, organization_id=caller.organization_id)
    except TooManyWait:
        raise busy() from None


async def _as_it_was(caller: Caller, stored_run: StoredRun, inputs: Inputs) -> tuple[ComparedResult, bool]:
    """The run's own result. It is computed again if its pairs were deleted, or if older code made it."""
    if stored_run.has_pairs and stored_run.view.code_version == CODE_VERSION:
        return ComparedResult(stored_run.pairs, inputs), stored_run.view.certified
    result = await _solve(caller, inputs)
    return ComparedResult(pairs_of(result), inputs), result.certified


def _steered(stored_run: StoredRun, steering: Steering) -> Inputs:
    """The run's inputs with this steering, and with the places that are taken by now. Raises Invalid."""
    standing = stored_run.standing
    changes = {"steering": steering, "held": standing.held, "tried": standing.tried}
    inputs = stored_run.inputs().model_copy(update=changes)
    check(inputs, standing.live)
    return canonical(inputs)
