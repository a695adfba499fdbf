"""Hostile text for everything in which people write."""

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from sqlalchemy import Column, String, cast, func, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.accounts.models import BrandRow
from services.feedback.models import CheckIn, SurveyResponse
from services.matching.models import MatchRun, Pair
from services.notifications.models import PageWordingRow
from services.programs.models import CycleRow, ProgramRow
from shared.contracts.notifications import PageText
from shared.database import Base
from tests.services.every_page.console import Console
from tests.services.every_page.documents import Page

HOSTILE = """'"></textarea></title></option><x-upward onx-upward=1>{{ 7919 * 6841 }}"""
ATTACK = "javascript:alert(1)//" + HOSTILE
LEADS = ("href", "src", "action", "formaction")
OWN = re.compile(r"/(?!/)|[?#]|\./|mailto:|$")
PAGE_TEXT = PageText.ENROLMENT_PAGE
CODES = {
    *("accounts.brand.accent", "accounts.brand.accent_dark"),
    *("accounts.session", "accounts.sign_in_code", "events.backfill", "events.consumer", "events.delivery"),
    *("events.endpoint_secret", "events.event", "events.lane", "events.staged_event", "events.undispatchable"),
    *("feedback.concern", "feedback.report", "intake.enrolment", "intake.import_mapping", "intake.import_upload"),
    *("intake.link", "intake.topic_figures", "notifications.announcement", "rounds.round", "shared.idempotency_key"),
    *("events.attempt.failure", "events.endpoint.types", "events.endpoint.state", "events.endpoint.disable_reason"),
    *("events.endpoint.field_versions", "events.endpoint.drain_state", "feedback.check_in.side"),
    *("feedback.check_in.obstacle", "feedback.survey_answer.side", "intake.person.time_zone", "intake.person.language"),
    *("intake.person.availability", "matching.match_run", "matching.pair", "matching.unmatched"),
    *("notifications.message", "notifications.wording.template", "notifications.wording.language"),
    *("notifications.page_wording.template", "notifications.page_wording.language"),
    *("notifications.wording.field_versions", "programs.access_key.id", "programs.access_key.role"),
    *(
        "programs.access_key.key_hash",
        "programs.access_key.replaced_by",
        "programs.cycle.stage",
        "programs.cycle.outcome",
        "programs.cycle.direction",
    ),
    *("programs.cycle.topics", "programs.cycle.calendar", "programs.cycle.policy", "programs.cycle.advanced"),
    *("programs.cycle.concluding", "programs.cycle.stall_reason", "shared.probe"),
    *("programs.program.direction", "programs.program.time_zone", "programs.program.language"),
    *("programs.program.topics", "programs.program.calendar", "programs.program.policy"),
    *("programs.program.coordinator_ids", "programs.program.field_versions", "shared.probe"),
    *("programs.cycle.stall_reason", "programs.cycle.concluding"),
}
"""Columns, or tables with all their columns, that hold codes, ids and settings and no text that somebody writes; what
`add_texts` writes itself stands here too."""


def text_columns() -> Iterator[Column[Any]]:
    for table in Base.metadata.tables.values():
        for column in table.columns:
            if isinstance(column.type, String) and not {str(table), name_of(column)} & CODES:
                yield column


def name_of(column: Column[Any]) -> str:
    return f"{column.table}.{column.name}"


async def plant(console: Console) -> set[str]:
    """Stores hostile text in every column for text, and in each value that holds text within another one."""
    planted = set()
    async with console.db.transaction() as session:
        await add_texts(session, console.ids)
        for column in text_columns():
            planted.add(name_of(column))
            text = func.concat(f"{HOSTILE}[{name_of(column)}]", cast(func.gen_random_uuid(), String))
            await session.execute(update(column.table).values({column.name: text}))
    return planted


async def add_texts(session: AsyncSession, ids: dict[str, Any]) -> None:
    run = await session.get_one(MatchRun, ids["match_run_id"])
    pair = await session.get_one(Pair, ids["pair_id"])
    topics = [{"code": "ai", "label": f"{HOSTILE}[topic]"}]
    for row in (await session.get_one(ProgramRow, ids["program_id"]), await session.get_one(CycleRow, ids["cycle_id"])):
        row.topics = topics
    run.supply = [
        {"topic": "ai", "label": HOSTILE, "teachers": 9, "places": 9, "wanted_by": 9, "first_choice_of": 9, "gap": 0}
    ]
    pair.reasons, pair.topics, pair.override_reason = [HOSTILE], ["ai"], HOSTILE
    organization = {"organization_id": pair.organization_id, "scope_id": pair.organization_id}
    words = PageWordingRow(**organization, template=PAGE_TEXT, language="de", subject="", body="", version=1)
    await session.merge(words)
    await session.merge(BrandRow(organization_id=pair.organization_id, sender_name=""))
    of_pair = {name: ids[name] for name in ("cycle_id", "pair_id")} | {
        "organization_id": pair.organization_id, "round_id": uuid4(), "person_id": pair.mentee_id, "side": "mentee",
    }  # fmt: skip
    session.add(CheckIn(**of_pair, met=True, usefulness=4, obstacle="", note=""))
    session.add(SurveyResponse(**of_pair, usefulness=4, would_repeat=True, comment=""))


def faults_of_markup(text: str, own: bool = True) -> Iterator[str]:
    """What came into a page from the hostile text."""
    for one in Page(text).elements:
        if one.tag == "x-upward" or any("onx" in name or set(name) & set("<>\"'`") for name in one.attributes):
            yield f"{one.tag} {one.attributes}"
        for name in LEADS if own else ():
            if not OWN.match(one.attributes.get(name, "")):
                yield f"{one.tag} leads to {one.attributes[name]}"
    if str(7919 * 6841) in text:
        yield "a template was made of the text"
