"""The words of one language: sentences by gettext catalogues; times, numbers and lists by Babel.

The sentences in the code are English, and they are the keys of the catalogues. So English needs no catalogue. Every
other language is a file `catalogues/<code>.po`, which is compiled in memory when somebody reads that language first.
"""

import io
import math
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_timedelta
from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent
from babel.units import format_unit

from shared.language import times

Day = date
"""In the class of words, `date` is what it writes."""
FOLDER = Path(__file__).parent / "catalogues"
ENGLISH = "en"
LANGUAGES = (ENGLISH, *sorted(path.stem for path in FOLDER.glob("*.po")))
"""The languages that Upward speaks, as BCP 47 codes."""
LOCALES = {ENGLISH: "en-GB"}
"""The locale whose formats a language uses, if it is not the one with the same name. British formats are unambiguous
for all who read English: the day comes before the name of the month, and the clock has 24 hours."""


class Words:
    """The words of one language. Sentences that are given here must be written out in the code, marked by the name of
    the method or by `translatable`, so that they are found when the catalogues are updated."""

    def __init__(self, language: str, translations: NullTranslations, locale: Locale) -> None:
        self.language, self.translations, self.locale = language, translations, locale

    def gettext(self, message: str, **values: object) -> str:
        """The sentence, with the values in the places that name them, such as `%(name)s`."""
        return self.translations.gettext(message) % values

    def ngettext(self, one: str, many: str, number: float, **values: object) -> str:
        """The form of the sentence that fits the number, which stands at `%(num)s`."""
        return self.translations.ngettext(one, many, self._counted(number)) % ({"num": self.number(number)} | values)

    def pgettext(self, context: str, message: str, **values: object) -> str:
        """A sentence or word that means different things in different places; the context tells translators which."""
        return self.translations.pgettext(context, message) % values

    def moment(self, at: datetime, time_zone: str) -> str:
        """The moment in words, such as `Friday, 7 March 2025, 17:00 (Berlin time)`. It is in UTC if the time zone is
        not known."""
        zone = times.zone_of(time_zone)
        date, clock = times.full_date(at, zone, self.locale), times.clock(at, zone, self.locale)
        return self.gettext("%(date)s, %(clock)s (%(zone)s)", date=date, clock=clock, zone=self._zone(at, zone))

    def short_moment(self, at: datetime, time_zone: str) -> str:
        """The moment as `7 Mar 2025, 17:00`, for tables that name their time zone once."""
        return times.short(at, times.zone_of(time_zone), self.locale)

    def relative(self, at: datetime, now: datetime) -> str:
        """How far the moment is away, in its largest unit: `in 3 days`, `2 hours ago`."""
        return format_timedelta(at - now, threshold=2, add_direction=True, granularity="minute", locale=self.locale)

    def date(self, at: datetime, time_zone: str) -> str:
        """The day of the moment as `7 Mar 2025`."""
        return times.short_date(at, times.zone_of(time_zone), self.locale)

    def day(self, day: Day) -> str:
        """A day of the calendar, such as `7 Mar 2025`."""
        return format_date(day, "medium", locale=self.locale)

    def zone(self, time_zone: str, at: datetime) -> str:
        """The time zone in words, such as `New York time`. `at` matters for zones that have nothing but an offset."""
        return self._zone(at, times.zone_of(time_zone))

    def number(self, number: float, places: int | None = None) -> str:
        """The number with so many decimal places, or with those that it needs."""
        pattern = None if places is None else f"#,##0.{'0' * places}"
        return format_decimal(number, format=pattern, locale=self.locale)

    def percent(self, share: float) -> str:
        """A share from 0 to 1, such as `85%`, without decimal places."""
        return format_percent(share, format=None, locale=self.locale)

    def signed(self, number: float) -> str:
        """A difference with its sign, such as `+3` or `−0.4`."""
        sign = "+" if number > 0 else "\u2212" if number < 0 else "\u00b1"
        return sign + self.number(abs(number))

    def duration(self, length: timedelta) -> str:
        """The length in whole units, such as `14 days` or `2 hours and 30 minutes`. What is below a second is left
        out."""
        seconds = int(length.total_seconds())
        parts = []
        for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
            count, seconds = divmod(seconds, size)
            if count:
                parts.append(format_unit(count, f"duration-{unit}", locale=self.locale))
        return self.listed(parts) if parts else format_unit(0, "duration-second", locale=self.locale)

    def listed(self, items: Iterable[str]) -> str:
        """The items as one phrase: `Monday, Tuesday and Friday`."""
        return format_list(list(items), locale=self.locale)

    def weekdays(self, days: Iterable[int]) -> str:
        """The short names of days of the week, counted from 0, which is Monday, as one phrase."""
        names = self.locale.days["stand-alone"]["abbreviated"]
        return self.listed(names[day] for day in days)

    def language_name(self, code: str) -> str:
        """A language by its own name and the reader's: `Deutsch (German)`, `Português (Portuguese), BR`. A code without
        a name stays as it is."""
        base, _, region = code.replace("_", "-").partition("-")
        try:
            named = Locale.parse(base)
        except (ValueError, UnknownLocaleError):
            return code
        own, ours = named.get_language_name(named), named.get_language_name(self.locale)
        if own is None or ours is None:
            return code
        own = own[:1].upper() + own[1:]
        name = own if own.casefold() == ours.casefold() else f"{own} ({ours})"
        return f"{name}, {region}" if region else name

    def _zone(self, at: datetime, zone: ZoneInfo) -> str:
        city = times.city(zone, self.locale)
        return times.offset(at, zone) if city is None else self.gettext("%(city)s time", city=city)

    def _counted(self, number: float) -> int:
        """A whole number that takes the same form as this one. 1.5 is one in French, and more than one in English."""
        if float(number).is_integer():
            return int(number)
        return 1 if self.locale.plural_form(number) == "one" else math.ceil(number)


SPOKEN: dict[str, Words] = {}
"""The words of the languages that were read so far."""


def words_of(language: str) -> Words:
    """The words of a language that Upward speaks. Raises KeyError for another one; see `choosing.choose`."""
    if language not in SPOKEN:
        if language not in LANGUAGES:
            raise KeyError(language)
        SPOKEN[language] = Words(language, _translations(language), Locale.parse(LOCALES.get(language, language), "-"))
    return SPOKEN[language]


def translatable(message: str) -> str:
    """Marks a sentence that is translated where it is shown. It stays as it is."""
    return message


def _translations(language: str) -> NullTranslations:
    if language == ENGLISH:
        return NullTranslations()
    compiled = io.BytesIO()
    write_mo(compiled, read_po(io.StringIO((FOLDER / f"{language}.po").read_text(encoding="utf-8")), locale=language))
    compiled.seek(0)
    return GNUTranslations(compiled)
