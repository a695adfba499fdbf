"""What an admin and the participants see of a running cycle, with every part real: one stack, many short cycles."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import httpx
import pytest

from tests.e2e.company import Company, company, open_round, round_of
from upward.demo.mailbox import Letter
from upward.stack import Stack


class Ended(NamedTuple):
    """A company whose cycle has completed, and the pair of it that the admin ended during the first check-in."""

    company: Company
    cycle: dict[str, Any]
    pair: dict[str, Any]


@pytest.fixture(scope="module")
async def ended(stack: Stack) -> AsyncIterator[Ended]:
    async with company(stack.url, stack.resources.database, stack.mail.folder) as acme:
        # Long enough to end a pair between the opening of the first and that of the second.
        cycle_id = await acme.start_cycle(check_ins=2, check_in={"length": "PT8S"}, check_in_every="PT8S")
        await acme.play(cycle_id, lambda cycle: open_round(cycle, "check_in"))
        pair = (await acme.admin.pairs(cycle_id))[0]
        await acme.admin.end_pair(pair["id"])
        yield Ended(acme, await acme.play(cycle_id, lambda cycle: cycle["stage"] == "completed"), pair)


class Departed(NamedTuple):
    """A company from which somebody left while people enrolled, before the approval, while an offer was open, and while
    a pair was active. The pairs are those of the last three, as they are in the end."""

    company: Company
    asked: dict[str, Any]
    """The enrolment round in the end."""
    dropped: dict[str, Any]
    declined: dict[str, Any]
    ended: dict[str, Any]
    pairs: list[dict[str, Any]]
    refusals: list[tuple[int, str]]
    """What links of leavers answered: status and code."""


@pytest.fixture(scope="module")
async def departed(stack: Stack) -> AsyncIterator[Departed]:
    """Three juniors can have five seniors, so that each partner of somebody who leaves can be matched again."""
    async with company(stack.url, stack.resources.database, stack.mail.folder) as acme:
        await acme.hire("senior", "senior", "junior")
        cycle_id = await acme.start_cycle(check_in={"length": "PT1H"}, check_in_every="PT1H")
        letters = await acme.until_letters("enrolment_invitation", 10)
        [silent] = [letter for letter in letters if letter.to.startswith("junior9")]
        await acme.answer(letter for letter in letters if letter is not silent)
        await acme.leave(_id_of(acme, silent.to))
        refusals = [await _refusal(acme, silent)]
        await acme.play(cycle_id, lambda cycle: cycle["stage"] == "review", answering=False)
        [first_run] = await acme.admin.match_runs(cycle_id)
        dropped, declined, ended = await acme.admin.pairs(cycle_id)
        await acme.leave(dropped["mentee_id"])
        assert await acme.admin.approve(first_run["id"])
        offers = await acme.until_letters("acceptance_invitation", 4)
        await acme.leave(declined["mentee_id"])
        gone = acme.people[declined["mentee_id"]]["email"]
        refusals += [await _refusal(acme, letter) for letter in offers if letter.to == gone]
        await _until_state(acme, declined, "declined")
        await acme.play(cycle_id, lambda cycle: cycle["stage"] == "active")
        await acme.leave(ended["mentor_id"])
        await _until_state(acme, ended, "ended")
        pairs = await acme.admin.pairs(cycle_id)
        final = {pair["id"]: pair for pair in pairs}
        asked = round_of(await acme.admin.cycle(cycle_id), "enrolment")
        yield Departed(acme, asked, final[dropped["id"]], final[declined["id"]], final[ended["id"]], pairs, refusals)


@pytest.mark.long
async def test_nobody_waits_for_somebody_who_left_and_their_partners_are_matched_again(departed: Departed) -> None:
    assert (departed.asked["recipients"], departed.asked["close_reason"]) == (9, "answered")
    fates = [(pair["state"], pair["end_reason"]) for pair in (departed.dropped, departed.declined, departed.ended)]
    assert fates == [("declined", "left_company"), ("declined", "left_company"), ("ended", "left_company")]
    assert departed.dropped["offered_at"] is None, "nobody was asked about it"
    active = {pair["mentor_id"] for pair in departed.pairs if pair["state"] == "active"}
    assert active == {departed.dropped["mentor_id"], departed.declined["mentor_id"]}
    assert departed.refusals == [(410, "link_expired")] * 2
    events = [event["data"] for event in await departed.company.events() if "leaver_id" in event["data"]]
    told = {(data["pair_id"], data["leaver_id"]) for data in events if data["leaver_id"]}
    assert told == {
        (departed.declined["id"], departed.declined["mentee_id"]), (departed.ended["id"], departed.ended["mentor_id"]),
    }  # fmt: skip


@pytest.mark.long
async def test_the_partner_of_somebody_who_left_is_told_once(departed: Departed) -> None:
    acme = departed.company
    letters = await acme.until_letters("partner_left", 2)
    assert {(letter.scope, letter.to) for letter in letters} == {
        (departed.declined["id"], acme.people[departed.declined["mentor_id"]]["email"]),
        (departed.ended["id"], acme.people[departed.ended["mentee_id"]]["email"]),
    }
    assert len(letters) == 2


async def test_a_pause_stops_sending_and_moves_the_deadline_by_its_length(acme: Company) -> None:
    for seconds in (8, 30, 120):  # a slow machine needs longer to get from the opening to the pause
        if (found := await _paused_before_its_reminder(acme, seconds)) is not None:
            break
    assert found is not None, "the machine is too slow for this test"
    cycle_id, before, reminds_at = found
    paused_for = reminds_at - datetime.now(UTC) + timedelta(seconds=1)
    await asyncio.sleep(paused_for.total_seconds())
    assert _letters(acme, "enrolment_reminder", before) == []
    paused = await acme.admin.cycle(cycle_id)
    assert (paused["stage"], paused["paused"], round_of(paused, "enrolment")["state"]) == ("intake", True, "open")
    assert (await acme.control(cycle_id, "resume"))["paused"] is False
    await acme.until(lambda: _count(acme, "enrolment_reminder", before, 7))
    moved = round_of(await acme.admin.cycle(cycle_id), "enrolment")
    assert await _lasted(acme, "cycle.resumed", "cycle.paused") > paused_for.total_seconds()
    assert _moment(moved["closes_at"]) > _moment(before["closes_at"])

    async def closed() -> dict[str, Any] | None:
        found = round_of(await acme.admin.cycle(cycle_id), "enrolment")
        return found if found["state"] == "closed" else None

    after = await acme.until(closed)
    assert after["close_reason"] == "deadline"
    assert after["closes_at"] == moved["closes_at"]
    assert _moment(after["closed_at"]) >= _moment(after["closes_at"])


async def test_cancelling_ends_the_pairs_and_tells_everyone_enrolled_once(acme: Company) -> None:
    cycle_id = await acme.start_cycle(check_in={"length": "PT60S"}, check_in_every="PT60S")
    cycle = await acme.play(cycle_id, lambda cycle: cycle["stage"] == "active")
    assert [pair["state"] for pair in await acme.admin.pairs(cycle_id)].count("active") == 3
    for _ in range(2):
        await acme.control(cycle_id, "cancel")
    cycle = await acme.play(cycle_id, lambda cycle: cycle["stage"] == "cancelled")
    assert cycle["outcome"] == "cancelled"
    assert {one["state"] for one in cycle["rounds"]} == {"closed"}
    ended = {(pair["state"], pair["end_reason"]) for pair in await acme.admin.pairs(cycle_id)}
    assert ended == {("ended", "cycle_cancelled")}
    await acme.until_letters("cycle_cancelled", 6)
    told = sorted(letter.to.split("@")[0] for letter in acme.letters("cycle_cancelled"))
    assert told == ["junior4", "junior5", "junior6", "senior1", "senior2", "senior3"]
    asked = [event for event in await acme.events() if "cancellation_requested" in event["type"]]
    assert len(asked) == 1
    assert (await acme.admin.report(cycle_id))["outcome"] == "cancelled"


async def test_advancing_closes_the_running_round_and_no_other(acme: Company) -> None:
    cycle_id = await acme.start_cycle()
    letters = await acme.until_letters("enrolment_invitation", 7)
    await acme.answer(letter for letter in letters if not letter.to.startswith(("head", "senior3")))
    for _ in range(2):
        await acme.control(cycle_id, "advance")

    async def proposed() -> list[dict[str, Any]]:
        return await acme.admin.match_runs(cycle_id)

    run = (await acme.until(proposed))[0]
    assert (run["enrolled"], run["pairs_count"]) == (5, 2)
    cycle = await acme.play(cycle_id, lambda cycle: open_round(cycle, "acceptance"))
    enrolment = round_of(cycle, "enrolment")
    assert (enrolment["close_reason"], enrolment["answered"], enrolment["pending"]) == ("advanced", 5, 2)


async def test_a_pair_that_ended_is_asked_no_more(ended: Ended) -> None:
    acme, cycle, pair = ended
    second, survey = round_of(cycle, "check_in", 2), round_of(cycle, "survey")
    assert (second["recipients"], survey["recipients"]) == (4, 4)
    outside = {acme.people[pair["mentor_id"]]["email"], acme.people[pair["mentee_id"]]["email"]}
    asked = {letter.to for letter in acme.letters() if letter.scope in (second["id"], survey["id"])}
    assert len(asked) == 4
    assert not asked & outside
    states = sorted(found["state"] for found in await acme.admin.pairs(cycle["id"]))
    assert states == ["completed", "completed", "ended"]


async def test_opening_a_link_never_acts_and_a_closed_round_takes_no_answer(acme: Company) -> None:
    cycle_id = await acme.start_cycle()
    letters = await acme.until_letters("enrolment_invitation", 7)
    link = next(letter.link for letter in letters if letter.to.startswith("senior1"))
    assert link is not None
    before = await acme.admin.cycle(cycle_id)
    for method in ("GET", "HEAD", "GET"):
        assert (await acme.http.request(method, link)).status_code == 200
    for query in ("?role=mentor", "?role=none&submit=1"):
        assert (await acme.http.get(link + query)).status_code == 200
    assert await acme.admin.cycle(cycle_id) == before
    assert (await acme.http.post(link, data={"role": "none"})).status_code == 303
    assert round_of(await acme.admin.cycle(cycle_id), "enrolment")["answered"] == 1
    await acme.control(cycle_id, "advance")
    await acme.play(cycle_id, lambda cycle: not open_round(cycle, "enrolment"))
    for answer in (await acme.http.get(link), await acme.http.post(link, data={"role": "none"})):
        assert answer.status_code == 410
        assert "closed" in answer.text


async def test_the_api_serves_and_takes_triggers_while_temporal_is_away(stack: Stack, acme: Company) -> None:
    program_id = await acme.add_program()
    stack.temporal.stop()
    try:
        async with httpx.AsyncClient(base_url=stack.url, timeout=60) as client:
            assert (await client.get("/readyz")).status_code == 200
        cycle = await acme.admin.trigger_cycle(program_id)
        await asyncio.sleep(1)  # the dispatcher finds nobody
        assert (await acme.admin.cycle(cycle["id"]))["stage"] == "scheduled"
    finally:
        stack.temporal.start()
    assert len(await acme.until_letters("enrolment_invitation", 7)) == 7
    runs = [run async for run in stack.resources.temporal.list_workflows(f"WorkflowId = 'cycle-{cycle['id']}'")]
    assert len(runs) == 1
    assert (await acme.admin.cycle(cycle["id"]))["stage"] == "intake"


async def test_the_feed_counts_an_organizations_events_from_one_without_a_gap(ended: Ended) -> None:
    async def completed() -> list[dict[str, Any]] | None:
        events = await ended.company.events(page=7)
        return events if any(event["type"].startswith("app.upward.cycle.completed") for event in events) else None

    events = await ended.company.until(completed)
    assert [int(event["sequence"]) for event in events] == list(range(1, len(events) + 1))
    assert len({event["id"] for event in events}) == len(events)
    kinds = [event["type"].removeprefix("app.upward.").removesuffix(".v1") for event in events]
    told = [kind for kind in kinds if kind in ("cycle.requested", "match_run.approved", "cycle.completed")]
    assert told == ["cycle.requested", "match_run.approved", "cycle.completed"]
    assert kinds.count("round.opened") == kinds.count("round.closed") == 5
    assert (kinds.count("pair.activated"), kinds.count("pair.ended"), kinds.count("pair.completed")) == (3, 1, 2)


@pytest.mark.long
async def test_the_coordinators_are_told_that_people_left(departed: Departed) -> None:
    """At the end of the module, as this message gathers all who leave within 20 seconds."""
    acme = departed.company

    async def told() -> set[str]:
        return {letter.to.split("@")[0] for letter in acme.letters() if letter.template.startswith("people_left")}

    assert await acme.until(told) == {"head"}


async def _refusal(acme: Company, letter: Letter) -> tuple[int, str]:
    assert letter.link is not None
    answer = await acme.http.get(letter.link, headers={"accept": "application/json"})
    return answer.status_code, answer.json()["code"]


def _id_of(acme: Company, address: str) -> str:
    return next(id for id, person in acme.people.items() if person["email"] == address)


async def _until_state(acme: Company, pair: dict[str, Any], state: str) -> None:
    async def is_so() -> bool:
        pairs = await acme.admin.pairs(pair["cycle_id"])
        return any((one["id"], one["state"]) == (pair["id"], state) for one in pairs)

    await acme.until(is_so)


async def _paused_before_its_reminder(acme: Company, seconds: int) -> tuple[str, dict[str, Any], datetime] | None:
    """A cycle that was paused when everybody had been asked to enrol and well before they are reminded, its enrolment
    round, and the moment at which they would be reminded. None when the moment came first."""
    cycle_id = await acme.start_cycle(enrolment={"length": f"PT{2 * seconds}S", "reminders": [f"PT{seconds}S"]})
    cycle = await acme.play(cycle_id, lambda cycle: bool(cycle["rounds"]), answering=False)
    asked = round_of(cycle, "enrolment")
    reminds_at = _moment(asked["closes_at"]) - timedelta(seconds=seconds)

    async def invited_or_too_late() -> bool:
        return len(_letters(acme, "enrolment_invitation", asked)) == 7 or datetime.now(UTC) > reminds_at

    await acme.until(invited_or_too_late)
    assert (await acme.control(cycle_id, "pause"))["paused"] is True
    if datetime.now(UTC) < reminds_at - timedelta(seconds=seconds / 4):
        return cycle_id, asked, reminds_at
    await acme.control(cycle_id, "cancel")
    return None


def _letters(acme: Company, template: str, found: dict[str, Any]) -> list[Letter]:
    """Those of one round."""
    return [letter for letter in acme.letters(template) if letter.scope == found["id"]]


async def _count(acme: Company, template: str, found: dict[str, Any], count: int) -> bool:
    return len(_letters(acme, template, found)) == count


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def _lasted(acme: Company, end: str, start: str) -> float:
    """Seconds between two events of the feed."""
    times = {event["type"].removeprefix("app.upward.")[:-3]: event["time"] for event in await acme.events()}
    return (_moment(times[end]) - _moment(times[start])).total_seconds()
