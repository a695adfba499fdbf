"""A change of a match run: shown as a difference first, then kept, and undone with one click.

The page says what the change would do to the run as it is now. If another admin has changed the run since it was shown,
nothing is kept: the page says what changed, and shows the difference anew.
"""

from functools import partial
from typing import NamedTuple
from uuid import UUID

from fastapi import APIRouter, Response

from services.console.admin.forms import Filled, Sent, SentForm
from services.console.admin.layout import admin_page
from services.console.admin.review.page import REVIEW, list_page
from services.console.admin.review.read import (
    MOST_NAMED,
    Review,
    read_before,
    read_names,
    read_run,
    read_waiting,
)
from services.console.admin.review.rules.facts import Preview, Run, Steering
from services.console.admin.review.rules.sentences import changes_of, needs_reason, refusal_of
from services.console.admin.review.rules.steps import Kind, Step, WrongRule, after, reason_typed, step_of
from services.console.admin.review.rules.view import FITS, MOST_LISTED, Decision, decisions_of, fit_of
from services.console.admin.routes import AdminRoute
from services.console.admin.visit import Visit
from services.console.forms.errors import FieldError, Refused
from shared.contracts.accounts import Role
from shared.contracts.base import Service
from shared.errors import Conflict, DomainError, Invalid, PreconditionFailed
from shared.language.words import translatable

router = APIRouter(route_class=AdminRoute, include_in_schema=False)
OWN = ("step", "run_id", "keep", "back", "override_reason")
BUSY = translatable("Other computations are running. Try again in a moment.")
MOST_SHOWN = 20
"""Pairs that come and go, which are named on the page."""


class Looked(NamedTuple):
    """What the API says about a change: what it would do, or why it refuses it."""

    preview: Preview | None
    refusals: tuple[str, ...] = ()
    asks_for_reason: bool = False


@router.post(f"{REVIEW}/change")
async def take_change(cycle_id: UUID, sent: SentForm) -> Response:
    sent.visit.need(Role.COORDINATOR)
    step = step_of(str(sent.typed.get("step", "")))
    show = partial(_show, sent.visit, cycle_id, step)
    if "keep" in sent.typed:
        return await sent.answer(Role.COORDINATOR, show, partial(_keep, sent, cycle_id, step))
    return await show(Filled(sent.typed, notice=sent.notice))


@router.post(f"{REVIEW}/undo")
async def undo(cycle_id: UUID, sent: SentForm) -> Response:
    """Puts the steering of the revision before into force again. Undoing this brings the change back."""

    async def show(filled: Filled) -> Response:
        return await list_page(sent.visit, await read_waiting(sent.visit, cycle_id), filled)

    return await sent.answer(Role.COORDINATOR, show, partial(_undo, sent, cycle_id))


async def _undo(sent: Sent, cycle_id: UUID) -> str:
    review = await read_waiting(sent.visit, cycle_id)
    run = _unchanged(review, str(sent.typed.get("run_id", "")))
    before = await read_before(sent.visit, run)
    if before is None:
        raise Conflict("This is the first revision.", code="nothing_to_undo")
    await _steer(sent.visit, review, run, before.steering)
    return f"{review.address}?done=undone"


async def _keep(sent: Sent, cycle_id: UUID, step: Step) -> str:
    review = await read_waiting(sent.visit, cycle_id)
    run = _unchanged(review, str(sent.typed.get("run_id", "")))
    try:
        steering = after(run.steering, step, run.applied, sent.typed)
        await _steer(sent.visit, review, run, steering)
    except WrongRule as wrong:
        raise Refused([FieldError(wrong.field, wrong.message)]) from None
    except Invalid as error:
        if errors := error.extra.get("errors"):
            raise Refused(FieldError("", refusal_of(str(one["detail"]), sent.visit.words)) for one in errors) from None
        raise
    return f"{review.address}{'/unmatched' if sent.typed.get('back') == 'unmatched' else ''}?done=kept"


def _unchanged(review: Review, run_id: str) -> Run:
    """The run, if it is the one that was shown. Raises PreconditionFailed."""
    if review.run is None or str(review.run.id) != run_id or not review.run.waits:
        raise PreconditionFailed("The run has changed.", code="stale_version")
    return review.run


