"""The start that pages propose for a cycle that does not start by itself. Pure."""

from datetime import datetime, time, timedelta

from shared.language.times import zone_of

NINE = time(9)


def proposed_start(now: datetime, time_zone: str) -> datetime:
    """Nine o'clock next Monday by the clocks of the time zone."""
    zone = zone_of(time_zone)
    today = now.astimezone(zone).date()
    return datetime.combine(today + timedelta(days=7 - today.weekday()), NINE, zone)
