"""How pages show whose they are: the accent colour and the logo of an organization. Pure.

The content security policy allows no style in a page. So the colours are a style sheet, whose address holds them: it
needs no database, may be kept for ever, and tells nobody whose colours they are. It takes colours and nothing else. The
address of a logo holds its digest, so that only pages that show it lead to it, and a new logo has a new address.
"""

import re
from typing import NamedTuple
from uuid import UUID

from shared.contracts.accounts import Brand, Logo, Palette, Tone

SHEETS, LOGOS = "/console/accent", "/console/logos"
COLOURS = re.compile(r"([0-9a-f]{6}(?:-[0-9a-f]{6}){5})\.css")
LOGO_FILE = re.compile(r"([0-9a-f]{64})\.(png|jpeg)")
NAMES = ("--accent", "--accent-ink", "--tint")


class Look(NamedTuple):
    sheet: str = ""
    """The address of the style sheet with the colours. Empty if they are ours."""
    logo: Logo | None = None
    logo_address: str = ""


OURS = Look()


def look_of(brand: Brand, organization_id: UUID) -> Look:
    sheet = _sheet_address(brand.palette) if brand.palette is not None else ""
    if brand.logo is None:
        return Look(sheet)
    kind = brand.logo.media_type.rpartition("/")[2]
    return Look(sheet, brand.logo, f"{LOGOS}/{organization_id}/{brand.logo.digest}.{kind}")


def sheet_of(name: str) -> str | None:
    """The style sheet of this name; None if the name is not that of one."""
    found = COLOURS.fullmatch(name)
    if found is None:
        return None
    colours = [f"#{one}" for one in found[1].split("-")]
    light, dark = (_rule(colours[start : start + 3]) for start in (0, 3))
    return f"{light}@media (prefers-color-scheme: dark) {{\n{dark}}}\n"


def digest_of(name: str) -> str | None:
    """The digest of the logo with this file name; None if it is not the name of one."""
    found = LOGO_FILE.fullmatch(name)
    return None if found is None else found[1]


def _sheet_address(palette: Palette) -> str:
    colours = [colour.removeprefix("#") for tone in (palette.light, palette.dark) for colour in _colours(tone)]
    return f"{SHEETS}/{'-'.join(colours)}.css"


def _colours(tone: Tone) -> tuple[str, str, str]:
    return tone.accent, tone.ink, tone.tint


def _rule(colours: list[str]) -> str:
    return ":root { " + " ".join(f"{name}: {colour};" for name, colour in zip(NAMES, colours, strict=True)) + " }\n"
