"""Approving a match run. Whoever approves confirms what they have reviewed, which the API compares and keeps."""

from functools import partial
from uuid import UUID

from fastapi import APIRouter, Response

from services.console.admin.forms import Filled, Sent, SentForm
from services.console.admin.layout import admin_page
from services.console.admin.review.page import REVIEW
from services.console.admin.review.read import read_pairs, read_waiting
from services.console.admin.review.rules.facts import Approved, Reviewed
from services.console.admin.routes import AdminRoute
from services.console.admin.visit import CurrentVisit, Visit
from services.console.forms.errors import FieldError, Refused
from shared.contracts.accounts import Role
from shared.contracts.base import Service
from shared.errors import BadRequest, PreconditionFailed
from shared.language.words import translatable

router = APIRouter(route_class=AdminRoute, include_in_schema=False)
NOT_CONFIRMED = translatable("Confirm that you have reviewed the pairs.")


@router.api_route(f"{REVIEW}/approve", methods=["GET", "HEAD"])
async def show_approval(cycle_id: UUID, visit: CurrentVisit) -> Response:
    visit.need(Role.COORDINATOR)
    return await _form(visit, cycle_id, Filled())


@router.post(f"{REVIEW}/approve")
async def take_approval(cycle_id: UUID, sent: SentForm) -> Response:
    show = partial(_form, sent.visit, cycle_id)
    return await sent.answer(Role.COORDINATOR, show, partial(_approve, sent, cycle_id))


async def _form(visit: Visit, cycle_id: UUID, filled: Filled) -> Response:
    review = await read_waiting(visit, cycle_id)
    run = review.run
    assert run is not None
    low = (await read_pairs(visit, run, {"low_fit": "true", "limit": 1})).total or 0
    return admin_page(
        visit,
        "review_approve.html",
        review=review,
        run=run,
        low=low,
        changed=bool(filled.typed.get("run_id")) and filled.typed.get("run_id") != str(run.id),
        may_steer=review.may_steer(visit),
        **filled.for_template(visit.words),
    )


async def _approve(sent: Sent, cycle_id: UUID) -> str:
    typed, visit = sent.typed, sent.visit
    if typed.get("reviewed") != "on":
        raise Refused([FieldError("reviewed", NOT_CONFIRMED)])
    review = await read_waiting(visit, cycle_id)
    if review.run is None or str(review.run.id) != str(typed.get("run_id")):
        raise PreconditionFailed("Another run waits for approval.", code="stale_version")
    try:
        seen = Reviewed(pairs=int(str(typed.get("pairs"))), unmatched=int(str(typed.get("unmatched"))))
    except ValueError:
        raise BadRequest("The counts are missing.", code="bad_form") from None
    await visit.api.post(Service.MATCHING, f"/match-runs/{review.run.id}/approve", Approved, seen)
    return f"{review.address}?done=approved"
