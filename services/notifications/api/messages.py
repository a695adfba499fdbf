"""HTTP edge of notifications."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.audience import read_brand, read_direction, read_paused
from services.notifications.resources import (
    CycleMessages,
    Message,
    MessagePage,
    MessagePreview,
    MessagePreviews,
    MessageSort,
    Resent,
)
from services.notifications.rules.look import sender_of
from services.notifications.rules.messages import MessageState
from services.notifications.rules.samples import sample_of
from services.notifications.store import holding, wordings
from services.notifications.store import messages as store
from shared.auth import Coordinator, Viewer
from shared.contracts.notifications import Template
from shared.http.dependencies import AppDatabase, AppSettings, InternalClient, Session
from shared.http.directory import find_people
from shared.http.lists import Page, answer_list, decode_cursor, encode_cursor
from shared.http.paging import Cursor, Limit, Search
from shared.http.problems import refusals
from shared.http.routing import Route
from shared.http.tables import tables_too
from shared.language.choosing import SpokenLanguage
from shared.language.words import ENGLISH, words_of

router = APIRouter(route_class=Route, prefix="/v1", tags=["notifications"])
Templates = Annotated[
    list[Template] | None, Query(max_length=50, description="only messages of these templates; may be repeated")
]
ReadLanguage = Annotated[SpokenLanguage, Query(description="the language in which the messages are read")]
OfProgram = Annotated[UUID | None, Query(description="the program in whose words the messages are shown")]
States = Annotated[
    list[MessageState] | None, Query(max_length=20, description="only messages in these states; may be repeated")
]


@router.get("/cycles/{cycle_id}/messages")
async def read_messages(
    cycle_id: UUID, caller: Viewer, session: Session, cursor: Cursor = None, limit: Limit = 50
) -> CycleMessages:
    """How many messages of the cycle are in which state, and a page of those that failed for good. Of reminders of
    check-ins and surveys only their number is told, because they go to those who have not answered."""
    failed = await store.read_failed(session, caller.organization_id, cycle_id, decode_cursor(cursor), limit + 1)
    page = failed[:limit]
    return CycleMessages(
        counts=await store.read_counts(session, caller.organization_id, cycle_id),
        failed=page,
        next=encode_cursor(page[-1].id) if len(failed) > limit else None,
    )


@router.get("/messages", response_model=MessagePage, responses=tables_too())
async def list_messages(
    request: Request,
    caller: Coordinator,
    database: AppDatabase,
    internal: InternalClient,
    cycle_id: UUID | None = None,
    person_id: UUID | None = None,
    template: Templates = None,
    state: States = None,
    q: Search = None,
    sort: MessageSort = "-due_at",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> MessagePage | Response:
    """What was sent to whom and when, what waits and why, and what failed; by default the newest first. Of check-ins
    and surveys, messages that would tell who has not answered are counted (`GET /v1/cycles/{cycle_id}/messages`) and
    not listed. `q` looks for the names and addresses of readers, of whom the first 1,000 that are found count."""
    paused = await read_paused(internal, caller.organization_id)
    people = await find_people(internal, caller.organization_id, q) if q and q.strip() else None
    wanted = store.WantedMessages(cycle_id, person_id, template, state, people)

    async def read(session: AsyncSession, page: Page) -> MessagePage:
        return await store.list_messages(session, caller.organization_id, wanted, paused, page)

    return await answer_list(request, database, Page(sort, cursor, limit), read, name="messages", item=Message)


@router.post("/messages/{message_id}/resend", status_code=202, responses=refusals(404))
async def resend_message(message_id: UUID, caller: Coordinator, session: Session) -> Resent:
    """Sends a failed message again, under the Message-ID that it had. Of a message that has not failed, or that is sent
    again already, nothing changes, and `messages` is 0."""
    return Resent(messages=await holding.resend_one(session, caller.organization_id, message_id))


@router.post("/cycles/{cycle_id}/messages/resend", status_code=202, responses=refusals(404))
async def resend_messages(cycle_id: UUID, caller: Coordinator, session: Session) -> Resent:
    """Sends all failed messages of the cycle again, but for reminders of check-ins and surveys. Asked twice, it sends
    them once. What is not needed any more by then, as its round is over, is not sent."""
    return Resent(messages=await holding.resend_all(session, caller.organization_id, cycle_id))


@router.get("/messages/preview", responses=refusals(404))
async def preview_messages(
    caller: Viewer,
    session: Session,
    internal: InternalClient,
    settings: AppSettings,
    template: Templates = None,
    language: ReadLanguage = ENGLISH,
    program_id: OfProgram = None,
) -> MessagePreviews:
    """Each message as its readers get it, in sample data and in one language: its sender, its subject, its text and its
    HTML. Where the organization, or the program, has words of its own, they are in it."""
    await read_direction(internal, caller.organization_id, program_id)
    brand = await read_brand(internal, caller.organization_id)
    found = await wordings.read_wordings(session, caller.organization_id, program_id, template, language)
    own = {one.template: one.wording for one in found if one.wording is not None}
    words = words_of(language)
    sender = str(sender_of(settings.mail_from, brand.sender_name))
    samples = [(one, sample_of(one, words, own.get(one), brand)) for one in dict.fromkeys(template or Template)]
    items = [MessagePreview(template=one, sender=sender, **sample._asdict()) for one, sample in samples]
    return MessagePreviews(items=items)
