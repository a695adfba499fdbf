"""How a message looks: the colour of its button, the logo above it, and the name of its sender. Pure."""

from email.headerregistry import Address
from email.utils import parseaddr
from typing import NamedTuple

from shared.contracts.accounts import Brand, Tone

ACCENT = Tone(accent="#1b655f", ink="#ffffff", tint="#e5f1ef")
"""Our own colour."""
WIDEST, HIGHEST = 240, 48
"""Pixels. A larger logo is shown smaller."""


class ShownLogo(NamedTuple):
    source: str
    """What the HTML names, such as `cid:logo`."""
    alt: str
    width: int
    height: int


class Look(NamedTuple):
    tone: Tone = ACCENT
    logo: ShownLogo | None = None


OURS = Look()


def look_of(brand: Brand, source: str) -> Look:
    """The look of the messages of an organization. Mail programs make a dark theme of the light one by themselves."""
    tone = brand.palette.light if brand.palette is not None else ACCENT
    if brand.logo is None:
        return Look(tone)
    scale = min(1, WIDEST / brand.logo.width, HIGHEST / brand.logo.height)
    width, height = (max(1, round(side * scale)) for side in (brand.logo.width, brand.logo.height))
    return Look(tone, ShownLogo(source, brand.logo.alt, width, height))


def sender_of(mail_from: str, name: str | None) -> str | Address:
    """Who sends: the configured address, under the organization's name if it has one."""
    return mail_from if name is None else Address(display_name=name, addr_spec=parseaddr(mail_from)[1])
