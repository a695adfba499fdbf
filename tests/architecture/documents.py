"""Reads the documents of the project for the tests."""

import re

from tests.architecture.sources import ROOT, place

TEXTS = {place(path): path.read_text() for path in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])}
"""The text of every document, by its path from the root."""
CODE = re.compile(r"`([^`\n]+)`")
BLOCK = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def code(document: str) -> set[str]:
    """Everything between backticks in a line, and all lines of the blocks of code."""
    text = TEXTS[document]
    lines = {line.strip() for block in BLOCK.findall(text) for line in block.splitlines()}
    return set(CODE.findall(BLOCK.sub("", text))) | lines


def section(document: str, heading: str) -> str:
    """The text below a heading, up to the next heading of the same level."""
    rank = heading.split(" ")[0]
    return TEXTS[document].split(f"\n{heading}\n", 1)[1].split(f"\n{rank} ", 1)[0]


def table_rows(document: str, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its header."""
    lines = re.search(r"(?:^\|.*\n)+", section(document, heading) + "\n", re.MULTILINE)
    assert lines is not None, f"{document} has no table below {heading}"
    return [[cell.strip() for cell in line.strip("|\n ").split(" | ")] for line in lines[0].splitlines()[2:]]


def names_in(cell: str) -> list[str]:
    return CODE.findall(cell)
