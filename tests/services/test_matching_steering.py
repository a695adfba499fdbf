"""Steering: an admin changes a match run that waits, by a whole document; each change is the run's next revision."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import event, update

from services.intake import main as intake
from services.matching import main
from services.matching.engine.computation import Result
from services.matching.engine.inputs import Inputs
from services.matching.models import MatchRun, Pair
from services.matching.runs import revising, solving
from services.matching.runs.places import TooManyWait
from shared.auth import Role
from shared.config import Settings
from shared.contracts.matching import ConcludeOffers
from shared.database import Database
from tests.services.conftest import client_of
from tests.services.intake_examples import staged
from tests.services.matching_admin import AccessKey, Admin, Headers, couple, ids
from tests.services.matching_stand_ins import Matching, mentees, mentors


@pytest.fixture
def matching(db: Database, settings: Settings, organization_id: UUID) -> Matching:
    return Matching(db, settings, organization_id, [*mentors(3), *mentees(2)])


@pytest.fixture
async def admin(matching: Matching, application: Callable[..., FastAPI], access_key: AccessKey) -> Admin:
    """Has read the cycle's first run: three mentors, two mentees, two pairs."""
    found = Admin(matching, client_of(application(main, intake)), await access_key(Role.COORDINATOR))
    await found.read((await matching.propose()).match_run_id)
    return found


async def test_steering_makes_the_next_revision_which_takes_the_run_s_place(admin: Admin) -> None:
    first = admin.run
    mentor, mentee = admin.matching.pool[0], admin.matching.pool[3]
    answer = await admin.put({"pins": [couple(mentor, mentee)]})
    second = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (201, f"/v1/match-runs/{second['id']}")
    assert (second["attempt"], second["revision"], second["state"]) == (1, 2, "proposed")
    assert second["steered_by"] == admin.headers["authorization"].split("_")[1]
    assert await admin.read(second["id"]) == second
    assert answer.headers["etag"] == admin.etag
    assert (second["program_id"], second["certified"]) == (first["program_id"], True)
    old = await admin.read(first["id"])
    assert (old["state"], old["pairs"]) == ("superseded", [])
    events = await admin.matching.events("match_run.proposed")
    assert [(data["match_run_id"], data["revision"]) for _, data in events] == [(first["id"], 1), (second["id"], 2)]
    runs = await admin.client.get(f"/v1/cycles/{admin.matching.cycle_id}/match-runs", headers=admin.headers)
    assert [(run["revision"], run["state"]) for run in runs.json()["items"]] == [(1, "superseded"), (2, "proposed")]


async def test_the_current_run_is_the_one_that_waits_and_else_the_last_one_that_stands(
    admin: Admin, db: Database, access_key: AccessKey
) -> None:
    address = f"/v1/cycles/{admin.matching.cycle_id}/match-runs/current"

    async def current() -> str:
        answer = await admin.client.get(address, headers=admin.headers)
        assert answer.json() == await admin.read(answer.json()["id"])
        assert answer.headers["etag"] == admin.etag
        return admin.etag

    assert await current() == '"1.1-proposed"'
    await admin.steer(dropped=[str(admin.matching.pool[0].person_id)])
    assert await current() == '"1.2-proposed"'
    brief = (await admin.client.get(address, params={"lists": "false"}, headers=admin.headers)).json()
    assert (brief["revision"], brief["pairs"], brief["pairs_count"]) == (2, [], len(admin.run["pairs"]))
    for state in ("approved", "superseded"):
        async with db.transaction() as session:
            await session.execute(update(MatchRun).where(MatchRun.revision == 2).values(state=state))
        assert await current() == f'"1.2-{state}"'
    async with db.transaction() as session:
        await session.execute(update(MatchRun).where(MatchRun.revision == 1).values(state="expired"))
    assert await current() == '"1.1-expired"'
    stranger = await access_key(Role.OWNER, uuid4())
    answer = await admin.client.get(address, headers=stranger)
    assert (answer.status_code, answer.json()["code"]) == (404, "match_run_not_found")


