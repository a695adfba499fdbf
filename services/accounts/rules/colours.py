"""The accent colour of an organization: whether everybody can read it, what would be readable, and what goes with it.

Contrast is that of WCAG 2.2 (https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio): of the relative luminances of two
colours, between 1 and 21. Text needs 4.5 (success criterion 1.4.3). The accent is the background of buttons with text
on it, and text itself: on the page, on cards and on what is marked. Pure.
"""

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from shared.contracts.accounts import Palette, Tone

NEEDED = 4.5
COLOUR = re.compile(r"#[0-9a-f]{6}")


class Ground(StrEnum):
    """What the accent is seen against."""

    PAGE = "page"
    CARD = "card"
    MARKED = "marked"
    """A card behind a layer of the accent itself."""
    BUTTON = "button"
    """Text on the accent."""


class Theme(NamedTuple):
    """The colours around the accent. They are those of `upward.css`, which a test compares."""

    name: str
    page: str
    card: str
    ink: str
    """Text on the accent."""
    layer: float
    """How much of the accent is in what is marked."""
    toward: str
    """Whither a colour is moved that is too near to the page."""


LIGHT = Theme("light", "#f5f6f3", "#ffffff", "#ffffff", 0.08, "#000000")
DARK = Theme("dark", "#121816", "#1b2321", "#0b1210", 0.12, "#ffffff")


class TooFaint(NamedTuple):
    """Why a colour is refused: the least contrast that it has in its theme."""

    theme: str
    ground: Ground
    ratio: float
    """Rounded down to two digits, so that 4.499 is not shown as what is needed."""
    would_pass: str
    """The nearest shade of the same colour that can be read."""


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def tone_of(accent: str, theme: Theme) -> Tone:
    return Tone(accent=accent, ink=theme.ink, tint=_mixed(theme.card, accent, theme.layer))


def palette_of(accent: str | None, accent_dark: str | None) -> Palette | None:
    """The colours of both themes. The dark one is made from the light one, unless it is given."""
    if accent is None:
        return None
    return Palette(light=tone_of(accent, LIGHT), dark=tone_of(accent_dark or readable(accent, DARK), DARK))


def readable(accent: str, theme: Theme) -> str:
    """The colour, or the nearest shade of it that can be read in this theme."""
    return next(shade for shade in _shades(accent, theme) if _least(shade, theme)[1] >= NEEDED)


def fault_of(accent: str, theme: Theme) -> TooFaint | None:
    """What is wrong with the colour in this theme; None if everybody can read it."""
    ground, ratio = _least(accent, theme)
    if ratio >= NEEDED:
        return None
    return TooFaint(theme.name, ground, int(ratio * 100) / 100, readable(accent, theme))


def _least(accent: str, theme: Theme) -> tuple[Ground, float]:
    return min(_contrasts(accent, theme), key=lambda found: found[1])


def _contrasts(accent: str, theme: Theme) -> Iterator[tuple[Ground, float]]:
    tone = tone_of(accent, theme)
    yield Ground.PAGE, contrast(accent, theme.page)
    yield Ground.CARD, contrast(accent, theme.card)
    yield Ground.MARKED, contrast(accent, tone.tint)
    yield Ground.BUTTON, contrast(accent, tone.ink)


def _shades(accent: str, theme: Theme) -> Iterator[str]:
    """The colour itself, and then a hundred steps toward black or white, which anybody can read."""
    return (_mixed(accent, theme.toward, step / 100) for step in range(101))


def _mixed(one: str, other: str, share: float) -> str:
    """The first colour with this share of the second."""
    parts = zip(_channels(one), _channels(other), strict=True)
    return _written(round(a + (b - a) * share) for a, b in parts)


def _channels(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[start : start + 2], 16) for start in (1, 3, 5))


def _written(channels: Iterable[int]) -> str:
    return "#" + "".join(f"{channel:02x}" for channel in channels)


def _luminance(colour: str) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (channel / 255 for channel in _channels(colour))
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
