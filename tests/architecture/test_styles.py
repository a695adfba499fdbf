"""The style sheets say each thing once and nothing that no page has."""

import re
from collections import Counter

from tests.architecture.sources import ROOT

CONSOLE = ROOT / "services/console"
SHEETS = {path.name: re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL) for path in CONSOLE.rglob("*.css")}
PAGES = "\n".join(path.read_text() for end in ("html", "py", "js") for path in sorted(CONSOLE.rglob(f"*.{end}")))


def test_every_block_of_a_style_sheet_is_closed() -> None:
    assert SHEETS
    for name, text in SHEETS.items():
        depth = 0
        for character in text:
            depth += {"{": 1, "}": -1}.get(character, 0)
            assert 0 <= depth <= 2, name
        assert depth == 0, name


def test_no_rule_is_about_a_class_that_no_page_has() -> None:
    """A class may be put together, such as `health-{{ health }}`."""
    words = set(re.findall(r"[\w-]+", PAGES))
    beginnings = tuple(set(re.findall(r"([a-z][a-z0-9-]*-)\{[{%]", PAGES)))
    for name, text in SHEETS.items():
        selectors = re.sub(r"\{[^{}]*\}", " ", text)
        classes = set(re.findall(r"\.([a-zA-Z][\w-]*)", selectors))
        assert {one for one in classes if one not in words and not one.startswith(beginnings)} == set(), name


def test_each_selector_has_one_rule() -> None:
    """Two rules for one selector, in two places, contradict each other sooner or later."""
    for name, text in SHEETS.items():
        outside = re.sub(r"@[^{;]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}", "", text)
        rules = Counter(" ".join(selectors.split()) for selectors in re.findall(r"([^{}]+)\{", outside))
        assert [selector for selector, times in rules.items() if times > 1] == [], name
