"""SQL that reads match runs: the list of a cycle, one run with its whole result, and what a run was computed from."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, case, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from services.matching.engine.inputs import Inputs
from services.matching.engine.steering import Steering
from services.matching.engine.unmatched import UnmatchedReason
from services.matching.models import MatchRun, Pair, UnmatchedPerson
from services.matching.resources import FitView, MatchRunDetail, MatchRunInputs, MatchRunView, UnmatchedView, pair_view
from services.matching.runs.rules.disclosure import inputs_told, unmatched_told
from services.matching.runs.rules.replay import DecidedResult
from services.matching.runs.rules.stored_inputs import StoredInputs
from services.matching.runs.store.runs import not_found
from services.matching.runs.store.standing import Standing, read_standing
from shared.contracts.intake import TopicSupply
from shared.contracts.matching import MatchRunState
from shared.errors import Gone
from shared.suppression import told_topics, untold_topics

MIDDLE = 0.5
"""The middle pair of a run, by its points."""
CURRENT = (
    select(MatchRun)
    .where(MatchRun.organization_id == bindparam("organization_id"), MatchRun.cycle_id == bindparam("cycle_id"))
    .order_by(
        case({MatchRunState.PROPOSED: 0, MatchRunState.SUPERSEDED: 2}, value=MatchRun.state, else_=1),
        MatchRun.attempt.desc(),
        MatchRun.revision.desc(),
    )
    .limit(1)
)
FIT = select(func.percentile_disc(MIDDLE).within_group(Pair.score), func.max(Pair.score)).where(
    Pair.organization_id == bindparam("organization_id"), Pair.match_run_id == bindparam("run_id")
)
"""Made once, as each page of a review needs both (decision 0015)."""


class InputsPurged(Gone):
    code = "inputs_purged"


class StoredRun(NamedTuple):
    """A stored run from which another computation starts, with the places that its cycle's pairs take by now."""

    view: MatchRunView
    stored_inputs: StoredInputs
    result_hash: str | None
    standing: Standing
    rows: Sequence[tuple[UUID, UUID, int, dict[str, int], str]]
    unmatched: Sequence[tuple[UUID, str, int, dict[str, int]]]

    def inputs(self) -> Inputs:
        """What the run was computed from. Reading it takes a while for a large pool."""
        return self.stored_inputs.read()

    def inputs_are_unaltered(self) -> bool:
        """Whether the stored inputs still have the hash that was stored with them."""
        return self.stored_inputs.have_hash(self.view.inputs_hash)

    def inputs_view(self, *, in_full: bool) -> MatchRunInputs:
        """The inputs as they are told. Not `in_full`, they are without what people answered."""
        inputs = self.inputs()
        return MatchRunInputs(
            match_run_id=self.view.id,
            inputs_hash=self.view.inputs_hash,
            code_version=self.view.code_version,
            policy=inputs.steering.policy or inputs.policy,
            inputs=inputs_told(inputs, in_full=in_full),
        )

    @property
    def has_pairs(self) -> bool:
        """Whether the pairs that the run proposed still exist."""
        return len(self.rows) == self.view.pairs_count

    @property
    def pairs(self) -> dict[tuple[UUID, UUID], int]:
        return {(mentor_id, mentee_id): score for mentor_id, mentee_id, score, *_ in self.rows}

    def decided(self) -> DecidedResult:
        return DecidedResult(
            pairs={
                (mentor_id, mentee_id): {"points": score, "contributions": contributions, "origin": origin}
                for mentor_id, mentee_id, score, contributions, origin in self.rows
            }
            if self.has_pairs
            else None,
            unmatched={
                person_id: {"reason": reason, "candidates": candidates, "blocked": blocked}
                for person_id, reason, candidates, blocked in self.unmatched
                if reason != UnmatchedReason.NOT_APPROVED
            },
            total=self.view.total.model_dump() if self.view.total is not None else None,
            bound=self.view.bound.model_dump() if self.view.bound is not None else None,
            hash=self.result_hash,
        )


def version_of(attempt: int, revision: int, state: str) -> str:
    """The text of a run's ETag. Nothing but the state of a run ever changes, as steering makes another run."""
    return f"{attempt}.{revision}-{state}"


def view_of(run: MatchRun) -> MatchRunView:
    view = MatchRunView.model_validate(run, from_attributes=True)
    return view.model_copy(update={"policy": run.steering.get("policy") or run.policy})


async def read_runs(session: AsyncSession, organization_id: UUID, cycle_id: UUID) -> tuple[MatchRunView, ...]:
    """The cycle's runs, in the order of attempts and revisions."""
    found = await session.scalars(
        select(MatchRun)
        .where(MatchRun.organization_id == organization_id, MatchRun.cycle_id == cycle_id)
        .order_by(MatchRun.attempt, MatchRun.revision)
    )
    return tuple(view_of(run) for run in found)


async def read_cycle_id(session: AsyncSession, organization_id: UUID, run_id: UUID) -> UUID:
    """The cycle of a run. Raises MatchRunNotFound."""
    query = select(MatchRun.cycle_id).where(MatchRun.organization_id == organization_id, MatchRun.id == run_id)
    cycle_id = await session.scalar(query)
    if cycle_id is None:
        raise not_found()
    return cycle_id


