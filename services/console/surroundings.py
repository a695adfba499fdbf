"""What is the same on the pages of all participants of a cycle: what the program says of itself, how the organization
shows itself and words its pages, and whom a participant may ask.

Thousands open their pages within minutes after a mail. Therefore a process reads this once a second for each cycle, and
whoever comes meanwhile sees what was read.
"""

import asyncio
import time
from typing import NamedTuple
from uuid import UUID
from weakref import WeakKeyDictionary

import httpx
import structlog

from services.console.look import OURS, Look, look_of
from shared.contracts.accounts import Brand
from shared.contracts.base import Service
from shared.contracts.intake import Contact, Contacts, ReadContacts, first_active
from shared.contracts.notifications import OwnPageWords, PageWords
from shared.contracts.programs import CycleBrief
from shared.database import reading_together
from shared.errors import DomainError
from shared.http.internal import Internal

log = structlog.get_logger(__name__)
KEPT_SECONDS = 1.0
"""How old what is shown may be."""
MOST_CYCLES = 1000
"""The cycles that are remembered; those that were read first are forgotten first."""


class Surroundings(NamedTuple):
    brief: CycleBrief
    look: Look = OURS
    own_words: tuple[PageWords, ...] = ()
    """The texts of the program's pages that the organization has written itself."""
    contact: Contact | None = None
    """Whom a reader may ask: the program's first coordinator who has not left."""


class _Read(NamedTuple):
    task: "asyncio.Task[Surroundings]"
    until: float


_reads: WeakKeyDictionary[Internal, dict[tuple[UUID, UUID], _Read]] = WeakKeyDictionary()
"""What was read, and is being read, by organization and cycle: for each application that asks."""


async def read_surroundings(internal: Internal, organization_id: UUID, cycle_id: UUID) -> Surroundings:
    """Raises NotFound for a cycle that the organization does not have, and `httpx.HTTPError` while programs or intake
    is away."""
    reads, key = _reads.setdefault(internal, {}), (organization_id, cycle_id)
    found = reads.get(key)
    if found is None or not _serves(found):
        task = asyncio.create_task(_read(internal, organization_id, cycle_id))
        task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # somebody may wait for it, or not
        reads.pop(key, None)
        reads[key] = found = _Read(task, time.monotonic() + KEPT_SECONDS)
        while len(reads) > MOST_CYCLES:
            del reads[next(iter(reads))]
    return await asyncio.shield(found.task)  # the others still wait for it if this reader goes away


def _serves(read: _Read) -> bool:
    """Whether it is under way, or has ended well and lately."""
    task = read.task
    if task.get_loop() is not asyncio.get_running_loop():
        return False
    if not task.done():
        return True
    return time.monotonic() < read.until and not task.cancelled() and task.exception() is None


async def _read(internal: Internal, organization_id: UUID, cycle_id: UUID) -> Surroundings:
    async with reading_together(anew=True):
        brief = await internal.get(Service.PROGRAMS, f"/cycles/{cycle_id}", CycleBrief, organization_id)
        look, own, contact = await asyncio.gather(
            read_look(internal, organization_id), _read_own_words(internal, brief), _read_contact(internal, brief)
        )
    return Surroundings(brief, look, own, contact)


async def read_look(internal: Internal, organization_id: UUID) -> Look:
    """How the organization shows itself. A page that cannot learn it looks like ours."""
    try:
        return look_of(await internal.get(Service.ACCOUNTS, "/brand", Brand, organization_id), organization_id)
    except (DomainError, httpx.HTTPError) as error:
        log.warning("look.unknown", error=type(error).__name__)
        return OURS


async def _read_own_words(internal: Internal, brief: CycleBrief) -> tuple[PageWords, ...]:
    """The organization's own words for the pages of the program. A page that cannot learn them says it in ours."""
    params = {"program_id": str(brief.program_id)}
    try:
        found = await internal.get(Service.NOTIFICATIONS, "/page-words", OwnPageWords, brief.organization_id, params)
    except (DomainError, httpx.HTTPError) as error:
        log.warning("page_words.unknown", error=type(error).__name__)
        return ()
    return found.items


async def _read_contact(internal: Internal, brief: CycleBrief) -> Contact | None:
    people = await read_contacts(internal, brief.organization_id, brief.coordinator_ids)
    return first_active(brief.coordinator_ids, people)


async def read_contacts(internal: Internal, organization_id: UUID, person_ids: tuple[UUID, ...]) -> dict[UUID, Contact]:
    """The people by their ids, at most 1,000 at once. Those who do not exist are missing."""
    if not person_ids:
        return {}
    request = ReadContacts(person_ids=tuple(dict.fromkeys(person_ids)))
    found = await internal.ask(Service.INTAKE, "/contacts", request, Contacts, organization_id)
    return {contact.person_id: contact for contact in found.contacts}
