"""The reasons of a pair as sentences: about the two for whoever runs the program, and for each of the two in the second
person.

Each function takes a reason with its arguments and the words of the reader. A code that is not known, which a newer
process has stored, gives no sentence.
"""

from shared.contracts.intake import TeachingLevel
from shared.contracts.matching import PairReason, ReasonCode, Side, TaughtTopic
from shared.language.words import Words, translatable

LEVELS = {
    TeachingLevel.EXPERT: translatable("expert"),
    TeachingLevel.GOOD: translatable("good"),
    TeachingLevel.BASICS: translatable("basics"),
}
CHOICES = (
    translatable("first choice"),
    translatable("second choice"),
    translatable("third choice"),
    translatable("fourth choice"),
    translatable("fifth choice"),
)
WISHES = (
    translatable("first wish"),
    translatable("second wish"),
    translatable("third wish"),
    translatable("fourth wish"),
    translatable("fifth wish"),
)


MOST_KEPT = 10_000
KEPT: dict[tuple[object, ...], str] = {}
"""Sentences by all that they are made of."""


def sentences(reasons: tuple[PairReason, ...], words: Words) -> tuple[str, ...]:
    """The reasons as sentences about the mentor and the mentee."""
    return tuple(text for reason in reasons if (text := sentence(reason, words)))


def sentence(reason: PairReason, words: Words) -> str:
    """A sentence about the mentor and the mentee. Empty if the code is not known. Sentences are kept, because the pairs
    of a large run share most of their reasons."""
    key = (words, reason.plain)
    text = KEPT.get(key)
    if text is None:
        if len(KEPT) >= MOST_KEPT:
            KEPT.clear()
        text = KEPT[key] = _sentence(reason, words)
    return text


def _sentence(reason: PairReason, words: Words) -> str:
    by_mentor = reason.side is Side.MENTOR
    match reason.code:
        case ReasonCode.TEACHES:
            topics = "; ".join(_topic(topic, reason.side, words) for topic in reason.topics)
            if by_mentor:
                return words.gettext("The mentor teaches %(topics)s.", topics=topics)
            return words.gettext("The mentee teaches %(topics)s.", topics=topics)
        case ReasonCode.WISHED:
            wish = _ranked(WISHES, reason.rank, words)
            if by_mentor:
                return words.gettext("The mentor is the mentee's %(wish)s.", wish=wish)
            return words.gettext("The mentee is the mentor's %(wish)s.", wish=wish)
        case ReasonCode.SHARED_HOURS:
            return _shared_hours(reason, words)
        case ReasonCode.LEVEL_GAP:
            return words.ngettext("%(num)s level apart.", "%(num)s levels apart.", reason.levels or 0)
        case ReasonCode.SAME_LOCATION:
            return words.gettext("At the same location.")
        case ReasonCode.DIFFERENT_LOCATIONS:
            return words.gettext("At different locations.")
        case ReasonCode.DIFFERENT_DEPARTMENTS:
            return words.gettext("From different departments.")
        case ReasonCode.WAITED if by_mentor:
            return words.gettext("The mentor found no partner in an earlier cycle.")
        case ReasonCode.WAITED:
            return words.gettext("The mentee found no partner in an earlier cycle.")
    return ""


def told_to(reason: PairReason, words: Words, reader: Side, name: str) -> str:
    """A sentence for one of the two; `name` is the other one's. Empty if the reason is of no use to the reader, as the
    distance between two levels is, or that the other one found nobody in an earlier cycle."""
    own = reason.side is reader
    match reason.code:
        case ReasonCode.TEACHES if own:
            topics = "; ".join(_topic_of_partner(topic, words, name) for topic in reason.topics)
            return words.gettext("You teach %(topics)s.", topics=topics)
        case ReasonCode.TEACHES:
            topics = "; ".join(_topic_of_reader(topic, words) for topic in reason.topics)
            return words.gettext("%(name)s teaches %(topics)s.", name=name, topics=topics)
        case ReasonCode.WISHED if own:
            wish = _ranked(WISHES, reason.rank, words)
            return words.gettext("%(name)s would like to meet you (%(wish)s).", name=name, wish=wish)
        case ReasonCode.WISHED:
            return words.gettext("%(name)s is your %(wish)s.", name=name, wish=_ranked(WISHES, reason.rank, words))
        case ReasonCode.SHARED_HOURS:
            days = words.weekdays(reason.mentor_days if reader is Side.MENTOR else reason.mentee_days)
            return words.ngettext(
                "You share %(num)s hour a week in which both of you can meet, on %(days)s.",
                "You share %(num)s hours a week in which both of you can meet, on %(days)s.",
                reason.hours or 0,
                days=days,
            )
        case ReasonCode.SAME_LOCATION:
            return words.gettext("You work at the same location.")
        case ReasonCode.DIFFERENT_LOCATIONS:
            return words.gettext("You work at different locations.")
        case ReasonCode.DIFFERENT_DEPARTMENTS:
            return words.gettext("You work in different departments.")
        case ReasonCode.WAITED if own:
            return words.gettext("You found no partner in an earlier cycle, which counts in your favour now.")
    return ""


def _shared_hours(reason: PairReason, words: Words) -> str:
    """The days are those of each one's own clock. They are told for each where they are not the same."""
    hours, mentor, mentee = reason.hours or 0, words.weekdays(reason.mentor_days), words.weekdays(reason.mentee_days)
    if mentor == mentee:
        return words.ngettext(
            "%(num)s shared hour a week, on %(days)s.", "%(num)s shared hours a week, on %(days)s.", hours, days=mentor
        )
    return words.ngettext(
        "%(num)s shared hour a week, on %(mentor)s for the mentor and on %(mentee)s for the mentee.",
        "%(num)s shared hours a week, on %(mentor)s for the mentor and on %(mentee)s for the mentee.",
        hours,
        mentor=mentor,
        mentee=mentee,
    )


def _topic(topic: TaughtTopic, teacher: Side | None, words: Words) -> str:
    values = _values(topic, words)
    if teacher is Side.MENTOR:
        return words.gettext("%(topic)s (%(level)s), the mentee's %(choice)s", **values)
    return words.gettext("%(topic)s (%(level)s), the mentor's %(choice)s", **values)


def _topic_of_partner(topic: TaughtTopic, words: Words, name: str) -> str:
    return words.gettext("%(topic)s (%(level)s), %(name)s's %(choice)s", name=name, **_values(topic, words))


def _topic_of_reader(topic: TaughtTopic, words: Words) -> str:
    return words.gettext("%(topic)s (%(level)s), your %(choice)s", **_values(topic, words))


def _values(topic: TaughtTopic, words: Words) -> dict[str, str]:
    choice = _ranked(CHOICES, topic.choice, words)
    return {"topic": topic.label, "level": words.gettext(LEVELS[topic.level]), "choice": choice}


def _ranked(names: tuple[str, ...], rank: int | None, words: Words) -> str:
    number = rank or 1
    if number <= len(names):
        return words.gettext(names[number - 1])
    if names is WISHES:
        return words.gettext("wish number %(number)s", number=words.number(number))
    return words.gettext("choice number %(number)s", number=words.number(number))
