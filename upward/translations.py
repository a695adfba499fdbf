"""Keeping the catalogues up to date: finding every sentence in the code, and merging it into each language's file.

What is found is what stands in `{% trans %}` and `_("...")` of templates, and in `gettext`, `ngettext`, `pgettext` and
`translatable` of Python modules. It is for who develops Upward: the files that it reads and writes are those of the
repository.
"""

import io
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

from shared.language.words import ENGLISH, FOLDER, LANGUAGES
from upward.failures import CannotRun

ROOT = Path(__file__).parents[1]
ROOMS = ("services", "shared")
KEYWORDS: dict[str, tuple[int | tuple[int, str], ...] | None] = {
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "translatable": None,
}
TEMPLATES = (".html", ".j2")
OPTIONS = {
    "newstyle_gettext": "true",
    "trimmed": "true",
    "silent": "false",
    "trim_blocks": "true",
    "lstrip_blocks": "true",
}


def find_sentences(root: Path = ROOT) -> Catalog:
    """Every sentence of the code that a reader sees, and the files in which it stands."""
    found = Catalog()
    for path in _sources(root):
        method = "jinja2.ext:babel_extract" if path.suffix in TEMPLATES else "python"
        with path.open("rb") as file:
            for _, message, _, context in extract(method, file, KEYWORDS, options=OPTIONS):
                found.add(message, locations=[(path.relative_to(root).as_posix(), 1)], context=context)
    return found


def read_catalogue(language: str, folder: Path = FOLDER) -> Catalog:
    """The catalogue of a language as it is now; an empty one if there is no file. Raises CannotRun for a code that is
    none."""
    path = folder / f"{language}.po"
    if path.exists():
        with path.open("rb") as file:
            return read_po(file, locale=language, charset="utf-8")
    try:
        return Catalog(locale=language, fuzzy=False)
    except ValueError:
        raise CannotRun(f"{language} is not the code of a language that Babel knows.") from None


def update_catalogue(language: str, sentences: Catalog, folder: Path = FOLDER) -> tuple[int, int]:
    """Writes the file of a language with exactly these sentences, and the translations that there are. Returns how many
    sentences there are, and how many of them are not translated."""
    catalogue = read_catalogue(language, folder)
    catalogue.update(sentences, no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    text = catalogue_text(catalogue)
    (folder / f"{language}.po").write_text(text, encoding="utf-8", newline="\n")
    return len(catalogue), sum(1 for _ in missing(catalogue))


def missing(catalogue: Catalog) -> Iterator[Message]:
    """The sentences that are not translated, or not in every form that the language has for numbers."""
    for message in catalogue:
        strings = message.string if isinstance(message.string, list | tuple) else (message.string,)
        forms = catalogue.num_plurals if message.pluralizable else 1
        if message.id and (len(strings) != forms or not all(strings) or message.fuzzy):
            yield message


def catalogue_text(catalogue: Catalog) -> str:
    """The file of a catalogue. It holds no time and no line number, so that it changes only with its sentences."""
    header = (
        ("Language", str(catalogue.locale_identifier)),
        ("Plural-Forms", catalogue.plural_forms),
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Transfer-Encoding", "8bit"),
    )
    lines = "".join(f'"{name}: {value}\\n"\n' for name, value in header)
    body = io.BytesIO()
    write_po(body, catalogue, width=120, omit_header=True, include_lineno=False)
    return f'msgid ""\nmsgstr ""\n{lines}\n{body.getvalue().decode().lstrip()}'


def update_all(*more: str) -> Iterator[str]:
    """Updates every catalogue, makes one for each further language, and tells a line about each."""
    sentences = find_sentences()
    for language in dict.fromkeys((*LANGUAGES, *more)):
        if language != ENGLISH:
            count, left = update_catalogue(language, sentences)
            yield f"{language}: {count} sentences, {left} not translated"


def _sources(root: Path) -> list[Path]:
    return sorted(
        path
        for room in ROOMS
        for path in (root / room).rglob("*")
        if path.suffix == ".py" or (path.suffix in TEMPLATES and "templates" in path.parts)
    )
