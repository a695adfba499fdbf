"""The company of the bench: as many juniors as seniors, one coordinator, and a program."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

from services.intake.person import PersonRecord
from shared.contracts.intake import EnrolmentRole

CELL = 50
"""How many pairs a department has. The levels and the largest gap allow a junior to be matched only inside the
department. So matching, which this bench does not measure, stays small however large the company is."""
TOPIC = "generative-ai"
Roles = Mapping[UUID, EnrolmentRole]
"""What each person enrols as."""


class Company:
    """`2 * pairs` people who take part, and a coordinator who does not."""

    def __init__(self, pairs: int, check_ins: int) -> None:
        self.check_ins = check_ins
        self.coordinator = _person("coordinator", "Office", 0)
        self.people = [self.coordinator]
        self.roles: dict[UUID, EnrolmentRole] = {}
        for number in range(pairs):
            cell = number // CELL
            for role, level in ((EnrolmentRole.MENTOR, 3 * cell + 1), (EnrolmentRole.MENTEE, 3 * cell + 2)):
                person = _person(f"{role.value}-{number}", f"Department {cell}", level)
                self.people.append(person)
                self.roles[person.id] = role

    def program(self, check_in_seconds: float) -> dict[str, Any]:
        """The body of `POST /v1/programs`. Rounds end as soon as all have answered, so the cycle only waits between
        check-ins."""
        check_in, patient = f"PT{check_in_seconds}S", {"length": "P1D"}
        ladder = {"remind_every": "P1D", "escalate_after": "P2D"}
        return {
            "name": "Bench",
            "direction": "reverse",
            "topics": [{"code": TOPIC, "label": "Generative AI"}],
            "calendar": {
                "enrolment": patient,
                "acceptance": patient,
                "check_in": {"length": check_in},
                "check_ins": self.check_ins,
                "check_in_every": check_in,
                "survey": patient,
                "approval": ladder,
                "concern": ladder,
                "sending_hours": None,
            },
            "policy": {"min_level_gap": 1, "max_level_gap": 1},
            "coordinator_ids": [str(self.coordinator.id)],
        }


def _person(name: str, department: str, level: int) -> PersonRecord:
    return PersonRecord(
        id=uuid4(),
        external_id=None,
        email=f"{name}@bench.example",
        name=name,
        given_name=name,
        family_name="",
        job_title="",
        department=department,
        location="",
        time_zone="UTC",
        language="en",
        level=level,
        manager_id=None,
        hired_on=None,
        active=True,
    )
