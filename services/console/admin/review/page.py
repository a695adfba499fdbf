"""The review of a match run: its pairs as a list, which is searched, filtered, sorted and taken as a table."""

from collections.abc import AsyncIterator
from uuid import UUID

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse
from markupsafe import escape

from services.console.admin.forms import Filled
from services.console.admin.layout import admin_page
from services.console.admin.review.read import (
    MOST_NAMED,
    PAIRS_A_PAGE,
    Review,
    named_in,
    read_names,
    read_pairs,
    read_review,
    read_waiting,
)
from services.console.admin.review.rules.view import (
    FITS,
    ORIGINS,
    SORTS,
    STATES,
    Row,
    address_with,
    decisions_of,
    fit_of,
    is_filtered,
    query_for_api,
    reasons_of,
    rows_of,
)
from services.console.admin.routes import AdminRoute
from services.console.admin.visit import CurrentVisit, Visit
from shared.http.tables import MARK, table_line
from shared.language.words import translatable

router = APIRouter(route_class=AdminRoute, include_in_schema=False)
REVIEW = "/console/cycles/{cycle_id}/review"
PAIRS_AT_ONCE = 200
NOTHING = Filled()
NUL = "\0"
DONE = {
    "kept": translatable("The change is kept, and the pairs are computed anew."),
    "undone": translatable("The change is undone."),
    "approved": translatable("The pairs are approved: their people are asked now."),
}


@router.api_route(REVIEW, methods=["GET", "HEAD"])
async def show_review(cycle_id: UUID, visit: CurrentVisit) -> Response:
    review = await read_review(visit, cycle_id)
    return await list_page(visit, review)


async def list_page(visit: Visit, review: Review, filled: Filled = NOTHING) -> Response:
    """The list as the query of the page asks for it, with what was wrong with a form that was sent."""
    run = review.run
    if run is None:
        return admin_page(visit, "review.html", review=review, run=None)
    found = await read_pairs(visit, run, {**query_for_api(visit.query), "limit": PAIRS_A_PAGE})
    people = [person for pair in found.items for person in (pair.mentor_id, pair.mentee_id)]
    names = await read_names(visit, [*people, *named_in(run.steering)])
    departments = {one.department for person in people if (one := names.of(person)) and one.department}
    return admin_page(
        visit,
        "review.html",
        review=review,
        run=run,
        rows=[escaped(row) for row in rows_of(found.items, run.fit, names, visit.words)],
        found=found,
        names=names,
        asked=visit.query,
        filtered=is_filtered(visit.query),
        next_page=address_with(visit.query, cursor=found.next) if found.next else "",
        first_page=address_with(visit.query) if visit.query.get("cursor") else "",
        table=f"{review.address}/pairs.csv{address_with(visit.query)}",
        departments=sorted(departments),
        decisions=decisions_of(run.steering)[:MOST_NAMED],
        may_steer=review.may_steer(visit),
        done_sentences=DONE,
        states=STATES,
        sorts=SORTS,
        fit_words={code: escape(visit.words.gettext(label)) for code, label in FITS.items()},
        origin_words={code: escape(visit.words.gettext(label)) for code, label in ORIGINS.items()},
        **filled.for_template(visit.words),
    )


def escaped(row: Row) -> Row:
    """The row as it stands in HTML. Its texts are escaped at once, as a page has thousands of them. None of them has a
    NUL character, which Postgres cannot store."""
    texts = (row.folded, row.mentor, row.mentor_does, row.mentee, row.mentee_does, *row.reasons)
    folded, mentor, mentor_does, mentee, mentee_does, *reasons = str.split(escape(NUL.join(texts)), NUL)
    return Row(
        row.id, row.couple, row.origin, row.decided, row.fit, row.share, tuple(reasons), folded, mentor, mentor_does,
        mentee, mentee_does,
    )  # fmt: skip


@router.get(f"{REVIEW}/pairs.csv")
async def take_table(cycle_id: UUID, visit: CurrentVisit) -> Response:
    """All pairs that the list shows, on all its pages, with names."""
    review = await read_waiting(visit, cycle_id)
    assert review.run is not None
    run = review.run
    asked = {name: value for name, value in query_for_api(visit.query).items() if name != "cursor"}
    first = await read_pairs(visit, run, asked | {"limit": PAIRS_AT_ONCE})  # a refusal is told before the table begins

    async def lines() -> AsyncIterator[str]:
        part, words = first, visit.words
        yield MARK + table_line(words.gettext(title) for title in TITLES)
        while True:
            names = await read_names(visit, [one for pair in part.items for one in (pair.mentor_id, pair.mentee_id)])
            for pair in part.items:
                both = [names.of(pair.mentor_id), names.of(pair.mentee_id)]
                people = [cell for one in both for cell in ((one.name, one.email) if one else ("", ""))]
                fit = words.gettext(FITS[fit_of(pair.score, run.fit).code])
                origin = words.gettext(ORIGINS[pair.origin]) if pair.origin in ORIGINS else ""
                why = " ".join(reasons_of(pair, words))
                yield table_line([*people, fit, why, origin, pair.override_reason or ""])
            if part.next is None:
                return
            part = await read_pairs(visit, run, asked | {"limit": PAIRS_AT_ONCE, "cursor": part.next})

    headers = {"content-disposition": 'attachment; filename="pairs.csv"'}
    return StreamingResponse(lines(), media_type="text/csv; charset=utf-8", headers=headers)


TITLES = (
    translatable("Mentor"),
    translatable("Address of the mentor"),
    translatable("Mentee"),
    translatable("Address of the mentee"),
    translatable("Fit"),
    translatable("Why"),
    translatable("Decision"),
    translatable("Reason of the decision"),
)
"""The columns of the table."""