async def find_last_run(session: AsyncSession, organization_id: UUID, program_id: UUID, fewest: int) -> UUID | None:
    """The run of the program's last cycle with at least so many people. Runs that only replace declined pairs are
    passed over."""
    query = (
        select(MatchRun.id)
        .where(
            MatchRun.organization_id == organization_id,
            MatchRun.program_id == program_id,
            MatchRun.attempt == 1,
            MatchRun.enrolled >= fewest,
        )
        .order_by(MatchRun.created_at.desc(), MatchRun.revision.desc())
        .limit(1)
    )
    found: UUID | None = await session.scalar(query)
    return found


async def read_run(
    session: AsyncSession, organization_id: UUID, run_id: UUID, *, in_full: bool = True, with_lists: bool = True
) -> MatchRunDetail:
    """One run with its pairs, best first, and its unmatched people; or without both, which have lists of their own.
    Not `in_full`, without the figures about topics. Raises MatchRunNotFound."""
    run = await _find(session, organization_id, run_id)
    return await _detail(session, run, in_full=in_full, with_lists=with_lists)


async def read_current_run(
    session: AsyncSession, organization_id: UUID, cycle_id: UUID, *, in_full: bool, with_lists: bool
) -> MatchRunDetail:
    """The cycle's run that waits for approval, or else its last one, as `read_run` reads it. One that was superseded
    counts only if there is no other. Raises MatchRunNotFound."""
    run = await session.scalar(CURRENT, {"organization_id": organization_id, "cycle_id": cycle_id})
    if run is None:
        raise not_found()
    return await _detail(session, run, in_full=in_full, with_lists=with_lists)


async def _detail(session: AsyncSession, run: MatchRun, *, in_full: bool, with_lists: bool) -> MatchRunDetail:
    organization_id, run_id = run.organization_id, run.id
    pairs: Sequence[Pair] = ()
    unmatched: Sequence[UnmatchedPerson] = ()
    if with_lists:
        of_run = (Pair.organization_id == organization_id, Pair.match_run_id == run_id)
        found = await session.scalars(select(Pair).where(*of_run).order_by(Pair.score.desc(), Pair.id))
        pairs, unmatched = found.all(), await _read_unmatched(session, organization_id, run_id)
    supply = [TopicSupply.model_validate(topic) for topic in run.supply]
    tell = told_topics if in_full else untold_topics
    return MatchRunDetail.model_validate(
        {
            **dict(view_of(run)),
            "fit": await _read_fit(session, organization_id, run_id),
            "steering": Steering.model_validate(run.steering),
            "supply": [topic.model_dump() for topic in tell(supply)],
            "pairs": [pair_view(pair) for pair in pairs],
            "unmatched": [
                unmatched_told(UnmatchedView.model_validate(person, from_attributes=True)) for person in unmatched
            ],
        }
    )


async def _read_unmatched(session: AsyncSession, organization_id: UUID, run_id: UUID) -> Sequence[UnmatchedPerson]:
    found = await session.scalars(
        select(UnmatchedPerson)
        .where(UnmatchedPerson.organization_id == organization_id, UnmatchedPerson.match_run_id == run_id)
        .order_by(UnmatchedPerson.person_id)
    )
    return found.all()


async def _read_fit(session: AsyncSession, organization_id: UUID, run_id: UUID) -> FitView | None:
    found = (await session.execute(FIT, {"organization_id": organization_id, "run_id": run_id})).one()
    return None if found[0] is None else FitView(low=found[0] // 2, middle=found[0], best=found[1])


async def read_stored_run(session: AsyncSession, organization_id: UUID, run_id: UUID) -> StoredRun:
    """Raises MatchRunNotFound, InputsPurged."""
    run = await _find(session, organization_id, run_id, whole=True)
    rows = await session.execute(
        select(Pair.mentor_id, Pair.mentee_id, Pair.score, Pair.contributions, Pair.origin)
        .where(Pair.organization_id == organization_id, Pair.match_run_id == run_id)
        .order_by(Pair.id)
    )
    unmatched = await session.execute(
        select(
            UnmatchedPerson.person_id, UnmatchedPerson.reason, UnmatchedPerson.candidates, UnmatchedPerson.blocked
        ).where(UnmatchedPerson.organization_id == organization_id, UnmatchedPerson.match_run_id == run_id)
    )
    return StoredRun(
        view=view_of(run),
        stored_inputs=StoredInputs(run.cycle_id, run.direction, run.policy, run.steering, run.inputs),
        result_hash=run.result_hash,
        standing=await read_standing(session, organization_id, run.cycle_id),
        rows=rows.all(),
        unmatched=unmatched.all(),
    )


async def _find(session: AsyncSession, organization_id: UUID, run_id: UUID, *, whole: bool = False) -> MatchRun:
    query = select(MatchRun).where(MatchRun.organization_id == organization_id, MatchRun.id == run_id)
    run = await session.scalar(query.options(undefer(MatchRun.inputs)) if whole else query)
    if run is None:
        raise not_found()
    if whole and not run.inputs:
        raise InputsPurged("What this run was computed from is no longer kept. Its pairs and their reasons are.")
    return run
