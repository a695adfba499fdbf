"""Writes the enrolments of the sample company: `python -m upward.sample.enrolling`. Every run writes the same files.

`enrolments.csv` belongs to `people.csv`. Associates teach, managers and people above them learn, and some specialists
do both. Many want to learn about gaming, which nobody teaches. The folder `messy` has two files as other systems write
them: a German HR export in Windows-1252 with semicolons, and the answers to a form whose headers are questions.
"""

import csv
import io
from pathlib import Path

from services.intake.importing.names import slug
from upward.sample.generate import DEPARTMENTS, DOMAIN, SEED, Dice, grow_company
from upward.sample.generate import FOLDER as SAMPLE
from upward.sample.names import name_of

FOLDER = SAMPLE
TOPICS = (
    "Generative AI",
    "Short video",
    "Creator economy",
    "Data literacy",
    "Inclusive language",
    "New ways of working",
    "Gaming and its culture",
)
RARE = TOPICS[-1]
"""A topic that nobody teaches."""
HALF_DAYS = ("mon-am", "tue-am", "tue-pm", "wed-am", "thu-am", "thu-pm", "fri-am")
SPOKEN = ("en", "en", "en", "en", "en", "en; de", "en; es", "en; es", "es", "de")
LEVELS = ("expert", "good", "basics")
FORM_TOPICS = ("Generative KI", "Kurzvideos", "Datenkompetenz", "Inklusive Sprache", "Nachhaltigkeit")
FORM_WORDS = {"expert": "Profi", "good": "gut", "basics": "Grundlagen"}
FORM_TIMES = ("Mo vormittags", "Di vormittags", "Di nachmittags", "Do", "Fr vormittags")
LEAVER = 7
"""The row, from 0, of somebody in the messy people file who has left."""


def enrolments_csv() -> str:
    dice = Dice(SEED + 2)
    emails = [_email(number) for number in range(len(grow_company()))]
    rows: list[list[object]] = [
        [
            *("email", "role", "topics_taught", "topics_wanted", "mentor_capacity", "mentee_capacity"),
            *("languages", "meeting_windows", "preferred", "avoided"),
        ]
    ]
    for employee in grow_company():
        if dice.below(8) == 0 and employee.manager is not None:
            continue  # this person does not enrol
        role = _role(employee.level, dice)
        topics = _shuffled(TOPICS, dice)
        windows = [window for window in HALF_DAYS if dice.below(5) < 3] or list(HALF_DAYS[:2])
        languages = SPOKEN[dice.below(len(SPOKEN))]
        others = [emails[dice.below(len(emails))] if dice.below(6) == 0 else "" for _ in range(2)]
        wish, avoided = (other if other != emails[employee.number] else "" for other in others)
        rows.append(
            [
                emails[employee.number],
                role,
                "; ".join(_taught(topics, dice)) if role != "mentee" else "",
                "; ".join(_wanted(topics, dice)) if role != "mentor" else "",
                2 if role != "mentee" and dice.below(6) == 0 else 1,
                1,
                languages,
                "; ".join(windows),
                wish,
                avoided,
            ]
        )
    return _csv(rows, ",", "\n")


def messy_people() -> bytes:
    """Twenty-four people in three layers, as an HR system in Germany exports them."""
    dice = Dice(SEED + 3)
    rows: list[list[object]] = [
        [
            *("Personalnummer", "Nachname", "Vorname", "E-Mail", "Stellenbezeichnung", "Abteilung", "Standort"),
            *("Vorgesetzter", "Kostenstelle", "Eintrittsdatum", "Austrittsdatum"),
        ]
    ]
    for row, number in enumerate(MESSY):
        given, family = name_of(number)
        above = ", ".join(reversed(name_of(_above(row))))
        rows.append(
            [
                f"{4001 + row}",
                f"{family} " if row % 5 == 0 else family,
                given,
                _email(number).upper() if row % 6 == 0 else _email(number),
                "Leitung" if row < 4 else "Führungskraft" if row < 12 else "Fachkraft",
                DEPARTMENTS[row % 4],
                ("Köln", "München", "Zürich")[row % 3],
                above if row else "N/A",
                f"K-{100 + dice.below(900)}",
                f"{1 + dice.below(28):02}.{1 + dice.below(12):02}.{2012 + dice.below(12)}",
                "31.01.2026" if row == LEAVER else "",
            ]
        )
        if row % 9 == 8:
            rows.append([])
    return _csv(rows, ";", "\r\n").encode("cp1252")


