"""SQL of the sequencer, for all organizations at once. All of it but `lock_sequencing` and `vacuum_staged` needs the
sequencer's lock.

The statements are built once. Building one costs more than sending it, and the sequencer sends dozens a second.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple, cast
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CursorResult,
    Date,
    FromClause,
    Integer,
    LargeBinary,
    Text,
    Uuid,
    any_,
    bindparam,
    column,
    delete,
    func,
    literal,
    select,
    text,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.log.models import POSITIONS, Event, OrganizationDay, OrganizationHead
from shared.database import Database
from shared.events import StagedEvent

SEQUENCER_LOCK = 0x7570_7761_7264_0001


class Staged(NamedTuple):
    """An event that waits for its position."""

    id: int
    event_id: UUID
    organization_id: UUID
    type: str
    version: int
    subject: str
    time: datetime
    data: dict[str, Any]


class Sequenced(NamedTuple):
    """A staged event's id, and the sequence and digest that it gets."""

    id: int
    sequence: int
    digest: bytes


class HeadAdvance(NamedTuple):
    """How the events of a batch advance an organization's head: from before its first to after its last event."""

    organization_id: UUID
    first_sequence: int
    digest_before: bytes
    last_sequence: int
    digest: bytes


COLUMNS = [getattr(StagedEvent, field) for field in Staged._fields]
LOCK = select(
    func.pg_try_advisory_xact_lock(SEQUENCER_LOCK),
    func.set_config("idle_in_transaction_session_timeout", "30s", literal(True)),
).where(select(StagedEvent.id).order_by(StagedEvent.id).limit(1).scalar_subquery().is_not(None))
"""It asks in the order of ids, as the index then shows at once whether there is one. In no order, Postgres may read
over all dead rows."""
STAGED = select(*COLUMNS).order_by(StagedEvent.id).limit(bindparam("limit", type_=Integer))
STAGED_BY_ID = select(*COLUMNS).where(StagedEvent.id == any_(bindparam("ids", type_=ARRAY(BigInteger))))
SHARES = text(
    """
    with recursive waiting(organization_id) as (
        (select organization_id from events.staged_event order by organization_id limit 1)
        union all
        select (
            select staged.organization_id from events.staged_event as staged
            where staged.organization_id > waiting.organization_id order by staged.organization_id limit 1
        )
        from waiting where waiting.organization_id is not null
    ), share as (
        select greatest(1, :limit / nullif(count(organization_id), 0)) as most from waiting
    )
    select first.id from waiting cross join lateral (
        select staged.id from events.staged_event as staged
        where staged.organization_id = waiting.organization_id order by staged.id limit (select most from share)
    ) as first
    where waiting.organization_id is not null order by first.id limit :limit
    """
).bindparams(bindparam("limit", type_=Integer))
"""The oldest staged events of each organization, as many of each as is its share of a batch. It goes from one
organization to the next by the index, as most rows may be of one."""


def _moving() -> Insert:
    """The statement that moves a batch. It has a parameter for each column of `given` (rows of `Sequenced`) and of
    `reached` (rows of `HeadAdvance`), and the parameter `day`."""
    day = bindparam("day", type_=Date)
    given = _rows("given", Sequenced, BigInteger, BigInteger, LargeBinary)
    moved = (
        delete(StagedEvent)
        .where(StagedEvent.id == given.c.id)
        .returning(StagedEvent, given.c.sequence, given.c.digest)
        .cte("moved")
    )
    reached = _rows("reached", HeadAdvance, Uuid, BigInteger, LargeBinary, BigInteger, LargeBinary)
    head = ["organization_id", "last_sequence", "digest"]
    heads = insert(OrganizationHead).from_select(head, select(*(reached.c[name] for name in head)))
    raised = heads.on_conflict_do_update(
        index_elements=[OrganizationHead.organization_id],
        set_={"last_sequence": heads.excluded.last_sequence, "digest": heads.excluded.digest},
    ).cte("raised")
    begin = ["organization_id", "first_sequence", "digest_before"]
    days = insert(OrganizationDay).from_select([*begin, "day"], select(*(reached.c[name] for name in begin), day))
    begun = days.on_conflict_do_nothing().cte("begun")
    copied = [
        "organization_id",
        "sequence",
        "event_id",
        "type",
        "version",
        "subject",
        "time",
        "data",
        "digest",
        "origin",
    ]
    ordered = select(*(moved.c[name] for name in copied)).order_by(moved.c.id).subquery("ordered")
    # Positions are drawn above the sort: they follow the staged ids.
    told = select(*ordered.c, day, POSITIONS.next_value())
    appended = insert(Event).from_select([*copied, "day", "position"], told).add_cte(raised, begun)
    return appended.execution_options(dml_strategy="raw", preserve_rowcount=True)


