"""The code of an expected failure has one meaning, so that callers and workflows can decide by it."""

import ast
import re
from collections import defaultdict

from shared.errors import DomainError
from shared.http.problems import TITLES
from tests.architecture.sources import import_all, place, python_files, subclasses

SNAKE = re.compile(r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$")


def errors() -> list[type[DomainError]]:
    for package in ("shared", "services"):
        list(import_all(package))
    ours = [found for found in subclasses(DomainError) if found.__module__.startswith(("shared.", "services."))]
    return [DomainError, *(found for found in ours if issubclass(found, DomainError))]


def codes_given_where_raised() -> list[tuple[str, str, str]]:
    """Every `SomeError(..., code="...")` in the source: the name of the class, the code, and where it is."""
    found = []
    names = {error.__name__ for error in errors()}
    for path in python_files("shared", "services"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
                for keyword in node.keywords:
                    if keyword.arg == "code" and isinstance(keyword.value, ast.Constant):
                        found.append((node.func.id, str(keyword.value.value), f"{place(path)}:{node.lineno}"))
    return found


def test_codes_are_snake_case() -> None:
    codes = [error.code for error in errors()] + [code for _, code, _ in codes_given_where_raised()]
    assert [code for code in codes if not SNAKE.match(code)] == []


def test_a_code_has_one_status() -> None:
    statuses = {error.__name__: error.status for error in errors()}
    found: dict[str, set[int]] = defaultdict(set)
    for error in errors():
        found[error.code].add(error.status)
    for name, code, _ in codes_given_where_raised():
        found[code].add(statuses[name])
    assert {code: sorted(several) for code, several in found.items() if len(several) > 1} == {}


def test_a_code_has_one_name() -> None:
    """Two classes may have the same code only if they have the same name: they are one failure in two services."""
    found: dict[str, set[str]] = defaultdict(set)
    for error in errors():
        if "code" in vars(error) and error is not DomainError:
            found[error.code].add(error.__name__)
    assert {code: sorted(names) for code, names in found.items() if len(names) > 1} == {}


def test_a_specific_error_has_a_code_of_its_own() -> None:
    general = {error for error in errors() if error.__module__ == "shared.errors"}
    assert [error.__name__ for error in errors() if error not in general and "code" not in vars(error)] == []


def test_every_status_has_a_title() -> None:
    assert {error.status for error in errors()} <= TITLES.keys()


def test_details_are_never_put_together_from_what_people_wrote() -> None:
    """A detail is a fixed text, or holds numbers, codes and ids: never a name, an address or a note."""
    names = {error.__name__ for error in errors()}
    private = re.compile(r"\b(name|email|given_name|note|comment|address|subject|body|text|answer)\b")
    wrong = []
    for path in python_files("shared", "services"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names):
                continue
            for part in ast.walk(node):
                if isinstance(part, ast.FormattedValue) and private.search(ast.unparse(part.value)):
                    wrong.append(f"{place(path)}:{node.lineno} {ast.unparse(part.value)}")
    assert wrong == []
