"""The channel e-mail: a composed message becomes an e-mail, which is sent over one connection to the mail server."""

from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from types import TracebackType

from services.notifications.channels.headers import POLICY
from services.notifications.channels.mail_server import MailServer
from services.notifications.channels.transport import RefusedForGood, Transport
from services.notifications.composing import Composed, InlineLogo
from services.notifications.rules.look import sender_of
from services.notifications.rules.meeting import calendar_file
from services.notifications.rules.rendering import one_line
from shared.config import Settings
from shared.contracts.intake import Contact
from shared.contracts.text import NAME_SPECIALS
from shared.telemetry.spans import span
from shared.tracing import current_origin


class Email(Transport):
    """Sends messages as e-mails."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._server = MailServer(settings)

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        await self._server.close()

    async def connect(self) -> None:
        """Returns once the mail server has greeted. Raises MailServerAway."""
        await self._server.connect()

    async def send(self, message: Composed) -> None:
        """Returns once the mail server has taken the message. Raises RefusedForGood, PutOff, ConnectionLost,
        MailServerAway."""
        with span("mail.send", kind="client", template=message.announcement.template.value):
            await self._server.send(email_of(message, self._settings), message.contact.email)


def email_of(message: Composed, settings: Settings) -> EmailMessage:
    """The whole e-mail. Raises RefusedForGood (`invalid_address`) if the address cannot stand in a header."""
    announcement, rendered = message.announcement, message.rendered
    email = EmailMessage(policy=POLICY)
    email["Message-ID"] = message.message_id
    email["From"] = sender_of(settings.mail_from, message.sender_name)
    email["To"] = _address(message.contact)
    if message.reply_to is not None and (address := _usable(message.reply_to)) is not None:
        email["Reply-To"] = address
    email["Subject"] = rendered.subject
    email["Date"] = format_datetime(message.composed_at)
    email["Auto-Submitted"] = "auto-generated"
    email["Upward-Scope"] = str(announcement.scope_id)
    repeat = f"-{announcement.occurrence}" if announcement.occurrence > 1 else ""
    email["Upward-Template"] = f"{announcement.template.value}{repeat}"
    if (origin := current_origin()) is not None and origin.request_id:
        email["Upward-Request-ID"] = origin.request_id
    email.set_content(rendered.text)
    email.add_alternative(rendered.html, subtype="html")
    if message.logo is not None:
        _add_logo(email, message.logo)
    if message.meetings:
        sender = parseaddr(settings.mail_from)[1]
        file = calendar_file(message.meetings, sender, settings.mail_domain, message.announced_at)
        email.add_attachment(
            file.decode(), subtype="calendar", params={"method": "PUBLISH"}, filename="first-meeting.ics"
        )
    email["Content-Language"] = message.language  # last: headers of this kind move into the parts that are added
    return email


def _add_logo(email: EmailMessage, logo: InlineLogo) -> None:
    """Beside the HTML, in a part of its own that belongs to it (RFC 2387)."""
    html = email.get_body(("html",))
    assert isinstance(html, EmailMessage), "the HTML was added before"
    kind, _, subtype = logo.file.media_type.partition("/")
    html.add_related(
        logo.file.content, kind, subtype, cid=f"<{logo.id}>", disposition="inline", filename=f"logo.{subtype}"
    )


def _usable(contact: Contact) -> Address | None:
    """The address, unless it cannot stand in a header of every mail server. The message is sent all the same."""
    try:
        return _address(contact) if contact.email.isascii() else None
    except RefusedForGood:
        return None


def _address(contact: Contact) -> Address:
    try:
        return Address(display_name=one_line(NAME_SPECIALS.sub(" ", contact.name)), addr_spec=contact.email)
    except (ValueError, IndexError, MessageError):
        raise RefusedForGood("invalid_address") from None
