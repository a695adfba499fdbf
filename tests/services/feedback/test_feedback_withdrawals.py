"""A concern that its person takes back, by changing the answer while the check-in is open."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from shared.auth import Role
from shared.contracts.feedback import ConcernRung, EscalateConcern
from tests.services.feedback.feedback_cycle import FeedbackCycle, Participants, met, not_met

Key = Callable[..., Awaitable[dict[str, str]]]


async def test_a_changed_answer_withdraws_the_concern_and_the_same_answer_does_not(
    cycle: FeedbackCycle, participants: Participants, access_key: Key
) -> None:
    pair = cycle.pairs[0]
    round_id = await cycle.open()
    unfit = not_met(pair, obstacle="not_a_fit")
    for _ in range(2):
        await participants.check_in(round_id, pair.mentee_id, unfit)
    await participants.check_in(round_id, pair.mentor_id, unfit)
    await participants.check_in(round_id, pair.mentee_id, met(pair))
    await participants.check_in(round_id, pair.mentee_id, met(pair))
    mine, theirs = [event.data["concern_id"] for event in await cycle.events("concern.raised")]
    assert [event.data["concern_id"] for event in await cycle.events("concern.resolved")] == [mine]
    listed = await participants.client.get(
        f"/v1/cycles/{cycle.cycle_id}/concerns", headers=await access_key(Role.COORDINATOR)
    )
    found = {item["id"]: item for item in listed.json()["items"]}
    assert (found[mine]["state"], found[mine]["resolved_by"]) == ("resolved", None)
    assert found[mine]["withdrawn_at"] == found[mine]["resolved_at"]
    assert (found[theirs]["state"], found[theirs]["withdrawn_at"]) == ("open", None)
    shown = await participants.client.get(
        f"/v1/cycles/{cycle.cycle_id}/concerns", headers=await access_key(Role.VIEWER)
    )
    assert {item["withdrawn_at"] for item in shown.json()["items"]} == {None}, "only one reason can be withdrawn"
    asked = EscalateConcern(organization_id=cycle.organization_id, concern_id=UUID(mine), rung=ConcernRung.COORDINATOR)
    assert not (await cycle.activities.escalate_concern(asked)).open


async def test_whoever_withdraws_a_concern_and_says_so_again_raises_another_one(
    cycle: FeedbackCycle, participants: Participants, access_key: Key
) -> None:
    """Also when a human had dealt with the first one. The workflow that tells coordinators is that of the concern's id,
    so that they are told again."""
    pair = cycle.pairs[0]
    round_id, unfit = await cycle.open(), not_met(pair, obstacle="not_a_fit")

    async def raised() -> list[str]:
        return [event.data["concern_id"] for event in await cycle.events("concern.raised")]

    async def listed() -> dict[str, dict[str, object]]:
        found = await participants.client.get(f"/v1/cycles/{cycle.cycle_id}/concerns", headers=headers)
        return {item["id"]: item for item in found.json()["items"]}

    for entry in (unfit, met(pair), unfit):
        await participants.check_in(round_id, pair.mentee_id, entry)
    headers, (first, second) = await access_key(Role.COORDINATOR), await raised()
    await participants.client.post(f"/v1/concerns/{second}/resolve", headers=headers)
    dealt_with = (await listed())[second]
    await participants.check_in(round_id, pair.mentee_id, unfit)
    assert await raised() == [first, second], "a human has dealt with this answer"
    for entry in (met(pair), unfit):
        await participants.check_in(round_id, pair.mentee_id, entry)
    *_, third = await raised()
    assert len({first, second, third}) == 3
    found = await listed()
    assert [found[id]["state"] for id in (first, second, third)] == ["resolved", "resolved", "open"]
    assert found[second] == dealt_with | {"withdrawn_at": found[second]["withdrawn_at"]}
    assert [event.data["concern_id"] for event in await cycle.events("concern.resolved")] == [first, second]


async def test_a_concern_of_an_earlier_round_outlives_another_answer(
    cycle: FeedbackCycle, participants: Participants
) -> None:
    pair = cycle.pairs[0]
    first = await cycle.open(1)
    await participants.check_in(first, pair.mentee_id, not_met(pair, obstacle="not_a_fit"))
    await cycle.close(first)
    await participants.check_in(await cycle.open(2), pair.mentee_id, met(pair))
    assert await cycle.events("concern.resolved") == []
