"""Somebody leaves: what is open about their pair is resolved."""

from collections.abc import AsyncIterator, Callable
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI

import services.feedback.main as feedback
from shared.config import Settings
from shared.contracts.feedback import ResolveConcerns
from shared.database import Database
from tests.services.conftest import client_of
from tests.services.feedback_cycle import FeedbackCycle, Participants, not_met


@pytest.fixture
def cycle(db: Database, settings: Settings, organization_id: UUID) -> FeedbackCycle:
    return FeedbackCycle(db, settings, organization_id)


@pytest.fixture
async def participants(
    application: Callable[..., FastAPI], internal_headers: dict[str, str]
) -> AsyncIterator[Participants]:
    async with client_of(application(feedback)) as client:
        yield Participants(client, internal_headers)


async def test_what_is_open_about_a_pair_that_somebody_left_is_resolved(
    cycle: FeedbackCycle, participants: Participants
) -> None:
    pair, round_id = cycle.pairs[0], await cycle.open()
    for person_id in (pair.mentor_id, pair.mentee_id):
        await participants.check_in(round_id, person_id, not_met(pair, obstacle="not_a_fit"))
    raised_ids = {event.data["concern_id"] for event in await cycle.events("concern.raised")}
    resolved = []
    for pair_id in (uuid4(), pair.id, pair.id):
        request = ResolveConcerns(organization_id=cycle.organization_id, pair_ids=(pair_id,))
        resolved.append((await cycle.activities.resolve_concerns(request)).concerns)
    assert resolved == [0, 2, 0]
    assert {event.data["concern_id"] for event in await cycle.events("concern.resolved")} == raised_ids
