"""Preparing an announcement: its messages are stored page by page, each with its channel and the time at which it is
due. Those of a large audience are prepared while the first of them go out."""

from datetime import UTC, datetime
from time import monotonic
from uuid import UUID

from temporalio import activity

from services.notifications.audience import read_audience, read_brief, read_contacts
from services.notifications.overviews import read_running
from services.notifications.rules.deputies import STAFF, deputy_at
from services.notifications.rules.messages import NewMessage, channel_for
from services.notifications.rules.overview import hours_of
from services.notifications.rules.sending_hours import earliest_for, next_sending_moment, zone_of
from services.notifications.store import messages as store
from services.notifications.store.unfinished import is_prepared, note_prepared
from shared.contracts.intake import Contact
from shared.contracts.notifications import Audience, MessagesPrepared, PrepareMessages
from shared.database import Database
from shared.http.internal import Internal
from shared.rounds.reminding import note_told
from shared.temporal import heartbeats, is_stopping

FIRST_SECONDS, WORK_SECONDS = 2.0, 120.0
"""So long one activity prepares page after page: the first one, for whose end the first messages wait, and those that
follow. Each activity is a billable action, and so is each heartbeat."""


async def prepare(
    database: Database, internal: Internal, mail_domain: str, request: PrepareMessages
) -> MessagesPrepared:
    """Prepares page after page, one at least, until the last one or for `FIRST_SECONDS`; for `WORK_SECONDS` if the
    first ones are prepared. `after` of the answer is where to go on. Heartbeats tell the cursor, and an attempt goes on
    where the one before it was. It holds one page at a time, however many people there are."""
    stop_at = monotonic() + (WORK_SECONDS if request.rest else FIRST_SECONDS)
    after, prepared = _resumed() or request.after, 0
    async with heartbeats(lambda: [str(after)] if after else []):
        while True:
            page = await prepare_page(database, internal, mail_domain, request.model_copy(update={"after": after}))
            prepared, after = prepared + page.prepared, page.after
            if after is None or is_stopping() or monotonic() >= stop_at:
                return MessagesPrepared(prepared=prepared, after=after)


def _resumed() -> UUID | None:
    """How far the attempt before this one has told that it was; None for the first one."""
    told = activity.info().heartbeat_details if activity.in_activity() else ()
    return UUID(told[0]) if told else None


async def prepare_page(
    database: Database, internal: Internal, mail_domain: str, request: PrepareMessages
) -> MessagesPrepared:
    """Stores a message for everybody on the page who is known and active, in one transaction. `prepared` counts these
    people. A repeat of a page counts them too, but stores nothing new and leaves due times as they are. Nothing is
    added to an announcement that has messages once its last page is stored, or its messages were given up: `prepared`
    is 0 then."""
    announcement, organization_id = request.announcement, request.announcement.organization_id
    brief = await read_brief(internal, announcement)
    page = await read_audience(internal, announcement, brief, request.after)
    contacts = await read_contacts(internal, organization_id, page.person_ids)
    if not contacts and brief is not None and announcement.audience is Audience.SPONSOR:
        # A sponsor who has left counts as none, so that the coordinators are told.
        contacts = await read_contacts(internal, organization_id, brief.coordinator_ids)
    now = datetime.now(UTC)
    running = None
    if announcement.audience is Audience.EVERY_COORDINATOR:
        running = await read_running(internal, organization_id)

    def due_for(contact: Contact) -> datetime:
        if running is None:
            return earliest_for(contact, brief, now)
        return next_sending_moment(now, hours_of(running, contact.person_id), zone_of(contact.time_zone))

    if announcement.audience in STAFF:
        deputies = {deputy_at(contact, due_for(contact)) for contact in contacts.values()} - {None, *contacts}
        contacts |= await read_contacts(internal, organization_id, filter(None, deputies))
    messages = [
        NewMessage(person_id, channel_for(contact), due_for(contact)) for person_id, contact in contacts.items()
    ]
    async with database.transaction() as session:
        await store.save_announcement(session, announcement)
        if await is_prepared(session, announcement):
            return MessagesPrepared(prepared=0)
        await store.add_messages(session, announcement, messages, mail_domain)
        if page.after is None:
            await note_prepared(session, organization_id, announcement.id)
        if announcement.round_kind is not None and request.after is None:
            await note_told(session, organization_id, announcement.scope_id)
    return MessagesPrepared(prepared=len(messages), after=page.after)
