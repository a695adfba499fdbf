"""Concerns: raised with the fact that causes them, once; escalated and resolved once."""

from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI

from services.feedback import main as feedback
from services.intake import main as intake
from shared.auth import Role
from shared.config import Settings
from shared.contracts.feedback import ConcernRung, EscalateConcern, EscalateRound
from shared.contracts.rounds import CloseReason, RoundKind, round_id_for
from shared.database import Database
from shared.errors import NotFound
from tests.services.conftest import client_of
from tests.services.feedback.feedback_cycle import FeedbackCycle, Participants, not_met, run_round
from tests.services.intake_examples import add_people, person

Key = Callable[..., Awaitable[dict[str, str]]]


async def raised(cycle: FeedbackCycle) -> list[tuple[str, str]]:
    return [(event.data["pair_id"], event.data["reason"]) for event in await cycle.events("concern.raised")]


async def test_two_missed_check_ins_raise_a_concern_about_the_silent_person(
    cycle: FeedbackCycle, participants: Participants, access_key: Key
) -> None:
    pair = cycle.pairs[0]
    await run_round(cycle, participants, 1, pair.mentor_id)
    assert await raised(cycle) == []
    await run_round(cycle, participants, 2, pair.mentor_id)
    assert await raised(cycle) == [(str(pair.id), "missed_check_ins")]
    listed = await participants.client.get(
        f"/v1/cycles/{cycle.cycle_id}/concerns", headers=await access_key(Role.COORDINATOR)
    )
    assert [item["person_id"] for item in listed.json()["items"]] == [str(pair.mentee_id)]


async def test_both_sides_may_be_silent(cycle: FeedbackCycle, participants: Participants) -> None:
    await run_round(cycle, participants, 1)
    await run_round(cycle, participants, 2)
    assert len(await raised(cycle)) == 2


async def test_closing_twice_raises_once(cycle: FeedbackCycle, participants: Participants) -> None:
    pair = cycle.pairs[0]
    await run_round(cycle, participants, 1, pair.mentor_id)
    await run_round(cycle, participants, 2, pair.mentor_id)
    await cycle.close(await cycle.open(2))
    assert len(await raised(cycle)) == 1


async def test_a_run_of_misses_is_raised_once(cycle: FeedbackCycle, participants: Participants) -> None:
    pair = cycle.pairs[0]
    for number in (1, 2, 3, 4):
        await run_round(cycle, participants, number, pair.mentor_id)
    assert len(await raised(cycle)) == 1


async def test_a_new_run_is_raised_when_the_first_concern_is_resolved(
    cycle: FeedbackCycle, participants: Participants, access_key: Key
) -> None:
    pair = cycle.pairs[0]
    for number in (1, 2):
        await run_round(cycle, participants, number, pair.mentor_id)
    concern = (await cycle.events("concern.raised"))[0].data["concern_id"]
    await participants.client.post(f"/v1/concerns/{concern}/resolve", headers=await access_key(Role.COORDINATOR))
    await run_round(cycle, participants, 3, pair.mentor_id, pair.mentee_id)
    for number in (4, 5):
        await run_round(cycle, participants, number, pair.mentor_id)
    assert len(await raised(cycle)) == 2


async def test_an_answer_in_between_is_no_run(cycle: FeedbackCycle, participants: Participants) -> None:
    pair = cycle.pairs[0]
    await run_round(cycle, participants, 1, pair.mentor_id)
    await run_round(cycle, participants, 2, pair.mentor_id, pair.mentee_id)
    await run_round(cycle, participants, 3, pair.mentor_id)
    assert await raised(cycle) == []


async def test_a_pair_that_ended_missed_nothing(cycle: FeedbackCycle, participants: Participants) -> None:
    await run_round(cycle, participants, 1)
    round_id = await cycle.open(2)
    await cycle.end_pair(cycle.pairs[0])
    await cycle.close(round_id)
    assert await raised(cycle) == []


