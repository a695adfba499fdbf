"""Moments and time zones in the form in which people read them. Pure; the words around them are in `words.py`."""

from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale
from babel.dates import format_date, format_time, get_timezone_location

UTC = ZoneInfo("UTC")


def zone_of(name: str) -> ZoneInfo:
    """The IANA time zone of this name, or UTC if there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def full_date(at: datetime, zone: ZoneInfo, locale: Locale) -> str:
    """Such as `Friday, 7 March 2025`."""
    return format_date(at.astimezone(zone).date(), "full", locale)


def clock(at: datetime, zone: ZoneInfo, locale: Locale) -> str:
    """Such as `17:00`."""
    return format_time(at, "short", zone, locale)


def short(at: datetime, zone: ZoneInfo, locale: Locale) -> str:
    """Such as `7 Mar 2025, 17:00`."""
    return f"{short_date(at, zone, locale)}, {clock(at, zone, locale)}"


def short_date(at: datetime, zone: ZoneInfo, locale: Locale) -> str:
    """Such as `7 Mar 2025`."""
    return format_date(at.astimezone(zone).date(), "medium", locale)


def city(zone: ZoneInfo, locale: Locale) -> str | None:
    """The city that the time zone is named for, in the language of the locale; None for zones that have none."""
    if "/" not in zone.key or zone.key.startswith("Etc/"):
        return None
    return get_timezone_location(zone, locale, return_city=True)


def offset(at: datetime, zone: ZoneInfo) -> str:
    """Such as `UTC` or `UTC-05:00`."""
    shown = f"{at.astimezone(zone):%z}"
    return "UTC" if int(shown) == 0 else f"UTC{shown[:3]}:{shown[3:5]}"