async def test_pins_are_kept_and_the_rest_is_matched_around_them(admin: Admin) -> None:
    for mentor in admin.matching.pool[:3]:
        run = await admin.steer(pins=[couple(mentor, admin.matching.pool[3])])
        assert ids(mentor, admin.matching.pool[3]) in admin.couples
        origins: dict[tuple[str, ...], str] = {
            (pair["mentor_id"], pair["mentee_id"]): pair["origin"] for pair in run["pairs"]
        }
        assert origins.pop(ids(mentor, admin.matching.pool[3])) == "pinned"
        assert list(origins.values()) == ["matched"]


async def test_forbidden_couples_and_dropped_people_are_not_matched(admin: Admin) -> None:
    one, other, third, mentee, second = admin.matching.pool
    await admin.steer(forbidden=[couple(one, mentee), couple(other, mentee)], dropped=[str(second.person_id)])
    assert admin.couples == {ids(third, mentee)}
    reasons = {left["person_id"]: left["reason"] for left in admin.run["unmatched"]}
    assert reasons[str(second.person_id)] == "dropped"


async def test_a_document_is_whole_so_that_an_empty_one_undoes_all_steering(admin: Admin) -> None:
    before = admin.couples, admin.run["total"]
    await admin.steer(dropped=[str(admin.matching.pool[3].person_id)])
    assert len(admin.couples) == 1
    run = await admin.steer()
    assert ((admin.couples, run["total"]), run["revision"]) == (before, 3)


async def test_another_policy_counts_for_this_run_and_is_shown(admin: Admin) -> None:
    policy = admin.run["policy"]
    run = await admin.steer(policy={"min_level_gap": 4})
    assert (run["pairs"], run["policy"]["min_level_gap"]) == ([], 4)
    assert run["unmatched"][0]["change"]["constraint"] == "level_gap"
    run = await admin.steer()
    assert (len(run["pairs"]), run["policy"]) == (2, policy)


async def test_a_pair_by_hand_may_break_a_constraint_with_a_written_reason_which_is_kept(admin: Admin) -> None:
    junior, far = mentors(1)[0], mentees(1, languages=("fr",))[0]
    admin.matching.pool += [junior, far]
    await admin.read((await admin.matching.propose(2)).match_run_id)
    why = "They both speak Catalan."
    run = await admin.steer(by_hand=[couple(junior, far, override_reason=why)])
    [pair] = [pair for pair in run["pairs"] if pair["origin"] == "by_hand"]
    assert (pair["mentee_id"], pair["override_reason"]) == (str(far.person_id), why)
    assert run["steering"]["by_hand"][0]["override_reason"] == why
    approved = await admin.client.post(f"/v1/match-runs/{run['id']}/approve", headers=admin.headers)
    assert approved.status_code == 200
    assert (await admin.client.get(f"/v1/pairs/{pair['id']}", headers=admin.headers)).json()["override_reason"] == why
    assert why not in str(await admin.matching.events())


async def test_steering_without_if_match_is_428(admin: Admin) -> None:
    address = f"/v1/match-runs/{admin.run['id']}/steering"
    answer = await admin.client.put(address, json={}, headers=admin.headers)
    assert (answer.status_code, answer.json()["code"]) == (428, "if_match_required")


async def test_a_run_that_is_no_longer_what_was_read_is_412_and_nothing_changes(admin: Admin) -> None:
    run_id, read = admin.run["id"], admin.etag
    await admin.steer(dropped=[])
    for stale in (read, '"1"', '"1.1-approved"', f"W/{read}"):
        answer = await admin.put({}, etag=stale, run_id=run_id)
        assert (answer.status_code, answer.json()["code"]) == (412, "stale_version")
        assert (answer.json()["changed"], answer.json()["etag"]) == (["state"], '"1.1-superseded"')
    assert len(await admin.matching.told("match_run.proposed")) == 2


async def test_a_run_that_waits_no_longer_is_409_to_who_has_read_that(admin: Admin) -> None:
    first, fresh = admin.run["id"], admin.etag
    await admin.steer()
    second, unread = admin.run["id"], admin.etag
    await admin.read(first)
    answer = await admin.put({})
    assert (answer.status_code, answer.json()["code"]) == (409, "match_run_superseded")
    await admin.client.post(f"/v1/match-runs/{second}/approve", headers=admin.headers)
    assert (await admin.put({}, etag=unread, run_id=second)).status_code == 412
    for etag in (None, "*"):
        await admin.read(second)
        answer = await admin.put({}, etag=etag)
        assert (answer.status_code, answer.json()["code"]) == (409, "match_run_approved")
    assert fresh != unread


