"""docs/architecture.md agrees with itself and with the code: its picture, the road of a fact, where to put what."""

import re

import pytest

from shared.contracts.base import Service
from tests.architecture.documents import TEXTS, section, table_rows

PAGE = "docs/architecture.md"
PICTURE = TEXTS[PAGE].split("```mermaid\n")[1].split("```")[0]


def test_the_picture_shows_every_service() -> None:
    assert {service.value for service in Service if not re.search(rf"\b{service.value}\b", PICTURE)} == set()


def test_every_arrow_of_the_picture_joins_two_things_that_it_shows() -> None:
    shown = set(re.findall(r"(\w+) ?[\[(]+\"", PICTURE))
    arrows = re.findall(r"^ +(\w+)(?:\(\[.*?\]\))? --(?: \"[^\"]+\" --)?> (\w+)", PICTURE, re.MULTILINE)
    assert len(arrows) == PICTURE.count("-->")
    assert {name for arrow in arrows for name in arrow} <= shown


def test_the_picture_s_steps_are_those_of_the_road() -> None:
    steps = set(re.findall(r"\"(\d) · ", PICTURE))
    told = re.findall(r"^(\d)\. ", section(PAGE, "## The road of one fact"), re.MULTILINE)
    assert sorted(steps) == told


def test_what_can_be_added_has_a_description() -> None:
    """Each row that points to a paragraph of "Adding things" names one that exists."""
    described = set(re.findall(r"^\*\*(.+?)\.\*\*", section("CONTRIBUTING.md", "## Adding things"), re.MULTILINE))
    named = {row[2].split("), ")[1] for row in table_rows(PAGE, "## Where to put what") if "), " in row[2]}
    assert len(named) > 5
    assert named - described == set()


SHORT = ("A kind of round", "A matching constraint", "A message", "A channel", "A page")


@pytest.mark.parametrize("thing", SHORT)
def test_what_is_added_most_is_described_in_five_lines(thing: str) -> None:
    paragraphs = section("CONTRIBUTING.md", "## Adding things").split("\n\n")
    (told,) = [one.strip() for one in paragraphs if one.strip().startswith(f"**{thing}.**")]
    assert len(told.splitlines()) <= 5
    assert max(map(len, told.splitlines())) <= 150
