"""The words for expected failures, for the person who reads the page: what happened, and what to do now."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from shared.errors import DomainError

NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Failure(NamedTuple):
    status: int
    heading: str
    words: str
    headers: Mapping[str, str] = NO_HEADERS


BY_CODE = {
    "round_closed": ("This round has closed", "Answers are no longer taken. There is nothing more for you to do."),
    "pair_settled": (
        "This pair is already settled",
        "It was decided in the meantime, so your answer does not change it any more. There is nothing more to do.",
    ),
    "no_longer_asked": (
        "There is nothing left to answer",
        "What you were asked about is settled; a pair may have ended. There is nothing more to do.",
    ),
    "not_asked": (
        "There is nothing to answer here",
        "You are not asked in this round. There is nothing more to do.",
    ),
    "cross_site": (
        "This answer did not come from our page",
        "Another site sent it, so it was not taken. Open the link in your e-mail and answer there.",
    ),
    "form_too_large": (
        "That was too much text",
        "Your answer was not saved. Go back in your browser, shorten the longest text and send it again.",
    ),
    "body_too_large": (
        "That was too much text",
        "Your answer was not saved. Go back in your browser, shorten the longest text and send it again.",
    ),
}
BY_STATUS = {
    400: ("This could not be read", "Go back in your browser and send the form again."),
    403: ("This is not allowed", "Open the link in your e-mail again, or ask your program coordinator."),
    404: (
        "We do not know this address",
        "Check that the whole link was copied from your e-mail, or ask your program coordinator for a new one.",
    ),
    409: ("This was settled in the meantime", "Your answer does not change it any more. There is nothing more to do."),
    410: ("This link is no longer valid", "Its time is over. There is nothing more for you to do."),
    415: ("This could not be read", "Go back in your browser and send the form again."),
}
OTHERWISE = ("This did not work", "Open the link in your e-mail again, or ask your program coordinator.")
NOT_AVAILABLE = Failure(
    503,
    "We cannot answer right now",
    "Your answer was not saved. Try again in a minute: go back in your browser and send it once more.",
    {"retry-after": "60"},
)


def failure_of(error: DomainError) -> Failure:
    """What the page says about an expected failure. The error's own text is for callers of the API and is not shown."""
    heading, words = BY_CODE.get(error.code) or BY_STATUS.get(error.status, OTHERWISE)
    return Failure(error.status, heading, words)
