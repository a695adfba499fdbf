"""A page as a browser sees it: its elements, and its forms with what they would send."""

from collections.abc import Iterator
from functools import cached_property
from html.parser import HTMLParser
from typing import NamedTuple
from urllib.parse import urldefrag, urljoin

from services.console.admin.form_tokens import FIELD

Pairs = list[tuple[str, str]]
VOID = {"input", "meta", "link", "br", "img", "hr", "wbr", "col", "source"}
TICKED = ("checkbox", "radio")
BESIDE = {"quiet", "hidden", "textual"}
"""Classes of buttons that only help to fill a form."""


class Element(NamedTuple):
    tag: str
    attributes: dict[str, str]
    text: str = ""


class Control(NamedTuple):
    """A field of a form, and what may be sent for it."""

    name: str
    kind: str
    """The type of an `input`, or else `select` or `textarea`."""
    value: str
    on: bool = True
    """Whether it is sent as it stands."""
    options: tuple[str, ...] = ()


class Button(NamedTuple):
    """A button that sends its form."""

    name: str
    value: str
    address: str
    main: bool
    """Whether it does what the form is for."""


class Form(NamedTuple):
    address: str
    controls: tuple[Control, ...]
    buttons: tuple[Button, ...]

    @property
    def sends_file(self) -> bool:
        """A file cannot be shown again: no page may choose one."""
        return any(one.kind == "file" for one in self.controls)

    @property
    def pressed(self) -> Pairs:
        """What its main button sends."""
        button = next((one for one in self.buttons if one.main), self.buttons[0])
        return [(button.name, button.value)] if button.name else []

    @property
    def sent(self) -> Pairs:
        """What a browser sends of it, without the token and the button."""
        return [(one.name, one.value) for one in self.controls if one.on and one.name != FIELD]

    @property
    def token(self) -> str:
        return next((one.value for one in self.controls if one.name == FIELD), "")

    def typed(self) -> Pairs:
        """What it sends after somebody has changed everything that can be changed."""
        chosen = {one.name: one.value for one in self.controls if one.kind == "radio"}
        return [
            (one.name, value)
            for number, one in enumerate(self.controls)
            if one.name != FIELD
            for value in _typed(one, number, chosen)
        ]


def _typed(control: Control, number: int, chosen: dict[str, str]) -> Iterator[str]:
    match control.kind:
        case "hidden":
            yield control.value
        case "checkbox":
            if not control.on:
                yield control.value
        case "radio":
            if chosen[control.name] == control.value:
                yield control.value
        case "select":
            yield control.options[-1]
        case "email":
            yield f"typed{number}@example.org"
        case "number":
            yield str(number + 1)
        case "date":
            yield "2031-02-03"
        case "time":
            yield "10:30"
        case "file":
            pass
        case _:
            yield f"Typed {number}"


class Page(HTMLParser):
    """A document. `elements` are in their order, and so are `forms`."""

    def __init__(self, text: str, address: str = "") -> None:
        super().__init__(convert_charrefs=True)
        self.address = address
        self.elements: list[Element] = []
        self._open: list[int] = []
        self._form: int | None = None
        self._form_of: dict[int, int | None] = {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        place = len(self.elements)
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}))
        self._form = place if tag == "form" else self._form
        self._form_of[place] = self._form
        if tag not in VOID:
            self._open.append(place)

    def handle_endtag(self, tag: str) -> None:
        self._form = None if tag == "form" else self._form
        while self._open:
            if self.elements[self._open.pop()].tag == tag:
                return

    def handle_data(self, data: str) -> None:
        if self._open:
            place = self._open[-1]
            self.elements[place] = self.elements[place]._replace(text=self.elements[place].text + data)

    @cached_property
    def texts(self) -> list[str]:
        """What is read on it, with the values of its fields."""
        return [text for one in self.elements for text in (one.text, one.attributes.get("value", ""))]

    @cached_property
    def asked(self) -> list[str]:
        """The names of all its fields."""
        return [one.attributes["name"] for one in self.elements if "name" in one.attributes]

    @cached_property
    def links(self) -> list[str]:
        """Addresses of our own to which links lead."""
        found = (one.attributes.get("href", "") for one in self.elements if one.tag == "a")
        return [urldefrag(urljoin(self.address, link)).url for link in found if link[:1] in ("/", "?")]

    @cached_property
    def forms(self) -> list[Form]:
        """Those that are posted. A control that names a form belongs to it, wherever it stands."""
        found: list[Form] = []
        for place, one in enumerate(self.elements):
            if one.tag == "form" and one.attributes.get("method", "").lower() == "post":
                own = [number for number in range(len(self.elements)) if self._belongs(number, place)]
                address = urljoin(self.address, one.attributes.get("action") or self.address)
                controls = (control for number in own for control in self._control(number))
                buttons = (button for number in own for button in self._button(number, address))
                found.append(Form(address, tuple(controls), tuple(buttons)))
        return found

    def _belongs(self, number: int, place: int) -> bool:
        named = self.elements[number].attributes.get("form")
        if named is None:
            return self._form_of[number] == place
        return named == self.elements[place].attributes.get("id")

    def _control(self, number: int) -> Iterator[Control]:
        one = self.elements[number]
        name = one.attributes.get("name", "")
        if not name or "disabled" in one.attributes:
            return
        if one.tag == "textarea":
            yield Control(name, "textarea", one.text.removeprefix("\n"))
        elif one.tag == "select":
            options = list(self._options(number))
            values = tuple(option.attributes.get("value", option.text.strip()) for option in options)
            chosen = [value for value, option in zip(values, options, strict=True) if "selected" in option.attributes]
            yield Control(name, "select", (chosen or list(values[:1]) or [""])[-1], bool(values), values)
        elif one.tag == "input" and one.attributes.get("type") not in ("submit", "button", "image"):
            kind = one.attributes.get("type", "text")
            on = "checked" in one.attributes if kind in TICKED else kind != "file"
            yield Control(name, kind, one.attributes.get("value", "on" if kind in TICKED else ""), on)

    def _options(self, number: int) -> Iterator[Element]:
        for one in self.elements[number + 1 :]:
            if one.tag == "option":
                yield one
            elif one.tag != "optgroup":
                return

    def _button(self, number: int, address: str) -> Iterator[Button]:
        one = self.elements[number]
        if one.tag == "button" and one.attributes.get("type", "submit") == "submit":
            there = urldefrag(urljoin(address, one.attributes.get("formaction", address))).url
            main = not BESIDE & set(one.attributes.get("class", "").split())
            yield Button(one.attributes.get("name", ""), one.attributes.get("value", ""), there, main)
