"""Import rules that import-linter cannot express: lists of what may be imported, including modules of other
packages."""

import ast
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import imported_names, place, python_files

CONTRACTS_MAY = ("pydantic", "temporalio.activity", "shared.contracts")
WORKFLOWS_MAY = ("pydantic", "temporalio", "shared.contracts", "workflows")
NOT_IN_WORKFLOWS = ("random", "secrets", "time", "threading", "subprocess", "socket", "os", "pathlib", "logging")
"""Modules of the standard library with clocks, randomness or I/O, which a replay could not repeat."""


def outside(path: Path, allowed: tuple[str, ...]) -> list[str]:
    def is_allowed(name: str) -> bool:
        in_library = name.split(".")[0] in sys.stdlib_module_names
        return in_library or any(name == one or name.startswith(f"{one}.") for one in allowed)

    return sorted(name for name in imported_names(path) if not is_allowed(name))


@pytest.mark.parametrize("path", python_files("shared/contracts"), ids=place)
def test_contracts_import_only_pydantic_activity_and_the_standard_library(path: Path) -> None:
    assert outside(path, CONTRACTS_MAY) == []


@pytest.mark.parametrize("path", python_files("workflows"), ids=place)
def test_workflows_import_only_contracts_temporalio_pydantic_and_the_standard_library(path: Path) -> None:
    assert outside(path, WORKFLOWS_MAY) == []


@pytest.mark.parametrize("path", python_files("workflows"), ids=place)
def test_workflows_use_no_clock_chance_or_input_of_their_own(path: Path) -> None:
    used = {name.split(".")[0] for name in imported_names(path)}
    assert used.isdisjoint(NOT_IN_WORKFLOWS)


def test_every_activity_is_called_with_the_options_of_its_service() -> None:
    """The only form is `workflow.execute_activity_method(Contract.method, request, **OPTIONS)`."""
    wrong, calls = [], 0
    for path in python_files("workflows"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if node.func.attr not in {"execute_activity_method", "start_activity_method"}:
                if "activity" in node.func.attr and ast.unparse(node.func.value) == "workflow":
                    wrong.append(f"{place(path)}:{node.lineno} {node.func.attr}")
                continue
            calls += 1
            options = [ast.unparse(keyword.value) for keyword in node.keywords if keyword.arg is None]
            contract = ast.unparse(node.args[0]).partition(".")[0]
            by_contract = isinstance(node.args[0], ast.Attribute) and contract.endswith(("Activities", "Recovery"))
            if len(options) != 1 or not by_contract or len(node.args) != 2:
                wrong.append(f"{place(path)}:{node.lineno}")
    assert wrong == []
    assert calls > 5


@pytest.mark.parametrize("path", python_files("shared", "services", "workflows", "upward"), ids=place)
def test_nothing_that_ships_imports_the_tests(path: Path) -> None:
    assert not {name for name in imported_names(path) if name.split(".")[0] == "tests"}
