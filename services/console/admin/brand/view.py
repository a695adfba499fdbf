"""What the page about sender, colour and logo shows. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import AwareDatetime

from services.console.forms.errors import FieldError
from shared.contracts.accounts import Brand, Palette
from shared.contracts.base import Contract
from shared.language.words import Words, translatable

PAGE = "/console/messages/brand"
LOGO, RESET = f"{PAGE}/logo", f"{PAGE}/reset"
MOST_NAME = 60
"""Characters, as the API takes them."""
MOST_BYTES = 100_000
SIGNATURES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg"}
FIELDS = ("sender_name", "accent", "accent_dark")
NAME = translatable(
    "Write one line of at most 60 characters, without brackets, quotation marks, commas, semicolons, colons and @."
)
COLOUR = translatable("Write # and six hexadecimal digits, such as #1b655f.")
LIGHT_FIRST = translatable("Write the colour for the light theme first.")
NO_FILE = translatable("Choose a file.")
NOT_STORED = translatable("This could not be saved. Read the page again.")
PICTURES = {
    "no_picture": translatable("This is neither a PNG nor a JPEG."),
    "broken_picture": translatable("This picture is damaged or not whole. Export it again, and try once more."),
    "picture_too_large": translatable("This file has more than 100 kB. Make the picture smaller."),
    "picture_size": translatable("The sides of the picture must have 16 to 1,200 pixels."),
}
DONE = {
    "saved": translatable("Saved. Pages and messages look like this from now on."),
    "logo": translatable("The logo is saved. Pages and messages show it from now on."),
    "removed": translatable("The logo is gone."),
    "reset": translatable("Sender, colour and logo are those of Upward again."),
}


class Chosen(Contract):
    sender_name: str | None = None
    accent: str | None = None
    accent_dark: str | None = None


class Details(Chosen, Brand):
    version: int
    updated_at: AwareDatetime | None = None

    @property
    def is_ours(self) -> bool:
        return self.sender_name is None and self.accent is None and self.logo is None


class Sample(NamedTuple):
    """A picture of a page in one theme."""

    title: str
    """Translated where it is shown."""
    page: str
    card: str
    text: str
    accent: str
    ink: str
    tint: str


THEMES = (
    (translatable("Light theme"), "#f5f6f3", "#ffffff", "#1d2624"),
    (translatable("Dark theme"), "#121816", "#1b2321", "#e8eeeb"),
)
"""The colours around the accent, as in `upward.css`."""
OURS = (("#1b655f", "#ffffff", "#e5f1ef"), ("#6fd0c4", "#062622", "#17322f"))


def samples_of(palette: Palette | None) -> tuple[Sample, ...]:
    tones: tuple[tuple[str, str, str], ...] = OURS
    if palette is not None:
        tones = tuple((one.accent, one.ink, one.tint) for one in (palette.light, palette.dark))
    return tuple(Sample(*theme, *tone) for theme, tone in zip(THEMES, tones, strict=True))


def media_type_of(data: bytes) -> str:
    """What the file looks like; the API looks closely. Empty for what cannot be a logo."""
    return next((kind for signature, kind in SIGNATURES.items() if data.startswith(signature)), "")


def errors_of(named: Iterable[Mapping[str, Any]], words: Words) -> tuple[FieldError, ...]:
    """What the API refused, beside its field and in the language of the reader."""
    return tuple(dict.fromkeys(_errors(named, words)))


def picture_errors(code: str) -> tuple[FieldError, ...]:
    return (FieldError("file", PICTURES.get(code, NOT_STORED)),)


def _errors(named: Iterable[Mapping[str, Any]], words: Words) -> Iterator[FieldError]:
    for one in named:
        field = str(one.get("field", "")).rpartition(".")[2]
        if one.get("code") == "contrast_too_low":
            yield FieldError(field, _too_faint(one, words))
        elif one.get("code") == "accent_missing":
            yield FieldError(field, LIGHT_FIRST)
        elif field == "sender_name":
            yield FieldError(field, NAME)
        elif field in FIELDS:
            yield FieldError(field, COLOUR)
        else:
            yield FieldError("", NOT_STORED)


def _too_faint(error: Mapping[str, Any], words: Words) -> str:
    told = {"ratio": words.number(float(error["ratio"]), 2), "shade": str(error["would_pass"])}
    if error.get("theme") == "dark":
        return words.gettext(
            "Not everybody could read this in the dark theme: its contrast is %(ratio)s, and 4.5 is needed. %(shade)s "
            "would pass.",
            **told,
        )
    return words.gettext(
        "Not everybody could read this in the light theme: its contrast is %(ratio)s, and 4.5 is needed. %(shade)s "
        "would pass.",
        **told,
    )
