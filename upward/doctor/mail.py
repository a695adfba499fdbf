"""The mail server: whether it answers, with TLS, and takes our name and password. No message is sent."""

import ssl
from collections.abc import Iterator

import aiosmtplib

from shared.config import Settings
from upward.doctor.findings import Finding, doubtful, ok, wrong

PART = "mail server"
SECONDS = 10
IMPLICIT_TLS = 465


async def examine_mail(settings: Settings, trusted: ssl.SSLContext | None = None) -> Iterator[Finding]:
    """`trusted` replaces the certificates of the system, for tests."""
    where = f"{settings.smtp_host}:{settings.smtp_port}"
    if settings.smtp_port == IMPLICIT_TLS:
        return iter([wrong(PART, f"{where} speaks TLS from the start.", "Upward uses STARTTLS: take the port 587.")])
    smtp = aiosmtplib.SMTP(
        hostname=settings.smtp_host,
        port=settings.smtp_port,
        timeout=SECONDS,
        start_tls=False,
        tls_context=trusted,
        local_hostname=settings.mail_domain,
    )
    try:
        await smtp.connect()
        await smtp.ehlo()
    except (aiosmtplib.SMTPException, OSError):
        smtp.close()
        return iter([wrong(PART, f"{where} does not answer.", "Look at UPWARD_SMTP_HOST and UPWARD_SMTP_PORT.")])
    try:
        return iter(await _look(smtp, settings, where))
    finally:
        smtp.close()


async def _look(smtp: aiosmtplib.SMTP, settings: Settings, where: str) -> list[Finding]:
    offers_tls = smtp.supports_extension("starttls")
    if not settings.smtp_starttls:
        found = [_without_tls(settings, where, offers_tls=offers_tls)]
    elif not offers_tls:
        return [wrong(PART, f"{where} offers no STARTTLS.", "Take another port, such as 587.")]
    else:
        try:
            await smtp.starttls()
            await smtp.ehlo()
        except (aiosmtplib.SMTPException, OSError) as error:
            return [_refused_tls(settings.smtp_host, where, error)]
        found = [ok(PART, f"{where} with TLS.")]
    if settings.smtp_username:
        found.append(await _sign_in(smtp, settings))
    return found


def _without_tls(settings: Settings, where: str, *, offers_tls: bool) -> Finding:
    if offers_tls:
        advice = "Set UPWARD_SMTP_STARTTLS=true, as it offers STARTTLS."
    else:
        advice = "Use it within your own network alone."
    if settings.smtp_username:
        return wrong(PART, f"{where} would get the password in the clear.", advice)
    return doubtful(PART, f"{where} would get mails in the clear.", advice)


def _refused_tls(host: str, where: str, error: Exception) -> Finding:
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLCertVerificationError):
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return wrong(
            PART,
            f"the certificate of {where} is not accepted: {cause.verify_message.rstrip('.')}.",
            f"Name the host that it is for in UPWARD_SMTP_HOST (now {host}), or trust its authority (SSL_CERT_FILE).",
        )
    return wrong(PART, f"TLS with {where} fails ({type(error).__name__}).", "Look at the server's certificate.")


async def _sign_in(smtp: aiosmtplib.SMTP, settings: Settings) -> Finding:
    try:
        await smtp.login(settings.smtp_username, settings.smtp_password.get_secret_value())
    except aiosmtplib.SMTPAuthenticationError:
        return wrong(
            PART, "it refuses the user name or the password.", "Look at UPWARD_SMTP_USERNAME and UPWARD_SMTP_PASSWORD."
        )
    except (aiosmtplib.SMTPException, OSError) as error:
        return wrong(PART, f"nobody can sign in ({type(error).__name__}).", "Leave UPWARD_SMTP_USERNAME empty.")
    return ok(PART, f"signed in as {settings.smtp_username}.")
