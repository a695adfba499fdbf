"""Time zones as somebody may type them: `Europe/Berlin`, `berlin`, `New York`. Pure."""

from functools import cache
from zoneinfo import available_timezones

CITIES = (
    "Africa/",
    "America/",
    "Antarctica/",
    "Arctic/",
    "Asia/",
    "Atlantic/",
    "Australia/",
    "Europe/",
    "Indian/",
    "Pacific/",
)


@cache
def time_zones() -> tuple[str, ...]:
    """The time zones that a field suggests: those that are named for a place, and UTC."""
    return ("UTC", *sorted(zone for zone in available_timezones() if zone.startswith(CITIES)))


def zone_typed(typed: str) -> str:
    """The time zone that is meant. What fits none, or more than one, stays as it is, so that the API refuses it."""
    wanted = _plain(typed)
    whole = [zone for zone in time_zones() if _plain(zone) == wanted]
    cities = [zone for zone in time_zones() if _plain(zone.rpartition("/")[2]) == wanted]
    found = whole or cities
    return found[0] if len(found) == 1 else typed.strip()


def _plain(text: str) -> str:
    return " ".join(text.replace("_", " ").split()).casefold()
