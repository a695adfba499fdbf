"""SQL of check-in and survey rounds: the pairs that they ask about, and the answers."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import and_, func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.feedback.models import AskedPair, CheckIn, SurveyResponse
from services.feedback.rules.entries import usefulness_of
from shared.contracts.feedback import CheckInEntry, PairQuestion, SurveyEntry
from shared.contracts.matching import PairSummary, Side
from shared.contracts.round_kinds import RoundKindUnknown
from shared.contracts.rounds import OpenRound, RoundKind, RoundOpened, RoundState
from shared.errors import NotFound
from shared.rounds.models import Round, RoundRecipient
from shared.rounds.recipients import Recipient
from shared.rounds.store import RoundIsClosed, asked_subjects, excuse, opened
from shared.rounds.store import open_round as open_shared_round
from shared.rounds.store import read_round as read_counts

Sides = dict[UUID, Side]
"""For each pair, whether a person is its mentor or its mentee."""


AnswerTable = type[CheckIn] | type[SurveyResponse]
ANSWER_TABLES: dict[RoundKind, AnswerTable] = {RoundKind.CHECK_IN: CheckIn, RoundKind.SURVEY: SurveyResponse}
"""Where the answers of each kind of round that feedback owns are kept."""


class FirstAnswer(NamedTuple):
    """An answer that had not been given before."""

    id: UUID
    pair_id: UUID


def answer_table(kind: RoundKind) -> AnswerTable:
    """Raises RoundKindUnknown for a kind whose answers feedback does not keep."""
    try:
        return ANSWER_TABLES[kind]
    except KeyError:
        raise RoundKindUnknown(f"Feedback keeps no answers to rounds of the kind {kind}.") from None


async def open_round(session: AsyncSession, request: OpenRound, pairs: Sequence[PairSummary]) -> None:
    """Opens the round for both sides of every pair. A repeated call changes nobody whom the round asks.

    Raises RoundKindUnknown before anything is written.
    """
    answer_table(request.kind)
    recipients = [Recipient(person, pair.id) for pair in pairs for person in (pair.mentor_id, pair.mentee_id)]
    await open_shared_round(session, request, recipients)
    asked = await _asked_pairs(session, request)
    rows = [
        {
            "round_id": request.round_id,
            "pair_id": pair.id,
            "organization_id": request.organization_id,
            "mentor_id": pair.mentor_id,
            "mentee_id": pair.mentee_id,
        }
        for pair in pairs
        if pair.id in asked
    ]
    if rows:
        await session.execute(insert(AskedPair).on_conflict_do_nothing(), rows)


async def excuse_pairs(session: AsyncSession, request: OpenRound, pairs: Sequence[PairSummary]) -> RoundOpened:
    """Stops asking about these pairs. Returns how many answers the round still asks for."""
    for pair_id in sorted({pair.id for pair in pairs} & await _asked_pairs(session, request)):
        await excuse(session, request.organization_id, pair_id)
    found = await read_counts(session, request.organization_id, request.round_id)
    return opened(found)


async def read_questions(
    session: AsyncSession, organization_id: UUID, round_id: UUID, kind: RoundKind, person_id: UUID
) -> tuple[int, tuple[PairQuestion, ...]]:
    """The number of the round, and the pairs about which it asks this person, in the order of their ids.

    Raises NotFound, RoundIsClosed (410), or Forbidden for someone who is not asked.
    """
    round_ = await read_round(session, organization_id, round_id, kind)
    if round_.state != RoundState.OPEN:
        raise RoundIsClosed("This round is closed; answers are no longer taken.")
    pair_ids = await asked_subjects(session, round_, person_id)
    answered = await _answered(session, round_, kind, person_id, pair_ids)
    check_ins, surveys = await _given(session, round_, kind, person_id)
    notes = await _partner_notes(session, round_, person_id, pair_ids)
    found = await session.scalars(
        select(AskedPair)
        .where(
            AskedPair.organization_id == organization_id,
            AskedPair.round_id == round_id,
            AskedPair.pair_id.in_(pair_ids),
        )
        .order_by(AskedPair.pair_id)
    )
    return round_.number, tuple(
        PairQuestion(
            pair_id=pair.pair_id,
            side=_side(pair, person_id),
            partner_id=pair.mentee_id if pair.mentor_id == person_id else pair.mentor_id,
            answered=pair.pair_id in answered,
            check_in=check_ins.get(pair.pair_id),
            survey=surveys.get(pair.pair_id),
            partner_note=notes.get(pair.pair_id, ""),
        )
        for pair in found
    )


async def read_sides(session: AsyncSession, round_: Round, person_id: UUID, pair_ids: Collection[UUID]) -> Sides:
    found = await session.scalars(
        select(AskedPair).where(
            AskedPair.organization_id == round_.organization_id,
            AskedPair.round_id == round_.id,
            AskedPair.pair_id.in_(pair_ids),
        )
    )
    return {pair.pair_id: _side(pair, person_id) for pair in found}


async def save_check_ins(
    session: AsyncSession, round_: Round, person_id: UUID, sides: Sides, entries: Iterable[CheckInEntry]
) -> list[FirstAnswer]:
    """Inserts or replaces one row for each pair. Returns the answers that are the first ones. `round_` must be
    locked."""
    said = {
        entry.pair_id: {
            "met": entry.met,
            "usefulness": usefulness_of(entry),
            "obstacle": entry.obstacle,
            "note": entry.note,
        }
        for entry in entries
    }
    return await _save(session, round_, RoundKind.CHECK_IN, person_id, sides, said)


async def save_survey(
    session: AsyncSession, round_: Round, person_id: UUID, sides: Sides, entries: Iterable[SurveyEntry]
) -> list[FirstAnswer]:
    """Inserts or replaces one row for each pair. Returns the answers that are the first ones. `round_` must be
    locked."""
    said = {
        entry.pair_id: {"usefulness": entry.usefulness, "would_repeat": entry.would_repeat, "comment": entry.comment}
        for entry in entries
    }
    return await _save(session, round_, RoundKind.SURVEY, person_id, sides, said)


async def _save(
    session: AsyncSession,
    round_: Round,
    kind: RoundKind,
    person_id: UUID,
    sides: Sides,
    said: Mapping[UUID, Mapping[str, Any]],
) -> list[FirstAnswer]:
    """`said` holds what was answered about each pair, which is at least one."""
    table = answer_table(kind)
    answered = await _answered(session, round_, kind, person_id, said.keys())
    rows = [_row(round_, person_id, sides, pair_id) | dict(values) for pair_id, values in said.items()]
    statement = insert(table)
    changes = {name: statement.excluded[name] for values in said.values() for name in values}
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=[table.round_id, table.pair_id, table.person_id],
            set_=changes | {"answered_at": func.now()},
        ),
        rows,
    )
    return [FirstAnswer(row["id"], row["pair_id"]) for row in rows if row["pair_id"] not in answered]


async def read_round(
    session: AsyncSession, organization_id: UUID, round_id: UUID, kind: RoundKind | None = None
) -> Round:
    """Raises NotFound for an unknown round and for one of another kind."""
    round_ = await session.scalar(
        select(Round)
        .where(Round.organization_id == organization_id, Round.id == round_id)
        .execution_options(populate_existing=True)
    )
    if round_ is None or (kind is not None and round_.kind != kind):
        raise NotFound("There is no such round.", code="round_not_found")
    return round_


async def _asked_pairs(session: AsyncSession, request: OpenRound) -> set[UUID]:
    """The pairs about which the round still asks."""
    found = await session.scalars(
        select(RoundRecipient.subject_id)
        .where(
            RoundRecipient.organization_id == request.organization_id,
            RoundRecipient.round_id == request.round_id,
            RoundRecipient.excused_at.is_(None),
        )
        .distinct()
    )
    return set(found)


async def _partner_notes(
    session: AsyncSession, round_: Round, person_id: UUID, pair_ids: Collection[UUID]
) -> dict[UUID, str]:
    """For each pair, the newest note that the partner wrote in an earlier round. Only the two of a pair may read it.

    What was written in the round that asks now can still be changed, and is read with the next one.
    """
    found = await session.execute(
        select(CheckIn.pair_id, CheckIn.note)
        .ext(distinct_on(CheckIn.pair_id))
        .join(Round, Round.id == CheckIn.round_id)
        .where(
            CheckIn.organization_id == round_.organization_id,
            Round.organization_id == round_.organization_id,
            CheckIn.pair_id.in_(pair_ids),
            CheckIn.person_id != person_id,
            CheckIn.note != "",
            or_(Round.state == RoundState.CLOSED, and_(Round.kind == round_.kind, Round.number < round_.number)),
        )
        .order_by(CheckIn.pair_id, Round.number.desc(), CheckIn.answered_at.desc())
    )
    return {row.pair_id: row.note for row in found}


async def _given(
    session: AsyncSession, round_: Round, kind: RoundKind, person_id: UUID
) -> tuple[dict[UUID, CheckInEntry], dict[UUID, SurveyEntry]]:
    """What a person has answered in this round, by pair, as it can be answered again."""

    async def rows(table: AnswerTable) -> list[Any]:
        found = select(table).where(
            table.organization_id == round_.organization_id, table.round_id == round_.id, table.person_id == person_id
        )
        return list(await session.scalars(found))

    check_ins = await rows(CheckIn) if kind is RoundKind.CHECK_IN else []
    surveys = await rows(SurveyResponse) if kind is RoundKind.SURVEY else []
    return (
        {row.pair_id: CheckInEntry.model_validate(row, from_attributes=True) for row in check_ins},
        {row.pair_id: SurveyEntry.model_validate(row, from_attributes=True) for row in surveys},
    )


async def _answered(
    session: AsyncSession, round_: Round, kind: RoundKind, person_id: UUID, pair_ids: Collection[UUID]
) -> set[UUID]:
    table = answer_table(kind)
    found = await session.scalars(
        select(table.pair_id).where(
            table.organization_id == round_.organization_id,
            table.round_id == round_.id,
            table.person_id == person_id,
            table.pair_id.in_(pair_ids),
        )
    )
    return set(found)


def _row(round_: Round, person_id: UUID, sides: Sides, pair_id: UUID) -> dict[str, Any]:
    return {
        "id": uuid4(),
        "organization_id": round_.organization_id,
        "cycle_id": round_.cycle_id,
        "round_id": round_.id,
        "pair_id": pair_id,
        "person_id": person_id,
        "side": sides[pair_id],
    }


def _side(pair: AskedPair, person_id: UUID) -> Side:
    return Side.MENTOR if pair.mentor_id == person_id else Side.MENTEE
