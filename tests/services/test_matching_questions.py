"""What an admin may ask of a match run without touching it: what if, what does a pair cost, does it come out again."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI

from services.intake import main as intake
from services.matching import main
from services.matching.engine.inputs import CODE_VERSION
from services.matching.models import MatchRun, Pair, UnmatchedPerson
from shared.auth import Role
from shared.config import Settings
from shared.contracts.intake import PoolPerson
from shared.contracts.matching import ConcludeOffers
from shared.database import Database
from tests.services.conftest import client_of
from tests.services.matching_admin import AccessKey, Admin, couple, ids
from tests.services.matching_stand_ins import Matching, pool_person


@pytest.fixture
def matching(db: Database, settings: Settings, organization_id: UUID) -> Matching:
    """An expert and a beginner; one wants what both teach, one wants nothing. A mentor is left over."""
    expert = pool_person("mentor", 1, topics_taught=("ai",), department="HR")
    basics = pool_person("mentor", 1, topics_taught=("ai",), taught_levels={"ai": 1, "data-analysis": 2})
    other = pool_person("mentor", 1)
    keen, idle = pool_person("mentee", 4, topics_wanted=("ai",)), pool_person("mentee", 4)
    return Matching(db, settings, organization_id, [expert, basics, other, keen, idle])


@pytest.fixture
async def admin(matching: Matching, application: Callable[..., FastAPI], access_key: AccessKey) -> Admin:
    found = Admin(matching, client_of(application(main, intake)), await access_key(Role.COORDINATOR))
    await found.read((await matching.propose()).match_run_id)
    return found


async def preview(admin: Admin, **body: Any) -> dict[str, Any]:
    answer = await admin.client.post(f"/v1/match-runs/{admin.run['id']}/preview", json=body, headers=admin.headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def forced(admin: Admin, mentor_id: object, mentee_id: object) -> Any:
    params = {"mentor_id": str(mentor_id), "mentee_id": str(mentee_id)}
    address = f"/v1/match-runs/{admin.run['id']}/counterfactual"
    return await admin.client.get(address, params=params, headers=admin.headers)


async def replay(admin: Admin) -> dict[str, Any]:
    answer = await admin.client.post(f"/v1/match-runs/{admin.run['id']}/replay", headers=admin.headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_preview_says_who_changes_partner_and_stores_nothing(admin: Admin) -> None:
    expert, _, _, keen, idle = admin.matching.pool
    assert ids(expert, keen) in admin.couples
    before = dict(admin.run)
    found = await preview(admin, pins=[couple(expert, idle)])
    changed = {one["person_id"]: (one["before"], one["after"]) for one in found["changed"]}
    assert changed[str(expert.person_id)] == ([str(keen.person_id)], [str(idle.person_id)])
    assert {(pair["mentor_id"], pair["mentee_id"]) for pair in found["pairs_removed"]} >= {ids(expert, keen)}
    assert {(pair["mentor_id"], pair["mentee_id"]) for pair in found["pairs_added"]} >= {ids(expert, idle)}
    assert found["before"] == {"people": 4, "pairs": 2, "points": sum(pair["score"] for pair in before["pairs"])}
    assert (found["after"]["people"], found["after"]["pairs"], found["certified"]) == (4, 2, True)
    assert found["after"]["points"] < found["before"]["points"]
    assert await admin.read(admin.run["id"]) == before
    assert await admin.matching.told() == ["match_run.proposed"]


async def test_a_preview_says_who_gains_and_loses_the_topic_that_they_want_most(admin: Admin) -> None:
    expert, basics, other, keen, idle = admin.matching.pool
    lost = await preview(admin, pins=[couple(expert, idle), couple(other, keen)])
    assert (lost["first_topic_lost"], lost["first_topic_won"]) == ([str(keen.person_id)], [])
    await admin.steer(pins=[couple(other, keen)])
    won = await preview(admin)
    assert (won["first_topic_lost"], won["first_topic_won"]) == ([], [str(keen.person_id)])
    same = await preview(admin, pins=[couple(other, keen)])
    assert (same["first_topic_lost"], same["first_topic_won"]) == ([], [])
    assert basics in admin.matching.pool


async def test_candidates_are_told_with_their_points_their_partners_and_what_forbids_them(
    admin: Admin, access_key: AccessKey
) -> None:
    expert, basics, other, keen, idle = admin.matching.pool
    await admin.steer(forbidden=[couple(basics, keen)], pins=[couple(other, idle)])
    address = f"/v1/match-runs/{admin.run['id']}/candidates"

    async def ask(person: PoolPerson | UUID, **params: Any) -> Any:
        of = person if isinstance(person, UUID) else person.person_id
        return await admin.client.get(address, params={"person_id": str(of)} | params, headers=admin.headers)

    found = (await ask(keen)).json()
    assert [(one["person_id"], one["side"]) for one in found["items"][:1]] == [(str(expert.person_id), "mentor")]
    assert found["items"][0]["chosen"]
    assert found["items"][0]["partners"] == [str(keen.person_id)]
    assert {one["person_id"]: one["forbidden_by"] for one in found["items"]} == {
        str(expert.person_id): [],
        str(basics.person_id): ["forbidden"],
        str(other.person_id): ["capacity"],
    }
    assert found["total"] == 3
    assert len((await ask(keen, limit=1)).json()["items"]) == 1
    assert (await ask(keen, q="nobody")).json()["items"] == []
    assert (await ask(uuid4())).json()["code"] == "person_not_in_pool"
    of_viewer = await access_key(Role.VIEWER)
    assert (await admin.client.get(address, params={"person_id": str(uuid4())}, headers=of_viewer)).status_code == 403


async def test_inputs_may_be_those_of_some_people(admin: Admin) -> None:
    expert, *_ = admin.matching.pool
    address = f"/v1/match-runs/{admin.run['id']}/inputs"
    answer = await admin.client.get(address, params={"person_id": str(expert.person_id)}, headers=admin.headers)
    assert [one["person_id"] for one in answer.json()["inputs"]["people"]] == [str(expert.person_id)]


async def test_a_run_is_read_without_its_lists_and_says_how_good_its_pairs_are(admin: Admin) -> None:
    address = f"/v1/match-runs/{admin.run['id']}"
    answer = await admin.client.get(address, params={"lists": False}, headers=admin.headers)
    scores = sorted(pair["score"] for pair in admin.run["pairs"])
    assert answer.json() == admin.run | {"pairs": [], "unmatched": []}
    assert answer.json()["fit"] == {"low": scores[0] // 2, "middle": scores[0], "best": scores[-1]}


async def test_unmatched_people_are_listed_by_reason(admin: Admin) -> None:
    address = f"/v1/match-runs/{admin.run['id']}/unmatched"
    [person] = admin.run["unmatched"]
    for params, expected in (({}, [person]), ({"reason": person["reason"]}, [person]), ({"reason": "floor"}, [])):
        answer = await admin.client.get(address, params=params, headers=admin.headers)
        assert answer.json()["items"] == expected
    assert (await admin.client.get(address, params={"q": "nobody"}, headers=admin.headers)).json()["total"] == 0


async def test_a_preview_is_what_steering_then_does(admin: Admin) -> None:
    body = {"dropped": [admin.run["pairs"][0]["mentor_id"]], "policy": {"weights": {"topics": 0}}}
    before, found = admin.couples, await preview(admin, **body)
    await admin.steer(**body)
    added = {(pair["mentor_id"], pair["mentee_id"]) for pair in found["pairs_added"]}
    removed = {(pair["mentor_id"], pair["mentee_id"]) for pair in found["pairs_removed"]}
    assert admin.couples == (before - removed) | added
    assert found["after"]["points"] == sum(pair["score"] for pair in admin.run["pairs"])
    one = {person for pair in before for person in pair}
    now = {person for pair in admin.couples for person in pair}
    assert (set(found["newly_matched"]), set(found["no_longer_matched"])) == (now - one, one - now)


async def test_a_preview_refuses_what_steering_refuses(admin: Admin) -> None:
    answer = await admin.client.post(
        f"/v1/match-runs/{admin.run['id']}/preview", json={"dropped": [str(uuid4())]}, headers=admin.headers
    )
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body.dropped.0")


async def test_a_counterfactual_costs_exactly_what_pinning_the_pair_then_loses(admin: Admin) -> None:
    run_id, before = admin.run["id"], admin.run["total"]
    for mentor in admin.matching.pool[:3]:
        for mentee in admin.matching.pool[3:]:
            await admin.read(run_id)
            found = (await forced(admin, mentor.person_id, mentee.person_id)).json()
            assert found["allowed"]
            assert found["certified"]
            assert found["chosen"] == (ids(mentor, mentee) in admin.couples)
            shown = await preview(admin, pins=[couple(mentor, mentee)])
            assert found["people"] == before["people"] - shown["after"]["people"]
            assert found["points"] == before["points"] - shown["after"]["points"]
            assert (found["points"] == 0) or not found["chosen"]


async def test_an_alternative_costs_what_its_counterfactual_does_or_less_where_it_is_not_exact(admin: Admin) -> None:
    for pair in admin.run["pairs"]:
        for other in pair["alternatives"]:
            people = {"mentor_id": pair["mentor_id"], "mentee_id": pair["mentee_id"]}
            people |= {"mentee_id" if other["side"] == "mentor" else "mentor_id": other["person_id"]}
            found = (await forced(admin, **people)).json()
            cost = (found["people"], 0 if found["people"] else found["points"])
            assert (
                cost == (other["people"], other["costs"])
                if other["exact"]
                else cost >= (other["people"], other["costs"])
            )


async def test_a_pair_that_may_not_be_names_every_constraint_that_forbids_it(admin: Admin) -> None:
    expert, basics, other, keen, _ = admin.matching.pool
    far = pool_person("mentor", 4, languages=("fr",))
    admin.matching.pool.append(far)
    await admin.read((await admin.matching.propose(2)).match_run_id)
    await admin.steer(pins=[couple(expert, keen)], forbidden=[couple(basics, keen)], dropped=[str(other.person_id)])

    async def forbidden_by(mentor: Any) -> set[str]:
        found = (await forced(admin, mentor.person_id, keen.person_id)).json()
        assert (found["allowed"], found["people"], found["points"]) == (False, None, None)
        return set(found["forbidden_by"])

    assert await forbidden_by(far) == {"level_gap", "language", "capacity"}
    assert await forbidden_by(basics) == {"forbidden", "capacity"}
    assert await forbidden_by(other) == {"dropped", "capacity"}


async def test_a_counterfactual_is_about_two_people_of_the_pool_in_their_roles(admin: Admin) -> None:
    expert, basics, _, keen, _ = admin.matching.pool
    for pair, field in (
        ((uuid4(), keen.person_id), "query.mentor_id"),
        ((expert.person_id, basics.person_id), "query.mentee_id"),
        ((expert.person_id, "x"), "query.mentee_id"),
    ):
        answer = await forced(admin, *pair)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
        assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_a_run_comes_out_again_from_what_was_stored(admin: Admin) -> None:
    again = {"same": True, "inputs_hash_matches": True, "differences": []}
    versions = {"code_version": CODE_VERSION, "code_version_now": CODE_VERSION}
    assert await replay(admin) == again | versions | {"match_run_id": admin.run["id"]}
    mentor, mentee = admin.matching.pool[1], admin.matching.pool[4]
    await admin.steer(by_hand=[couple(mentor, mentee)], policy={"weights": {"topics": 3}})
    await admin.client.post(f"/v1/match-runs/{admin.run['id']}/approve", headers=admin.headers)
    assert (await replay(admin)).items() >= again.items()


async def test_a_run_whose_pairs_are_gone_still_replays(admin: Admin) -> None:
    first = admin.run["id"]
    await admin.steer()
    request = ConcludeOffers(organization_id=admin.matching.organization_id, cycle_id=admin.matching.cycle_id)
    await admin.matching.activities.conclude_offers(request)
    for run_id, state in ((first, "superseded"), (admin.run["id"], "expired")):
        run = await admin.read(run_id)
        assert (run["state"], run["pairs"]) == (state, [])
        assert (await replay(admin))["same"] is True
        mentor, mentee = admin.matching.pool[0], admin.matching.pool[4]
        assert (await forced(admin, mentor.person_id, mentee.person_id)).json()["allowed"]


async def test_a_replay_says_what_was_tampered_with(admin: Admin, db: Database) -> None:
    async with db.transaction() as session:
        pair = await session.get_one(Pair, UUID(admin.run["pairs"][0]["id"]))
        pair.score += 1
        left = await session.get_one(
            UnmatchedPerson, (UUID(admin.run["id"]), UUID(admin.run["unmatched"][0]["person_id"]))
        )
        left.reason = "language"
    found = await replay(admin)
    assert (found["same"], found["inputs_hash_matches"]) == (False, True)
    assert [difference["what"] for difference in found["differences"]] == ["pair", "unmatched"]
    changed = found["differences"][0]
    assert (changed["mentor_id"], changed["stored"]["points"]) == (str(pair.mentor_id), pair.score)
    assert changed["replayed"]["points"] == pair.score - 1


async def test_a_replay_notices_other_inputs_and_another_result(admin: Admin, db: Database) -> None:
    async with db.transaction() as session:
        run = await session.get_one(MatchRun, UUID(admin.run["id"]))
        run.result_hash = "0" * 64
        run.inputs_hash = "0" * 64
        run.code_version = "1"
    found = await replay(admin)
    assert (found["same"], found["inputs_hash_matches"], found["code_version"]) == (False, False, "1")
    assert [difference["what"] for difference in found["differences"]] == ["result"]


async def test_the_inputs_of_a_run_are_shown_without_anything_but_ids_and_features(admin: Admin) -> None:
    answer = await admin.client.get(f"/v1/match-runs/{admin.run['id']}/inputs", headers=admin.headers)
    found = answer.json()
    assert (answer.status_code, found["inputs_hash"]) == (200, admin.run["inputs_hash"])
    assert found["policy"] == admin.run["policy"] == found["inputs"]["policy"]
    people = {person["person_id"]: person for person in found["inputs"]["people"]}
    assert people.keys() == set(ids(*admin.matching.pool))
    assert people[str(admin.matching.pool[1].person_id)]["taught_levels"] == {"ai": 1, "data-analysis": 2}
    assert not {"name", "email"} & set().union(*people.values())
    assert found["inputs"]["steering"] == admin.run["steering"]


async def test_runs_of_the_first_version_can_still_be_read_and_replayed(admin: Admin, db: Database) -> None:
    """They did not count how many cycles ago past pairs met, and stored no totals."""
    one, other = sorted(person.person_id for person in admin.matching.pool[:2])
    async with db.transaction() as session:
        run = await session.get_one(MatchRun, UUID(admin.run["id"]))
        await session.refresh(run, ["inputs"])
        old = ("labels", "people", "held", "tried")
        run.inputs = {name: run.inputs[name] for name in old} | {"past": [[str(one), str(other)]]}
        run.steering, run.supply = {}, []
        run.total = run.bound = run.result_hash = None
    assert (await admin.read(admin.run["id"]))["total"] is None
    found = await replay(admin)
    assert (found["same"], found["inputs_hash_matches"]) == (True, False)
    inputs = await admin.client.get(f"/v1/match-runs/{admin.run['id']}/inputs", headers=admin.headers)
    assert inputs.json()["inputs"]["past"] == [[str(one), str(other), 1]]


async def test_viewers_may_ask_and_other_organizations_find_nothing(admin: Admin, access_key: AccessKey) -> None:
    mentor, mentee = admin.matching.pool[0], admin.matching.pool[3]
    query = f"counterfactual?mentor_id={mentor.person_id}&mentee_id={mentee.person_id}"
    for headers, status in (
        (await access_key(Role.VIEWER), 200),
        (await access_key(Role.OWNER, uuid4()), 404),
        ({}, 401),
    ):
        for method, path in (("POST", "replay"), ("GET", "inputs"), ("GET", query)):
            answer = await admin.client.request(method, f"/v1/match-runs/{admin.run['id']}/{path}", headers=headers)
            assert answer.status_code == status, path
