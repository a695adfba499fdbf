"""One person of a match run and who could be their partner, and the search for a person: for those who make pairs."""

from uuid import UUID

from fastapi import APIRouter, Response

from services.console.admin.layout import admin_page
from services.console.admin.review.page import REVIEW
from services.console.admin.review.pair_page import read_answers
from services.console.admin.review.read import read_names, read_pairs, read_waiting
from services.console.admin.review.rules.facts import Candidate, Candidates, People, UnmatchedFactsList
from services.console.admin.review.rules.sentences import REASONS, blocked_of, obstacles_of, remedy_of
from services.console.admin.review.rules.view import FITS, fit_of
from services.console.admin.routes import AdminRoute
from services.console.admin.visit import CurrentVisit
from shared.contracts.accounts import Role
from shared.contracts.base import Service
from shared.contracts.matching import Side
from shared.errors import NotFound
from shared.language.words import translatable

router = APIRouter(route_class=AdminRoute, include_in_schema=False)
CANDIDATES, FOUND = 30, 20
PARTS = {Side.MENTOR: translatable("as mentor"), Side.MENTEE: translatable("as mentee")}


@router.api_route(f"{REVIEW}/people", methods=["GET", "HEAD"])
async def find_person(cycle_id: UUID, visit: CurrentVisit) -> Response:
    visit.need(Role.COORDINATOR)
    review = await read_waiting(visit, cycle_id)
    wanted = visit.query.get("q", "").strip()
    params = {"q": wanted, "limit": FOUND, "sort": "name", "active": "true"}
    found = await visit.api.get(Service.INTAKE, "/people", People, params) if wanted else None
    return admin_page(visit, "review_people.html", review=review, run=review.run, wanted=wanted, found=found)


@router.api_route(f"{REVIEW}/people/{{person_id}}", methods=["GET", "HEAD"])
async def show_person(cycle_id: UUID, person_id: UUID, visit: CurrentVisit) -> Response:
    visit.need(Role.COORDINATOR)
    review = await read_waiting(visit, cycle_id)
    run, words = review.run, visit.words
    assert run is not None
    answered, labels = await read_answers(visit, run.id, (person_id,))
    names = await read_names(visit, [person_id])
    if names.of(person_id) is None:
        raise NotFound("There is no such person.", code="page_not_found")
    wanted = visit.query.get("q", "").strip()
    found = Candidates(items=(), total=0)
    if person_id in answered:
        params = {"person_id": str(person_id), "limit": CANDIDATES} | ({"q": wanted} if wanted else {})
        found = await visit.api.get(Service.MATCHING, f"/match-runs/{run.id}/candidates", Candidates, params)
    unmatched = await visit.api.get(
        Service.MATCHING, f"/match-runs/{run.id}/unmatched", UnmatchedFactsList, {"person_id": str(person_id)}
    )
    alone = next(iter(unmatched.items), None)
    pairs = (await read_pairs(visit, run, {"person_id": str(person_id)})).items
    people = [person for one in found.items for person in (one.person_id, *one.partners)]
    wishes = [wish for one in answered.values() for wish in one.preferred[:5]]
    names = await read_names(
        visit, [person_id, *people, *wishes, *(one for pair in pairs for one in (pair.mentor_id, pair.mentee_id))]
    )
    return admin_page(
        visit,
        "review_person.html",
        review=review,
        run=run,
        person_id=person_id,
        answered=answered,
        labels=labels,
        names=names,
        pairs=pairs,
        alone=alone,
        remedy=remedy_of(alone, words) if alone is not None else None,
        blocked=blocked_of(alone, words) if alone is not None else "",
        reasons=REASONS,
        found=found,
        wanted=wanted,
        fit_of=lambda points: fit_of(points, run.fit),
        obstacles_of=lambda codes: obstacles_of(codes, words),
        step_for=lambda one: step_for(person_id, one),
        parts=PARTS,
        may_steer=review.may_steer(visit),
        fits=FITS,
    )


def step_for(person_id: UUID, candidate: Candidate) -> str:
    """The step that makes the two a pair: pinned, or made by hand if a rule forbids it. Empty if it cannot be made."""
    if candidate.chosen or "capacity" in candidate.forbidden_by:
        return ""
    people = (candidate.person_id, person_id) if candidate.side is Side.MENTOR else (person_id, candidate.person_id)
    ruled_out = [one for one in candidate.forbidden_by if one not in ("forbidden", "dropped")]
    return f"{'by_hand' if ruled_out else 'pin'}:{people[0]}:{people[1]}"
