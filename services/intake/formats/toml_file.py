"""Reading a TOML file that somebody sends: small, flat, and never slow.

`tomllib` takes minutes and gigabytes for a long dotted key, and ends with a RecursionError for deep nesting. So the
size of the file, the depth of its brackets, the parts of its keys and their length are bounded before it is parsed.
"""

import re
import tomllib
from typing import Any

MAX_BYTES = 100 * 1024
MAX_DEPTH = 8
"""The most brackets and braces that are open at once."""
MAX_DOTS = 32
"""The most dots on one line outside of texts, which bounds the parts of a dotted key."""
MAX_KEY = 400
"""The most characters of a key with all its parts, or of the header of a table."""
MAX_LINES = 10_000
SPECIAL = re.compile(r"""["'#\[\]{}.,=\n]""")

TEXTS = {
    '"""': re.compile(r'"""(?:[^"\\]|\\.|"(?!""))*+(?:"{3,5})?', re.DOTALL),
    "'''": re.compile(r"'''(?:[^']|'(?!''))*+(?:'{3,5})?"),
    '"': re.compile(r'"(?:[^"\\\n]|\\[^\n])*+"?'),
    "'": re.compile(r"'[^'\n]*+'?"),
}
"""Quoted texts by their quotation marks. The expressions look at each character once, and never go back."""


class TomlRefused(ValueError):
    """The text cannot be read. The message says why, and repeats nothing of it."""


def read_toml(data: bytes) -> dict[str, Any]:
    """The document. Raises TomlRefused."""
    if len(data) > MAX_BYTES:
        raise TomlRefused("is larger than 100 kB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise TomlRefused("is not UTF-8") from None
    check_shape(text)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        where = re.search(r"\(at [^()]*\)$", str(error))
        raise TomlRefused(f"is not valid TOML {where[0]}" if where else "is not valid TOML") from None
    except (ValueError, RecursionError):  # such as a number of 5,000 digits
        raise TomlRefused("is not valid TOML") from None


def check_shape(text: str) -> None:
    """Looks once at each character. Raises TomlRefused for a text that `tomllib` could take long for."""
    if text.count("\n") > MAX_LINES:
        raise TomlRefused(f"has more than {MAX_LINES} lines")
    depth = dots = position = key = 0
    while found := SPECIAL.search(text, position):
        mark, at = found[0], found.start()
        position = found.end()
        if mark in "\"'":
            position = _after_text(text, at)
        elif mark == "#":
            position = _end_of_line(text, at)
        elif mark == "\n":
            dots, key = 0, position
        elif mark in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise TomlRefused(f"nests brackets deeper than {MAX_DEPTH}")
            key = position if mark == "{" else key
        elif mark in "]}":
            depth = max(depth - 1, 0)
            if text[key : key + 1] == "[" and mark == "]" and at - key > MAX_KEY:
                raise TomlRefused(f"has the header of a table with more than {MAX_KEY} characters")
        elif mark == ".":
            dots += 1
            if dots > MAX_DOTS:
                raise TomlRefused(f"has more than {MAX_DOTS} dots on a line")
        elif mark == ",":
            key = position
        elif at - key > MAX_KEY:  # an equals sign, behind the key
            raise TomlRefused(f"has a key with more than {MAX_KEY} characters")


def _after_text(text: str, start: int) -> int:
    """The position behind the quoted text that starts here. A text without an end goes to the end of its line or of the
    file, and is refused when it is parsed."""
    quote = text[start]
    found = TEXTS[text[start : start + 3] if text.startswith(quote * 3, start) else quote].match(text, start)
    return found.end() if found else start + 1


def _end_of_line(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end