def messy_enrolments() -> bytes:
    """The answers to a form, with a byte-order mark and with questions as headers."""
    dice = Dice(SEED + 4)
    rows: list[list[object]] = [
        [
            *("Id", "Startzeit", "E-Mail-Adresse", "Ich nehme teil als", "Das kann ich anderen zeigen", "Lernwunsch 1"),
            *("Lernwunsch 2", "Sprachen", "Wann hast du Zeit?", "Wunschpartner", "Bitte nicht mit …", "Kommentar"),
        ]
    ]
    for row, number in enumerate(MESSY):
        if row == LEAVER or row in (5, 19):
            continue
        junior, both = row >= 12, row in (8, 10)
        topics = _shuffled(FORM_TOPICS, dice)
        taught = [f"{_spelled(topic, dice)} ({FORM_WORDS[LEVELS[dice.below(3)]]})" for topic in topics[:2]]
        times = [time for time in FORM_TIMES if dice.below(3)] or ["N/A"]
        rows.append(
            [
                row + 1,
                f"2026-03-{1 + row:02} 09:1{row % 10}",
                f" {_email(number)}",
                "beides"
                if both
                else ("Mentor:in", "Mentorin", "mentor", "Mentee", "mentee ")[row % 3 if junior else 3 + row % 2],
                ";".join(taught) + ";" if junior or both else "N/A",
                "" if junior else _spelled(topics[0], dice),
                "-" if junior else _spelled(topics[1], dice),
                ("Deutsch", "Deutsch, Englisch", "de/en")[dice.below(3)],
                ", ".join(times),
                ", ".join(reversed(name_of(MESSY[12]))) if row == 2 else "",
                _email(MESSY[3]) if row == 14 else "",
                '=HYPERLINK("https://upward.example")' if row == 4 else "kein\nKommentar" if row == 9 else "",
            ]
        )
        if row % 7 == 6:
            rows.append([""] * 12)
    return ("\ufeff" + _csv(rows, ",", "\r\n")).encode()


MESSY = range(300, 324)
MESSY_COLUMNS = """# How the two exports beside this file are read: what is recognised need not be named.

[defaults]
language = "de"
time_zone = "Europe/Berlin"

[enrolments]
role = "Ich nehme teil als"
avoided = "Bitte nicht mit …"

[enrolments.levels]
"Profi" = "expert"
"""


def write() -> None:
    (FOLDER / "messy").mkdir(exist_ok=True)
    for name, data in (
        ("enrolments.csv", enrolments_csv().encode()),
        ("messy/people.csv", messy_people()),
        ("messy/enrolments.csv", messy_enrolments()),
        ("messy/columns.toml", MESSY_COLUMNS.encode()),
    ):
        (Path(FOLDER) / name).write_bytes(data)


def _role(level: int, dice: Dice) -> str:
    if level == 1:
        return "mentor"
    if level == 2:
        return ("mentor", "mentor", "both", "mentee")[dice.below(4)]
    return "mentee"


def _taught(topics: list[str], dice: Dice) -> list[str]:
    able = [topic for topic in topics if topic != RARE]
    return [f"{topic}:{LEVELS[dice.below(3)]}" for topic in able[: 2 + dice.below(2)]]


def _wanted(topics: list[str], dice: Dice) -> list[str]:
    first = [RARE] if dice.below(4) == 0 else []
    return [*first, *(topic for topic in topics if topic not in first)][:3]


def _shuffled(topics: tuple[str, ...], dice: Dice) -> list[str]:
    rest = list(topics)
    return [rest.pop(dice.below(len(rest))) for _ in topics]


def _spelled(topic: str, dice: Dice) -> str:
    return (topic, topic.lower(), topic.replace(" ", "-"), f"{topic} ")[dice.below(4)]


def _above(row: int) -> int:
    """The number of the name of the manager."""
    return MESSY[0 if row < 4 else row % 3 + 1 if row < 12 else 4 + row % 8]


def _email(number: int) -> str:
    given, family = name_of(number)
    return f"{slug(given)}.{slug(family)}@{DOMAIN}"


def _csv(rows: list[list[object]], delimiter: str, line_end: str) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator=line_end).writerows(rows)
    return text.getvalue()


if __name__ == "__main__":
    write()
