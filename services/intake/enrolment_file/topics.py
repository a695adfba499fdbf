"""Topics without a program: the labels that appear in the enrolments are the topics, and those that the policy lists
bring aliases. Spellings that differ in case, spaces, hyphens and underscores are one topic."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from services.intake.rules.topics import codes_by_spelling, fold
from shared.contracts.programs import Topic


class Topics:
    def __init__(self, listed: Sequence[Topic]) -> None:
        self._codes = codes_by_spelling(listed)
        self._labels = {topic.code: topic.label for topic in listed}
        self._spellings: dict[str, Counter[str]] = defaultdict(Counter)

    def know(self, label: str) -> None:
        """Takes a spelling in as a topic."""
        self._spellings[self.code(label)][label] += 1

    def is_known(self, label: str) -> bool:
        return fold(label) in self._codes or self.code(label) in self._spellings

    def code(self, label: str) -> str:
        folded = fold(label)
        return self._codes.get(folded) or folded.replace(" ", "-")

    def codes(self, labels: Iterable[str]) -> tuple[str, ...]:
        """Each topic once, in the order given."""
        return tuple(dict.fromkeys(map(self.code, labels)))

    def labels(self) -> dict[str, str]:
        """For people to read, by code: the policy's own, else the spelling that most used, else the first in order."""
        common = {
            code: min(counts, key=lambda label: (-counts[label], label)) for code, counts in self._spellings.items()
        }
        return common | self._labels

    def unlisted(self) -> list[str]:
        """Labels of topics that the policy does not list; empty when it lists none at all."""
        if not self._labels:
            return []
        return sorted(label for code, label in self.labels().items() if code not in self._labels)
