"""The texts of participants' pages that an organization may write itself, in the words of Upward. Pure.

This is their one place: pages show them, and the API shows them with placeholders. Deadlines, forms, what follows from
an answer and who reads it are not among them, and are always ours.
"""

from collections.abc import Mapping
from typing import NamedTuple

from shared.contracts.notifications import PageText, PageWords
from shared.contracts.programs import Direction
from shared.language.own_words import filled, paragraphs_of
from shared.language.words import Words

COMMON = ("given_name", "program", "period", "organization", "deadline")
"""The placeholders that every text has."""


class Told(NamedTuple):
    heading: str
    paragraphs: tuple[str, ...]


def placeholders_of(text: PageText) -> tuple[str, ...]:
    """Those that have a value on every page of this kind."""
    return (*COMMON, "number") if text is PageText.CHECK_IN_PAGE else COMMON


def told(
    text: PageText,
    words: Words,
    values: Mapping[str, str],
    own: tuple[PageWords, ...] = (),
    direction: Direction | None = None,
    offers: int = 1,
) -> Told:
    """What the page says to its reader: the organization's own words in the reader's language, or else ours. Own words
    that cannot be filled, as when a later version has fewer placeholders, are passed over."""
    known = {name: values.get(name) for name in placeholders_of(text)}
    for one in own:
        if (one.text, one.language) != (text, words.language):
            continue
        heading = filled(one.heading, known)
        paragraphs = [filled(paragraph, known) for paragraph in paragraphs_of(one.body)]
        told = tuple(paragraph for paragraph in paragraphs if paragraph is not None)
        if heading and told and len(told) == len(paragraphs):
            return Told(heading, told)
    return ours(text, words, values, direction, offers)


def ours(
    text: PageText, words: Words, values: Mapping[str, str], direction: Direction | None = None, offers: int = 1
) -> Told:
    name = values["given_name"]
    match text:
        case PageText.ENROLMENT_PAGE:
            heading = words.gettext("Hello %(name)s, would you like to take part?", name=name)
            return Told(heading, (_enrolment(words, values["program"], direction),))
        case PageText.ACCEPTANCE_PAGE:
            heading = words.ngettext(
                "%(name)s, we found a match for you", "%(name)s, we found matches for you", offers, name=name
            )
            return Told(heading, (words.gettext("Would you like to meet?"),))
        case PageText.CHECK_IN_PAGE:
            heading = words.gettext(
                "Check-in %(number)s: how is it going, %(name)s?", number=values["number"], name=name
            )
            lead = words.gettext("A minute is enough. Your answers help us notice when a pair needs a hand.")
            return Told(heading, (lead,))
        case PageText.SURVEY_PAGE:
            lead = words.gettext(
                "The cycle is coming to its end. Two questions, and room for your own words if you like."
            )
            return Told(words.gettext("Looking back, %(name)s", name=name), (lead,))
    return Told(words.gettext("Thank you, %(name)s", name=name), (words.gettext("Your answer is in."),))


def _enrolment(words: Words, program: str, direction: Direction | None) -> str:
    if direction is Direction.REVERSE:
        return words.gettext(
            "In %(program)s, people early in their careers mentor senior colleagues: on technology, media, trends and "
            "culture. Tell us what you could teach or would like to learn, and we look for a good match.",
            program=program,
        )
    if direction is Direction.MUTUAL:
        return words.gettext(
            "In %(program)s, two colleagues of different levels teach each other. Tell us what you could teach and "
            "would like to learn, and we look for a good match.",
            program=program,
        )
    return words.gettext(
        "In %(program)s, experienced colleagues mentor others. Tell us what you could teach or would like to learn, "
        "and we look for a good match.",
        program=program,
    )
