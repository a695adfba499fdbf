"""Topics of a program: every code, label and alias must lead to one topic only. Pure."""

import unicodedata
from collections.abc import Iterable

from shared.contracts.programs import Topic


class AmbiguousTopics(ValueError):
    """Two topics share a code, a label or an alias. The message names codes only."""


def fold(term: str) -> str:
    """A term as people compare it: letter case, width and spacing do not count."""
    return " ".join(unicodedata.normalize("NFKC", term).casefold().split())


def check_unambiguous(topics: Iterable[Topic]) -> None:
    """Raises AmbiguousTopics."""
    codes: set[str] = set()
    owners: dict[str, str] = {}
    for topic in topics:
        if topic.code in codes:
            raise AmbiguousTopics(f"the code {topic.code} is used twice")
        codes.add(topic.code)
        for term in (topic.code, topic.label, *topic.aliases):
            owner = owners.setdefault(fold(term), topic.code)
            if owner != topic.code:
                raise AmbiguousTopics(f"the topics {owner} and {topic.code} share a code, label or alias")
