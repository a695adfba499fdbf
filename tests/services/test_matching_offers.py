"""The acceptance round: both sides of every offered pair are asked; two yes make a pair, one no or silence none."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from services.matching import main
from services.matching.pairs.store import pairs as pairs_store
from services.matching.resources import PairView
from services.matching.runs.store import decisions
from services.matching.runs.store.runs import match_run_id_for
from shared.config import Settings
from shared.contracts.matching import ConcludeOffers, ConcludePairs, PairState
from shared.contracts.programs import CycleRef
from shared.contracts.recovery.facts import OffersStanding
from shared.contracts.rounds import CloseReason, CloseRound, OpenRound, RoundKind, RoundOpened, round_id_for
from shared.database import Database
from tests.services.conftest import client_of
from tests.services.matching_stand_ins import Matching, mentees, mentors

Headers = dict[str, str]


class Offers:
    """A cycle whose first run is approved and whose acceptance round can be opened, answered and closed."""

    def __init__(self, matching: Matching, client: httpx.AsyncClient, headers: Headers) -> None:
        self.matching = matching
        self.client = client
        self.headers = headers
        self.round_id = round_id_for(matching.cycle_id, RoundKind.ACCEPTANCE, 1)

    async def approve(self, attempt: int = 1) -> None:
        made = await self.matching.propose(attempt)
        async with self.matching.db.transaction() as session:
            await decisions.approve_run(session, self.matching.organization_id, made.match_run_id, "key")

    async def open(self, number: int = 1) -> RoundOpened:
        return await self.matching.activities.open_round(
            OpenRound(
                organization_id=self.matching.organization_id,
                cycle_id=self.matching.cycle_id,
                round_id=round_id_for(self.matching.cycle_id, RoundKind.ACCEPTANCE, number),
                kind=RoundKind.ACCEPTANCE,
                number=number,
                closes_at=datetime.now(UTC) + timedelta(days=7),
            )
        )

    async def close(self, reason: CloseReason = CloseReason.DEADLINE) -> Any:
        return await self.matching.activities.close_round(
            CloseRound(organization_id=self.matching.organization_id, round_id=self.round_id, reason=reason)
        )

    async def pairs(self) -> list[PairView]:
        async with self.matching.db.transaction() as session:
            found, _ = await pairs_store.read_pairs(
                session, self.matching.organization_id, self.matching.cycle_id, (), None, 100
            )
        return list(found)

    async def pair(self) -> PairView:
        [found] = await self.pairs()
        return found

    async def answer(self, person_id: UUID, *decisions: tuple[UUID, bool]) -> httpx.Response:
        return await self.client.post(
            f"/internal/matching/rounds/{self.round_id}/answers/{person_id}",
            json={"decisions": [{"pair_id": str(pair_id), "accept": accept} for pair_id, accept in decisions]},
            headers=self.headers,
        )

    async def form(self, person_id: UUID) -> httpx.Response:
        address = f"/internal/matching/rounds/{self.round_id}/forms/{person_id}"
        return await self.client.get(address, headers=self.headers)

    async def read(self, path: str, **params: Any) -> Any:
        answer = await self.client.get(f"/internal/matching{path}", params=params, headers=self.headers)
        assert answer.status_code == 200
        return answer.json()


@pytest.fixture
async def offers(
    db: Database,
    settings: Settings,
    organization_id: UUID,
    application: Callable[..., FastAPI],
    internal_headers: Headers,
) -> Offers:
    """One offered pair in an open round."""
    matching = Matching(db, settings, organization_id, [*mentors(1), *mentees(1)])
    found = Offers(matching, client_of(application(main)), internal_headers)
    await found.approve()
    await found.open()
    return found


async def test_opening_asks_both_sides_and_opening_again_changes_nothing(offers: Offers) -> None:
    opened = await offers.open()
    assert opened.recipients == 2
    assert await offers.matching.told("round.opened") == ["round.opened"]
    pair = await offers.pair()
    assert pair.round_id == offers.round_id
    asked = await offers.read(f"/rounds/{offers.round_id}/recipients")
    assert set(asked["person_ids"]) == {str(pair.mentor_id), str(pair.mentee_id)}


async def test_a_pair_offered_after_the_opening_is_left_to_the_next_round(offers: Offers) -> None:
    offers.matching.pool += [*mentors(1), *mentees(1)]
    await offers.approve(attempt=2)
    assert (await offers.open()).recipients == 2
    assert sorted(str(pair.round_id) for pair in await offers.pairs()) == sorted([str(offers.round_id), "None"])
    assert (await offers.open(number=2)).recipients == 2


async def test_two_acceptances_make_the_pair_active(offers: Offers) -> None:
    pair = await offers.pair()
    assert (await offers.answer(pair.mentor_id, (pair.id, True))).status_code == 200
    assert (await offers.pair()).state is PairState.OFFERED
    assert await offers.matching.told("pair.activated", "round.answered") == []
    assert (await offers.answer(pair.mentee_id, (pair.id, True))).status_code == 200
    active = await offers.pair()
    assert active.state is PairState.ACTIVE
    assert None not in (active.activated_at, active.mentor_accepted_at, active.mentee_accepted_at)
    assert await offers.matching.told("pair.activated", "round.answered") == ["pair.activated", "round.answered"]


async def test_a_decline_settles_the_pair_and_excuses_the_other_side(offers: Offers) -> None:
    pair = await offers.pair()
    answer = await offers.answer(pair.mentee_id, (pair.id, False))
    assert answer.status_code == 200
    declined = await offers.pair()
    assert (declined.state, declined.declined_by, declined.end_reason) == ("declined", "mentee", "declined")
    assert (await offers.read(f"/rounds/{offers.round_id}/recipients"))["person_ids"] == []
    assert await offers.matching.told("pair.declined", "round.answered") == ["pair.declined", "round.answered"]
    late = await offers.answer(pair.mentor_id, (pair.id, True))
    assert (late.status_code, late.json()["code"]) == (409, "pair_settled")


async def test_the_same_answer_again_is_taken_and_tells_nothing_new(offers: Offers) -> None:
    pair = await offers.pair()
    for _ in range(2):
        for person in (pair.mentor_id, pair.mentee_id):
            assert (await offers.answer(person, (pair.id, True))).status_code == 200
    assert await offers.matching.told("pair.activated", "round.answered") == ["pair.activated", "round.answered"]


async def test_an_acceptance_may_be_taken_back_while_the_other_side_is_silent(offers: Offers) -> None:
    pair = await offers.pair()
    await offers.answer(pair.mentor_id, (pair.id, True))
    assert (await offers.answer(pair.mentor_id, (pair.id, False))).status_code == 200
    declined = await offers.pair()
    assert (declined.state, declined.mentor_accepted_at) == ("declined", None)
    assert await offers.matching.told("round.answered") == ["round.answered"]


async def test_an_active_pair_cannot_be_declined(offers: Offers) -> None:
    pair = await offers.pair()
    for person in (pair.mentor_id, pair.mentee_id):
        await offers.answer(person, (pair.id, True))
    answer = await offers.answer(pair.mentor_id, (pair.id, False))
    assert (answer.status_code, answer.json()["code"]) == (409, "pair_settled")
    assert (await offers.pair()).state is PairState.ACTIVE


async def test_only_the_people_of_a_pair_decide_about_it(offers: Offers) -> None:
    pair = await offers.pair()
    for person, pair_id in ((uuid4(), pair.id), (pair.mentor_id, uuid4())):
        answer = await offers.answer(person, (pair_id, True))
        assert (answer.status_code, answer.json()["code"]) == (403, "not_asked")


async def test_wrong_answers_are_clear_422s(offers: Offers) -> None:
    pair = await offers.pair()
    twice = await offers.answer(pair.mentor_id, (pair.id, True), (pair.id, False))
    assert (twice.status_code, twice.json()["code"]) == (422, "decided_twice")
    none = await offers.answer(pair.mentor_id)
    assert (none.status_code, none.json()["code"]) == (422, "invalid")
    assert (await offers.pair()).mentor_accepted_at is None


async def test_an_unknown_round_is_a_404(offers: Offers) -> None:
    pair = await offers.pair()
    offers.round_id = uuid4()
    for answer in (await offers.answer(pair.mentor_id, (pair.id, True)), await offers.form(pair.mentor_id)):
        assert (answer.status_code, answer.json()["code"]) == (404, "round_not_found")


async def test_the_form_shows_each_offer_as_the_reader_sees_it(offers: Offers) -> None:
    pair = await offers.pair()
    await offers.answer(pair.mentee_id, (pair.id, True))
    [seen] = (await offers.form(pair.mentor_id)).json()["offers"]
    assert (seen["side"], seen["partner_id"], seen["accepted"]) == ("mentor", str(pair.mentee_id), None)
    assert seen["reasons"] == list(pair.reasons)
    [seen] = (await offers.form(pair.mentee_id)).json()["offers"]
    assert (seen["side"], seen["partner_id"], seen["accepted"]) == ("mentee", str(pair.mentor_id), True)
    assert seen["settled"] is False
    await offers.answer(pair.mentor_id, (pair.id, True))
    [seen] = (await offers.form(pair.mentee_id)).json()["offers"]
    assert (seen["accepted"], seen["settled"]) == (True, True)
    stranger = await offers.form(uuid4())
    assert (stranger.status_code, stranger.json()["code"]) == (403, "not_asked")


async def test_the_form_shows_a_decline_to_the_one_who_declined_only(offers: Offers) -> None:
    pair = await offers.pair()
    await offers.answer(pair.mentee_id, (pair.id, False))
    [declined] = (await offers.form(pair.mentee_id)).json()["offers"]
    assert (declined["accepted"], declined["settled"]) == (False, True)
    assert (await offers.form(pair.mentor_id)).json() == {"offers": []}


async def test_silence_until_the_deadline_declines_the_pair_once(offers: Offers) -> None:
    pair = await offers.pair()
    await offers.answer(pair.mentor_id, (pair.id, True))
    closed = await offers.close()
    assert (closed.recipients, closed.answered) == (2, 1)
    assert await offers.close() == closed
    declined = await offers.pair()
    assert (declined.state, declined.declined_by, declined.end_reason) == ("declined", None, "no_answer")
    assert await offers.matching.events("pair.declined") == [
        (
            "pair.declined",
            {
                "pair_id": str(pair.id),
                "cycle_id": str(offers.matching.cycle_id),
                "reason": "no_answer",
                "leaver_id": None,
            },
        )
    ]
    for late in (await offers.answer(pair.mentee_id, (pair.id, True)), await offers.form(pair.mentee_id)):
        assert (late.status_code, late.json()["code"]) == (410, "round_closed")


async def test_a_decline_frees_people_for_others_but_not_for_each_other(offers: Offers) -> None:
    pair = await offers.pair()
    await offers.answer(pair.mentor_id, (pair.id, False))
    again = await offers.matching.propose(2)
    assert (again.enrolled, again.pairs, again.unmatched) == (2, 0, 2)
    offers.matching.pool += mentors(1)
    replaced = await offers.matching.propose(3)
    assert (replaced.enrolled, replaced.pairs, replaced.unmatched) == (3, 1, 1)


async def test_people_in_offered_pairs_are_left_alone_by_later_attempts(offers: Offers) -> None:
    offers.matching.pool += mentors(1)
    later = await offers.matching.propose(2)
    assert (later.enrolled, later.pairs, later.unmatched) == (3, 0, 1)


async def test_concluding_offers_declines_the_unanswered_and_counts_the_active(offers: Offers) -> None:
    offers.matching.pool += [*mentors(1), *mentees(1)]
    await offers.approve(attempt=2)
    first = next(pair for pair in await offers.pairs() if pair.round_id is not None)
    for person in (first.mentor_id, first.mentee_id):
        await offers.answer(person, (first.id, True))
    request = ConcludeOffers(organization_id=offers.matching.organization_id, cycle_id=offers.matching.cycle_id)
    for _ in range(2):
        assert (await offers.matching.activities.conclude_offers(request)).active == 1
    assert sorted(pair.state for pair in await offers.pairs()) == ["active", "declined"]
    assert await offers.matching.told("pair.declined") == ["pair.declined"]


async def test_concluding_offers_stops_asking_in_a_round_that_is_still_open(offers: Offers) -> None:
    request = ConcludeOffers(organization_id=offers.matching.organization_id, cycle_id=offers.matching.cycle_id)
    await offers.matching.activities.conclude_offers(request)
    assert (await offers.read(f"/rounds/{offers.round_id}/recipients"))["person_ids"] == []


async def test_cancelling_declines_offers_and_ends_live_pairs(offers: Offers) -> None:
    offers.matching.pool += [*mentors(1), *mentees(1)]
    await offers.approve(attempt=2)
    first = next(pair for pair in await offers.pairs() if pair.round_id is not None)
    for person in (first.mentor_id, first.mentee_id):
        await offers.answer(person, (first.id, True))
    request = ConcludePairs(
        organization_id=offers.matching.organization_id, cycle_id=offers.matching.cycle_id, state=PairState.ENDED
    )
    for _ in range(2):
        assert (await offers.matching.activities.conclude_pairs(request)).pairs == 1
    reasons = {(pair.state.value, pair.end_reason) for pair in await offers.pairs()}
    assert reasons == {("ended", "cycle_cancelled"), ("declined", "cycle_cancelled")}
    assert await offers.matching.told("pair.declined", "pair.ended") == ["pair.declined", "pair.ended"]


async def test_a_cancelled_round_declines_because_of_the_cancellation(offers: Offers) -> None:
    await offers.close(CloseReason.CANCELLED)
    assert (await offers.pair()).end_reason == "cycle_cancelled"


async def test_the_internal_interface_is_for_services_only(offers: Offers) -> None:
    offers.headers = {}
    pair = await offers.pair()
    for answer in (await offers.form(pair.mentor_id), await offers.answer(pair.mentor_id, (pair.id, True))):
        assert answer.status_code == 401
    for path in ("pairs", "participants", "unmatched", "summary"):
        address = f"/internal/matching/cycles/{offers.matching.cycle_id}/{path}"
        assert (await offers.client.get(address)).status_code == 401


async def test_what_a_workflow_that_begins_again_reads_of_runs_and_declines(offers: Offers) -> None:
    matching = offers.matching
    ref = CycleRef(organization_id=matching.organization_id, cycle_id=matching.cycle_id)
    first = match_run_id_for(matching.cycle_id, 1)
    read = matching.activities.read_offers
    assert await read(ref) == OffersStanding(approved=(first,), attempts=(1,), attempt=1)
    pair = await offers.pair()
    assert (await offers.answer(pair.mentor_id, (pair.id, False))).status_code == 200
    assert await read(ref) == OffersStanding(approved=(first,), attempts=(1,), attempt=1, declines=1)
    matching.pool += [*mentors(1), *mentees(1)]
    proposal = await matching.propose(2)
    standing = await read(ref)
    assert (standing.attempt, standing.waiting, standing.approved) == (2, proposal.match_run_id, (first,))
    nothing = CycleRef(organization_id=matching.organization_id, cycle_id=uuid4())
    assert await read(nothing) == OffersStanding()
