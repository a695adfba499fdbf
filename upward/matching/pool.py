"""From people, enrolments and a policy to the inputs of one match run."""

import hashlib
from datetime import date, timedelta
from uuid import UUID, uuid5

from services.intake.enrolment_file.directory import NAMESPACE, Directory
from services.intake.enrolment_file.enrolments import Enrolment, Enrolments
from services.intake.enrolment_file.topics import Topics
from services.matching.engine.inputs import Inputs, canonical
from shared.contracts.intake import PoolPerson
from shared.contracts.programs import Direction
from upward.matching.policy_file import Policy

UNSEEDED = UUID(int=0)
LAST_CYCLE = 1
"""Past partners count as pairs of the cycle before this one."""


def make_inputs(
    directory: Directory,
    enrolments: Enrolments,
    policy: Policy,
    topics: Topics,
    direction: Direction,
    starts_on: date,
    seed: str | None,
) -> Inputs:
    """The clock times of the week of `starts_on` count for meeting windows. Without a seed it follows from all inputs
    but the week, so that the same files break ties in the same way at any time of the year."""
    people = tuple(_pool_person(found, directory) for found in enrolments.people)
    past = tuple((found.person.id, other, LAST_CYCLE) for found in enrolments.people for other in found.past_partners)
    inputs = Inputs(
        cycle_id=UNSEEDED,
        direction=direction,
        policy=policy.policy,
        labels=topics.labels(),
        people=people,
        past=past,
        waited=tuple(found.person.id for found in enrolments.people if found.waited),
    )
    inputs = canonical(inputs)
    seed_id = _seed(seed) if seed else uuid5(NAMESPACE, hashlib.sha256(inputs.model_dump_json().encode()).hexdigest())
    week = starts_on - timedelta(days=starts_on.weekday())
    return inputs.model_copy(update={"cycle_id": seed_id, "week": week})


def _pool_person(enrolment: Enrolment, directory: Directory) -> PoolPerson:
    person = enrolment.person
    return PoolPerson(
        person_id=person.id,
        role=enrolment.role,
        level=person.level,
        department=person.department,
        location=person.location,
        time_zone=person.time_zone,
        managers=directory.managers(person),
        languages=enrolment.languages or (person.language,),
        topics_taught=tuple(enrolment.taught),
        taught_levels={topic: level for topic, level in enrolment.taught.items() if level is not None},
        topics_wanted=enrolment.wanted,
        mentor_capacity=enrolment.mentor_capacity,
        mentee_capacity=enrolment.mentee_capacity,
        meeting_windows=enrolment.meeting_windows,
        preferred=enrolment.preferred,
        avoided=enrolment.avoided,
    )


def _seed(text: str) -> UUID:
    """A UUID as it is, any other text as the one that follows from it."""
    try:
        return UUID(text)
    except ValueError:
        return uuid5(NAMESPACE, text)
