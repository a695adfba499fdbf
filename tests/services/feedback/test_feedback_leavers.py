"""Somebody leaves: what is open about their pair is resolved."""

from uuid import uuid4

from shared.contracts.feedback import ResolveConcerns
from tests.services.feedback.feedback_cycle import FeedbackCycle, Participants, not_met


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
