"""The words for expected failures, for the person who reads the page: what happened, and what to do now."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from shared.errors import DomainError
from shared.language.words import translatable

NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Failure(NamedTuple):
    """The heading and the words are translated where they are shown."""

    status: int
    heading: str
    words: str
    headers: Mapping[str, str] = NO_HEADERS


SHORTEN = translatable(
    "Your answer was not saved. Go back in your browser, shorten the longest text and send it again."
)
SEND_AGAIN = translatable("Go back in your browser and send the form again.")
ASK = translatable("Open the link in your e-mail again, or ask your program coordinator.")
BY_CODE = {
    "round_closed": (
        translatable("This round has closed"),
        translatable("Answers are no longer taken. There is nothing more for you to do."),
    ),
    "pair_settled": (
        translatable("This pair is already settled"),
        translatable(
            "It was decided in the meantime, so your answer does not change it any more. There is nothing more to do."
        ),
    ),
    "no_longer_asked": (
        translatable("There is nothing left to answer"),
        translatable("What you were asked about is settled; a pair may have ended. There is nothing more to do."),
    ),
    "not_asked": (
        translatable("There is nothing to answer here"),
        translatable("You are not asked in this round. There is nothing more to do."),
    ),
    "cross_site": (
        translatable("This answer did not come from our page"),
        translatable("Another site sent it, so it was not taken. Open the link in your e-mail and answer there."),
    ),
    "form_too_large": (translatable("That was too much text"), SHORTEN),
    "body_too_large": (translatable("That was too much text"), SHORTEN),
}
BY_STATUS = {
    400: (translatable("This could not be read"), SEND_AGAIN),
    403: (translatable("This is not allowed"), ASK),
    404: (
        translatable("We do not know this address"),
        translatable(
            "Check that the whole link was copied from your e-mail, or ask your program coordinator for a new one."
        ),
    ),
    409: (
        translatable("This was settled in the meantime"),
        translatable("Your answer does not change it any more. There is nothing more to do."),
    ),
    410: (
        translatable("This link is no longer valid"),
        translatable("Its time is over. There is nothing more for you to do."),
    ),
    415: (translatable("This could not be read"), SEND_AGAIN),
}
OTHERWISE = (translatable("This did not work"), ASK)
NOT_AVAILABLE = Failure(
    503,
    translatable("We cannot answer right now"),
    translatable("Your answer was not saved. Try again in a minute: go back in your browser and send it once more."),
    {"retry-after": "60"},
)


def failure_of(error: DomainError) -> Failure:
    """What the page says about an expected failure. The error's own text is for callers of the API and is not shown."""
    heading, words = BY_CODE.get(error.code) or BY_STATUS.get(error.status, OTHERWISE)
    return Failure(error.status, heading, words)
