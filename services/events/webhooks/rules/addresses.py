"""Where deliveries may go: rules about addresses and URLs. Pure: nothing is resolved or connected here.

An organization names the URL that we call from inside our own network, so the URL must not lead back into that network
(server-side request forgery). Two checks prevent this. `parse_endpoint_url` checks the text when an endpoint is
created, and refuses URLs that are internal by their spelling. `is_public` checks each address that the name resolves to
when a connection is made (`connection.py`). Only the second check is safe, as a name may resolve to any address at any
time.

We keep lists of our own beside the flags of `ipaddress`, as the meaning of these changed between patch releases of
Python (CVE-2024-4032). Every block of the two IANA special-purpose address registries is refused, also the few that are
globally reachable (such as AS112 and AMT), as no webhook lives there; `tests/special_purpose.py` holds both tables.
IPv6 addresses that carry an IPv4 address (mapped, compatible, NAT64, 6to4, Teredo) are all refused, whichever address
they carry.
"""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import NoReturn
from urllib.parse import quote

import idna

from shared.errors import Invalid
from shared.language.words import translatable

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

LONGEST_URL = 2000
LONGEST_NAME = 253
DEFAULT_PORTS = {"https": 443, "http": 80}
NOT_PUBLIC_4 = tuple(
    IPv4Network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        "168.63.129.16/32",
    )
)
"""The blocks of the registry, multicast, and the one public address under which a cloud (Azure) reaches into itself:
each of its machines finds its agent, with secrets, there."""
GLOBAL_UNICAST_6 = IPv6Network("2000::/3")
"""All addresses that are assigned for the public internet. Loopback, link-local, unique local, multicast, mapped,
compatible and NAT64 addresses are not among them."""
NOT_PUBLIC_6 = tuple(
    IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)
INTERNAL_NAMES = ("localhost", "local", "internal", "home.arpa", "localdomain")

URL = re.compile(r"(?P<scheme>[A-Za-z]+)://(?P<authority>[^/?]*)(?P<path>[^?]*)(?P<query>.*)")
AUTHORITY = re.compile(r"(?P<host>\[[^\]]*\]|[^:@\[\]]*)(?::(?P<port>[0-9]{1,5}))?")
LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
KEPT = "%/?:@!$&'()*+,;=-._~[]"
"""Characters of a path and query that stay as they are; all others are percent-encoded."""


class UnsafeUrl(Invalid):
    code = "unsafe_url"


def is_public(address: Address) -> bool:
    """Whether the address belongs to the public internet: unicast, globally reachable, and of no special purpose."""
    if address.is_multicast or not address.is_global:
        return False
    if isinstance(address, IPv4Address):
        return not any(address in network for network in NOT_PUBLIC_4)
    if address.scope_id is not None or address not in GLOBAL_UNICAST_6:
        return False
    return not any(address in network for network in NOT_PUBLIC_6)


def is_within(address: Address, networks: Sequence[Network]) -> bool:
    """Whether the address is in one of the networks. An address with a scope id is in none."""
    scoped = isinstance(address, IPv6Address) and address.scope_id is not None
    return not scoped and any(address in network for network in networks)


def parse_endpoint_url(text: str, *, development: bool) -> str:
    """The URL in its normal form: in ASCII, with the host in lower case and without trailing dot, literal addresses in
    their usual spelling, and no default port. With `development`, http and internal hosts are allowed too; then only
    the connection is checked.

    Raises UnsafeUrl, whose detail says what to do and never quotes the URL."""
    if len(text) > LONGEST_URL:
        _refuse(f"The URL may have at most {LONGEST_URL} characters.")
    if any(character.isspace() or not character.isprintable() or character in "\\#" for character in text):
        _refuse(translatable("Leave out spaces, control characters, backslashes and the fragment (#)."))
    url = URL.fullmatch(text)
    if url is None or (scheme := url["scheme"].lower()) not in DEFAULT_PORTS:
        _refuse(translatable("Give a whole URL that starts with https://."))
    if scheme == "http" and not development:
        _refuse(translatable("Use https: events are not sent unencrypted."))
    authority = AUTHORITY.fullmatch(url["authority"])
    if authority is None:
        _refuse(translatable("Give a host name, and a port from 1 to 65535 or none; no user name or password."))
    host = _host(authority["host"], development=development)
    port = int(authority["port"]) if authority["port"] else DEFAULT_PORTS[scheme]
    if not 1 <= port <= 65535:
        _refuse(translatable("The port must be from 1 to 65535."))
    suffix = "" if port == DEFAULT_PORTS[scheme] else f":{port}"
    parsed = f"{scheme}://{host}{suffix}{quote((url['path'] or '/') + url['query'], safe=KEPT)}"
    if len(parsed) > LONGEST_URL:
        _refuse(f"The URL may have at most {LONGEST_URL} characters, percent-encoded.")
    return parsed


def _host(text: str, *, development: bool) -> str:
    """The host in its normal form. Raises UnsafeUrl."""
    if text.startswith("["):
        address: Address | None = _ipv6(text[1:-1])
    else:
        text = _name(text)
        address = _ipv4(text)
    if address is not None:
        if not (development or is_public(address)):
            _refuse(translatable("Internal and special-purpose addresses are not allowed: use a public host name."))
        return f"[{address}]" if address.version == 6 else str(address)
    if not development and ("." not in text or is_internal_name(text)):
        _refuse(translatable("Internal host names are not allowed: use a public host name with a domain."))
    return text


def is_internal_name(host: str) -> bool:
    """Whether a host name, in its normal form, is reserved for use inside a machine or a network."""
    return any(host == name or host.endswith(f".{name}") for name in INTERNAL_NAMES)


def _name(text: str) -> str:
    """A host name in ASCII and lower case (UTS 46, IDNA 2008), without its trailing dot. Other forms of digits
    (fullwidth, circled) become ASCII digits here, before the host is parsed as an address."""
    host = text.lower()
    if not host.isascii() or "xn--" in host:
        try:
            host = idna.encode(host, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            _refuse(translatable("The host name is not valid."))
    host = host.removesuffix(".")
    if len(host) > LONGEST_NAME or not all(LABEL.fullmatch(label) for label in host.split(".")):
        _refuse(translatable("The host name is not valid."))
    return host


def _ipv4(host: str) -> IPv4Address | None:
    """The address that `inet_aton`, and so the resolver, would read in a host; None for a name. Such an address has one
    to four numbers, each decimal, octal (0…) or hexadecimal (0x…); the last number fills the remaining bytes. Any other
    host whose last label is a number is refused, as no top-level domain is a number (WHATWG URL, "ends in a
    number")."""
    labels = host.split(".")
    if not NUMBER.fullmatch(labels[-1]):
        return None
    try:
        *first, last = [_number(label) for label in labels]
        if len(first) > 3 or any(number > 255 for number in first):
            raise ValueError
        packed = bytes(first) + last.to_bytes(4 - len(first), "big")
    except (ValueError, OverflowError):
        _refuse(translatable("The host is neither a name nor an address."))
    return IPv4Address(packed)


def _number(label: str) -> int:
    if not NUMBER.fullmatch(label):
        raise ValueError
    if label.startswith("0x"):
        return int(label[2:] or "0", 16)
    return int(label, 8 if label.startswith("0") else 10)


def _ipv6(text: str) -> IPv6Address:
    try:
        if "%" in text:
            raise ValueError
        return IPv6Address(text)
    except ValueError:
        _refuse(translatable("The host is neither a name nor an address."))


def _refuse(detail: str) -> NoReturn:
    raise UnsafeUrl(detail, errors=[{"field": "body.url", "detail": detail}]) from None
