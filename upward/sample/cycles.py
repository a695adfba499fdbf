"""The cycles of the sample company: how far each has come, and how its people behave.

The programs are ordinary ones, with weeks between their steps. What has passed of a cycle took place in seconds, as its
people answer at once and its admin waits for nobody. What is to come takes the program's time, so each cycle stays in
its stage for days.
"""

from dataclasses import dataclass, field
from typing import Any

from shared.contracts.programs import Stage
from upward.demo.people import Manners
from upward.demo.player import Player

CALENDAR: dict[str, Any] = {"sending_hours": None, "first_check_in": "PT1S"}
"""What is different in each cycle: its messages go out at any hour, and its first check-in comes at once."""
ORDER = list(Stage)
FINAL = (Stage.COMPLETED, Stage.CANCELLED)


@dataclass(frozen=True)
class SampleCycle:
    """A program and its only cycle."""

    program: str
    """The name of the program."""
    until: Stage
    """The stage in which the cycle is left."""
    calendar: dict[str, Any] = field(default_factory=dict)
    decliners: int = 0
    unhappy: int = 0
    ends: int = 0
    """How many pairs that are not a fit the admin has ended."""

    @property
    def manners(self) -> Manners:
        """Half of the people answer that they want to take part or not. About 40 of the 120 take part, as many on one
        side as on the other: of those who answer, few of the juniors and nearly all of the seniors. Nobody answers
        only after a reminder, because reminders come after days."""
        return Manners(
            silent={"enrolment": 0.5, "check": 0.1, "survey": 0.1},
            hesitant=0,
            joining=(0.5, 0.95),
            decliners=self.decliners,
            unhappy=self.unhappy,
            salt=self.program,
        )

    def has_come(self, cycle: dict[str, Any], player: Player) -> bool:
        """Whether the cycle has come as far as it should, or further, because somebody moved it by hand."""
        stage, rounds = Stage(cycle["stage"]), cycle["rounds"]
        if stage in FINAL or ORDER.index(stage) > ORDER.index(self.until):
            return True
        if stage is not self.until:
            return False
        if stage is Stage.INTAKE:
            return any(player.lacks_only_the_silent(found) for found in rounds)
        if stage is Stage.ACTIVE:
            return any((found["kind"], found["state"]) == ("check_in", "closed") for found in rounds)
        return True


CYCLES = (
    SampleCycle("Digital Upward", Stage.COMPLETED, {"check_ins": 1}, unhappy=1, ends=1),
    SampleCycle("Trends and Culture", Stage.ACTIVE, decliners=1, unhappy=3),
    SampleCycle("New Ways of Working", Stage.REVIEW),
    SampleCycle("Data for Leaders", Stage.INTAKE),
    SampleCycle("Creator Circle", Stage.CANCELLED),
)
"""The one with the longest way comes first."""
