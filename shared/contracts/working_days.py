"""Working days: Monday to Friday in a time zone, without holidays. Pure.

Time is counted on working days only. A working day lasts from midnight to midnight by the local clock. What begins on
Friday at 17:00 and takes one day ends on Monday at 17:00, also if the clocks change in between.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from shared.contracts.programs import LadderDates, LadderPlan, Pause

DAY = timedelta(days=1)
NONE = timedelta(0)
SATURDAY = 5


class WorkingDays:
    """The working days of a program."""

    def __init__(self, time_zone: str, holidays: Iterable[date] = ()) -> None:
        """A time zone that is not known counts as UTC."""
        try:
            self._zone = ZoneInfo(time_zone)
        except (KeyError, ValueError, OSError):
            self._zone = ZoneInfo("UTC")
        self._holidays = frozenset(holidays)

    def includes(self, day: date) -> bool:
        return day.weekday() < SATURDAY and day not in self._holidays

    def after(self, begin: datetime, length: timedelta, pauses: Iterable[Pause] = ()) -> datetime:
        """The moment at which so much working time has passed since `begin`, in UTC. It lies on a working day, so that
        what ends with a Friday comes on Monday. `pauses` follow each other, and their time does not count."""
        for pause in pauses:
            if pause.ends_at <= begin:
                continue
            if (found := self._after(begin.astimezone(UTC), length)) <= pause.begins_at:
                return found
            begin, length = pause.ends_at, length - self.between(begin, pause.begins_at)
        return self._after(begin.astimezone(UTC), length)

    def between(self, begin: datetime, end: datetime) -> timedelta:
        """The working time from one moment to another. It is zero if `end` is not after `begin`."""
        moment, last, worked = begin.astimezone(UTC), end.astimezone(UTC), NONE
        day = moment.astimezone(self._zone).date()
        while moment < last:
            day_ends = min(self._midnight(day + DAY), last)
            if self.includes(day) and day_ends > moment:
                worked += day_ends - moment
            moment, day = max(moment, day_ends), day + DAY
        return worked

    def _after(self, moment: datetime, left: timedelta) -> datetime:
        day = moment.astimezone(self._zone).date()
        while True:
            day_ends = self._midnight(day + DAY)
            if self.includes(day):
                if left < day_ends - moment:
                    return moment + left
                left -= max(day_ends - moment, NONE)
            moment, day = max(moment, day_ends), day + DAY

    def _midnight(self, day: date) -> datetime:
        """When the day begins by the local clock. Where the clocks change at midnight, it begins with the change."""
        return datetime.combine(day, time(), self._zone).astimezone(UTC)


def ladder_dates(
    ladder: LadderPlan, days: WorkingDays, begun_at: datetime, pauses: Iterable[Pause] = ()
) -> LadderDates:
    """When the rungs come of a ladder that began at this moment and counts working days."""
    gone = tuple(pauses)
    reminders = list[datetime]()
    while (since := ladder.remind_every * (len(reminders) + 1)) < ladder.escalate_after:
        reminders.append(days.after(begun_at, since, gone))
    return LadderDates(reminds_at=tuple(reminders), escalates_at=days.after(begun_at, ladder.escalate_after, gone))
