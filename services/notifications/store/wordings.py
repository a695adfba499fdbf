"""SQL of the words that organizations write for messages and pages themselves. Functions never commit.

A wording is for one template of messages, or one text of pages, and one language. Its scope is a program, or the
organization itself: then it is for all of its programs that have no wording of their own.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.models import OwnWords, PageWordingRow, WordingRow
from services.notifications.rules.wording import Worded, Wording
from shared.contracts.notifications import OwnPageWords, PageText, PageWords, Template
from shared.http.etags import change, check_match

FIELDS = ("subject", "body")
ROWS: dict[type, type[OwnWords]] = {Template: WordingRow, PageText: PageWordingRow}


class Place(NamedTuple):
    """Where a wording belongs."""

    organization_id: UUID
    program_id: UUID | None
    """None stands for all programs of the organization."""
    template: Worded
    language: str

    @property
    def scope_id(self) -> UUID:
        return self.program_id or self.organization_id


class StoredWording(NamedTuple):
    template: Worded
    language: str
    of_program: bool
    wording: Wording | None
    """None after it was reset."""
    version: int
    updated_at: datetime


async def read_wordings(
    session: AsyncSession,
    organization_id: UUID,
    program_id: UUID | None,
    templates: Iterable[Worded] | None = None,
    language: str | None = None,
    of: type[Template] | type[PageText] = Template,
) -> list[StoredWording]:
    """What is stored for the program and for all programs, by default of every template of messages, or text of pages,
    and every language. The program's own stand last, so that they win where later ones do."""
    table = ROWS[of]
    query = select(table).where(
        table.organization_id == organization_id,
        table.scope_id.in_({organization_id, program_id or organization_id}),
    )
    if templates is not None:
        query = query.where(table.template.in_(list(templates)))
    if language is not None:
        query = query.where(table.language == language)
    found = [_stored(row, of) for row in await session.scalars(query)]
    return sorted(found, key=lambda one: (one.of_program, one.template.value, one.language))


async def read_own(
    session: AsyncSession, organization_id: UUID, program_id: UUID, template: Template
) -> Mapping[str, Wording]:
    """The wording of the template's messages in each language that has one: the program's, else the organization's."""
    found = await read_wordings(session, organization_id, program_id, [template])
    return {one.language: one.wording for one in found if one.wording is not None}


async def read_own_pages(session: AsyncSession, organization_id: UUID, program_id: UUID) -> OwnPageWords:
    """The organization's own words of participants' pages: the program's, else those for all programs."""
    found = await read_wordings(session, organization_id, program_id, of=PageText)
    own = {(one.template, one.language): one for one in found if one.wording is not None}
    items = (
        PageWords(text=PageText(text), language=language, heading=one.wording.subject, body=one.wording.body)
        for (text, language), one in own.items()
        if one.wording is not None
    )
    return OwnPageWords(items=tuple(items))


async def save_wording(session: AsyncSession, place: Place, wording: Wording | None, if_match: str) -> None:
    """Stores the wording; None takes it back. The same wording as before keeps its version. Raises StaleVersion."""
    table = ROWS[type(place.template)]
    await session.execute(insert(table).values(**_key(place)).on_conflict_do_nothing())
    row = (
        await session.scalars(
            select(table).filter_by(**_key(place)).with_for_update().execution_options(populate_existing=True)
        )
    ).one()
    check_match(if_match, row.version, row.field_versions)
    wanted = dict(zip(FIELDS, wording or (None, None), strict=True))
    if change(row, wanted):
        await session.flush()


def _key(place: Place) -> dict[str, object]:
    return {
        "organization_id": place.organization_id,
        "scope_id": place.scope_id,
        "template": place.template.value,
        "language": place.language,
    }


def _stored(row: OwnWords, of: type[Template] | type[PageText]) -> StoredWording:
    return StoredWording(
        template=of(row.template),
        language=row.language,
        of_program=row.scope_id != row.organization_id,
        wording=Wording(row.subject, row.body) if row.subject is not None and row.body is not None else None,
        version=row.version,
        updated_at=row.updated_at,
    )
