"""One pair of a match run: both people side by side, why they are a pair, and who else came near."""

from typing import NamedTuple
from uuid import UUID

from fastapi import APIRouter, Response

from services.console.admin.layout import admin_page
from services.console.admin.review.page import REVIEW
from services.console.admin.review.read import Review, read_names, read_waiting
from services.console.admin.review.rules.facts import Alternative, Inputs, PairFacts, Run
from services.console.admin.review.rules.sentences import cost_of
from services.console.admin.review.rules.view import FITS, ORIGINS, FitShown, fit_of, reasons_of
from services.console.admin.routes import AdminRoute
from services.console.admin.visit import CurrentVisit, Visit
from shared.contracts.accounts import Role
from shared.contracts.base import Service
from shared.contracts.intake import PoolPerson
from shared.contracts.matching import PairState, Side
from shared.errors import NotFound
from shared.language.words import Words

router = APIRouter(route_class=AdminRoute, include_in_schema=False)


class RunnerUp(NamedTuple):
    """Somebody who came near to being in this pair."""

    person: UUID
    instead_of: UUID
    partners: tuple[UUID, ...]
    fit: FitShown
    cost: str
    step: str


@router.api_route(f"{REVIEW}/pairs/{{pair_id}}", methods=["GET", "HEAD"])
async def show_pair(cycle_id: UUID, pair_id: UUID, visit: CurrentVisit) -> Response:
    review = await read_waiting(visit, cycle_id)
    assert review.run is not None
    pair = await visit.api.get(Service.MATCHING, f"/pairs/{pair_id}", PairFacts)
    if pair.match_run_id != review.run.id:
        raise NotFound("This pair is not one of the run.", code="page_not_found")
    return await _page(visit, review, review.run, pair)


async def _page(visit: Visit, review: Review, run: Run, pair: PairFacts) -> Response:
    both = (pair.mentor_id, pair.mentee_id)
    answered: dict[UUID, PoolPerson] = {}
    labels: dict[str, str] = {}
    if visit.may(Role.COORDINATOR):
        answered, labels = await read_answers(visit, run.id, both)
    near = [person for one in pair.alternatives for person in (one.person_id, *one.partners)]
    wished = [person for one in answered.values() for person in one.preferred[:5]]
    names = await read_names(visit, [*both, *near, *wished])
    return admin_page(
        visit,
        "review_pair.html",
        review=review,
        run=run,
        pair=pair,
        names=names,
        fit=fit_of(pair.score, run.fit),
        reasons=reasons_of(pair, visit.words),
        sides=((Side.MENTOR, pair.mentor_id), (Side.MENTEE, pair.mentee_id)),
        answered=answered,
        labels=labels,
        near=runners_up(pair, run, visit.words),
        may_steer=review.may_steer(visit) and pair.state is PairState.PROPOSED,
        couple=f"{pair.mentor_id}:{pair.mentee_id}",
        fits=FITS,
        origins=ORIGINS,
    )


async def read_answers(
    visit: Visit, run_id: UUID, people: tuple[UUID, ...]
) -> tuple[dict[UUID, PoolPerson], dict[str, str]]:
    """What these people enrolled with, and the labels of topics."""
    params = {"person_id": [str(one) for one in people]}
    read = await visit.api.get(Service.MATCHING, f"/match-runs/{run_id}/inputs", Inputs, params)
    return {one.person_id: one for one in read.inputs.people}, read.inputs.labels


def runners_up(pair: PairFacts, run: Run, words: Words) -> tuple[RunnerUp, ...]:
    """The nearest one for each of the two first."""
    found: list[RunnerUp] = []
    for side in (Side.MENTEE, Side.MENTOR):
        found += [_runner_up(pair, one, run, words) for one in pair.alternatives if one.side is side]
    return tuple(found)


def _runner_up(pair: PairFacts, one: Alternative, run: Run, words: Words) -> RunnerUp:
    stays = pair.mentee_id if one.side is Side.MENTEE else pair.mentor_id
    goes = pair.mentor_id if one.side is Side.MENTEE else pair.mentee_id
    mentor, mentee = (one.person_id, stays) if one.side is Side.MENTEE else (stays, one.person_id)
    return RunnerUp(
        one.person_id,
        goes,
        one.partners,
        fit_of(one.points, run.fit),
        cost_of(one, run.fit, words),
        f"pin:{mentor}:{mentee}",
    )
