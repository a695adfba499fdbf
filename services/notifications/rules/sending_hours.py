"""When a message may be sent: in the sending hours of the program, by the reader's clock, Monday to Friday. Pure."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from shared.contracts.intake import Contact
from shared.contracts.programs import CycleBrief, SendingHours

SATURDAY = 5


def zone_of(*names: str) -> ZoneInfo:
    """The first of these IANA time zones that exists, or UTC if none does."""
    for name in names:
        try:
            return ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            continue
    return ZoneInfo("UTC")


def earliest_for(contact: Contact, brief: CycleBrief | None, moment: datetime) -> datetime:
    """The earliest time from `moment` on at which the person may be written to: in the sending hours of the program, by
    their own clock. It is `moment` itself if the message belongs to no cycle (`brief` is None)."""
    if brief is None:
        return moment
    return next_sending_moment(moment, brief.calendar.sending_hours, zone_of(contact.time_zone, brief.time_zone))


def next_sending_moment(now: datetime, hours: SendingHours | None, zone: ZoneInfo) -> datetime:
    """The earliest time from `now` on that is within the sending hours in `zone`; the result is in UTC.

    If `hours` is None, every time is allowed. The end is not within the hours. Times are compared in UTC, because local
    times must not be compared with each other on days on which the clocks change."""
    moment = now.astimezone(UTC)
    if hours is None:
        return moment
    day = moment.astimezone(zone).date()
    while True:
        start, end = _moment(day, hours.start, zone, fold=0), _moment(day, hours.end, zone, fold=1)
        if day.weekday() < SATURDAY and start < end and moment < end:
            return max(moment, start)
        day += timedelta(days=1)


def _moment(day: date, clock: time, zone: ZoneInfo, *, fold: int) -> datetime:
    return datetime.combine(day, clock, tzinfo=zone).replace(fold=fold).astimezone(UTC)
