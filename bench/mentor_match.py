"""The peer `mentor-match` on the rules that it can express: a level gap, different departments, and one topic each.

It knows no topics taught and wanted in order, no languages, no meeting windows and no reporting lines. A person's topic
here is what a mentor teaches best and a mentee wants most.
"""

import time
from typing import Any

from services.matching.engine.inputs import Inputs
from shared.contracts.intake import EnrolmentRole, PoolPerson


def match(inputs: Inputs) -> dict[str, Any]:
    """Seconds of its whole run, and how many pairs meet its hard rules."""
    from matching.mentee import Mentee
    from matching.mentor import Mentor
    from matching.process import process_data
    from matching.rules.rule import Disqualify, Generic

    def rules() -> list[Any]:
        return [
            Generic({True: 10, False: 0}, lambda couple: couple.mentor.profession == couple.mentee.profession),
            Disqualify(lambda couple: couple.mentee.grade - couple.mentor.grade < inputs.policy.min_level_gap),
            Disqualify(lambda couple: couple.mentee.organisation == couple.mentor.organisation),
        ]

    mentors = [Mentor(**_fields(person)) for person in inputs.people if person.role is EnrolmentRole.MENTOR]
    mentees = [Mentee(**_fields(person)) for person in inputs.people if person.role is EnrolmentRole.MENTEE]
    begun = time.perf_counter()
    process_data(mentors, mentees, [rules()])
    seconds = time.perf_counter() - begun
    return {"seconds": seconds, "matched": sum(bool(mentor.mentees) for mentor in mentors)}


def _fields(person: PoolPerson) -> dict[str, Any]:
    best = max(person.topics_taught, key=lambda topic: person.taught_levels.get(topic, 3), default=None)
    return {
        "grade": person.level,
        "organisation": person.department,
        "profession": best or next(iter(person.topics_wanted), None),
        "email": str(person.person_id),
    }
