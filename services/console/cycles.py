"""What the page of a cycle shows, read from the services that know it."""

import asyncio
from typing import NamedTuple
from uuid import UUID

from services.console.participation import read_contacts
from shared.contracts.base import Service
from shared.contracts.intake import Contact
from shared.contracts.matching import MatchingSummary, PairPage, PairState, PairSummary
from shared.contracts.programs import CycleBrief, Stage
from shared.contracts.rounds import RoundCounts
from shared.http.directory import count_enrolled
from shared.http.internal import Internal

PAIRS_A_PAGE = 100
PROGRESS_STAGES = tuple(stage for stage in Stage if stage is not Stage.CANCELLED)


class Step(NamedTuple):
    """One stage on the progress line. Its state is `done`, `current` or `ahead`."""

    stage: Stage
    state: str


class PairRow(NamedTuple):
    pair: PairSummary
    mentor: Contact | None
    mentee: Contact | None
    topics: tuple[str, ...]
    """The labels of the topics, or the code of a topic that the program does not have any more."""


class CyclePage(NamedTuple):
    brief: CycleBrief
    steps: tuple[Step, ...]
    enrolled: int
    """Counted by intake until matching has counted the people of a run."""
    summary: MatchingSummary
    rounds: list[RoundCounts]
    pairs: tuple[PairRow, ...]
    after: UUID | None
    """The cursor of the next page of pairs; None on the last page."""
    awaiting_approval: bool


async def read_cycle_page(
    internal: Internal, organization_id: UUID, cycle_id: UUID, rounds: list[RoundCounts], after: UUID | None
) -> CyclePage:
    """Everything that the page of a cycle shows, with one page of its pairs. Raises NotFound."""
    brief = await internal.get(Service.PROGRAMS, f"/cycles/{cycle_id}", CycleBrief, organization_id)
    query = {"limit": PAIRS_A_PAGE} | ({"after": str(after)} if after else {})
    found, summary = await asyncio.gather(
        internal.get(Service.MATCHING, f"/cycles/{cycle_id}/pairs", PairPage, organization_id, query),
        internal.get(Service.MATCHING, f"/cycles/{cycle_id}/summary", MatchingSummary, organization_id),
    )
    people = [person for pair in found.pairs for person in (pair.mentor_id, pair.mentee_id)]
    contacts = await read_contacts(internal, organization_id, people)
    labels = {topic.code: topic.label for topic in brief.topics}
    rows = tuple(
        PairRow(
            pair,
            contacts.get(pair.mentor_id),
            contacts.get(pair.mentee_id),
            tuple(labels.get(code, code) for code in pair.topics),
        )
        for pair in found.pairs
    )
    proposed = any(pair.state is PairState.PROPOSED for pair in found.pairs)
    waiting = summary.awaiting_approval is not None or (brief.stage is Stage.REVIEW and proposed)
    enrolled = summary.enrolled or await count_enrolled(internal, organization_id, cycle_id) or 0
    return CyclePage(brief, progress(brief.stage), enrolled, summary, rounds, rows, found.after, waiting)


def progress(stage: Stage) -> tuple[Step, ...]:
    """All stages in their order, and how far the cycle has come. A cancelled cycle is in none of them."""
    if stage is Stage.CANCELLED:
        return tuple(Step(step, "ahead") for step in PROGRESS_STAGES)
    here = PROGRESS_STAGES.index(stage)
    finished = stage is Stage.COMPLETED
    return tuple(
        Step(step, "done" if place < here or finished else "current" if place == here else "ahead")
        for place, step in enumerate(PROGRESS_STAGES)
    )