def _rows(name: str, shape: type[NamedTuple], *types: Any) -> FromClause:
    """A table of values with one array for each column, so that the statement is the same for any number of rows."""
    arrays = [
        sql_cast(bindparam(f"{name}_{field}", type_=Text), ARRAY(type))
        for field, type in zip(shape._fields, types, strict=True)
    ]
    fields = [column(field, type) for field, type in zip(shape._fields, types, strict=True)]
    return func.unnest(*arrays).table_valued(*fields, name=name).render_derived()


MOVE = _moving()
VACUUM = text("vacuum (skip_locked) events.staged_event")


async def lock_sequencing(session: AsyncSession) -> bool:
    """Whether there is anything to sequence and this transaction holds the lock for it. While nothing is staged, the
    one statement takes no lock.

    If this process freezes while it holds the lock, Postgres ends its transaction after 30 s of silence.
    """
    return bool(await session.scalar(LOCK))


async def keep_sequencers_away(session: AsyncSession) -> bool:
    """Takes the sequencer's lock if nobody has it, also when nothing is staged, and returns whether it did."""
    return bool(await session.scalar(select(func.pg_try_advisory_xact_lock(SEQUENCER_LOCK))))


async def read_staged(session: AsyncSession, limit: int) -> list[Staged]:
    """Up to `limit` staged events, in the order of their ids. Needs the lock.

    It must be a statement of its own, after the one that took the lock. Its snapshot then shows everything that the
    previous holder committed.

    If more are staged than that, each organization that waits has its share of the batch, and the rest goes to the
    oldest. Of each organization these are its oldest ones, so that its events keep their order.
    """
    oldest = [Staged._make(row) for row in await session.execute(STAGED, {"limit": limit})]
    if len(oldest) < limit:
        return oldest
    shares = set(await session.scalars(SHARES, {"limit": limit}))
    later = shares - {row.id for row in oldest}
    if not later:
        return oldest
    found = [Staged._make(row) for row in await session.execute(STAGED_BY_ID, {"ids": list(later)})]
    found += [row for row in oldest if row.id in shares]
    found += [row for row in oldest if row.id not in shares][: limit - len(found)]
    return sorted(found)


async def move_staged(
    session: AsyncSession, day: date, sequenced: Sequence[Sequenced], advances: Collection[HeadAdvance]
) -> int:
    """Moves staged events into the log, in the order of their ids, raises their organizations' heads, and returns how
    many were moved. The lock has been held since the events and the heads were read."""
    given = _arrays("given", Sequenced, sequenced) | _arrays("reached", HeadAdvance, advances) | {"day": day}
    return cast(CursorResult[Any], await session.execute(MOVE, given)).rowcount


async def vacuum_staged(database: Database) -> None:
    """Vacuums the staging table, unless another sequencer does so now. Needs no lock."""
    async with database.engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        try:
            await connection.execute(text("set statement_timeout = 0"))
            await connection.execute(VACUUM)
        finally:
            await connection.invalidate()  # closed, not pooled: it has no limit any more


def _arrays(name: str, shape: type[NamedTuple], rows: Collection[tuple[Any, ...]]) -> dict[str, Any]:
    """The parameters for a table made by `_rows`."""
    columns = zip(*rows, strict=True) if rows else ((),) * len(shape._fields)
    return {f"{name}_{field}": _array(values) for field, values in zip(shape._fields, columns, strict=True)}


def _array(values: Iterable[int | UUID | bytes]) -> str:
    """A Postgres array as text. The driver's own conversion of these values takes longer than the rest of a batch."""
    return "{" + ",".join(f'"\\\\x{one.hex()}"' if isinstance(one, bytes) else str(one) for one in values) + "}"
