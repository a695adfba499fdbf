"""Headers that many messages share are made once, and every message reads as if the standard library had made each."""

from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from uuid import UUID, uuid4

import pytest

from services.notifications.channels import email as channel
from services.notifications.channels.email import email_of
from services.notifications.channels.headers import POLICY, Headers
from services.notifications.composing import Composed
from services.notifications.rules.rendering import Rendered
from shared.config import Settings
from shared.contracts.intake import Contact
from shared.contracts.notifications import Announcement, Audience, Template

SETTINGS = Settings(database_url="postgresql://nowhere")
SUBJECTS = (
    "Digital Upward: how is it going?",
    "Wie läuft es? " + "Ein langer Betreff mit Umlauten: ä, ö, ü, ß. " * 4,
    "x" * 200,
)
SENDERS = (None, "Zoë & Søn", "Example, Inc")


def contact(name: str) -> Contact:
    return Contact(
        person_id=uuid4(), name=name, given_name=name, email=f"p{uuid4().hex}@acme.example", language="en", time_zone=""
    )


def message(subject: str, sender: str | None, reader: Contact, reply_to: Contact) -> Composed:
    organization_id, cycle_id, scope_id = (UUID(int=number) for number in (1, 2, 3))
    now = datetime(2027, 3, 1, 9, tzinfo=UTC)
    return Composed(
        message_id=f"<{uuid4()}@mail.example>",
        announcement=Announcement(
            organization_id=organization_id,
            cycle_id=cycle_id,
            scope_id=scope_id,
            template=Template.KICKOFF,
            audience=Audience.PARTICIPANTS,
        ),
        announced_at=now,
        composed_at=now,
        contact=reader,
        rendered=Rendered(subject, "Hello", "<p>Hello</p>"),
        language="de",
        reply_to=reply_to,
        sender_name=sender,
    )


def as_sent(composed: Composed) -> bytes:
    found = email_of(composed, SETTINGS)
    found.set_boundary("=")
    return found.as_bytes(policy=SMTP)


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("sender", SENDERS)
def test_a_message_is_the_same_as_without_what_is_remembered(
    subject: str, sender: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    reply_to = contact("Jürgen, Éva")
    told = [message(subject, sender, contact(name), reply_to) for name in ("Ana", "Ngô Bảo", "Ana") for _ in range(2)]
    remembering = [as_sent(composed) for composed in told]
    monkeypatch.setattr(channel, "POLICY", SMTP)
    assert [as_sent(composed) for composed in told] == remembering


def test_a_header_is_made_once_unless_it_belongs_to_one_message() -> None:
    headers = Headers()
    assert headers("Subject", "Hello") is headers("Subject", "Hello")
    assert headers("Subject", "Hello") is not headers("Subject", "Hello again")
    assert headers("To", "a@acme.example") is not headers("To", "a@acme.example")
    assert headers("Subject", "Hello").name == "Subject"
    assert headers("subject", "Hello").name == "subject"


@pytest.mark.parametrize("value", ["a\nBcc: b@acme.example", "a\r\n\r\nbody"])
def test_no_value_begins_another_header(value: str) -> None:
    for policy in (SMTP, POLICY):
        assert isinstance(policy, EmailPolicy)
        with pytest.raises(ValueError, match="linefeed"):
            EmailMessage(policy=policy)["Subject"] = value
