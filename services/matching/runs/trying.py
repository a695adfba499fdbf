"""Trying rules before anybody stores them: on the people of a program's last run, or on the directory if it has none.

Nothing is stored. It is computed when it is the organization's turn, and given up after a while, because an admin waits
for it in front of a form.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from services.matching.engine.inputs import CODE_VERSION, Inputs, week_of
from services.matching.engine.permitted import Permitted, permitted
from services.matching.engine.rules.eligibility import Rules
from services.matching.runs.places import TooManyWait
from services.matching.runs.revising import busy
from services.matching.runs.rules.policy_effect import (
    Decided,
    PolicyEffect,
    PolicyTrial,
    decided_in,
    effect_on_directory,
    effect_on_run,
    tried,
)
from services.matching.runs.solving import in_thread, in_turn, solve, undisturbed
from services.matching.runs.store.reading import StoredRun, find_last_run, read_stored_run
from shared.contracts.base import Service
from shared.contracts.intake import PoolPage, PoolPerson
from shared.database import Database
from shared.errors import Invalid
from shared.http.internal import Internal
from shared.suppression import SMALLEST_GROUP

MOST_PEOPLE = 2000
"""How many people of a directory are looked at. Ids are random, so that the first ones are a random part of it."""
PAGE = 1000
MOST_SECONDS = 20.0
"""Shorter than callers wait for an answer."""


class TrialTooLarge(Invalid):
    code = "trial_too_large"


async def try_policy(database: Database, internal: Internal, organization_id: UUID, trial: PolicyTrial) -> PolicyEffect:
    """What these rules would do. A run of fewer than five people is passed over, as its counts would tell about single
    ones. Raises TrialTooLarge, MatchingBusy, and httpx.HTTPError when intake is away."""
    stored_run = await _last_run(database, organization_id, trial.program_id)
    try:
        async with asyncio.timeout(MOST_SECONDS):
            if stored_run is not None:
                return await _on_run(organization_id, stored_run, trial)
            return await _on_directory(internal, organization_id, trial)
    except TooManyWait:
        raise busy() from None
    except TimeoutError:
        raise TrialTooLarge("To compute this takes too long to be tried while somebody waits.") from None


async def _last_run(database: Database, organization_id: UUID, program_id: UUID | None) -> StoredRun | None:
    if program_id is None:
        return None
    async with database.transaction() as session:
        run_id = await find_last_run(session, organization_id, program_id, SMALLEST_GROUP)
        return None if run_id is None else await read_stored_run(session, organization_id, run_id)


async def _on_run(organization_id: UUID, stored_run: StoredRun, trial: PolicyTrial) -> PolicyEffect:
    was = await in_thread(stored_run.inputs)
    before = await _as_it_was(organization_id, stored_run, was)
    inputs = tried(was, trial)
    result = await solve(inputs, organization_id=organization_id)
    return await in_thread(
        partial(effect_on_run, stored_run.view.id, before, was, decided_in(result), inputs, certified=result.certified)
    )


async def _as_it_was(organization_id: UUID, stored_run: StoredRun, inputs: Inputs) -> Decided:
    """What the run decided. It is computed again if its pairs were deleted, or if older code made it."""
    if stored_run.has_pairs and stored_run.view.code_version == CODE_VERSION:
        return Decided(stored_run.pairs, {person_id: reason for person_id, reason, *_ in stored_run.unmatched})
    return decided_in(await solve(inputs, organization_id=organization_id))


async def _on_directory(internal: Internal, organization_id: UUID, trial: PolicyTrial) -> PolicyEffect:
    people, sampled = await _read_directory(internal, organization_id)
    rules, week = Rules(trial.direction, trial.policy), week_of(datetime.now(UTC).date())

    def count(go_on: Callable[[], None]) -> Permitted:
        with undisturbed():
            return permitted(people, rules, week, go_on)

    found = await in_turn(count, organization_id=organization_id)
    return effect_on_directory(len(people), found, sampled=sampled)


async def _read_directory(internal: Internal, organization_id: UUID) -> tuple[list[PoolPerson], bool]:
    """The people who would be asked now, up to a number, and whether there are more."""
    people: list[PoolPerson] = []
    after: UUID | None = None
    while True:
        params = {"limit": PAGE} | ({"after": str(after)} if after else {})
        page = await internal.get(Service.INTAKE, "/people/pool", PoolPage, organization_id, params)
        people += page.people
        if (after := page.after) is None or len(people) >= MOST_PEOPLE:
            return people, after is not None
