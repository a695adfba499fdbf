"""The topics of `upward match`, which has no program.

Every label in the enrolments is a topic, and the topics that the policy lists have aliases. Spellings that differ only
in case, spaces, hyphens and underscores are one topic.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from services.intake.rules.topics import codes_by_spelling, fold
from shared.contracts.programs import Topic


class Topics:
    def __init__(self, listed: Sequence[Topic]) -> None:
        self._codes = codes_by_spelling(listed)
        self._labels = {topic.code: topic.label for topic in listed}
        self._spellings: dict[str, Counter[str]] = defaultdict(Counter)

    def add(self, label: str) -> None:
        """Makes a spelling known as a topic."""
        self._spellings[self.code(label)][label] += 1

    def is_known(self, label: str) -> bool:
        return fold(label) in self._codes or self.code(label) in self._spellings

    def code(self, label: str) -> str:
        folded = fold(label)
        return self._codes.get(folded) or folded.replace(" ", "-")

    def codes(self, labels: Iterable[str]) -> tuple[str, ...]:
        """The codes of the topics in their order, each once."""
        return tuple(dict.fromkeys(map(self.code, labels)))

    def labels(self) -> dict[str, str]:
        """The label of each topic, by its code: that of the policy, or else the spelling that occurs most often.

        Of equally frequent spellings it is the first in alphabetical order.
        """
        common = {
            code: min(counts, key=lambda label: (-counts[label], label)) for code, counts in self._spellings.items()
        }
        return common | self._labels

    def unlisted(self) -> list[str]:
        """The labels of the topics that the policy does not list. Empty if the policy lists no topics at all."""
        if not self._labels:
            return []
        return sorted(label for code, label in self.labels().items() if code not in self._labels)
