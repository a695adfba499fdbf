"""The reasons of a pair on a page, in the language of the reader. A pair of an older match run has its sentences."""

from typing import Protocol

from shared.contracts.intake import Contact
from shared.contracts.matching import Offer, PairReason
from shared.language.reasons import sentences, told_to
from shared.language.words import Words


class Explained(Protocol):
    """A pair as an answer of the API tells it."""

    @property
    def reasons(self) -> tuple[str, ...]: ...

    @property
    def reason_codes(self) -> tuple[PairReason, ...]: ...


def reasons_of_pair(pair: Explained, words: Words) -> list[str]:
    """What an admin reads."""
    if not pair.reason_codes:
        return list(pair.reasons)
    return list(sentences(pair.reason_codes, words))


def reasons_of_offer(offer: Offer, partner: Contact | None, words: Words) -> list[str]:
    """What one of the two reads about the other."""
    if not offer.reason_codes:
        return list(offer.reasons)
    name = (partner.given_name or partner.name) if partner is not None else words.gettext("a colleague")
    told = (told_to(reason, words, offer.side, name) for reason in offer.reason_codes)
    return [text for text in told if text]
