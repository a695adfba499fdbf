"""Words that an organization writes itself: plain text in which `{program}` stands for a value. Pure.

This is no template language. What stands in braces is compared with a list of names, and a value that was filled in is
never looked at again.
"""

import re
from collections.abc import Mapping

BRACES = re.compile(r"\{([^{}]*)\}|[{}]")
EMPTY_LINES = re.compile(r"\n\s*\n")


def paragraphs_of(body: str) -> tuple[str, ...]:
    """The paragraphs of a body; line breaks within one stay."""
    return tuple(found for part in EMPTY_LINES.split(body) if (found := part.strip()))


def filled(text: str, values: Mapping[str, str | None]) -> str | None:
    """The text with its values; None if one is missing, or if a brace is not that of a placeholder."""
    if any(values.get(found[1] or "") is None for found in BRACES.finditer(text)):
        return None
    return BRACES.sub(lambda found: values[found[1]] or "", text)
