"""Messages are sent by a real SMTP server, each once and with the right content."""

import io
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar as CalendarFile
from sqlalchemy import event
from structlog.testing import capture_logs

from services.notifications import delivery
from services.notifications.activities import Activities
from shared.contracts.base import Origin
from shared.contracts.intake import MeetingWindow
from shared.contracts.matching import PairState
from shared.contracts.notifications import (
    Audience,
    Delivery,
    DropMessages,
    Template,
)
from shared.contracts.rounds import CloseReason, CloseRound
from shared.database import Database
from shared.logging import configure_logging
from shared.rounds.store import close_round
from shared.tracing import following
from tests.services.notifications.conftest import deliver, messages, prepare
from tests.services.notifications.world import Post, World, text_of


async def test_everyone_asked_gets_one_message_with_a_link_of_their_own(
    activities: Activities, database: Database, world: World, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = world.ask(*(f"p{number}@acme.example" for number in range(60)))
    monkeypatch.setattr(delivery, "BATCH", 50)
    await world.open_round(database)
    announcement = world.announcement()
    assert await prepare(activities, announcement) == 60
    answer = await deliver(activities, announcement)
    assert answer == Delivery(sent=60, failed=0, waiting=0, next_due_at=None)
    assert post.recipients() == sorted(contact.email for contact in world.contacts.values())
    assert post.connections == 1  # over all batches
    for email in post.received:
        [link] = [line for line in text_of(email).splitlines() if line.startswith("https://up.example/p/")]
        person = world.tokens[link.rpartition("/")[2]]
        assert world.contacts[person].email == email["To"].addresses[0].addr_spec
        assert "(check-in 2)" in email["Subject"]
    assert {row.state for row in (await messages(database, world)).values()} == {"sent"}
    assert len(people) == len({email["Message-ID"] for email in post.received})


async def test_each_message_that_was_sent_has_one_log_entry_and_says_which_request_it_follows_from(
    activities: Activities, database: Database, world: World, post: Post
) -> None:
    world.ask("ann@acme.example")
    await world.open_round(database)
    for template, named in ((Template.CHECK_IN_INVITATION, True), (Template.CHECK_IN_REMINDER, False)):
        announcement = world.announcement(template)
        await prepare(activities, announcement)
        with following(Origin(request_id="request-1")), capture_logs() as entries:
            await deliver(activities, announcement)
        [sent] = [entry for entry in entries if entry["event"] == "message.sent"]
        assert ("message_id" in sent) == named, "the id of a reminder would tell who has not answered"
        assert (sent["template"], sent["cycle_id"]) == (template.value, str(announcement.cycle_id))
        assert post.received[-1]["Upward-Request-ID"] == "request-1"


async def test_an_email_carries_the_headers_that_name_its_scope_and_template(
    activities: Activities, database: Database, world: World, post: Post
) -> None:
    [person] = world.ask("ann@acme.example")
    await world.open_round(database)
    for occurrence, shown in ((1, "check_in_reminder"), (2, "check_in_reminder-2")):
        announcement = world.announcement(Template.CHECK_IN_REMINDER, occurrence=occurrence)
        await prepare(activities, announcement)
        await deliver(activities, announcement)
        email = post.received[-1]
        assert email["Upward-Template"] == shown
        assert email["Upward-Scope"] == str(world.round_id)
        assert email["Auto-Submitted"] == "auto-generated"
        assert email["Date"].datetime is not None
        assert email["From"].addresses[0].addr_spec == "programs@upward.example"
        assert email["Message-ID"].endswith("@upward.example>")
        assert email.get_body(("html",)) is not None
    assert post.received[0]["Message-ID"] != post.received[1]["Message-ID"]
    assert person in await messages(database, world)


async def test_a_message_names_whom_to_ask_and_an_answer_goes_there(
    activities: Activities, database: Database, world: World, post: Post
) -> None:
    """It is the first coordinator who has not left, who is not told to ask themselves."""
    left, mara, _, asked = world.ask("l@acme.example", "mara@acme.example", "o@acme.example", "ann@acme.example")
    world.coordinators = (left, mara)
    world.contacts[left] = world.contacts[left].model_copy(update={"active": False})
    world.contacts[mara] = world.contacts[mara].model_copy(update={"name": "Weiss, Mara <x@evil.example>"})
    await world.open_round(database)
    announcement = world.announcement()
    await prepare(activities, announcement)
    await deliver(activities, announcement)
    mails = {email["To"].addresses[0].addr_spec: email for email in post.received}
    email = mails[world.contacts[asked].email]
    assert [one.addr_spec for one in email["Reply-To"].addresses] == ["mara@acme.example"]
    texts = [part.get_content() for part in email.walk() if part.get_content_maintype() == "text"]
    assert ["(mara@acme.example), or reply to this message" in text for text in texts] == [True, True]
    own = mails["mara@acme.example"]
    assert own["Reply-To"] is None
    assert "please turn to your program's coordinators" in next(own.iter_parts()).get_content()


async def test_a_message_is_sent_all_the_same_if_nobody_can_be_answered(
    activities: Activities, database: Database, world: World, post: Post
) -> None:
    mara, _ = world.ask("mära@acme.example", "ann@acme.example")
    world.coordinators, world.pending = (mara,), world.pending - {mara}
    await world.open_round(database)
    announcement = world.announcement()
    await prepare(activities, announcement)
    assert (await deliver(activities, announcement)).sent == 1
    assert post.received[0]["Reply-To"] is None


async def test_a_delivery_stops_after_its_working_time_and_says_what_remains(
    activities: Activities, database: Database, world: World, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.ask("a@acme.example", "b@acme.example")
    await world.open_round(database)
    announcement = world.announcement()
    await prepare(activities, announcement)
    monkeypatch.setattr(delivery, "WORK_SECONDS", 0.0)
    answer = await deliver(activities, announcement)
    assert (answer.sent, answer.waiting) == (0, 2)
    assert answer.next_due_at is not None
    assert answer.next_due_at <= datetime.now(UTC)


async def test_who_has_answered_or_left_meanwhile_is_not_written_to(
    activities: Activities, database: Database, world: World, post: Post
) -> None:
    answered, left, asked = world.ask("a@acme.example", "b@acme.example", "c@acme.example")
    await world.open_round(database)
    announcement = world.announcement(Template.CHECK_IN_REMINDER)
    await prepare(activities, announcement)
    world.pending.discard(answered)
    world.contacts[left] = world.contacts[left].model_copy(update={"active": False})
    assert await deliver(activities, announcement) == Delivery(sent=1, failed=0, waiting=0)
    assert post.recipients() == ["c@acme.example"]
    rows = await messages(database, world)
    assert (rows[answered].state, rows[answered].failure_code) == ("dropped", "not_asked")
    assert (rows[left].state, rows[left].failure_code) == ("dropped", "person_inactive")
    assert set(world.tokens.values()) == {asked}


async def test_a_delivery_counts_no_recipients_to_learn_that_its_round_is_open(
    activities: Activities, database: Database, world: World, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "BATCH", 10)
    world.ask(*(f"p{number}@acme.example" for number in range(delivery.BATCH + 1)))
    await world.open_round(database)
    announcement = world.announcement()
    await prepare(activities, announcement)
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    try:
        assert (await deliver(activities, announcement)).sent == delivery.BATCH + 1
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", note)
    assert len([statement for statement in asked if "rounds.round" in statement]) == 2  # one a batch
    assert [statement for statement in asked if "rounds.recipient" in statement] == []


async def test_nothing_is_sent_for_a_round_that_is_closed(
    activities: Activities, database: Database, world: World, post: Post
) -> None:
    world.ask("a@acme.example")
    await world.open_round(database)
    announcement = world.announcement()
    await prepare(activities, announcement)
    async with database.transaction() as session:
        request = CloseRound(
            organization_id=world.organization_id, round_id=world.round_id, reason=CloseReason.ADVANCED
        )
        await close_round(session, request)
    assert await deliver(activities, announcement) == Delivery(sent=0, failed=0, waiting=0)
    assert post.received == []


async def test_dropping_gives_up_what_waits_and_leaves_what_was_sent(
    activities: Activities, database: Database, world: World
) -> None:
    world.ask("a@acme.example", "b@acme.example")
    await world.open_round(database)
    first, second = world.announcement(), world.announcement(Template.CHECK_IN_REMINDER)
    for announcement in (first, second):
        await prepare(activities, announcement)
    await deliver(activities, first)
    dropped = []
    for announcement in (first, second, second):
        request = DropMessages(organization_id=world.organization_id, announcement_id=announcement.id)
        dropped.append((await activities.drop_messages(request)).dropped)
    assert dropped == [0, 2, 0]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ('Ann "The\r\nBcc: evil@evil.example\r\n\r\nX" Müller, <b>', "Ann The Bcc evil evil.example X Müller b"),
        ("Smith, John " + "Jacob " * 12 + "<evil@evil.example>, PhD", None),
        ("Jörg =?utf-8?q?=2C_=3Cevil=40evil.example=3E?=", None),
        ("Dr. Ö. Özil", "Dr. Ö. Özil"),
        ("", ""),
    ],
)
async def test_no_name_adds_a_header_or_another_address(
    activities: Activities, database: Database, world: World, post: Post, name: str, shown: str | None
) -> None:
    world.pending.add(world.add_person("ann@acme.example", name=name))
    await world.open_round(database)
    announcement = world.announcement()
    await prepare(activities, announcement)
    await deliver(activities, announcement)
    [email] = post.received
    assert email["Bcc"] is None
    [address] = email["To"].addresses
    assert address.addr_spec == "ann@acme.example"
    assert shown is None or address.display_name == shown
    assert "<b>" not in text_of(email, "html")


