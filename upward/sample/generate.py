"""Writes the sample company, Meridian: `python -m upward.sample.generate`. Every run writes the same files.

`people.csv` is a clean file: 120 people, 8 departments, 6 levels, one reporting tree, 5 time zones and 3 languages.
`hris-export.csv` is another, smaller company as an HR system exports it: 40 rows with a byte-order mark, names as
`Last, First`, dates with the month first, managers by name, leavers, and neither levels nor addresses. `columns.toml`
is its column map.
"""

import csv
import io
import random
import unicodedata
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

from upward.sample.names import INITIALS, name_of

FOLDER = Path(__file__).parent
DOMAIN = "meridian.example"
SEED = 20260401
TODAY = date(2026, 4, 1)
DEPARTMENTS = ("Engineering", "Sales", "Product", "Marketing", "Operations", "Finance", "People", "Strategy")
PLACES = (
    ("Berlin", "Europe/Berlin", "de"),
    ("New York", "America/New_York", "en"),
    ("Madrid", "Europe/Madrid", "es"),
    ("Singapore", "Asia/Singapore", "en"),
    ("Mexico City", "America/Mexico_City", "es"),
)
LAYERS = (
    ("VP {0}", 8),
    ("{0} Director", 13),
    ("{0} Manager", 20),
    ("Senior {0} Specialist", 34),
    ("{0} Associate", 44),
)
"""The job title and the number of people of each layer below the chief executive."""


LEAVERS = {
    5: "Voluntarily Terminated",
    17: "Terminated for Cause",
    23: "Voluntarily Terminated",
    31: "Voluntarily Terminated",
    38: "Terminated for Cause",
}
"""The employment status of each leaver, by the row in the export from 0. Row 5 is a manager of others."""
Cells = dict[str, str | int]


class Employee(NamedTuple):
    number: int
    title: str
    department: str
    level: int
    manager: int | None
    """The number of the manager."""


class Dice:
    """Random numbers that are the same in every version of Python, which promises this only for `random()` itself."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a sample, no secret

    def below(self, limit: int) -> int:
        return int(self._random.random() * limit)


def grow_company() -> list[Employee]:
    """The chief executive, and then each layer, spread evenly over the layer above it."""
    company = [Employee(0, "Chief Executive Officer", "Strategy", len(LAYERS) + 1, None)]
    above = company[:]
    for depth, (title, size) in enumerate(LAYERS, 1):
        layer = []
        for place in range(size):
            manager = above[place % len(above)]
            department = DEPARTMENTS[place] if depth == 1 else manager.department
            number = len(company) + place
            level = len(LAYERS) + 1 - depth
            layer.append(Employee(number, title.format(department), department, level, manager.number))
        company += layer
        above = layer
    return company


def people_csv() -> str:
    dice = Dice(SEED)
    rows: list[Cells] = []
    for employee in grow_company():
        given, family = name_of(employee.number)
        city, time_zone, language = PLACES[dice.below(len(PLACES))]
        if dice.below(4) == 0:
            language = "en"
        hired_on = TODAY - timedelta(days=200 + employee.level * 500 + dice.below(700))
        rows.append(
            {
                "employee_id": _id(employee.number),
                "given_name": given,
                "family_name": family,
                "email": f"{_ascii(given)}.{_ascii(family)}@{DOMAIN}",
                "job_title": employee.title,
                "department": employee.department,
                "location": city,
                "time_zone": time_zone,
                "language": language,
                "level": employee.level,
                "manager_id": _id(employee.manager) if employee.manager is not None else "",
                "hired_on": hired_on.isoformat(),
            }
        )
    return _csv(rows, "\n")


def hris_export_csv() -> str:
    """Forty people in four layers."""
    dice = Dice(SEED + 1)
    numbers = range(200, 240)
    rows: list[Cells] = []
    for position, number in enumerate(numbers):
        given, family = name_of(number)
        initial = f"  {INITIALS[dice.below(len(INITIALS))]}" if dice.below(3) == 0 else ""
        hired_on = TODAY - timedelta(days=200 + dice.below(4000))
        left_on = TODAY - timedelta(days=10 + dice.below(150)) if position in LEAVERS else None
        manager = " ".join(name_of(numbers[(position - 1) // 3])) if position else "Board of Directors"
        department = DEPARTMENTS[position % 4]
        rows.append(
            {
                "Employee_Name": f"{family}, {given}{initial}" + "  " * (position % 5 == 0),
                "EmpID": 10001 + position,
                "Position": f"{department} Lead" if position < 13 else f"{department} Associate",
                "State": "MA" if position % 3 else "TX",
                "DateofHire": f"{hired_on.month}/{hired_on.day}/{hired_on.year}",
                "DateofTermination": f"{left_on.month}/{left_on.day}/{left_on.year}" if left_on else "",
                "EmploymentStatus": LEAVERS.get(position, "Active"),
                "Department": department + " " * (position % 7),
                "ManagerName": manager,
            }
        )
    return "\ufeff" + _csv(rows, "\r\n")


def write() -> None:
    for name, text in (("people.csv", people_csv()), ("hris-export.csv", hris_export_csv())):
        (FOLDER / name).write_bytes(text.encode())


def _id(number: int) -> str:
    return f"M{1001 + number}"


def _ascii(name: str) -> str:
    return unicodedata.normalize("NFKD", name.lower()).encode("ascii", "ignore").decode()


def _csv(rows: list[Cells], line_end: str) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), lineterminator=line_end)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


if __name__ == "__main__":
    write()
