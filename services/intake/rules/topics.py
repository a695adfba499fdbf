"""Finding a topic by what somebody wrote: its code, its label or one of its aliases. Pure."""

from collections.abc import Iterable

from shared.contracts.programs import Topic


def fold(text: str) -> str:
    """A form of the text that is equal for spellings that differ only in case, spaces, hyphens and underscores."""
    return " ".join(text.casefold().replace("-", " ").replace("_", " ").split())


def codes_by_spelling(topics: Iterable[Topic]) -> dict[str, str]:
    """The code of a topic by each of its folded spellings. Codes win over labels, and labels over aliases."""
    listed = list(topics)
    spellings = [(topic.code, topic.code) for topic in listed]
    spellings += [(topic.label, topic.code) for topic in listed]
    spellings += [(alias, topic.code) for topic in listed for alias in topic.aliases]
    codes: dict[str, str] = {}
    for spelling, code in spellings:
        codes.setdefault(fold(spelling), code)
    return codes
