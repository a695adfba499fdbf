"""The project's own source, as the architecture tests read it."""

import ast
import importlib
import pkgutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parents[2]
CODE = ("shared", "services", "workflows", "upward")
"""The rooms that ship."""
ROOMS = (*CODE, "tests", "bench", "migrations")


def python_files(*rooms: str) -> list[Path]:
    return sorted(path for room in rooms for path in (ROOT / room).rglob("*.py"))


def place(path: Path) -> str:
    """The path as people write it: `shared/errors.py`."""
    return path.relative_to(ROOT).as_posix()


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_names(path: Path) -> set[str]:
    """Every module that a file imports, at its top or inside; `from a import b` counts as `a.b`."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{place(path)} imports relatively"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def import_all(package: str) -> Iterator[ModuleType]:
    """Imports a package and everything in it, except what runs when it is imported."""
    root = importlib.import_module(package)
    yield root
    for found in pkgutil.walk_packages(root.__path__, f"{package}."):
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def wall(name: str) -> dict[str, Any]:
    """An import-linter contract of pyproject.toml, by its name."""
    document = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts: list[dict[str, Any]] = document["tool"]["importlinter"]["contracts"]
    return next(one for one in contracts if one["name"] == name)


def subclasses(base: type) -> list[type]:
    """Every class below `base` that has been imported so far."""
    direct: list[type] = base.__subclasses__()
    return list(dict.fromkeys([*direct, *(deeper for one in direct for deeper in subclasses(one))]))
