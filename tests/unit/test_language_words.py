"""The words of a language: sentences with values, forms for numbers, times, zones, lists and names of languages."""

from datetime import UTC, datetime

import pytest

from shared.language.choosing import accepted, choose, spoken
from shared.language.words import LANGUAGES, words_of

AT = datetime(2027, 3, 5, 16, 0, tzinfo=UTC)


def test_english_german_spanish_and_french_are_spoken() -> None:
    assert set(LANGUAGES) >= {"en", "de", "es", "fr"}


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", "Friday, 5 March 2027, 11:00 (New York time)"),
        ("de", "Freitag, 5. März 2027, 11:00 Uhr (Zeitzone New York)"),
        ("fr", "vendredi 5 mars 2027 à 11:00 (heure locale, New York)"),
        ("es", "viernes, 5 de marzo de 2027, 11:00 (hora de Nueva York)"),
    ],
)
def test_a_moment_is_told_on_the_readers_clock_in_their_words(language: str, told: str) -> None:
    assert words_of(language).moment(AT, "America/New_York") == told


def test_a_moment_after_midnight_has_the_day_of_the_reader() -> None:
    words = words_of("en")
    assert words.moment(AT, "Asia/Tokyo") == "Saturday, 6 March 2027, 01:00 (Tokyo time)"
    assert words.short_moment(AT, "Asia/Tokyo") == "6 Mar 2027, 01:00"


@pytest.mark.parametrize("zone", ["Mars/Base", "", "../etc/passwd"])
def test_a_moment_in_an_unknown_time_zone_is_told_in_utc(zone: str) -> None:
    assert words_of("en").moment(AT, zone) == "Friday, 5 March 2027, 16:00 (UTC)"


@pytest.mark.parametrize(
    ("zone", "told"),
    [
        ("UTC", "UTC"),
        ("Etc/GMT+5", "UTC-05:00"),
        ("Asia/Kathmandu", "Kathmandu time"),
        ("US/Eastern", "New York time"),
        ("America/Argentina/Buenos_Aires", "Buenos Aires time"),
    ],
)
def test_a_time_zone_is_told_by_its_city_or_by_its_distance_from_utc(zone: str, told: str) -> None:
    assert words_of("en").zone(zone, AT) == told


@pytest.mark.parametrize(
    ("language", "number", "told"),
    [
        ("en", 1, "1 shared hour a week, on d."),
        ("en", 1.5, "1.5 shared hours a week, on d."),
        ("de", 1, "1 gemeinsame Stunde pro Woche (d)."),
        ("de", 2.5, "2,5 gemeinsame Stunden pro Woche (d)."),
        ("fr", 1.5, "1,5 heure commune par semaine (d)."),
        ("fr", 2, "2 heures communes par semaine (d)."),
        ("es", 1000000, "1.000.000 horas en común por semana (d)."),
    ],
)
def test_a_number_chooses_its_form_and_is_written_as_in_the_language(language: str, number: float, told: str) -> None:
    one, many = "%(num)s shared hour a week, on %(days)s.", "%(num)s shared hours a week, on %(days)s."
    assert words_of(language).ngettext(one, many, number, days="d") == told


@pytest.mark.parametrize(("language", "told"), [("en", "Mon, Tue and Fri"), ("es", "lun, mar y vie")])
def test_days_are_listed_as_in_the_language(language: str, told: str) -> None:
    assert words_of(language).weekdays([0, 1, 4]) == told


def test_a_language_is_told_by_its_own_name_and_the_readers_or_its_code() -> None:
    codes = ("de", "en", "pt-BR", "tlh", "")
    assert [words_of("en").language_name(code) for code in codes] == [
        "Deutsch (German)",
        "English",
        "Português (Portuguese), BR",
        "tlh",
        "",
    ]
    assert words_of("de").language_name("en") == "English (Englisch)"


def test_a_value_with_a_percent_sign_is_no_place_for_another_value() -> None:
    assert words_of("de").gettext("Thank you, %(name)s", name="100 %(name)s") == "Vielen Dank, 100 %(name)s"


@pytest.mark.parametrize(
    ("wishes", "language"),
    [
        (("de", "fr"), "de"),
        (("", "fr"), "fr"),
        (("it", "de-CH"), "de"),
        (("DE_at",), "de"),
        (("", "it", ""), "en"),
        ((), "en"),
    ],
)
def test_the_first_language_that_is_spoken_is_chosen(wishes: tuple[str, ...], language: str) -> None:
    assert choose(*wishes) == language


def test_a_language_that_is_not_spoken_is_none() -> None:
    assert [spoken(code) for code in ("it", "", "de-", "x" * 10_000)] == [None, None, "de", None]


@pytest.mark.parametrize(
    ("header", "languages"),
    [
        ("de-CH, de;q=0.9, en;q=0.5, *;q=0.1", ["de-CH", "de", "en"]),
        ("en;q=0.5, fr", ["fr", "en"]),
        ("fr;q=0, en;q=x, de ; Q=1", ["de"]),
        ("*", []),
        (",,;;=,", []),
        ("en;q=nan, de;q=1e400, fr;q=-1", []),
        ("", []),
    ],
)
def test_the_languages_of_a_browser_are_read_in_the_order_of_their_weights(header: str, languages: list[str]) -> None:
    assert accepted(header) == languages


def test_only_the_beginning_of_a_long_header_is_read() -> None:
    assert accepted(",".join(["de"] * 10_000)) == ["de"] * 20
