"""ETags of resources that can be edited. An ETag is a version in quotes; it is compared by the strong comparison of
RFC 9110, section 13.1.1.

Two admins may edit the same thing. The second is told which fields have changed since they read it: for each field,
`field_versions` of a row keeps the version that changed it last.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

from shared.errors import PreconditionFailed, PreconditionRequired


class IfMatchRequired(PreconditionRequired):
    code = "if_match_required"


class StaleVersion(PreconditionFailed):
    code = "stale_version"


class Versioned(Protocol):
    """A row that can be edited."""

    version: int
    field_versions: dict[str, int]
    updated_at: datetime


def etag(version: int | str) -> str:
    return f'"{version}"'


def check_present(if_match: str | None) -> str:
    """Returns the header. Raises IfMatchRequired (428) if it is missing."""
    if not if_match or not if_match.strip():
        raise IfMatchRequired("Read it first and send its ETag as If-Match, so that no change is lost.")
    return if_match


def check_match(if_match: str, version: int | str, changes: Mapping[str, int] | Sequence[str] = ()) -> None:
    """Raises StaleVersion (412) unless the header names this version, or any version (`*`).

    The refusal tells the ETag of now, and which fields have changed. `changes` are the `field_versions` of the row; or,
    where versions are no numbers, the fields of which one must have changed."""
    tags = [tag.strip() for tag in if_match.split(",")]
    if tags == ["*"] or etag(version) in tags:
        return
    changed = changed_since(tags, changes) if isinstance(changes, Mapping) else list(changes)
    what = f" ({', '.join(changed)})" if changed else ""
    raise StaleVersion(
        f"It has changed{what} since you read it; read it again and repeat your change.",
        etag=etag(version),
        changed=changed,
    )


def with_versions(field_versions: Mapping[str, int], changed: Iterable[str], version: int) -> dict[str, int]:
    """What a row keeps after these fields were changed by this version."""
    return {**field_versions, **dict.fromkeys(changed, version)}


def change(row: Versioned, wanted: Mapping[str, object]) -> bool:
    """Writes into the row what is not the same as before, as its next version, and says whether there was anything."""
    changes = {name: value for name, value in wanted.items() if getattr(row, name) != value}
    if not changes:
        return False
    for name, value in changes.items():
        setattr(row, name, value)
    row.version += 1
    row.field_versions = with_versions(row.field_versions, changes, row.version)
    row.updated_at = datetime.now(UTC)
    return True


def changed_since(tags: Iterable[str], field_versions: Mapping[str, int]) -> list[str]:
    """The fields that were changed after the latest of these versions, as far as that is known."""
    known = [int(tag.strip('"')) for tag in tags if re.fullmatch(r'"[0-9]{1,9}"', tag)]
    return sorted(name for name, version in field_versions.items() if known and version > max(known))