async def test_the_kickoff_introduces_the_pair_and_proposes_both_the_same_first_meeting(
    activities: Activities, database: Database, world: World, post: Post
) -> None:
    mentor = world.add_person("mia@acme.example", name="Mia", time_zone="America/New_York", job_title="Analyst")
    mentee = world.add_person("leo@acme.example", name="Leo", time_zone="Europe/Berlin", department="Board")
    pair = world.pair(mentor, mentee, "ai-tools")
    announcement = world.announcement(Template.KICKOFF, Audience.PARTICIPANTS)
    await prepare(activities, announcement)
    assert (await deliver(activities, announcement)).sent == 2
    starts = set()
    for email in post.received:
        text = text_of(email).replace("\r\n", "\n")
        to = email["To"].addresses[0].addr_spec
        partner = "Your mentee: Leo\n  Board\n  leo@acme.example" if to.startswith("mia") else "Your mentor: Mia\n"
        assert partner in text
        assert "Topics: AI tools" in text
        [file] = email.iter_attachments()
        assert (file.get_content_type(), file.get_param("method")) == ("text/calendar", "PUBLISH")
        [event] = CalendarFile.from_ical(file.get_content()).walk("VEVENT")
        assert event["UID"] == f"{pair.id}@upward.example"
        starts.add(event.decoded("DTSTART"))
    [start] = starts
    assert start > datetime.now(UTC) + timedelta(days=1)
    assert start.weekday() < 5
    assert "/p/" not in "".join(email.as_string() for email in post.received)


