"""What the settings tell by themselves: the public address, the credential of the services, the sender of mails."""

import ipaddress
from collections.abc import Iterator
from email.utils import parseaddr
from urllib.parse import urlsplit

from shared.config import Settings
from shared.contracts.base import Service
from upward.doctor.findings import Finding, doubtful, ok, wrong

LEAST_TOKEN = 32
EXAMPLE = "upward.example"
"""The domain of the defaults, which nobody can answer."""


def examine_settings(settings: Settings) -> Iterator[Finding]:
    yield _public_url(settings.public_url)
    yield _token(settings.service_token.get_secret_value())
    yield from _service_urls(settings.service_urls)
    yield from _sender(settings)
    if any(network.prefixlen == 0 for network in settings.trusted_proxies):
        yield wrong(
            "trusted proxies",
            "every address counts as a proxy, so that whoever has a key could say that they come from its networks.",
            "Name in UPWARD_TRUSTED_PROXIES only networks in which no client is.",
        )
    if settings.webhook_development_networks:
        yield doubtful(
            "webhooks",
            "endpoints in internal networks are allowed, also without TLS.",
            "Remove UPWARD_WEBHOOK_DEVELOPMENT_NETWORKS in production.",
        )


def _public_url(url: str) -> Finding:
    advice = "Set UPWARD_PUBLIC_URL to the address at which participants reach Upward, such as https://mentoring.example.com."
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises for a port that is none
    except ValueError:
        return wrong("public URL", "it is no address.", advice)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return wrong("public URL", "it is no address.", advice)
    if parts.username or parts.query or parts.fragment:
        return wrong("public URL", "it holds more than a host, a port and a path.", advice)
    if _is_loopback(parts.hostname):
        return wrong("public URL", f"links in mails would lead to {parts.hostname}, the reader's own machine.", advice)
    if parts.scheme == "http":
        return wrong(
            "public URL",
            "it does not begin with https://, so that nobody could sign in to the console.",
            "Put TLS in front of the proxy, and let UPWARD_PUBLIC_URL begin with https://.",
        )
    if url.endswith("/"):
        return doubtful("public URL", "it ends with a slash, which every link would repeat.", "Remove it.")
    return ok("public URL", url)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _token(token: str) -> Finding:
    if len(token) < LEAST_TOKEN:
        return wrong(
            "service token",
            f"it has {len(token)} characters.",
            f"Set UPWARD_SERVICE_TOKEN to a secret of at least {LEAST_TOKEN}, the same in all processes.",
        )
    if len(set(token)) < LEAST_TOKEN // 4:
        return doubtful("service token", "it repeats few characters.", "Make it of random ones.")
    return ok("service token", f"{len(token)} characters.")


def _service_urls(urls: dict[str, str]) -> Iterator[Finding]:
    known = {service.value for service in Service}
    for name, url in urls.items():
        if name not in known:
            yield wrong("service URLs", f"there is no service {name}.", f"There are {', '.join(sorted(known))}.")
        elif urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            yield wrong("service URLs", f"that of {name} is no address.", "Write it as http://HOST:PORT.")
    if missing := sorted(known - set(urls)) if urls else []:
        yield doubtful(
            "service URLs",
            f"{', '.join(missing)} are not named, so that this process looks for them in itself.",
            "Name them in UPWARD_SERVICE_URLS unless this process serves them.",
        )


def _sender(settings: Settings) -> Iterator[Finding]:
    address = parseaddr(settings.mail_from)[1]
    if "@" not in address:
        yield wrong("sender", "UPWARD_MAIL_FROM holds no address.", "Write it as Name <name@example.com>.")
    elif address.endswith(f"@{EXAMPLE}"):
        yield wrong("sender", f"mails would come from {address}.", "Set UPWARD_MAIL_FROM to an address of yours.")
    else:
        yield ok("sender", address)
    if settings.mail_domain == EXAMPLE:
        yield doubtful(
            "message ids",
            f"they would end with @{EXAMPLE}.",
            "Set UPWARD_MAIL_DOMAIN to a domain of yours before the first message, and do not change it later.",
        )
