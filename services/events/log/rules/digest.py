"""The running digest of an organization's events, by which a consumer can prove that it has all of them, unchanged.

The digest after an event is the SHA-256 of the digest before it followed by the event's canonical text. The digest
before the first event is the SHA-256 of its `source`. docs/events-feed.md tells consumers how to compute it from the
feed.

The canonical text is JSON in UTF-8 with sorted keys, without white space, and with only those characters escaped that
must be. It holds the members of the event that `link` takes and no others, so that the envelope may grow.
Nothing of this may ever change, as each digest depends on all those before it.
`migrations/versions/0012_event_digests.py` has a copy of its own.
"""

import hashlib
import json
from datetime import datetime
from typing import Any
from uuid import UUID

from services.events.log.rules.cloudevents import source_of
from shared.contracts.base import Contract

CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


class Checkpoint(Contract):
    """The last sequence of an organization's events, and the digest of all of them."""

    sequence: int
    epoch: UUID
    """The epoch of the log. If it is not the one that you know, see how to resync."""
    digest: str
    """SHA-256 over all events up to this sequence, 64 hexadecimal digits."""


def genesis(organization_id: UUID) -> bytes:
    """The digest before an organization's first event."""
    return hashlib.sha256(source_of(organization_id).encode()).digest()


def link(
    before: bytes, id: UUID, sequence: str, type: str, subject: str, time: datetime, data: dict[str, Any]
) -> bytes:
    """The digest after an event, from the digest before it and the event's members as the feed gives them. `time` is in
    UTC. Types need no escaping."""
    text = (
        f'{{"data":{CANONICAL.encode(data)},"id":"{id}","sequence":"{sequence}","subject":{CANONICAL.encode(subject)},'
        f'"time":"{time.isoformat().replace("+00:00", "Z")}","type":"{type}"}}'
    )
    return hashlib.sha256(before + text.encode()).digest()
