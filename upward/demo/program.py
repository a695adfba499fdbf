"""The program of the demo: reverse mentoring in which a week takes seconds."""

from typing import Any
from uuid import UUID

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


def demo_program(
    sponsor_id: UUID,
    coordinator_ids: list[UUID],
    time_zone: str,
    check_in_seconds: int,
    *,
    different_department: bool = True,
) -> dict[str, Any]:
    """The body of `POST /v1/programs`, with so many seconds from one check-in to the next."""
    check_in = f"PT{check_in_seconds}S"
    return {
        "name": "Upward at work",
        "direction": "reverse",
        "topics": TOPICS,
        "time_zone": time_zone,
        "calendar": CALENDAR | {"check_in": {"length": check_in, "reminders": ["PT5S"]}, "check_in_every": check_in},
        "policy": {"min_level_gap": 1, "different_department": different_department},
        "sponsor_id": str(sponsor_id),
        "coordinator_ids": [str(person_id) for person_id in coordinator_ids],
    }
