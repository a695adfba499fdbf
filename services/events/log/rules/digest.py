"""The running digest of an organization's events, by which a consumer proves that it has every one of them, unchanged.

The digest after an event is the SHA-256 of the digest before it and of the event's canonical text; the first event
follows the SHA-256 of its `source`. docs/events-feed.md tells consumers how to compute the same from the feed.

The canonical text is JSON (UTF-8) of what the feed gives of an event, of the members in `link_members` alone, so that
the envelope may grow: keys sorted, no white space, only what must be escaped is. Nothing of this may ever change: each
digest stands on all those before it. `migrations/versions/0012_event_digests.py` has its own copy.
"""

import hashlib
import json
from datetime import datetime
from typing import Any
from uuid import UUID

from services.events.log.rules.cloudevents import CloudEvent, source_of
from shared.contracts.base import Contract

CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


class Checkpoint(Contract):
    """How far an organization's events have come, and what they were."""

    sequence: int
    epoch: UUID
    """Of the log; another one than yours: see how to resync."""
    digest: str
    """SHA-256 over all events up to this sequence, 64 hexadecimal digits."""


def genesis(organization_id: UUID) -> bytes:
    """The digest before an organization's first event."""
    return hashlib.sha256(source_of(organization_id).encode()).digest()


def link(before: bytes, event: CloudEvent) -> bytes:
    """The digest after an event, of the digest before it."""
    return link_members(before, event.id, event.sequence, event.type, event.subject, event.time, event.data)


def link_members(
    before: bytes, id: UUID, sequence: str, type: str, subject: str, time: datetime, data: dict[str, Any]
) -> bytes:
    """The same of an event's members, without the cost of a model. `time` is in UTC; types need no escaping."""
    text = (
        f'{{"data":{CANONICAL.encode(data)},"id":"{id}","sequence":"{sequence}","subject":{CANONICAL.encode(subject)},'
        f'"time":"{time.isoformat().replace("+00:00", "Z")}","type":"{type}"}}'
    )
    return hashlib.sha256(before + text.encode()).digest()
