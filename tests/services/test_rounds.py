"""Rounds in the shared kernel: opened once, answered while open, closed once."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from shared.contracts.rounds import CloseReason, CloseRound, ExtendRound, OpenRound, RecipientState, RoundKind
from shared.errors import Forbidden
from shared.events import StagedEvent
from shared.rounds.models import Round
from shared.rounds.recipients import Recipient, read_pending, read_recipients
from shared.rounds.store import (
    NoLongerAsked,
    RoundIsClosed,
    asked_subjects,
    close_round,
    excuse,
    extend_round,
    lock_open_round,
    mark_answered,
    open_round,
    read_round,
)

ANNA, BEN, PAIR = uuid4(), uuid4(), uuid4()


def opening(organization_id: UUID) -> OpenRound:
    return OpenRound(
        organization_id=organization_id,
        cycle_id=uuid4(),
        round_id=uuid4(),
        kind=RoundKind.CHECK_IN,
        number=1,
        closes_at=datetime.now(UTC) + timedelta(days=1),
    )


async def opened(session: AsyncSession, organization_id: UUID) -> Round:
    request = opening(organization_id)
    await open_round(session, request, [Recipient(ANNA, PAIR), Recipient(BEN, PAIR)])
    return await lock_open_round(session, organization_id, request.round_id)


async def events(session: AsyncSession, organization_id: UUID) -> list[str]:
    found = await session.scalars(
        select(StagedEvent.type).where(StagedEvent.organization_id == organization_id).order_by(StagedEvent.id)
    )
    return list(found)


async def test_a_round_that_is_opened_again_after_its_end_says_so(session: AsyncSession, organization_id: UUID) -> None:
    request = opening(organization_id)
    await open_round(session, request, [Recipient(ANNA, PAIR)])
    closing = CloseRound(organization_id=organization_id, round_id=request.round_id, reason=CloseReason.ADVANCED)
    await close_round(session, closing)
    later = request.model_copy(update={"closes_at": request.closes_at + timedelta(days=9)})
    again = await open_round(session, later, [])
    assert (again.open, again.recipients, again.closes_at) == (False, 1, request.closes_at)


async def test_opening_twice_asks_everyone_once_and_tells_once(session: AsyncSession, organization_id: UUID) -> None:
    request = opening(organization_id)
    first = await open_round(session, request, [Recipient(ANNA, PAIR), Recipient(ANNA, PAIR)])
    again = await open_round(session, request, [Recipient(BEN, PAIR)])
    assert first == again
    assert first.open
    assert first.recipients == 1
    assert await events(session, organization_id) == ["round.opened"]


async def test_who_of_some_people_has_not_answered_is_told_for_each_once(
    session: AsyncSession, organization_id: UUID
) -> None:
    request, cleo, another = opening(organization_id), uuid4(), uuid4()
    people = [Recipient(ANNA, PAIR), Recipient(ANNA, another), Recipient(BEN, PAIR), Recipient(cleo, PAIR)]
    await open_round(session, request, people)
    round_ = await lock_open_round(session, organization_id, request.round_id)
    await mark_answered(session, round_, ANNA, [PAIR])
    await mark_answered(session, round_, BEN, [PAIR])
    found = await read_pending(session, organization_id, request.round_id, [ANNA, BEN, uuid4()])
    assert (found.person_ids, found.after) == ((ANNA,), None)
    of_others = await read_pending(session, uuid4(), request.round_id, [ANNA])
    assert of_others.person_ids == ()


async def test_the_last_answer_tells_that_everyone_has_answered(session: AsyncSession, organization_id: UUID) -> None:
    round_ = await opened(session, organization_id)
    await mark_answered(session, round_, ANNA, [PAIR])
    assert "round.answered" not in await events(session, organization_id)
    await mark_answered(session, round_, BEN, [PAIR])
    assert (await events(session, organization_id))[-1] == "round.answered"


async def test_an_answer_that_is_changed_after_the_last_one_tells_nothing_twice(
    session: AsyncSession, organization_id: UUID
) -> None:
    round_ = await opened(session, organization_id)
    for person in (ANNA, BEN, BEN, ANNA):
        await mark_answered(session, round_, person, [PAIR])
    await excuse(session, organization_id, PAIR)
    assert (await events(session, organization_id)).count("round.answered") == 1


async def test_excusing_twice_tells_nothing_twice(session: AsyncSession, organization_id: UUID) -> None:
    await opened(session, organization_id)
    await excuse(session, organization_id, PAIR)
    await excuse(session, organization_id, PAIR)
    assert (await events(session, organization_id)).count("round.answered") == 1


async def test_excusing_the_last_question_tells_that_everyone_has_answered(
    session: AsyncSession, organization_id: UUID
) -> None:
    round_ = await opened(session, organization_id)
    await mark_answered(session, round_, ANNA, [PAIR])
    await excuse(session, organization_id, PAIR)
    assert (await events(session, organization_id))[-1] == "round.answered"
    counts = await read_round(session, organization_id, round_.id)
    assert (counts.recipients, counts.answered, counts.pending) == (1, 1, 0)


async def test_a_question_that_lost_its_subject_is_gone_for_its_person(
    session: AsyncSession, organization_id: UUID
) -> None:
    round_ = await opened(session, organization_id)
    await excuse(session, organization_id, PAIR)
    with pytest.raises(NoLongerAsked):
        await asked_subjects(session, round_, ANNA)


async def test_someone_who_was_never_asked_is_refused(session: AsyncSession, organization_id: UUID) -> None:
    round_ = await opened(session, organization_id)
    with pytest.raises(Forbidden):
        await asked_subjects(session, round_, uuid4())


async def test_a_round_closes_once_and_takes_no_answers_afterwards(
    session: AsyncSession, organization_id: UUID
) -> None:
    round_ = await opened(session, organization_id)
    request = CloseRound(organization_id=organization_id, round_id=round_.id, reason=CloseReason.DEADLINE)
    closed, first = await close_round(session, request)
    assert (closed.recipients, closed.answered, first) == (2, 0, True)
    repeated, first = await close_round(session, request.model_copy(update={"reason": CloseReason.ADVANCED}))
    assert (repeated, first) == (closed, False)
    assert (await read_round(session, organization_id, round_.id)).close_reason is CloseReason.DEADLINE
    with pytest.raises(RoundIsClosed):
        await lock_open_round(session, organization_id, round_.id)


async def test_only_an_open_rounds_deadline_moves(session: AsyncSession, organization_id: UUID) -> None:
    round_ = await opened(session, organization_id)
    later = datetime.now(UTC) + timedelta(days=9)
    request = ExtendRound(organization_id=organization_id, round_id=round_.id, closes_at=later)
    assert (await extend_round(session, request)).closes_at == later
    await close_round(
        session, CloseRound(organization_id=organization_id, round_id=round_.id, reason=CloseReason.ANSWERED)
    )
    moved = request.model_copy(update={"closes_at": later + timedelta(days=1)})
    assert (await extend_round(session, moved)).closes_at == later


async def test_pages_of_recipients_hold_each_person_once(session: AsyncSession, organization_id: UUID) -> None:
    request = opening(organization_id)
    people = sorted(uuid4() for _ in range(5))
    asked = [Recipient(person, subject) for person in people for subject in (PAIR, uuid4())]
    await open_round(session, request, asked)
    seen: list[UUID] = []
    after: UUID | None = None
    while True:
        page = await read_recipients(
            session, organization_id, request.round_id, RecipientState.PENDING, after=after, limit=2
        )
        seen += page.person_ids
        if (after := page.after) is None:
            break
    assert seen == people


async def test_another_organization_does_not_see_a_round(session: AsyncSession, organization_id: UUID) -> None:
    round_ = await opened(session, organization_id)
    page = await read_recipients(session, uuid4(), round_.id, RecipientState.ALL, after=None, limit=10)
    assert page.person_ids == ()
