"""When a message may be sent: in local working hours of its reader, Monday to Friday. Pure."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from shared.contracts.intake import Contact
from shared.contracts.programs import CycleBrief, SendingHours

SATURDAY = 5


def zone_of(*names: str) -> ZoneInfo:
    """The first of these IANA time zones that exists, UTC when none does."""
    for name in names:
        try:
            return ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            continue
    return ZoneInfo("UTC")


def earliest_for(contact: Contact, brief: CycleBrief | None, moment: datetime) -> datetime:
    """When, from `moment` on, the person may be written to: in the sending hours of the program, by their own clock;
    at once where the message belongs to no cycle (`brief` None)."""
    if brief is None:
        return moment
    return next_sending_moment(moment, brief.calendar.sending_hours, zone_of(contact.time_zone, brief.time_zone))


def next_sending_moment(now: datetime, hours: SendingHours | None, zone: ZoneInfo) -> datetime:
    """The earliest moment from `now` on that lies inside the sending hours of `zone`, in UTC.

    `hours` None allows every moment. The end does not belong to the hours. Comparisons are made in UTC: on days on
    which the clocks change, wall clock times of one zone must not be compared with each other."""
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
