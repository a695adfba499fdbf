"""Deputies: whoever stands in for somebody who is away gets their messages as coordinator or sponsor too. Pure.

The person who is away gets them all the same, so that nothing is lost if the deputy leaves. A deputy who is away too is
not replaced by theirs.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from services.notifications.rules.sending_hours import zone_of
from shared.contracts.intake import Contact
from shared.contracts.notifications import Audience

STAFF = (Audience.COORDINATORS, Audience.SPONSOR, Audience.EVERY_COORDINATOR)
"""The audiences whose people have deputies."""


def deputy_at(contact: Contact, moment: datetime) -> UUID | None:
    """Who stands in for the person at this moment, by the clock of whoever is away."""
    day = moment.astimezone(zone_of(contact.time_zone)).date()
    return contact.away.deputy_id if contact.away is not None and contact.away.covers(day) else None


def stand_ins(named: Iterable[Contact], moment: datetime) -> Mapping[UUID, tuple[Contact, ...]]:
    """For whom each deputy stands in at this moment."""
    found: dict[UUID, tuple[Contact, ...]] = {}
    for contact in named:
        if (deputy := deputy_at(contact, moment)) is not None:
            found[deputy] = (*found.get(deputy, ()), contact)
    return found
