"""What an examination finds: what is in order, what is doubtful, and what is wrong, with what to change."""

from enum import StrEnum
from typing import NamedTuple


class Verdict(StrEnum):
    OK = "ok"
    DOUBTFUL = "doubtful"
    """Upward would run, and not as you may expect."""
    WRONG = "wrong"
    """Upward would not run, or lose something."""


class Finding(NamedTuple):
    part: str
    """What was examined, such as `database`."""
    verdict: Verdict
    found: str
    """What was found. It never repeats a secret."""
    advice: str = ""
    """What to change."""

    def __str__(self) -> str:
        return " ".join(filter(None, (f"{self.verdict.value:<9}{self.part}: {self.found}", self.advice)))


def ok(part: str, found: str) -> Finding:
    return Finding(part, Verdict.OK, found)


def doubtful(part: str, found: str, advice: str) -> Finding:
    return Finding(part, Verdict.DOUBTFUL, found, advice)


def wrong(part: str, found: str, advice: str) -> Finding:
    return Finding(part, Verdict.WRONG, found, advice)
