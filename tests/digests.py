"""The running digest over events in the form in which consumers get them."""

from services.events.log.rules.cloudevents import CloudEvent
from services.events.log.rules.digest import link


def link_event(before: bytes, event: CloudEvent) -> bytes:
    """The digest after an event, from the digest before it."""
    return link(before, event.id, event.sequence, event.type, event.subject, event.time, event.data)
