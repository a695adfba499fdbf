"""One connection to the mail server, and the meaning of its answers.

The reply codes are those of RFC 5321, 4.2.1. A 5xx reply about a recipient or a message refuses it for good; a 4xx
reply puts it off. Some codes are about the server or our access to it, whoever the recipient is. They mean that the
server is away for us, and that we should wait. 421 closes the connection. Failures carry codes only, as the server's
texts quote addresses.
"""

from email.message import EmailMessage
from email.utils import parseaddr

import aiosmtplib

from services.notifications.channels.transport import ChannelAway, ConnectionLost, PutOff, RefusedForGood
from shared.config import Settings

CLOSING = 421
ABOUT_THE_SERVER = frozenset({502, 503, 530, 534, 535, 538})


class MailServerAway(ChannelAway):
    """No e-mail can be sent now, whoever it is for."""


class MailServer:
    """A connection that is made at the first message, and made again when it breaks after it has worked."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._sender = parseaddr(settings.mail_from)[1]
        self._smtp: aiosmtplib.SMTP | None = None
        self._proven = False

    async def close(self) -> None:
        """Ends the connection, if there is one."""
        if self._smtp is not None and self._smtp.is_connected:
            try:
                await self._smtp.quit(timeout=5)
            except (aiosmtplib.SMTPException, OSError):
                self._smtp.close()

    async def connect(self) -> None:
        """Returns once there is a connection over which the server has greeted. Raises MailServerAway."""
        await self._connected()

    async def send(self, email: EmailMessage, recipient: str) -> None:
        """Returns once the server has taken the message (250).

        Servers end connections that are idle or have carried many messages. The message is then sent again at once over
        a new one. Raises RefusedForGood, PutOff, ConnectionLost, MailServerAway."""
        while True:
            smtp = await self._connected()
            try:
                await smtp.send_message(email, sender=self._sender, recipients=[recipient])
            except (aiosmtplib.SMTPException, OSError, ValueError) as error:
                try:
                    _explain(error)
                except ConnectionLost:
                    was_proven = self._proven
                    self._forget()
                    if not was_proven:
                        raise
            else:
                self._proven = True
                return

    async def _connected(self) -> aiosmtplib.SMTP:
        if self._smtp is None or not self._smtp.is_connected:
            settings = self._settings
            self._proven = False
            self._smtp = aiosmtplib.SMTP(
                hostname=settings.smtp_host,
                port=settings.smtp_port,
                username=settings.smtp_username or None,
                password=settings.smtp_password.get_secret_value() or None,
                start_tls=settings.smtp_starttls,
                timeout=settings.smtp_timeout_seconds,
                local_hostname=settings.mail_domain,
            )
            try:
                await self._smtp.connect()
            except (aiosmtplib.SMTPException, OSError) as error:
                self._forget()
                raise MailServerAway(type(error).__name__) from None
        return self._smtp

    def _forget(self) -> None:
        if self._smtp is not None:
            self._smtp.close()
        self._smtp = None


def _explain(error: Exception) -> None:
    """Raises what the failure means."""
    if isinstance(error, aiosmtplib.SMTPNotSupported):
        raise RefusedForGood("smtputf8_unsupported") from None
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        error = error.recipients[0]
    if isinstance(error, aiosmtplib.SMTPSenderRefused | aiosmtplib.SMTPHeloError) and error.code != CLOSING:
        raise MailServerAway(f"smtp_{error.code}") from None
    if isinstance(error, aiosmtplib.SMTPResponseException):
        if error.code in ABOUT_THE_SERVER:
            raise MailServerAway(f"smtp_{error.code}") from None
        if 500 <= error.code < 600:
            raise RefusedForGood(f"smtp_{error.code}", asked=True) from None
        if 400 <= error.code < 500 and error.code != CLOSING:
            raise PutOff from None
    elif isinstance(error, ValueError):
        raise RefusedForGood("invalid_address") from None
    raise ConnectionLost(MailServerAway("connection_lost")) from None
