"""The committed schemas of events, on which consumers rely: `python -m tests.services.write_event_schemas`.

It writes `event_schemas.json`, with the schema of every version that was ever emitted, and the table in docs/events.md.
It refuses a change that breaks consumers: raise the type's `version` then.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

from services.events.log.rules.catalogue import read_catalogue

SNAPSHOT = Path(__file__).parent / "event_schemas.json"
DOCUMENT = Path(__file__).parents[2] / "docs/events.md"
HEADER = "| type | when it happens | subject | data |\n|---|---|---|---|\n"
TABLE = re.compile(re.escape(HEADER) + r"((?:^\|.*\n)*)", re.MULTILINE)
REMARKS = {"description", "examples"}
"""Parts of a field's schema that consumers need not rely on."""

Schemas = dict[str, dict[str, Any]]
"""The `properties` and `required` of each type, by its full name."""


def committed() -> Schemas:
    schemas: Schemas = json.loads(SNAPSHOT.read_text())
    return schemas


def current() -> Schemas:
    """The schemas of the types that this version of the code emits."""
    return {found.type: promise(found.data_schema) for found in read_catalogue().types}


def promise(schema: dict[str, Any]) -> dict[str, Any]:
    fields = {name: {k: v for k, v in one.items() if k not in REMARKS} for name, one in schema["properties"].items()}
    return {"properties": fields, "required": schema["required"]}


def broken(before: Schemas, now: Schemas) -> list[str]:
    """The changes that break consumers of the earlier schemas; empty if schemas have only grown."""
    found = []
    versions = {name: int(version) for name, _, version in (type.rpartition(".v") for type in now)}
    for type, schema in before.items():
        name, _, version = type.rpartition(".v")
        if type in now:
            found += [f"{type}: {what}" for what in broken_fields(schema, now[type])]
        elif versions.get(name, 0) < int(version):
            found.append(f"{type}: is gone")
    return found


def broken_fields(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    old, new = before["properties"], now["properties"]
    found = [f"`{name}` is gone" for name in old if name not in new]
    found += [f"`{name}` is new and required" for name in now["required"] if name not in old]
    for name in old.keys() & new.keys():
        if (name in before["required"]) != (name in now["required"]):
            found.append(f"`{name}` is {'now' if name in now['required'] else 'no longer'} required")
        if _kind(old[name]) != _kind(new[name]):
            found.append(f"`{name}` is something else")
        gone = set(old[name].get("x-extensible-enum", ())) - set(new[name].get("x-extensible-enum", ()))
        found += [f"`{name}` is never `{value}` again" for value in sorted(gone)]
    return sorted(found)


def _kind(field: dict[str, Any]) -> dict[str, Any]:
    """A field's schema without the values of its vocabulary, which may grow."""
    return {name: value for name, value in field.items() if name != "x-extensible-enum"} | {
        "vocabulary": "x-extensible-enum" in field
    }


def snapshot() -> str:
    """The text of the file: every version that was ever emitted, also those that are emitted no more."""
    before = committed() if SNAPSHOT.exists() else {}
    return json.dumps(before | current(), indent=1, sort_keys=True) + "\n"


def table() -> str:
    """The rows of the table in the document."""
    rows = [
        f"| `{one.type}` | {one.when} | `{one.subject}` | {', '.join(f'`{name}`' for name in one.example.data)} |\n"
        for one in read_catalogue().types
    ]
    return "".join(rows)


def write() -> None:
    if SNAPSHOT.exists() and (found := broken(committed(), current())):
        sys.exit("\n".join(["These changes need a new `version` of their type:", *found]))
    SNAPSHOT.write_text(snapshot())
    DOCUMENT.write_text(TABLE.sub(lambda _: HEADER + table(), DOCUMENT.read_text()))


if __name__ == "__main__":
    write()
