"""A small company whose people answer what they are asked, and whose admin approves: all over the public API."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from upward.demo.mailbox import Letter
from upward.demo.people import PageFields

SENIORS, JUNIORS, OTHERS = 8, 9, 4
COLUMNS = "employee_id,given_name,family_name,email,department,time_zone,language,level,manager_id"
CHECK_IN = "PT12S"
CALENDAR: dict[str, Any] = {
    "enrolment": {"length": "PT600S", "reminders": ["PT3S"]},
    "acceptance": {"length": "PT600S", "reminders": ["PT4S"]},
    "check_ins": 1,
    "survey": {"length": "PT600S", "reminders": ["PT3S"]},
    "approval": {"remind_every": "PT60S", "escalate_after": "PT180S"},
    "concern": {"remind_every": "PT60S", "escalate_after": "PT180S"},
    "sending_hours": None,
}
"""Rounds end when all have answered; their lengths leave room for any number of kills. The check-in ends by its
deadline, as one person stays silent."""


def write_people(path: Path, domain: str) -> None:
    """A head, seniors and juniors who report to the head, and others who do not take part."""
    sides = [("head", 5)] + [("senior", 4)] * SENIORS + [("junior", 1)] * JUNIORS + [("other", 3)] * OTHERS
    lines = [COLUMNS]
    for number, (side, level) in enumerate(sides):
        manager = "E0" if number else ""
        address = f"{side}{number}@{domain}"
        lines.append(f"E{number},{side.title()},Number{number},{address},Dept{number % 3},UTC,en,{level},{manager}")
    path.write_text("\n".join(lines) + "\n")


def program(people: list[dict[str, Any]], check_in: str) -> dict[str, Any]:
    """The body of `POST /v1/programs`."""
    by_level = sorted(people, key=lambda person: (-person["level"], person["email"]))
    return {
        "name": "Upward at work",
        "direction": "reverse",
        "topics": [{"code": "ai", "label": "AI"}, {"code": "video", "label": "Short video"}],
        "time_zone": "UTC",
        "calendar": CALENDAR | {"check_in": {"length": check_in, "reminders": ["PT3S"]}, "check_in_every": check_in},
        "policy": {"min_level_gap": 1, "same_manager": False},
        "sponsor_id": by_level[0]["id"],
        "coordinator_ids": [next(one["id"] for one in by_level if one["email"].startswith("other"))],
    }


@dataclass(frozen=True)
class Answered:
    """An answer that the stack said it has taken."""

    letter: Letter
    form: dict[str, Any]

    @property
    def kind(self) -> str:
        return self.letter.template.rsplit("_", 1)[0]

    @property
    def round_id(self) -> UUID:
        return UUID(self.letter.scope)

    @property
    def token(self) -> str:
        assert self.letter.link is not None
        return self.letter.link.rsplit("/", 1)[1]


def answers(letter: Letter) -> bool:
    """Most answer the invitation, one in five the reminder; the first senior stays silent in check-ins."""
    number = int("".join(filter(str.isdigit, letter.to.split("@")[0])))
    if letter.template.startswith("check_in") and letter.to.startswith("senior1@"):
        return False
    return ("_reminder" in letter.template) == (number % 5 == 4)


def fill(letter: Letter, page: str) -> dict[str, Any]:
    """What the reader of this letter types into the page behind its link."""
    fields = PageFields(page)
    kind = letter.template.rsplit("_", 1)[0]
    if kind == "enrolment":
        return _enrolment(letter.to)
    if kind == "acceptance":
        return {f"decision_{pair}": "accept" for pair in fields.ids_after("decision_")}
    form: dict[str, Any] = {}
    for pair in fields.ids_after("usefulness_"):
        form[f"usefulness_{pair}"] = "4"
        if kind == "survey":
            form |= {f"would_repeat_{pair}": "yes"}
        else:
            form |= {f"met_{pair}": "yes", f"obstacle_{pair}": "none", f"note_{pair}": f"Note of {letter.to}"}
    return form


def _enrolment(address: str) -> dict[str, Any]:
    form: dict[str, Any] = {"languages": ["en"], "meeting_windows": ["mon-am", "tue-pm"]}
    if address.startswith("senior"):
        return form | {"role": "mentee", "topics_wanted_1": "ai", "mentee_capacity": "1"}
    if address.startswith("junior"):
        return form | {"role": "mentor", "topics_taught": ["ai", "video"], "mentor_capacity": "1"}
    return {"role": "none"}
