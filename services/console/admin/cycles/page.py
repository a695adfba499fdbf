"""The pages of one cycle: how it stands, its pairs, who has not answered, and what happened."""

from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from services.console.admin.cycles import controls
from services.console.admin.cycles.history import MILESTONES, NAMES, lines_of
from services.console.admin.cycles.reading import (
    CycleOfProgram,
    people_in,
    people_of,
    read_cycle,
    read_names,
    read_overview,
)
from services.console.admin.cycles.resources import Events, Pairs, Pending
from services.console.admin.cycles.view import (
    advice_code,
    awaiting_approval,
    entered_at,
    last_run,
    live_round,
    message_figures,
    open_round,
    steps_of,
    topic_lines,
)
from services.console.admin.layout import admin_page
from services.console.admin.routes import AdminRoute
from services.console.admin.visit import CurrentVisit, Visit
from services.console.reasons import reasons_of_pair
from services.console.words import cycles as cycle_words
from shared.contracts.accounts import Role
from shared.contracts.base import Service
from shared.contracts.matching import PairState
from shared.contracts.round_kinds import declaration_of
from shared.errors import NotFound
from shared.http.tables import TABLE
from shared.language.words import translatable

router = APIRouter(route_class=AdminRoute, include_in_schema=False)
CYCLE = "/console/cycles/{cycle_id}"
LINES_A_PAGE = 50
DONE = {action.value: sentence for action, sentence in controls.DONE.items()} | {
    "pair_ended": translatable("The pair was ended. Both are told at once."),
}


def cycle_page(visit: Visit, template: str, found: CycleOfProgram, status: int = 200, **context: Any) -> Response:
    """A page below the heading of its cycle."""
    now = open_round(found.cycle)
    told = now is not None and declaration_of(now.kind).tells_who_answered and visit.may(Role.COORDINATOR)
    return admin_page(
        visit,
        template,
        status,
        cycle=found.cycle,
        program=found.program,
        now=datetime.now(UTC),
        pending_round=now if told else None,
        cycle_words=cycle_words,
        **context,
    )


@router.api_route(CYCLE, methods=["GET", "HEAD"])
async def show_cycle(cycle_id: UUID, visit: CurrentVisit) -> Response:
    found = await read_cycle(visit, cycle_id)
    cycle, now = found.cycle, datetime.now(UTC)
    read = await read_overview(visit, cycle, MILESTONES)
    actions = [one for one in controls.actions_of(cycle) if visit.may(controls.ROLES[one])]
    return cycle_page(
        visit,
        "cycle.html",
        found,
        steps=steps_of(cycle, entered_at(cycle, read.stages.items), now),
        actions=[(one.value, controls.label_of(one, cycle, visit.words)) for one in actions],
        live=live_round(cycle, read.messages, now),
        awaiting=awaiting_approval(cycle, read.runs.items),
        run=last_run(read.runs.items),
        pairs=read.pairs,
        topics=topic_lines(read.topics.items),
        messages=message_figures(read.messages),
        failed=read.messages.failed,
        advice_code=advice_code,
        names=read.names,
        open_concerns=read.open_concerns,
        lines=lines_of(read.newest.items, read.names, visit.words),
        done_sentences=DONE,
    )


@router.api_route(f"{CYCLE}/pending", methods=["GET", "HEAD"])
async def show_pending(cycle_id: UUID, visit: CurrentVisit) -> Response:
    """Who has not answered the open enrolment or acceptance round."""
    visit.need(Role.COORDINATOR)
    found = await read_cycle(visit, cycle_id)
    now = open_round(found.cycle)
    pending = Pending(total=0)
    if now is not None and declaration_of(now.kind).tells_who_answered:
        query = chosen(visit, "q", "cursor")
        pending = await visit.api.get(Service.INTAKE, f"/rounds/{now.id}/pending", Pending, query)
    return cycle_page(visit, "cycle_pending.html", found, pending=pending, round=now, q=visit.query.get("q", ""))


@router.api_route(f"{CYCLE}/pending.csv", methods=["GET", "HEAD"])
async def show_pending_table(cycle_id: UUID, visit: CurrentVisit) -> Response:
    visit.need(Role.COORDINATOR)
    now = open_round((await read_cycle(visit, cycle_id)).cycle)
    if now is None or not declaration_of(now.kind).tells_who_answered:
        raise NotFound("No round is open of which it is told who has not answered.")
    table = await visit.api.get_table(Service.INTAKE, f"/rounds/{now.id}/pending", chosen(visit, "q"))
    return table_file(table, "pending")


@router.api_route(f"{CYCLE}/pairs", methods=["GET", "HEAD"])
async def show_pairs(cycle_id: UUID, visit: CurrentVisit) -> Response:
    found = await read_cycle(visit, cycle_id)
    query = chosen(visit, "state", "cursor") | {"limit": LINES_A_PAGE}
    pairs = await visit.api.get(Service.MATCHING, f"/cycles/{cycle_id}/pairs", Pairs, query)
    labels = {topic.code: topic.label for topic in found.program.topics}

    return cycle_page(
        visit,
        "cycle_pairs.html",
        found,
        pairs=pairs,
        names=await read_names(visit.api, people_of(pairs)),
        topics_of=lambda pair: [labels.get(code, code) for code in pair.topics],
        reasons_of=partial(reasons_of_pair, words=visit.words),
        state=visit.query.get("state", ""),
        done_sentences=DONE,
    )


@router.api_route(f"{CYCLE}/pairs.csv", methods=["GET", "HEAD"])
async def show_pairs_table(cycle_id: UUID, visit: CurrentVisit) -> Response:
    await read_cycle(visit, cycle_id)
    path, query = f"/cycles/{cycle_id}/pairs", chosen(visit, "state")
    return table_file(await visit.api.get_table(Service.MATCHING, path, query), "pairs")


@router.api_route(f"{CYCLE}/history", methods=["GET", "HEAD"])
async def show_history(cycle_id: UUID, visit: CurrentVisit) -> Response:
    """What happened, newest first: the milestones, or everything."""
    found = await read_cycle(visit, cycle_id)
    everything = visit.query.get("show") == "everything"
    query = chosen(visit, "before") | {"types": ",".join(NAMES if everything else MILESTONES), "limit": LINES_A_PAGE}
    events = await visit.api.get(Service.EVENTS, f"/cycles/{cycle_id}/events", Events, query)
    return cycle_page(
        visit,
        "cycle_history.html",
        found,
        everything=everything,
        lines=lines_of(events.items, await read_names(visit.api, people_in(events)), visit.words),
        next=events.next,
        first="before" not in visit.query,
    )


def chosen(visit: Visit, *names: str) -> dict[str, Any]:
    """The parameters of the page that the list takes as they are, unless they are empty. Raises NotFound for a state
    that does not exist."""
    found = {name: visit.query[name] for name in names if visit.query.get(name)}
    if "state" in found and found["state"] not in set(PairState):
        raise NotFound("There is no such state.", code="page_not_found")
    return found


def table_file(table: bytes, name: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}.csv"'}
    return Response(table, media_type=TABLE, headers=headers)