async def test_a_cancelled_cycle_raises_no_concerns(cycle: FeedbackCycle, participants: Participants) -> None:
    await run_round(cycle, participants, 1)
    await cycle.close(await cycle.open(2), CloseReason.CANCELLED)
    assert await raised(cycle) == []


async def test_not_a_fit_raises_a_concern_with_the_answer(cycle: FeedbackCycle, participants: Participants) -> None:
    pair = cycle.pairs[0]
    await participants.check_in(await cycle.open(), pair.mentee_id, not_met(pair, obstacle="not_a_fit"))
    assert await raised(cycle) == [(str(pair.id), "not_a_fit")]


async def test_not_a_fit_is_raised_once_while_it_is_open(cycle: FeedbackCycle, participants: Participants) -> None:
    pair = cycle.pairs[0]
    first = await cycle.open(1)
    for _ in range(2):
        await participants.check_in(first, pair.mentee_id, not_met(pair, obstacle="not_a_fit"))
    await participants.check_in(await cycle.open(2), pair.mentee_id, not_met(pair, obstacle="not_a_fit"))
    assert len(await raised(cycle)) == 1
    await participants.check_in(first, pair.mentor_id, not_met(pair, obstacle="not_a_fit"))
    assert len(await raised(cycle)) == 2, "the other side's concern is another one"


async def test_a_refused_answer_raises_nothing(cycle: FeedbackCycle, participants: Participants) -> None:
    pair = cycle.pairs[0]
    entry = not_met(pair, obstacle="not_a_fit")
    refused = await participants.check_in(await cycle.open(), pair.mentee_id, entry, entry)
    assert refused.status_code == 422
    assert await raised(cycle) == []


@pytest.fixture
async def concern_id(cycle: FeedbackCycle, participants: Participants) -> UUID:
    pair = cycle.pairs[0]
    entry = not_met(pair, obstacle="not_a_fit", note="Zebra in the room")
    await participants.check_in(await cycle.open(), pair.mentee_id, entry)
    return UUID((await cycle.events("concern.raised"))[0].data["concern_id"])


async def escalate(cycle: FeedbackCycle, concern_id: UUID, rung: ConcernRung) -> bool:
    request = EscalateConcern(organization_id=cycle.organization_id, concern_id=concern_id, rung=rung)
    return (await cycle.activities.escalate_concern(request)).open


async def test_each_rung_is_told_once(cycle: FeedbackCycle, concern_id: UUID) -> None:
    for rung in (ConcernRung.COORDINATOR, ConcernRung.COORDINATOR, ConcernRung.SPONSOR, ConcernRung.COORDINATOR):
        assert await escalate(cycle, concern_id, rung)
    assert [event.data["rung"] for event in await cycle.events("concern.escalated")] == ["coordinator", "sponsor"]


async def escalate_round(cycle: FeedbackCycle, number: int, rung: ConcernRung) -> int:
    request = EscalateRound(
        organization_id=cycle.organization_id,
        cycle_id=cycle.cycle_id,
        round_id=round_id_for(cycle.cycle_id, RoundKind.CHECK_IN, number),
        rung=rung,
    )
    return (await cycle.activities.escalate_round(request)).open


async def test_a_round_s_silence_is_escalated_as_one_matter_and_what_is_resolved_no_longer_counts(
    cycle: FeedbackCycle, participants: Participants, access_key: Key
) -> None:
    for number in (1, 2):
        await run_round(cycle, participants, number)
    for rung in (ConcernRung.COORDINATOR, ConcernRung.COORDINATOR):
        assert await escalate_round(cycle, 2, rung) == 2
    assert [event.data["rung"] for event in await cycle.events("concern.escalated")] == ["coordinator"] * 2
    concern = (await cycle.events("concern.raised"))[0].data["concern_id"]
    await participants.client.post(f"/v1/concerns/{concern}/resolve", headers=await access_key(Role.COORDINATOR))
    assert await escalate_round(cycle, 2, ConcernRung.SPONSOR) == 1
    assert [event.data["rung"] for event in await cycle.events("concern.escalated")][2:] == ["sponsor"]
    assert await escalate_round(cycle, 1, ConcernRung.SPONSOR) == 0, "that round raised nothing"


