"""Whether a stored run gives the same result again. Only what was decided is compared, not how it is worded.

Pure: no database, no network, no clock.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from services.matching.engine.computation import Result
from services.matching.engine.inputs import CODE_VERSION
from services.matching.engine.rules.eligibility import Couple
from services.matching.runs.rules.disclosure import decided_told
from shared.contracts.base import Contract

What = Literal["pair", "unmatched", "total", "bound", "result"]


class Difference(Contract):
    """One difference between the stored and the replayed result. A value is None where one of the two has nothing."""

    what: What
    mentor_id: UUID | None = None
    mentee_id: UUID | None = None
    person_id: UUID | None = None
    stored: dict[str, Any] | None = None
    replayed: dict[str, Any] | None = None


class Replay(Contract):
    match_run_id: UUID
    same: bool
    """The replayed result is the same as the stored one."""
    code_version: str
    """The version of the code that made the run."""
    code_version_now: str
    inputs_hash_matches: bool
    """The stored inputs are the ones that the run was computed from. Another version of the code counts as other
    inputs."""
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class DecidedResult:
    """What a run decided: the part of a result that is compared. `pairs` is None when they were deleted, as those of
    superseded runs are."""

    pairs: Mapping[Couple, dict[str, Any]] | None
    unmatched: Mapping[UUID, dict[str, Any]]
    total: dict[str, int] | None
    bound: dict[str, int] | None
    hash: str | None


def decided_by(result: Result) -> DecidedResult:
    return DecidedResult(
        pairs={
            (pair.mentor_id, pair.mentee_id): {
                "points": pair.points,
                "contributions": dict(sorted(pair.contributions.items())),
                "origin": pair.origin.value,
            }
            for pair in result.pairs
        },
        unmatched={
            person.person_id: {
                "reason": person.reason.value,
                "candidates": person.candidates,
                "blocked": {constraint.value: count for constraint, count in sorted(person.blocked.items())},
            }
            for person in result.unmatched
        },
        total={"people": result.total.people, "points": result.total.points},
        bound={"people": result.bound.people, "points": result.bound.points},
        hash=result_hash(result),
    )


def result_hash(result: Result) -> str:
    """The hash of what was decided, without wording: pairs with their points, unmatched people with their reason, and
    the totals."""
    pairs = sorted([str(pair.mentor_id), str(pair.mentee_id), pair.points, pair.origin.value] for pair in result.pairs)
    left = sorted([str(person.person_id), person.reason.value] for person in result.unmatched)
    totals = [result.total.people, result.total.points, result.bound.people, result.bound.points]
    return hashlib.sha256(json.dumps([pairs, left, totals]).encode()).hexdigest()


def compare(
    match_run_id: UUID, stored: DecidedResult, result: Result, *, code_version: str, inputs_hash_matches: bool
) -> Replay:
    now = decided_by(result)
    differences = tuple(_differences(stored, now))
    if not differences and stored.hash is not None and stored.hash != now.hash:
        differences = (Difference(what="result", stored={"hash": stored.hash}, replayed={"hash": now.hash}),)
    return Replay(
        match_run_id=match_run_id,
        same=not differences,
        code_version=code_version,
        code_version_now=CODE_VERSION,
        inputs_hash_matches=inputs_hash_matches,
        differences=differences,
    )


def _differences(stored: DecidedResult, now: DecidedResult) -> Iterator[Difference]:
    if stored.pairs is not None and now.pairs is not None:
        for couple in sorted(stored.pairs.keys() | now.pairs.keys()):
            before, after = stored.pairs.get(couple), now.pairs.get(couple)
            if before != after:
                mentor_id, mentee_id = couple
                yield Difference(what="pair", mentor_id=mentor_id, mentee_id=mentee_id, stored=before, replayed=after)
    for person_id in sorted(stored.unmatched.keys() | now.unmatched.keys()):
        then, left = stored.unmatched.get(person_id), now.unmatched.get(person_id)
        if then != left:
            yield Difference(
                what="unmatched", person_id=person_id, stored=decided_told(then), replayed=decided_told(left)
            )
    if stored.total is not None and stored.total != now.total:
        yield Difference(what="total", stored=stored.total, replayed=now.total)
    if stored.bound is not None and stored.bound != now.bound:
        yield Difference(what="bound", stored=stored.bound, replayed=now.bound)
