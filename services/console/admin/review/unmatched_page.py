"""People of a match run without a partner: why, and the smallest change that would help, to be tried at once."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from services.console.admin.layout import admin_page
from services.console.admin.review.page import DONE, REVIEW
from services.console.admin.review.read import PAIRS_A_PAGE, read_names, read_waiting
from services.console.admin.review.rules.facts import UnmatchedFactsList
from services.console.admin.review.rules.sentences import GROUPS, REASONS, blocked_of, remedy_of
from services.console.admin.review.rules.view import address_with
from services.console.admin.routes import AdminRoute
from services.console.admin.visit import CurrentVisit
from shared.contracts.base import Service

router = APIRouter(route_class=AdminRoute, include_in_schema=False)


@router.api_route(f"{REVIEW}/unmatched", methods=["GET", "HEAD"])
async def show_unmatched(cycle_id: UUID, visit: CurrentVisit) -> Response:
    review = await read_waiting(visit, cycle_id)
    assert review.run is not None
    asked, words = visit.query, visit.words
    params: dict[str, Any] = {"limit": PAIRS_A_PAGE}
    params |= {name: value for name in ("q", "cursor") if (value := asked.get(name, "").strip())}
    if (reason := asked.get("reason", "")) in GROUPS:
        params["reason"] = reason
    address = f"/match-runs/{review.run.id}/unmatched"
    found = await visit.api.get(Service.MATCHING, address, UnmatchedFactsList, params)
    chosen = {"reason": reason} if reason in GROUPS else {}
    return admin_page(
        visit,
        "review_unmatched.html",
        review=review,
        run=review.run,
        found=found,
        names=await read_names(visit, [one.person_id for one in found.items]),
        asked=asked,
        filtered=bool(asked.get("q", "").strip() or chosen),
        next_page=address_with(asked, cursor=found.next, **chosen) if found.next else "",
        first_page=address_with(asked, **chosen) if asked.get("cursor") else "",
        remedies={one.person_id: remedy_of(one, words) for one in found.items},
        blocked={one.person_id: blocked_of(one, words) for one in found.items},
        reasons=REASONS,
        groups=GROUPS,
        may_steer=review.may_steer(visit),
        done_sentences=DONE,
    )
