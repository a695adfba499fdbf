"""Which language a reader gets. Pure."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator, Field

from shared.language.words import ENGLISH, LANGUAGES, SPOKEN

MOST_RANGES = 20
"""So many languages of an `Accept-Language` header are looked at. Browsers send fewer."""


def _check_spoken(value: str) -> str:
    if value not in LANGUAGES:
        raise ValueError(f"must be a language that Upward speaks: {', '.join(LANGUAGES)}")
    return value


SpokenLanguage = Annotated[str, AfterValidator(_check_spoken), Field(json_schema_extra={"enum": [*LANGUAGES]})]
"""The BCP 47 code of a language that Upward speaks, as a field of what the API takes."""


def choose(*wishes: str) -> str:
    """The first of these languages that Upward speaks, or English. A wish may be a language with a region, such as
    `pt-BR`, or empty."""
    return next((found for wish in wishes if (found := spoken(wish)) is not None), ENGLISH)


def spoken(code: str) -> str | None:
    """The language in which Upward speaks to somebody who reads this one; None if there is none. Somebody who reads
    `de-CH` also reads `de`."""
    parts = code.strip().replace("_", "-").split("-")
    known = {language.casefold(): language for language in (*LANGUAGES, *SPOKEN)}
    ends = range(len(parts), 0, -1)
    return next((known[name] for end in ends if (name := "-".join(parts[:end]).casefold()) in known), None)


def accepted(header: str) -> list[str]:
    """The languages of an `Accept-Language` header (RFC 9110, 12.5.4), the most wished for first. What is not
    understood is left out, as is what is not accepted (`q=0`)."""
    ranked = [(-weight, place, code) for place, (code, weight) in enumerate(_ranges(header.split(",")[:MOST_RANGES]))]
    return [code for _, _, code in sorted(ranked)]


def _ranges(parts: Iterable[str]) -> Iterable[tuple[str, float]]:
    for part in parts:
        code, _, parameter = part.partition(";")
        name, _, value = parameter.strip().partition("=")
        try:
            weight = float(value) if name.strip().lower() == "q" else 1.0
        except ValueError:
            continue
        if code.strip() not in ("", "*") and 0 < weight <= 1:
            yield code.strip(), weight