async def test_everyone_is_written_to_in_their_own_language_or_else_in_the_programs(
    activities: Activities, database: Database, world: World, post: Post
) -> None:
    world.language = "es"
    mentor = world.add_person("mia@acme.example", name="Mia", language="fr")
    mentee = world.add_person("leo@acme.example", name="Leo", language="")
    world.pair(mentor, mentee)
    announcement = world.announcement(Template.KICKOFF, Audience.PARTICIPANTS)
    await prepare(activities, announcement)
    assert (await deliver(activities, announcement)).sent == 2
    told = {}
    for email in post.received:
        [file] = email.iter_attachments()
        [meeting] = CalendarFile.from_ical(file.get_content()).walk("VEVENT")
        assert email["Content-Language"] == meeting["SUMMARY"].params["LANGUAGE"]
        told[email["Content-Language"]] = (email["Subject"], str(meeting["SUMMARY"]), meeting["UID"])
    assert told["fr"][:2] == (
        "Look Up\u00a0: c’est parti\u00a0! Faites la connaissance de votre mentoré(e)",
        "Look Up\u00a0: première rencontre",
    )
    assert told["es"][:2] == ("Look Up: ¡empezamos! Conozca a su mentor o mentora", "Look Up: primera reunión")
    assert told["fr"][2] == told["es"][2], "both have the same event in their calendars"


async def test_a_kickoff_proposes_no_time_where_the_two_share_none_and_says_so(
    activities: Activities, database: Database, world: World, post: Post
) -> None:
    mentor = world.add_person("ann@acme.example", time_zone="Pacific/Auckland")
    far = world.add_person("bea@acme.example", time_zone="Europe/London")
    near = world.add_person("cem@acme.example", time_zone="Pacific/Auckland")
    world.windows[near] = (MeetingWindow.THU_PM,)
    world.pair(mentor, far)
    world.pair(mentor, near)
    announcement = world.announcement(Template.KICKOFF, Audience.PARTICIPANTS)
    await prepare(activities, announcement)
    await deliver(activities, announcement)
    for email in post.received:
        text = text_of(email)
        to = email["To"].addresses[0].addr_spec
        assert ("do not overlap" in text) == (to != "cem@acme.example")
        files = list(email.iter_attachments())
        assert len(files) == (0 if to == "bea@acme.example" else 1)
        assert ("calendar file" in text) == bool(files)
        for file in files:
            [meeting] = CalendarFile.from_ical(file.get_content()).walk("VEVENT")
            local = meeting.decoded("DTSTART").astimezone(ZoneInfo("Pacific/Auckland"))
            assert (local.weekday(), local.hour) == (3, 13)
            assert f"{local:%A}" in text


