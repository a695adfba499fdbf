"""The stored report: compiled once the cycle is over, from real rows; it resolves what is left open."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.feedback.models import StoredReport
from shared.auth import Role
from shared.config import Settings
from shared.contracts.programs import Outcome
from shared.contracts.rounds import RoundKind
from shared.database import Database
from tests.services.feedback.feedback_cycle import FeedbackCycle, Participants, met, not_met, surveyed

Key = Callable[..., Awaitable[dict[str, str]]]
NUMBERS = ("recipients", "answered", "rate", "mean", "share", "people", "pairs")


@pytest.fixture
def cycle(db: Database, settings: Settings, organization_id: UUID) -> FeedbackCycle:
    return FeedbackCycle(db, settings, organization_id, pairs=6)


async def report_of(cycle: FeedbackCycle, participants: Participants, headers: dict[str, str]) -> dict[str, Any]:
    response = await participants.client.get(f"/v1/cycles/{cycle.cycle_id}/report", headers=headers)
    assert response.status_code == 200, response.text
    document: dict[str, Any] = response.json()
    return document


async def play(cycle: FeedbackCycle, participants: Participants) -> None:
    """One check-in round that a person leaves unanswered, and a survey that all answer."""
    round_id = await cycle.open()
    for pair in cycle.pairs[1:]:
        await participants.check_in(round_id, pair.mentor_id, met(pair, 4, note="Zebra"))
    for pair in cycle.pairs:
        await participants.check_in(round_id, pair.mentee_id, met(pair, 5))
    await cycle.close(round_id)
    round_id = await cycle.open(kind=RoundKind.SURVEY)
    for pair in cycle.pairs:
        await participants.survey(round_id, pair.mentor_id, surveyed(pair, 3, False, comment="Zebra"))
        await participants.survey(round_id, pair.mentee_id, surveyed(pair, 5))
    await cycle.close(round_id)


async def test_the_report_tells_how_it_went(cycle: FeedbackCycle, participants: Participants, access_key: Key) -> None:
    await play(cycle, participants)
    await cycle.compile()
    report = await report_of(cycle, participants, await access_key(Role.VIEWER))
    assert (report["outcome"], report["cycle_id"]) == ("completed", str(cycle.cycle_id))
    assert report["funnel"]["people_enrolled"] == 15
    assert report["funnel"]["pairs_active"] == 6
    rounds = [(row["kind"], row["recipients"], row["answered"], row["rate"]) for row in report["rounds"]]
    assert sorted(rounds) == [("check_in", 12, 11, 0.917), ("survey", 12, 12, 1.0)]
    assert report["usefulness"]["check_ins"] == {
        "mentor": {"mean": 4.0, "people": None, "suppressed": False, "bound": None},
        "mentee": {"mean": 4.5, "people": None, "suppressed": False, "bound": "or_more"},
    }
    assert report["usefulness"]["survey"]["mentor"]["mean"] == 3.0
    assert report["would_repeat"] == {"share": 0.5, "people": 12, "suppressed": False}
    assert report["meetings_held"] == {"share": None, "people": None, "suppressed": True}, "all of them met"
    assert report["topics"] == [{"topic": "ai", "pairs": 6, "people": 12, "suppressed": False}]


async def test_nothing_that_people_wrote_and_no_person_is_in_the_report(
    cycle: FeedbackCycle, participants: Participants, access_key: Key
) -> None:
    await play(cycle, participants)
    await cycle.compile()
    text = str(await report_of(cycle, participants, await access_key(Role.VIEWER)))
    assert "Zebra" not in text
    assert not [pair for pair in cycle.pairs if str(pair.id) in text or str(pair.mentor_id) in text]


async def test_a_small_cycle_shows_its_funnel_only(
    cycle: FeedbackCycle, participants: Participants, access_key: Key
) -> None:
    del cycle.pairs[2:]
    await play(cycle, participants)
    await cycle.compile()
    report = await report_of(cycle, participants, await access_key(Role.VIEWER))
    assert report["funnel"]["people_active"] == 4
    figures = [
        *report["rounds"],
        *report["usefulness"]["check_ins"].values(),
        *report["usefulness"]["survey"].values(),
        *report["obstacles"],
        *report["topics"],
        report["would_repeat"],
        report["meetings_held"],
    ]
    for figure in figures:
        assert figure["suppressed"], figure
        assert {
            figure.get(name) for name in ("recipients", "answered", "rate", "mean", "share", "people", "pairs")
        } == {None}


async def test_a_report_that_an_earlier_version_stored_is_told_by_the_rule_of_today(
    cycle: FeedbackCycle, participants: Participants, access_key: Key, db: Database
) -> None:
    await play(cycle, participants)
    await cycle.compile()
    async with db.transaction() as session:
        stored = await session.get_one(StoredReport, cycle.cycle_id)
        document = {name: value for name, value in stored.document.items() if name != "rule"}
        document["meetings_held"] = {"share": 1.0, "people": 12, "suppressed": False}
        document["usefulness"]["check_ins"]["mentee"] = {"mean": 5.0, "people": 6, "suppressed": False}
        stored.document = document
    report = await report_of(cycle, participants, await access_key(Role.OWNER))
    assert report["meetings_held"]["share"] is None
    assert report["usefulness"]["check_ins"]["mentee"]["mean"] == 4.5
    assert "rule" not in report


async def test_compiling_again_tells_nothing_new(cycle: FeedbackCycle) -> None:
    await cycle.compile()
    await cycle.compile()
    assert [event.data["outcome"] for event in await cycle.events("report.compiled")] == ["completed"]


async def test_compiling_again_brings_the_report_up_to_date(
    cycle: FeedbackCycle, participants: Participants, access_key: Key
) -> None:
    await cycle.compile()
    await play(cycle, participants)
    await cycle.compile()
    report = await report_of(cycle, participants, await access_key(Role.VIEWER))
    assert len(report["rounds"]) == 2


async def test_a_cycle_that_nobody_joined_has_a_report(
    cycle: FeedbackCycle, participants: Participants, access_key: Key
) -> None:
    cycle.pairs.clear()
    await cycle.compile(Outcome.NOBODY_ENROLLED)
    report = await report_of(cycle, participants, await access_key(Role.VIEWER))
    assert (report["outcome"], report["rounds"], report["topics"]) == ("nobody_enrolled", [], [])


async def test_the_end_of_the_cycle_resolves_its_concerns_once(
    cycle: FeedbackCycle, participants: Participants, access_key: Key, db: Database, settings: Settings
) -> None:
    other = FeedbackCycle(db, settings, cycle.organization_id)
    for one in (cycle, other):
        entry = not_met(one.pairs[0], obstacle="not_a_fit")
        await participants.check_in(await one.open(), one.pairs[0].mentor_id, entry)
    await cycle.compile()
    await cycle.compile()
    resolved = await cycle.events("concern.resolved")
    assert [event.data["cycle_id"] for event in resolved] == [str(cycle.cycle_id)]
    headers = await access_key(Role.VIEWER)
    listed = await participants.client.get(f"/v1/cycles/{cycle.cycle_id}/concerns", headers=headers)
    assert [(item["state"], item["resolved_by"]) for item in listed.json()["items"]] == [("resolved", None)]


async def test_wrong_requests_get_a_clear_answer(
    cycle: FeedbackCycle, participants: Participants, access_key: Key
) -> None:
    client, address = participants.client, f"/v1/cycles/{cycle.cycle_id}/report"
    viewer = await access_key(Role.VIEWER)
    early = await client.get(address, headers=viewer)
    assert (early.status_code, early.json()["code"]) == (404, "report_not_ready")
    assert "compiled when the cycle ends" in early.json()["detail"]
    await cycle.compile()
    cases = [
        (await client.get(address), 401, "invalid_access_key"),
        (await client.get(address, headers=await access_key(Role.OWNER, uuid4())), 404, "report_not_ready"),
        (await client.get("/v1/cycles/one/report", headers=viewer), 422, "invalid"),
        (await client.put(address, headers=viewer), 405, "method_not_allowed"),
    ]
    for response, status, code in cases:
        assert (response.status_code, response.json()["code"]) == (status, code)
        assert response.headers["content-type"] == "application/problem+json"
