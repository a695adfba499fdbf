"""What the list of pairs shows. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from services.console.admin.review.rules.facts import (
    BY_HAND,
    MATCHED,
    PINNED,
    Couple,
    Fit,
    PairFacts,
    Steering,
)
from services.console.admin.review.rules.steps import Kind
from shared.contracts.intake import NamedPerson
from shared.contracts.matching import MatchRunState
from shared.language.reasons import sentences
from shared.language.words import Words, translatable

STATES = {
    MatchRunState.PROPOSED: translatable("Waits for approval"),
    MatchRunState.APPROVED: translatable("Approved"),
    MatchRunState.SUPERSEDED: translatable("Replaced"),
    MatchRunState.EXPIRED: translatable("Expired"),
}
ORIGINS = {PINNED: translatable("Pinned"), BY_HAND: translatable("Made by hand")}
SORTS = {
    "-score": translatable("Best fit first"),
    "score": translatable("Lowest fit first"),
}
FITS = {
    "low": translatable("Low fit"),
    "fair": translatable("Fair fit"),
    "good": translatable("Good fit"),
    "best": translatable("Very good fit"),
}
FILTERS = ("q", "department", "level", "low_fit", "wished", "pinned", "sort")

MOST_LISTED = 5
"""Names in one phrase; the others are counted."""


class FitShown(NamedTuple):
    code: str
    """One of `FITS`."""
    share: int
    """In percent of the best pair of the run, for a bar."""


class Names:
    """The people whom a page names."""

    def __init__(self, people: Mapping[UUID, NamedPerson], words: Words) -> None:
        self._people, self._words = people, words

    def __getitem__(self, person: UUID) -> str:
        found = self._people.get(person)
        return found.name if found is not None else self._words.gettext("Unknown person")

    def of(self, person: UUID) -> NamedPerson | None:
        return self._people.get(person)

    def about(self, person: UUID) -> str:
        """What they do and where, in one line."""
        return self.shown(person)[1]

    def shown(self, person: UUID) -> tuple[str, str]:
        """Their name, and what they do and where in one line."""
        found = self._people.get(person)
        if found is None:
            return self._words.gettext("Unknown person"), ""
        parts = (found.job_title, found.department)
        return found.name, ", ".join(parts) if all(parts) else "".join(parts)

    def listed(self, people: Sequence[UUID], most: int = MOST_LISTED) -> str:
        """The names as one phrase. The last ones are counted if there are more than `most`."""
        if len(people) <= most:
            return self._words.listed(self[one] for one in people)
        more = self._words.ngettext("%(num)s more", "%(num)s more", len(people) - most)
        return self._words.listed([*(self[one] for one in people[:most]), more])


class Row(NamedTuple):
    """What the list shows of a pair, as plain texts: a page shows a hundred of them."""

    id: str
    couple: str
    """The ids of the two, as the steps name them."""
    origin: str
    decided: bool
    """Whether an admin decided that these two are a pair."""
    fit: str
    """One of `FITS`."""
    share: int
    reasons: tuple[str, ...]
    """The strongest one first."""
    folded: str
    """One line in place of the reasons: the topics of the strongest one, or else its sentence."""
    mentor: str
    mentor_does: str
    mentee: str
    mentee_does: str


class Decision(NamedTuple):
    """One thing that an admin has decided about the run, and the step that takes it back."""

    kind: Kind
    people: tuple[UUID, ...]
    note: str
    undo: str


def fit_of(points: int, fit: Fit | None) -> FitShown:
    """How good these points are, compared with the other pairs of the run: a low fit has at most half of the points of
    the middle pair, a good one about as many."""
    if fit is None or fit.best <= 0:
        return FitShown("low", 0)
    share = max(0, min(100, round(100 * points / fit.best)))
    if points <= fit.low:
        return FitShown("low", share)
    if points * 5 < fit.middle * 4:
        return FitShown("fair", share)
    return FitShown("best" if points * 5 > fit.middle * 6 else "good", share)


def reasons_of(pair: PairFacts, words: Words) -> tuple[str, ...]:
    """Pairs of older runs have English sentences alone."""
    return sentences(pair.reason_codes, words) or pair.reasons


def rows_of(pairs: Iterable[PairFacts], fit: Fit | None, names: Names, words: Words) -> tuple[Row, ...]:
    return tuple(_row(pair, fit, names, words) for pair in pairs)


def _row(pair: PairFacts, fit: Fit | None, names: Names, words: Words) -> Row:
    reasons = reasons_of(pair, words)
    topics = [topic.label for reason in pair.reason_codes for topic in reason.topics]
    folded = ", ".join(dict.fromkeys(topics)) or next(iter(reasons), "")
    couple = f"{pair.mentor_id}:{pair.mentee_id}"
    people = (*names.shown(pair.mentor_id), *names.shown(pair.mentee_id))
    decided = pair.origin != MATCHED
    return Row(str(pair.id), couple, pair.origin, decided, *fit_of(pair.score, fit), reasons, folded, *people)


def decisions_of(steering: Steering) -> tuple[Decision, ...]:
    """What admins have decided, each with the step that takes it back."""

    def of(kind: Kind, couples: Iterable[Couple]) -> list[Decision]:
        return [
            Decision(
                kind,
                (one.mentor_id, one.mentee_id),
                getattr(one, "override_reason", None) or "",
                f"{Kind.FREE}:{one.mentor_id}:{one.mentee_id}",
            )
            for one in couples
        ]

    return (
        *([Decision(Kind.RULES, (), "", Kind.USUAL_RULES)] if steering.policy is not None else []),
        *of(Kind.BY_HAND, steering.by_hand),
        *of(Kind.PIN, steering.pins),
        *of(Kind.FORBID, steering.forbidden),
        *(Decision(Kind.LEAVE_OUT, (one,), "", f"{Kind.PUT_BACK}:{one}") for one in steering.dropped),
    )


def query_for_api(asked: Mapping[str, str]) -> dict[str, object]:
    """The parameters of the API's list for what was chosen on the page. What cannot be a level is left out."""
    found: dict[str, object] = {"sort": asked.get("sort") if asked.get("sort") in SORTS else "-score"}
    for name in ("q", "department", "cursor"):
        if value := asked.get(name, "").strip():
            found[name] = value
    level = asked.get("level", "").strip()
    if level.lstrip("-").isdecimal() and len(level) <= 6:
        found["level"] = level
    if asked.get("low_fit"):
        found["low_fit"] = "true"
    if asked.get("wished"):
        found["wished"] = "true"
    if asked.get("pinned"):
        found["origin"] = [PINNED, BY_HAND]
    return found


def is_filtered(asked: Mapping[str, str]) -> bool:
    return any(asked.get(name, "").strip() for name in FILTERS if name != "sort")


def address_with(asked: Mapping[str, str], **changes: str) -> str:
    """The query of the same list with other values."""
    kept = {name: asked[name] for name in FILTERS if asked.get(name, "").strip()}
    found = {name: value for name, value in (kept | changes).items() if value}
    return f"?{urlencode(found)}" if found else "?"
