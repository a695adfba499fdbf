"""The Monday overview: one message to each coordinator. When it is made, and what waits for it. Pure."""

from datetime import UTC, datetime, time, timedelta

SUNDAY = 6
MADE_AT = time(10)
"""By UTC on Sunday: the moment in which Monday begins in the first time zone of the world. From then on each
coordinator is sent it when Monday's sending hours begin by their own clock."""
UNTIL_READ = timedelta(hours=22)
"""From then to Monday, 08:00 UTC."""


def overview_after(moment: datetime) -> datetime:
    """The Monday, 08:00 UTC, of the first overview that tells every coordinator of what is there at this moment."""
    utc = moment.astimezone(UTC)
    made_at = datetime.combine(utc.date() + timedelta(days=(SUNDAY - utc.weekday()) % 7), MADE_AT, UTC)
    if made_at < utc:
        made_at += timedelta(days=7)
    return made_at + UNTIL_READ