async def test_that_a_pair_has_ended_moves_no_meeting_of_the_others(
    activities: Activities, database: Database, world: World, post: Post
) -> None:
    mentor = world.add_person("mo@acme.example")
    mentees = [world.add_person(f"m{number}@acme.example") for number in range(3)]
    pairs = [world.pair(mentor, mentee) for mentee in mentees]
    announcement = world.announcement(Template.KICKOFF, Audience.PARTICIPANTS)
    await prepare(activities, announcement)
    ended = min(pairs, key=lambda pair: pair.id)
    world.contacts[mentor] = world.contacts[mentor].model_copy(update={"email": "not an address"})
    await deliver(activities, announcement)
    told = {email["To"].addresses[0].addr_spec: _starts(email) for email in post.received}
    assert len({start for starts in told.values() for start in starts}) == 3
    world.pairs = [
        pair.model_copy(update={"state": PairState.ENDED if pair.id == ended.id else PairState.ACTIVE})
        for pair in world.pairs
    ]
    post.received.clear()
    again = world.announcement(Template.KICKOFF, Audience.PARTICIPANTS, occurrence=2)
    world.contacts[mentor] = world.contacts[mentor].model_copy(update={"email": "mo@acme.example"})
    await prepare(activities, again)
    await deliver(activities, again)
    later = {email["To"].addresses[0].addr_spec: _starts(email) for email in post.received}
    gone = world.contacts[ended.mentee_id].email
    assert later.pop("mo@acme.example") == {start for to, starts in told.items() if to != gone for start in starts}
    assert later == {to: starts for to, starts in told.items() if to != gone}


def _starts(email: EmailMessage) -> set[datetime]:
    [file] = email.iter_attachments()
    return {event.decoded("DTSTART") for event in CalendarFile.from_ical(file.get_content()).walk("VEVENT")}


async def test_the_end_of_a_pair_is_told_to_both_sides_by_name(
    activities: Activities, database: Database, world: World, post: Post
) -> None:
    mia, leo = world.add_person("mia@acme.example", name="Mia"), world.add_person("leo@acme.example", name="Leo")
    pair = world.pair(mia, leo)
    world.pairs = [pair.model_copy(update={"state": PairState.ENDED})]
    announcement = world.announcement(Template.PAIR_ENDED, Audience.PAIR, scope_id=pair.id)
    await prepare(activities, announcement)
    await deliver(activities, announcement)
    told = {email["To"].addresses[0].addr_spec: text_of(email) for email in post.received}
    assert sorted(told) == ["leo@acme.example", "mia@acme.example"]
    assert "Your pair with Leo in Look Up" in told["mia@acme.example"]
    assert "Your pair with Mia in Look Up" in told["leo@acme.example"]


async def test_who_stays_is_told_that_the_partner_has_left_and_the_leaver_is_not_written_to(
    activities: Activities, database: Database, world: World, post: Post
) -> None:
    mia = world.add_person("mia@acme.example", name="Mia")
    pair = world.pair(mia, world.add_person("leo@acme.example", name="Leo", active=False))
    announcement = world.announcement(Template.PARTNER_LEFT, Audience.PAIR, scope_id=pair.id)
    assert await prepare(activities, announcement) == 1
    await deliver(activities, announcement)
    [email] = post.received
    assert email["To"].addresses[0].addr_spec == "mia@acme.example"
    assert "Your pair with Leo in Look Up" in text_of(email)


async def test_a_kickoff_of_a_pair_that_has_ended_is_not_sent(
    activities: Activities, database: Database, world: World, post: Post
) -> None:
    world.pair(world.add_person("a@acme.example"), world.add_person("b@acme.example"))
    announcement = world.announcement(Template.KICKOFF, Audience.PARTICIPANTS)
    await prepare(activities, announcement)
    world.pairs = [pair.model_copy(update={"state": PairState.ENDED}) for pair in world.pairs]
    assert await deliver(activities, announcement) == Delivery(sent=0, failed=0, waiting=0)
    assert post.received == []


async def test_neither_rows_nor_logs_hold_names_addresses_or_tokens(
    activities: Activities, database: Database, world: World, post: Post
) -> None:
    world.ask("canary-ok@acme.example", "canary-refused@acme.example", "canary bad")
    await world.open_round(database)
    post.answers = lambda address: f"550 no {address}" if "refused" in address else None
    stream = io.StringIO()
    configure_logging("DEBUG", stream=stream)
    announcement = world.announcement()
    await prepare(activities, announcement)
    await deliver(activities, announcement)
    rows = [str(vars(row)) for row in (await messages(database, world)).values()]
    told = stream.getvalue() + "".join(rows)
    assert "message.failed" in stream.getvalue()
    for secret in ("canary", "Name of", *world.tokens):
        assert secret not in told
