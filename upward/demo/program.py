"""The program that is played: reverse mentoring. In the demo's calendar a week takes seconds."""

from collections.abc import Sequence
from typing import Any

TOPICS: list[dict[str, Any]] = [
    {"code": "generative-ai", "label": "Generative AI", "aliases": ["GenAI", "AI"]},
    {"code": "short-video", "label": "Short video", "aliases": ["TikTok", "Reels"]},
    {"code": "creator-economy", "label": "Creator economy"},
    {"code": "data-literacy", "label": "Data literacy", "aliases": ["Data"]},
    {"code": "gaming-culture", "label": "Gaming and its culture"},
    {"code": "inclusive-language", "label": "Inclusive language"},
    {"code": "sustainable-living", "label": "Sustainable living"},
    {"code": "new-work", "label": "New ways of working", "aliases": ["Remote work"]},
]

CHECK_IN_SECONDS = 18
CALENDAR: dict[str, Any] = {
    "enrolment": {"length": "PT1H", "reminders": ["PT6S"]},
    "acceptance": {"length": "PT1H", "reminders": ["PT5S"]},
    "check_ins": 2,
    "survey": {"length": "PT1H", "reminders": ["PT4S"]},
    "approval": {"remind_every": "PT5S", "escalate_after": "PT20S"},
    "concern": {"remind_every": "PT6S", "escalate_after": "PT12S"},
    "sending_hours": None,
}
"""Rounds end when everybody has answered or the admin ends them, so their lengths do not matter. Only a check-in must
not be longer than the time to the next one, for which the demo waits."""


def reverse_program(
    name: str, directory: Sequence[dict[str, Any]], calendar: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The body of `POST /v1/programs` for a program of reverse mentoring among these people. Its calendar is the usual
    one unless another is given."""
    sponsor, coordinator = leaders(directory)
    return {
        "name": name,
        "direction": "reverse",
        "topics": TOPICS,
        "time_zone": sponsor["time_zone"],
        "calendar": calendar or {},
        "policy": {"min_level_gap": 1, "different_department": departments_differ(directory)},
        "sponsor_id": sponsor["id"],
        "coordinator_ids": [coordinator["id"]],
    }


def demo_calendar(check_in_seconds: int) -> dict[str, Any]:
    """The calendar in which so many seconds pass from one check-in to the next."""
    check_in = f"PT{check_in_seconds}S"
    return CALENDAR | {"check_in": {"length": check_in, "reminders": ["PT5S"]}, "check_in_every": check_in}


def leaders(directory: Sequence[dict[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Who sponsors a program of these people, and who coordinates it: the most senior person, and somebody who works
    with people, if there is anybody."""
    sponsor = max(directory, key=lambda person: (person["level"], person["id"]))
    coordinator = next((p for p in directory if "people" in p["department"].lower() and p != sponsor), directory[0])
    return sponsor, coordinator


def departments_differ(directory: Sequence[dict[str, Any]]) -> bool:
    """Whether a program can ask for pairs of different departments."""
    return len({person["department"].casefold() for person in directory if person["active"]} - {""}) > 1
