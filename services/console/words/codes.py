"""The words that pages use for codes, and times in the form in which people read them."""

from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from shared.contracts.accounts import Role
from shared.contracts.feedback import Obstacle
from shared.contracts.intake import MeetingWindow, TeachingLevel
from shared.contracts.matching import PairState
from shared.contracts.programs import Direction, Outcome, Stage
from shared.contracts.rounds import CloseReason

DAYS = {"mon": "Monday", "tue": "Tuesday", "wed": "Wednesday", "thu": "Thursday", "fri": "Friday"}
HALVES = {"am": "morning", "pm": "afternoon"}
WINDOWS = {
    window.value: f"{DAYS[day]} {HALVES[half]}"
    for window, (day, half) in ((window, window.value.split("-")) for window in MeetingWindow)
}
USEFULNESS = {"1": "Not at all", "2": "A little", "3": "Somewhat", "4": "Useful", "5": "Very useful"}
TEACHING = {
    TeachingLevel.EXPERT: "In depth",
    TeachingLevel.GOOD: "Well",
    TeachingLevel.BASICS: "The basics",
}
"""The first level is the one that applies when nothing is chosen."""
OBSTACLES = {
    Obstacle.NONE: "Nothing got in the way",
    Obstacle.NO_TIME: "No time",
    Obstacle.CANCELLED: "A meeting was cancelled",
    Obstacle.TOPIC: "We lacked a topic",
    Obstacle.NOT_A_FIT: "We are not a good fit",
    Obstacle.OTHER: "Something else",
}
STAGES = {
    Stage.SCHEDULED: "Scheduled",
    Stage.INTAKE: "Enrolment",
    Stage.MATCHING: "Matching",
    Stage.REVIEW: "Review",
    Stage.KICKOFF: "Kickoff",
    Stage.ACTIVE: "Active",
    Stage.CLOSING: "Closing",
    Stage.COMPLETED: "Completed",
    Stage.CANCELLED: "Cancelled",
}
OUTCOMES = {
    Outcome.COMPLETED: "Completed: the report is ready.",
    Outcome.NOBODY_ENROLLED: "Ended early: nobody enrolled.",
    Outcome.NOBODY_MATCHED: "Ended early: nobody could be matched.",
    Outcome.NOBODY_ACCEPTED: "Ended early: no offer was accepted by both sides.",
    Outcome.CANCELLED: "Cancelled by an administrator.",
}
ROLES = {
    Role.VIEWER: "Viewer",
    Role.COORDINATOR: "Coordinator",
    Role.ADMIN: "Admin",
    Role.OWNER: "Owner",
}
DIRECTIONS = {
    Direction.REVERSE: "Reverse: the mentor is junior to the mentee",
    Direction.MUTUAL: "Mutual: both teach and learn",
    Direction.TRADITIONAL: "Traditional: the mentor is senior to the mentee",
}
CLOSINGS = {
    CloseReason.DEADLINE: "deadline reached",
    CloseReason.ANSWERED: "everyone answered",
    CloseReason.ADVANCED: "closed early",
    CloseReason.CANCELLED: "cancelled",
}
PAIRS = {
    PairState.PROPOSED: "Proposed",
    PairState.OFFERED: "Offered",
    PairState.ACTIVE: "Active",
    PairState.ON_HOLD: "On hold",
    PairState.ENDED: "Ended",
    PairState.COMPLETED: "Completed",
    PairState.DECLINED: "Declined",
}
LANGUAGES = {
    "ar": "العربية (Arabic)",
    "cs": "Čeština (Czech)",
    "da": "Dansk (Danish)",
    "de": "Deutsch (German)",
    "en": "English",
    "es": "Español (Spanish)",
    "fi": "Suomi (Finnish)",
    "fr": "Français (French)",
    "he": "עברית (Hebrew)",
    "hi": "हिन्दी (Hindi)",
    "hu": "Magyar (Hungarian)",
    "it": "Italiano (Italian)",
    "ja": "日本語 (Japanese)",
    "ko": "한국어 (Korean)",
    "nl": "Nederlands (Dutch)",
    "no": "Norsk (Norwegian)",
    "pl": "Polski (Polish)",
    "pt": "Português (Portuguese)",
    "ro": "Română (Romanian)",
    "ru": "Русский (Russian)",
    "sv": "Svenska (Swedish)",
    "tr": "Türkçe (Turkish)",
    "uk": "Українська (Ukrainian)",
    "zh": "中文 (Chinese)",
}


def language(code: str) -> str:
    """The name of a language: `pt-BR` is "Português (Portuguese), BR". A code without a known name stays as it is."""
    base, _, rest = code.replace("_", "-").partition("-")
    name = LANGUAGES.get(base.lower())
    if name is None:
        return code
    return f"{name}, {rest}" if rest else name


def moment(at: datetime, time_zone: str) -> str:
    """The moment as `Friday 7 March 2025, 17:00 (Europe/Berlin)`. It is in UTC if the time zone is not known."""
    try:
        zone = ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        zone, time_zone = ZoneInfo("UTC"), "UTC"
    local = at.astimezone(zone)
    return f"{local:%A} {local.day} {local:%B %Y, %H:%M} ({time_zone})"


def short_moment(at: datetime, time_zone: str) -> str:
    """The moment as `7 Mar 2025, 17:00`, for tables that name their time zone once."""
    try:
        zone = ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        zone = ZoneInfo("UTC")
    local = at.astimezone(zone)
    return f"{local.day} {local:%b %Y, %H:%M}"