async def test_a_concern_names_the_round_that_raised_it(cycle: FeedbackCycle, participants: Participants) -> None:
    for number in (1, 2):
        await run_round(cycle, participants, number)
    expected = str(round_id_for(cycle.cycle_id, RoundKind.CHECK_IN, 2))
    assert {event.data["round_id"] for event in await cycle.events("concern.raised")} == {expected}


async def test_an_unknown_concern_is_an_expected_failure(cycle: FeedbackCycle) -> None:
    with pytest.raises(NotFound) as caught:
        await escalate(cycle, uuid4(), ConcernRung.SPONSOR)
    assert caught.value.code == "concern_not_found"


async def test_resolving_is_done_once_and_stops_the_ladder(
    cycle: FeedbackCycle, concern_id: UUID, participants: Participants, access_key: Key
) -> None:
    headers = await access_key(Role.COORDINATOR)
    first = await participants.client.post(f"/v1/concerns/{concern_id}/resolve", headers=headers)
    again = await participants.client.post(
        f"/v1/concerns/{concern_id}/resolve", headers=await access_key(Role.COORDINATOR)
    )
    assert first.status_code == 200
    assert first.json()["state"] == "resolved"
    assert first.json()["resolved_by"] == headers["authorization"].split("_")[1]
    assert again.json() == first.json()
    assert len(await cycle.events("concern.resolved")) == 1
    assert not await escalate(cycle, concern_id, ConcernRung.SPONSOR)
    assert await cycle.events("concern.escalated") == []


async def test_concerns_are_listed_by_state_without_what_was_said(
    cycle: FeedbackCycle, concern_id: UUID, participants: Participants, access_key: Key
) -> None:
    headers = await access_key(Role.VIEWER)
    address = f"/v1/cycles/{cycle.cycle_id}/concerns"
    everything = await participants.client.get(address, headers=headers)
    assert [item["id"] for item in everything.json()["items"]] == [str(concern_id)]
    assert "Zebra" not in everything.text
    still_open = await participants.client.get(address, headers=headers, params={"state": "open"})
    assert len(still_open.json()["items"]) == 1
    resolved = await participants.client.get(address, headers=headers, params={"state": "resolved"})
    assert resolved.json() == {"items": [], "next": None, "total": 0}


async def test_concerns_are_paged(
    db: Database, settings: Settings, organization_id: UUID, participants: Participants, access_key: Key
) -> None:
    cycle = FeedbackCycle(db, settings, organization_id, pairs=3)
    round_id = await cycle.open()
    for pair in cycle.pairs:
        await participants.check_in(round_id, pair.mentee_id, not_met(pair, obstacle="not_a_fit"))
    headers = await access_key(Role.VIEWER)
    seen, after = [], None
    while True:
        params = {"limit": "2"} | ({"cursor": after} if after else {})
        page = (
            await participants.client.get(f"/v1/cycles/{cycle.cycle_id}/concerns", headers=headers, params=params)
        ).json()
        seen += [item["id"] for item in page["items"]]
        if (after := page["next"]) is None:
            break
    assert len(seen) == len(set(seen)) == 3


