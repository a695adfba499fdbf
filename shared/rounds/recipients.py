"""SQL of whom a round asks. Functions never commit."""

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple, cast
from uuid import UUID

from sqlalchemy import ARRAY, CursorResult, SelectBase, Table, Uuid, any_, column, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from shared.contracts.base import PersonPage
from shared.contracts.rounds import OpenRound, RecipientState
from shared.rounds.models import RoundRecipient


class Recipient(NamedTuple):
    person_id: UUID
    subject_id: UUID
    """The pair asked about, or the cycle."""


Recipients = Iterable[Recipient] | SelectBase
"""Whom a round asks: given, or selected as people and subjects. Those who are selected are rows that never leave
Postgres, so that the memory of no process grows with them."""


async def ask(session: AsyncSession, request: OpenRound, recipients: Recipients) -> int:
    """Asks them with one statement, each person once about a subject, and returns how many answers that asks for."""
    chosen = recipients if isinstance(recipients, SelectBase) else _listed(recipients)
    people, subjects = chosen.subquery("chosen").c
    rows = select(literal(request.round_id, Uuid()), people, subjects, literal(request.organization_id, Uuid()))
    columns = ["round_id", "person_id", "subject_id", "organization_id"]
    asked = await session.execute(
        insert(cast(Table, RoundRecipient.__table__)).from_select(columns, rows).on_conflict_do_nothing(),
        execution_options={"preserve_rowcount": True},
    )
    return cast(CursorResult[Any], asked).rowcount


def _listed(recipients: Iterable[Recipient]) -> SelectBase:
    given = list(recipients)
    ids = ARRAY(Uuid())
    arrays = (literal([one.person_id for one in given], ids), literal([one.subject_id for one in given], ids))
    rows = func.unnest(*arrays).table_valued(column("person_id", Uuid()), column("subject_id", Uuid()))
    return select(rows.render_derived("given"))


async def read_recipients(
    session: AsyncSession,
    organization_id: UUID,
    round_id: UUID,
    state: RecipientState,
    after: UUID | None,
    limit: int,
) -> PersonPage:
    """One page of the people asked, each once, ordered by id."""
    query = select(RoundRecipient.person_id).where(
        RoundRecipient.organization_id == organization_id,
        RoundRecipient.round_id == round_id,
        RoundRecipient.excused_at.is_(None),
    )
    if state is RecipientState.PENDING:
        query = query.where(RoundRecipient.answered_at.is_(None))
    if after is not None:
        query = query.where(RoundRecipient.person_id > after)
    found = (await session.scalars(query.distinct().order_by(RoundRecipient.person_id).limit(limit + 1))).all()
    people = tuple(found[:limit])
    return PersonPage(person_ids=people, after=people[-1] if len(found) > limit else None)


async def read_pending(
    session: AsyncSession, organization_id: UUID, round_id: UUID, people: Collection[UUID]
) -> PersonPage:
    """Those of these people who have not answered and are still asked."""
    found = await session.scalars(
        select(RoundRecipient.person_id)
        .where(
            RoundRecipient.organization_id == organization_id,
            RoundRecipient.round_id == round_id,
            RoundRecipient.person_id == any_(literal(list(people), ARRAY(Uuid()))),
            RoundRecipient.answered_at.is_(None),
            RoundRecipient.excused_at.is_(None),
        )
        .distinct()
    )
    return PersonPage(person_ids=tuple(found))
