"""How good an eligible couple is: each preference gives 0 to 1, times its weight, in whole points.

Points are thousandths of the weight (weight 10 gives 0 to 10,000), whole numbers, so that totals are exact and two
machines agree on the best assignment. Pure: no database, no network, no clock.
"""

from collections.abc import Mapping
from enum import StrEnum

from services.matching.eligibility import Rules, level_gap
from services.matching.participant import Participant, common_hours
from shared.contracts.programs import Direction

POINTS = 1000
MAX_POINTS = 5 * 10 * POINTS
"""Five preferences, weights up to 10."""
ENOUGH_HOURS = 4
"""A half day a week in common is enough to meet; more gives no more points."""


class Preference(StrEnum):
    TOPICS = "topics"
    CROSS_FUNCTIONAL = "cross_functional"
    MEETING_WINDOWS = "meeting_windows"
    WISHES = "wishes"
    LEVEL_GAP = "level_gap"


def points(mentor: Participant, mentee: Participant, rules: Rules) -> int:
    """The couple's score: the sum of its contributions, 0 to MAX_POINTS."""
    return sum(contributions(mentor, mentee, rules).values())


def contributions(mentor: Participant, mentee: Participant, rules: Rules) -> dict[Preference, int]:
    """Points by preference."""
    weights = rules.policy.weights
    return {
        Preference.TOPICS: weights.topics * _points(_topics(mentor, mentee, rules.direction)),
        Preference.CROSS_FUNCTIONAL: weights.cross_functional * _points(mentor.department != mentee.department),
        Preference.MEETING_WINDOWS: weights.meeting_windows
        * _points(min(common_hours(mentor, mentee) / ENOUGH_HOURS, 1)),
        Preference.WISHES: weights.wishes * _points(_wishes(mentor, mentee)),
        Preference.LEVEL_GAP: weights.level_gap * _points(_nearness(mentor, mentee, rules)),
    }


def shared_topics(mentor: Participant, mentee: Participant, direction: Direction) -> tuple[str, ...]:
    """Topics that one side teaches and the other wants, the mentee's wishes first."""
    found = [topic for topic in mentee.wanted if topic in mentor.taught]
    if direction is Direction.MUTUAL:
        found += [topic for topic in mentor.wanted if topic in mentee.taught]
    return tuple(dict.fromkeys(found))


def target_gap(rules: Rules) -> float:
    """The level gap that scores best: the middle of the policy's range, one above the smallest if it has no end."""
    smallest, largest = rules.policy.min_level_gap, rules.policy.max_level_gap
    return smallest + 1 if largest is None else (smallest + largest) / 2


def reasons(mentor: Participant, mentee: Participant, rules: Rules, labels: Mapping[str, str]) -> tuple[str, ...]:
    """Short sentences that say why this couple fits, for the two people and the admin. `labels` name topic codes."""
    found = []
    forth = [labels.get(topic, topic) for topic in mentee.wanted if topic in mentor.taught]
    back = [labels.get(topic, topic) for topic in mentor.wanted if topic in mentee.taught]
    if forth:
        found.append(f"The mentor teaches what the mentee wants to learn: {', '.join(forth)}.")
    if back and rules.direction is Direction.MUTUAL:
        found.append(f"The mentee teaches what the mentor wants to learn: {', '.join(back)}.")
    if mentor.department != mentee.department:
        found.append("They work in different departments.")
    if hours := common_hours(mentor, mentee):
        found.append(f"Their meeting windows have {hours:g} {'hour' if hours == 1 else 'hours'} a week in common.")
    if _wishes(mentor, mentee):
        found.append("At least one of them wished for the other.")
    gap = abs(level_gap(mentor, mentee, rules.direction))
    if gap:
        found.append(f"They are {gap} {'level' if gap == 1 else 'levels'} apart.")
    return tuple(found)


def _topics(mentor: Participant, mentee: Participant, direction: Direction) -> float:
    """The share of the mentee's wishes that the mentor teaches; in a mutual pair the weaker direction counts."""
    forth = sum(share for topic, share in mentee.wanted.items() if topic in mentor.taught)
    if direction is not Direction.MUTUAL:
        return forth
    return min(forth, sum(share for topic, share in mentor.wanted.items() if topic in mentee.taught))


def _wishes(mentor: Participant, mentee: Participant) -> float:
    return ((mentee.person_id in mentor.preferred) + (mentor.person_id in mentee.preferred)) / 2


def _nearness(mentor: Participant, mentee: Participant, rules: Rules) -> float:
    return 1 / (1 + abs(level_gap(mentor, mentee, rules.direction) - target_gap(rules)))


def _points(value: float) -> int:
    return round(POINTS * value)