async def test_wrong_requests_get_a_clear_answer(
    cycle: FeedbackCycle, concern_id: UUID, participants: Participants, access_key: Key
) -> None:
    viewer, coordinator = await access_key(Role.VIEWER), await access_key(Role.COORDINATOR)
    stranger = await access_key(Role.OWNER, uuid4())
    client, listed, one = participants.client, f"/v1/cycles/{cycle.cycle_id}/concerns", f"/v1/concerns/{concern_id}"
    cases = [
        (await client.get(listed), 401, "invalid_access_key"),
        (await client.get(listed, headers=viewer, params={"state": "asleep"}), 422, "invalid"),
        (await client.get(listed, headers=viewer, params={"limit": 0}), 422, "invalid"),
        (await client.get(listed, headers=viewer, params={"cursor": "?"}), 400, "bad_cursor"),
        (await client.get("/v1/cycles/one/concerns", headers=viewer), 422, "invalid"),
        (await client.post(f"{one}/resolve"), 401, "invalid_access_key"),
        (await client.post(f"{one}/resolve", headers=viewer), 403, "role_too_low"),
        (await client.post(f"{one}/resolve", headers=stranger), 404, "concern_not_found"),
        (await client.post(f"/v1/concerns/{uuid4()}/resolve", headers=coordinator), 404, "concern_not_found"),
        (await client.post("/v1/concerns/one/resolve", headers=coordinator), 422, "invalid"),
        (await client.get(f"{one}/resolve", headers=coordinator), 405, "method_not_allowed"),
    ]
    for response, status, code in cases:
        assert (response.status_code, response.json()["code"]) == (status, code)
        assert response.headers["content-type"] == "application/problem+json"
    assert (await client.get(listed, headers=stranger)).json()["items"] == []


@pytest.mark.parametrize("role", Role)
async def test_whom_a_concern_is_about_and_why_is_told_to_coordinators_and_not_to_viewers(
    cycle: FeedbackCycle, concern_id: UUID, participants: Participants, access_key: Key, role: Role
) -> None:
    pair = cycle.pairs[0]
    listed = await participants.client.get(f"/v1/cycles/{cycle.cycle_id}/concerns", headers=await access_key(role))
    [item] = listed.json()["items"]
    assert (item["id"], item["pair_id"], item["state"]) == (str(concern_id), str(pair.id), "open")
    told = (str(pair.mentee_id), "not_a_fit") if role.covers(Role.COORDINATOR) else (None, None)
    assert (item["person_id"], item["reason"]) == told
    assert (str(pair.mentee_id) in listed.text) is role.covers(Role.COORDINATOR)


async def test_a_concern_says_how_it_ended_and_viewers_do_not_read_it(
    concern_id: UUID, participants: Participants, access_key: Key
) -> None:
    headers, one = await access_key(Role.COORDINATOR), f"/v1/concerns/{concern_id}"
    wrong = await participants.client.post(f"{one}/resolve", headers=headers, json={"resolution": "forgotten"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid")
    await participants.client.post(f"{one}/resolve", headers=headers, json={"resolution": "talked"})
    again = await participants.client.post(f"{one}/resolve", headers=headers, json={"resolution": "other"})
    assert again.json()["resolution"] == "talked"
    assert (await participants.client.get(one, headers=headers)).json() == again.json()
    seen = (await participants.client.get(one, headers=await access_key(Role.VIEWER))).json()
    assert (seen["state"], seen["resolution"], seen["person_id"], seen["reason"]) == ("resolved", None, None, None)
    stranger = await participants.client.get(one, headers=await access_key(Role.OWNER, uuid4()))
    assert (stranger.status_code, stranger.json()["code"]) == (404, "concern_not_found")


async def test_somebody_of_the_directory_takes_care_of_an_open_concern(
    db: Database,
    application: Callable[..., FastAPI],
    organization_id: UUID,
    concern_id: UUID,
    participants: Participants,
    access_key: Key,
) -> None:
    known = person("gina@example.org")
    await add_people(db, organization_id, known)
    headers, address = await access_key(Role.COORDINATOR), f"/v1/concerns/{concern_id}/assignee"
    async with client_of(application(feedback, intake)) as client:
        taken = await client.put(address, headers=headers, json={"person_id": str(known.id)})
        stranger = await client.put(address, headers=headers, json={"person_id": str(uuid4())})
        given_back = await client.put(address, headers=headers, json={"person_id": None})
        await client.post(f"/v1/concerns/{concern_id}/resolve", headers=headers)
        late = await client.put(address, headers=headers, json={"person_id": None})
    assert (taken.status_code, taken.json()["assignee_id"]) == (200, str(known.id))
    assert (stranger.status_code, stranger.json()["code"]) == (422, "unknown_person")
    assert given_back.json()["assignee_id"] is None
    assert (late.status_code, late.json()["code"]) == (409, "concern_resolved")
