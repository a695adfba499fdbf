"""A cycle with pairs, and the people of it, for the tests of feedback."""

from collections.abc import AsyncIterator, Callable
from uuid import UUID

import pytest
from fastapi import FastAPI

import services.feedback.main as feedback
from shared.config import Settings
from shared.database import Database
from tests.services.conftest import client_of
from tests.services.feedback.feedback_cycle import FeedbackCycle, Participants


@pytest.fixture
def cycle(db: Database, settings: Settings, organization_id: UUID) -> FeedbackCycle:
    return FeedbackCycle(db, settings, organization_id)


@pytest.fixture
async def participants(
    application: Callable[..., FastAPI], internal_headers: dict[str, str]
) -> AsyncIterator[Participants]:
    async with client_of(application(feedback)) as client:
        yield Participants(client, internal_headers)