async def _steer(visit: Visit, review: Review, run: Run, steering: Steering) -> None:
    await visit.api.put(Service.MATCHING, f"/match-runs/{run.id}/steering", Run, steering, review.etag)


async def _show(visit: Visit, cycle_id: UUID, step: Step, filled: Filled) -> Response:
    review = await read_waiting(visit, cycle_id)
    run = review.run
    assert run is not None
    looked, wrong = Looked(None), filled.errors
    try:
        steering = after(run.steering, step, run.applied, filled.typed)
    except WrongRule as rule:
        wrong = (FieldError(rule.field, rule.message),)
    else:
        looked = await _look(visit, run, steering) if run.waits else Looked(None)
    news = await _news(visit, review, str(filled.typed.get("run_id", "")))
    preview = looked.preview or _NOTHING
    names = await read_names(
        visit, [*step.people, *_people_of(preview), *(person for one in news for person in one.people)]
    )
    shown = filled._replace(errors=wrong or tuple(FieldError("", one) for one in looked.refusals))
    if looked.asks_for_reason and "override_reason" not in filled.typed:
        shown = shown._replace(errors=())  # nobody could write a reason before
    return admin_page(
        visit,
        "review_change.html",
        422 if shown.errors and filled.status == 200 else filled.status,
        review=review,
        run=run,
        step=step,
        kinds=Kind,
        looked=looked,
        asks_for_reason=step.kind is Kind.BY_HAND,
        why=looked.refusals[0] if looked.asks_for_reason else "",
        reason=reason_typed(filled.typed),
        kept=[(name, value) for name, value in filled.typed.multi_items() if name not in OWN],
        back=str(filled.typed.get("back", "")),
        step_text=str(filled.typed.get("step", "")),
        said=changes_of(preview, names, run.fit, visit.words) if looked.preview else (),
        names=names,
        added=preview.pairs_added[:MOST_SHOWN],
        removed=preview.pairs_removed[:MOST_SHOWN],
        left_out=max(len(preview.pairs_added), len(preview.pairs_removed)) - MOST_SHOWN,
        news=news[:MOST_NAMED],
        fit_of=lambda points: fit_of(points, run.fit),
        fits=FITS,
        **shown.for_template(visit.words),
    )


_NO = {"people": 0, "pairs": 0, "points": 0}
_NOTHING = Preview.model_validate({"before": _NO, "after": _NO})


async def _look(visit: Visit, run: Run, steering: Steering) -> Looked:
    try:
        return Looked(await visit.api.post(Service.MATCHING, f"/match-runs/{run.id}/preview", Preview, steering))
    except Invalid as error:
        details = [str(one["detail"]) for one in error.extra.get("errors", ())]
        said = dict.fromkeys(refusal_of(one, visit.words) for one in details)
        return Looked(None, tuple(said), bool(details) and all(map(needs_reason, details)))
    except DomainError as error:
        if error.status != 429:
            raise
        return Looked(None, (visit.words.gettext(BUSY),))


async def _news(visit: Visit, review: Review, run_id: str) -> tuple[Decision, ...]:
    """What other admins decided since the run that was shown: their decisions that it had not."""
    run = review.run
    assert run is not None
    if not run_id or run_id == str(run.id):
        return ()
    try:
        shown = (await read_run(visit, UUID(run_id))).value
    except (ValueError, DomainError):
        return ()
    if shown.cycle_id != run.cycle_id:
        return ()
    known = set(decisions_of(shown.steering))
    return tuple(one for one in decisions_of(run.steering) if one not in known)


def _people_of(preview: Preview) -> list[UUID]:
    couples = [*preview.pairs_added[:MOST_SHOWN], *preview.pairs_removed[:MOST_SHOWN]]
    groups = (preview.no_longer_matched, preview.newly_matched, preview.first_topic_lost, preview.first_topic_won)
    people = [person for group in groups for person in group[:MOST_LISTED]]
    return [*people, *(person for couple in couples for person in (couple.mentor_id, couple.mentee_id))]
