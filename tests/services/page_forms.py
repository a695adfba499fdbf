"""What a browser would send of the form of a page: its fields as they are filled in."""

from html.parser import HTMLParser

import httpx


class _Fields(HTMLParser):
    """The fields of all forms with `method=post` that lead to one address. Buttons are no fields."""

    def __init__(self, action: str) -> None:
        super().__init__()
        self.action = action
        self.inside = False
        self.select = ""
        self.fields: dict[str, list[str]] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.inside = found.get("method") == "post" and found.get("action") == self.action
        if not self.inside:
            return
        if tag == "select":
            self.select = found["name"]
        elif tag == "option" and self.select and ("selected" in found or self.select not in self.fields):
            self.fields[self.select] = [found.get("value", "")]
        elif tag == "input" and "name" in found and _is_sent(found):
            self.fields.setdefault(found["name"], []).append(found.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = False
        elif tag == "select":
            self.select = ""


def _is_sent(field: dict[str, str]) -> bool:
    return field.get("type") not in ("checkbox", "radio") or "checked" in field


def fields_in(page: httpx.Response, action: str) -> dict[str, list[str]]:
    """The fields of the page's form that is sent to this address."""
    parser = _Fields(action)
    parser.feed(page.text)
    return parser.fields
