"""From people, enrolments and a policy to the inputs of one match run."""

from datetime import date
from uuid import UUID

from services.intake.enrolment_file.directory import Directory
from services.intake.enrolment_file.enrolments import Enrolments
from services.intake.enrolment_file.pool import pool_person
from services.intake.enrolment_file.topics import Topics
from services.matching.engine.inputs import Inputs, canonical, seeded, week_of
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
    """The clock times of the week of `starts_on` count for meeting windows. Neither the order of rows nor the order
    within cells that hold a set matters."""
    inputs = Inputs(
        cycle_id=UNSEEDED,
        direction=direction,
        policy=policy.policy,
        labels=topics.labels(),
        people=tuple(pool_person(found, directory) for found in enrolments.people),
        week=week_of(starts_on),
        past=tuple(
            (found.person.id, other, LAST_CYCLE) for found in enrolments.people for other in found.past_partners
        ),
        waited=tuple(found.person.id for found in enrolments.people if found.waited),
    )
    return seeded(canonical(inputs), seed)
