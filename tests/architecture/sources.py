"""Reads the source of the project for the tests of its architecture."""

import ast
import importlib
import importlib.util
import pkgutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parents[2]
CODE = ("shared", "services", "workflows", "upward")
"""The rooms that are part of the image."""
ROOMS = (*CODE, "tests", "bench", "migrations")


def python_files(*rooms: str) -> list[Path]:
    return sorted(path for room in rooms for path in (ROOT / room).rglob("*.py"))


def place(path: Path) -> str:
    """The path from the root, such as `shared/errors.py`."""
    return path.relative_to(ROOT).as_posix()


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_names(path: Path) -> set[str]:
    """Every module that a file imports, at its top or in a function. `from a import b` counts as `a.b`."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{place(path)} imports relatively"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


OF_AN_EXTRA = "shared.telemetry.otlp"
HAS_TELEMETRY = importlib.util.find_spec("opentelemetry.exporter") is not None


def import_all(package: str) -> Iterator[ModuleType]:
    """Imports a package and all modules in it, except `__main__`, which would run, and what needs packages that are an
    extra where these are not installed."""
    root = importlib.import_module(package)
    yield root
    for found in pkgutil.walk_packages(root.__path__, f"{package}."):
        if not found.name.endswith("__main__") and (found.name != OF_AN_EXTRA or HAS_TELEMETRY):
            yield importlib.import_module(found.name)


def wall(name: str) -> dict[str, Any]:
    """The import-linter contract of this name in pyproject.toml."""
    document = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts: list[dict[str, Any]] = document["tool"]["importlinter"]["contracts"]
    return next(one for one in contracts if one["name"] == name)


def subclasses(base: type) -> list[type]:
    """Every subclass of `base` that has been imported so far."""
    direct: list[type] = base.__subclasses__()
    return list(dict.fromkeys([*direct, *(deeper for one in direct for deeper in subclasses(one))]))
