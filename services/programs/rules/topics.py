"""The topics of a program. Each code, label and alias must belong to one topic only. Pure."""

import unicodedata
from collections.abc import Iterable

from shared.contracts.programs import Topic


class AmbiguousTopics(ValueError):
    """Two topics share a code, a label or an alias. The message contains codes only, which are not personal data."""


def fold(term: str) -> str:
    """A form of the term that is equal for terms which differ only in letter case, letter width and spacing."""
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