async def test_an_expired_run_is_409(admin: Admin) -> None:
    request = ConcludeOffers(organization_id=admin.matching.organization_id, cycle_id=admin.matching.cycle_id)
    await admin.matching.activities.conclude_offers(request)
    await admin.read(admin.run["id"])
    for method, address in (("PUT", "steering"), ("POST", "preview")):
        headers = admin.headers | {"if-match": admin.etag}
        path = f"/v1/match-runs/{admin.run['id']}/{address}"
        answer = await admin.client.request(method, path, json={}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (409, "match_run_expired")


async def test_a_first_run_without_pairs_ended_its_cycle_and_is_not_steered(
    matching: Matching, application: Callable[..., FastAPI], access_key: AccessKey
) -> None:
    found = Admin(matching, client_of(application(main, intake)), await access_key(Role.ADMIN))
    await found.read((await matching.propose(min_level_gap=9)).match_run_id)
    answer = await found.put({"policy": {}})
    assert (answer.status_code, answer.json()["code"]) == (409, "nobody_to_match")


async def test_an_approved_revision_is_what_its_cycle_offers(admin: Admin, internal_headers: Headers) -> None:
    async def awaited() -> Any:
        address = f"/internal/matching/cycles/{admin.matching.cycle_id}/summary"
        return (await admin.client.get(address, headers=internal_headers)).json()["awaiting_approval"]

    old = admin.run["id"]
    run = await admin.steer(pins=[couple(admin.matching.pool[2], admin.matching.pool[4])])
    assert await awaited() == run["id"]
    refused = await admin.client.post(f"/v1/match-runs/{old}/approve", headers=admin.headers)
    assert (refused.status_code, refused.json()["code"]) == (409, "match_run_superseded")
    assert (await admin.client.post(f"/v1/match-runs/{run['id']}/approve", headers=admin.headers)).status_code == 200
    assert await awaited() is None
    [(_, approved)] = await admin.matching.events("match_run.approved")
    assert (approved["match_run_id"], approved["attempt"]) == (run["id"], 1)
    assert (await admin.matching.propose()).match_run_id == UUID(run["id"]), "the workflow's repeat gets the revision"


async def test_offers_that_stand_keep_their_places_when_a_later_attempt_is_steered(admin: Admin) -> None:
    await admin.client.post(f"/v1/match-runs/{admin.run['id']}/approve", headers=admin.headers)
    admin.matching.pool += mentees(1)
    standing = admin.couples
    await admin.read((await admin.matching.propose(2)).match_run_id)
    taken, free = next(iter(standing))[0], admin.matching.pool[-1]
    mentor = next(person for person in admin.matching.pool if str(person.person_id) == taken)
    said = await admin.refused(pins=[couple(mentor, free)])
    assert said == {"body.pins.0.mentor_id": "has no free place as mentor"}
    run = await admin.steer()
    assert {person for pair in standing for person in pair}.isdisjoint(
        person for pair in admin.couples for person in pair
    )
    assert (run["attempt"], run["revision"], len(run["pairs"])) == (2, 2, 1)


async def test_an_offer_that_ends_during_the_computation_makes_it_compute_again(
    admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    await admin.client.post(f"/v1/match-runs/{admin.run['id']}/approve", headers=admin.headers)
    declined = admin.run["pairs"][0]
    admin.matching.pool += mentees(1)
    await admin.read((await admin.matching.propose(2)).match_run_id)
    calls = 0

    async def decline_meanwhile(inputs: Inputs, **_: object) -> Result:
        nonlocal calls
        calls += 1
        if calls == 1:
            async with admin.matching.db.transaction() as session:
                (await session.get_one(Pair, UUID(declined["id"]))).state = "declined"
        return await solving.solve(inputs)

    monkeypatch.setattr(revising, "solve", decline_meanwhile)
    await admin.steer()
    assert calls == 2
    assert declined["mentee_id"] in {person for pair in admin.couples for person in pair}


async def test_offers_that_change_during_every_computation_are_409(
    admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def someone_else_meanwhile(inputs: Inputs, **_: object) -> Result:
        mentor, mentee = mentors(1)[0].person_id, mentees(1)[0].person_id
        async with admin.matching.db.transaction() as session:
            session.add(
                Pair(
                    id=uuid4(), organization_id=admin.matching.organization_id, cycle_id=admin.matching.cycle_id,
                    match_run_id=UUID(admin.run["id"]), mentor_id=mentor, mentee_id=mentee, state="offered", score=1,
                    contributions={}, reasons=[], topics=[],
                )
            )  # fmt: skip
        return await solving.solve(inputs)

    monkeypatch.setattr(revising, "solve", someone_else_meanwhile)
    answer = await admin.put({})
    assert (answer.status_code, answer.json()["code"]) == (409, "offers_keep_changing")


async def test_too_many_computations_that_wait_are_429_with_a_time_to_come_back(
    admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(inputs: Inputs, **_: object) -> Result:
        raise TooManyWait

    monkeypatch.setattr(revising, "solve", full)
    answer = await admin.put({})
    assert (answer.status_code, answer.json()["code"]) == (429, "matching_busy")
    assert answer.headers["retry-after"] == "30"


async def test_an_approval_keeps_that_the_run_was_reviewed_as_it_is(admin: Admin, db: Database) -> None:
    address = f"/v1/match-runs/{admin.run['id']}/approve"
    seen = {"pairs": admin.run["pairs_count"], "unmatched": admin.run["unmatched_count"]}
    other = await admin.client.post(address, json=seen | {"unmatched": 7}, headers=admin.headers)
    assert (other.status_code, other.json()["code"]) == (409, "review_differs")
    assert (await admin.client.post(address, json=seen, headers=admin.headers)).json()["state"] == "approved"
    events = dict(await staged(db, admin.matching.organization_id))
    approved = events["match_run.approved"]
    assert (approved["reviewed"], approved["revision"], approved["unmatched"]) == (True, 1, seen["unmatched"])


async def test_an_approval_that_would_take_a_place_twice_is_refused(admin: Admin) -> None:
    """Runs are computed with the places that are left; this is what holds if one was not."""
    proposed = admin.run["pairs"][0]
    async with admin.matching.db.transaction() as session:
        session.add(
            Pair(
                id=uuid4(), organization_id=admin.matching.organization_id, cycle_id=admin.matching.cycle_id,
                match_run_id=UUID(admin.run["id"]), mentor_id=UUID(proposed["mentor_id"]), mentee_id=uuid4(),
                state="active", score=1, contributions={}, reasons=[], topics=[],
            )
        )  # fmt: skip
    answer = await admin.client.post(f"/v1/match-runs/{admin.run['id']}/approve", headers=admin.headers)
    assert (answer.status_code, answer.json()["code"]) == (409, "no_place_left")
    async with admin.matching.db.transaction() as session:
        assert (await session.get_one(MatchRun, UUID(admin.run["id"]))).state == "proposed"


async def test_an_approval_counts_the_places_with_one_look_at_the_pairs(admin: Admin, db: Database) -> None:
    """A second look was a join, which compared each of ten thousand pairs with each other, for most of a minute."""
    counting: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "jsonb_to_recordset" in statement:
            counting.append(statement)

    event.listen(db.engine.sync_engine, "before_cursor_execute", note)
    try:
        answer = await admin.client.post(f"/v1/match-runs/{admin.run['id']}/approve", headers=admin.headers)
    finally:
        event.remove(db.engine.sync_engine, "before_cursor_execute", note)
    assert answer.json()["state"] == "approved"
    assert [statement.count("FROM matching.pair") for statement in counting] == [1, 1]  # for mentors, for mentees


async def test_steering_takes_a_coordinator_of_the_organization(admin: Admin, access_key: AccessKey) -> None:
    for headers, status in (
        (await access_key(Role.VIEWER), 403),
        (await access_key(Role.OWNER, uuid4()), 404),
        ({}, 401),
    ):
        for method, path in (("PUT", "steering"), ("POST", "preview")):
            address = f"/v1/match-runs/{admin.run['id']}/{path}"
            answer = await admin.client.request(method, address, json={}, headers=headers | {"if-match": admin.etag})
            assert answer.status_code == status
