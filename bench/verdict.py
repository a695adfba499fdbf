"""How a bench ends: it prints what it found, and exits with 1 if a figure misses what is required of it."""

import json
import sys
from collections.abc import Mapping
from typing import NoReturn

from rich.console import Console
from rich.table import Table

NOTHING: Mapping[str, float] = {}


def end(
    found: Mapping[str, float],
    title: str,
    *,
    most: Mapping[str, float] = NOTHING,
    least: Mapping[str, float] = NOTHING,
    as_json: bool,
) -> NoReturn:
    """Prints one JSON line or a table. `most` and `least` say what is required of some figures."""
    if as_json:
        print(json.dumps({**found, "required": {**most, **least}}))
    else:
        wanted = {name: f"at most {value:g}" for name, value in most.items()}
        wanted |= {name: f"at least {value:g}" for name, value in least.items()}
        table = Table("measure", "found", "required", title=title)
        for name, value in found.items():
            table.add_row(name, f"{value:g}", wanted.get(name, ""))
        Console().print(table)
    missed = [name for name, value in most.items() if found[name] > value]
    missed += [name for name, value in least.items() if found[name] < value]
    sys.exit(1 if missed else 0)
