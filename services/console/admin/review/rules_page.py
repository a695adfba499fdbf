"""Other rules for one match run: the policy as a form, whose effect is shown before it is kept."""

from uuid import UUID

from fastapi import APIRouter, Response
from starlette.datastructures import FormData

from services.console.admin.forms import Filled
from services.console.admin.layout import admin_page
from services.console.admin.review.page import REVIEW
from services.console.admin.review.read import read_waiting
from services.console.admin.review.rules.sentences import RULES, WEIGHTS, rules_shown
from services.console.admin.routes import AdminRoute
from services.console.admin.visit import CurrentVisit
from shared.contracts.accounts import Role

router = APIRouter(route_class=AdminRoute, include_in_schema=False)


@router.api_route(f"{REVIEW}/rules", methods=["GET", "HEAD"])
async def show_rules(cycle_id: UUID, visit: CurrentVisit) -> Response:
    visit.need(Role.COORDINATOR)
    review = await read_waiting(visit, cycle_id)
    run = review.run
    assert run is not None
    filled = Filled(FormData(rules_shown(run.applied)))
    return admin_page(
        visit,
        "review_rules.html",
        review=review,
        run=run,
        rules=RULES,
        weights=WEIGHTS,
        may_steer=review.may_steer(visit),
        **filled.for_template(visit.words),
    )
