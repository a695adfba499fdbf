"""Nobody reads who would rather not be matched with whom, whatever their role and whichever route they ask."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI

from services.matching import main
from services.matching.engine.inputs import Inputs
from services.matching.models import MatchRun, UnmatchedPerson
from shared.auth import Role
from shared.config import Settings
from shared.contracts.intake import PoolPerson
from shared.database import Database
from tests.services.conftest import client_of
from tests.services.matching_admin import AccessKey, Admin, Headers, couple
from tests.services.matching_stand_ins import Matching, mentees, mentors

STRANGER = uuid4()
"""Somebody outside the pool, whom one person would rather avoid and another one wishes for."""
EMPTY = '"avoided": []'


@pytest.fixture
def matching(db: Database, settings: Settings, organization_id: UUID) -> Matching:
    """Kim is avoided by one mentor and avoids the other; Lea speaks another language than they do; Eve gets a pair."""
    ann, bob = mentors(2)
    kim = mentees(1, avoided=(bob.person_id, STRANGER), meeting_windows=("mon-am",), topics_wanted=("wanted-by-kim",))[
        0
    ]
    ann = ann.model_copy(update={"avoided": (kim.person_id,), "preferred": (STRANGER,)})
    [lea], [eve] = mentees(1, languages=("fr",)), mentees(1)
    return Matching(db, settings, organization_id, [ann, bob, kim, lea, eve])


@pytest.fixture
async def admin(matching: Matching, application: Callable[..., FastAPI], access_key: AccessKey) -> Admin:
    found = Admin(matching, client_of(application(main)), await access_key(Role.COORDINATOR))
    await found.read((await matching.propose()).match_run_id)
    return found


async def ask(admin: Admin, headers: Headers, method: str, path: str, **more: Any) -> Any:
    answer = await admin.client.request(method, f"/v1/match-runs/{admin.run['id']}{path}", headers=headers, **more)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def forbidden_by(admin: Admin, headers: Headers, mentor: Any, mentee: Any) -> list[str]:
    params = {"mentor_id": str(mentor.person_id), "mentee_id": str(mentee.person_id)}
    found: list[str] = (await ask(admin, headers, "GET", "/counterfactual", params=params))["forbidden_by"]
    return found


@pytest.mark.parametrize("role", Role)
async def test_no_role_reads_an_avoid_list_on_any_route(admin: Admin, access_key: AccessKey, role: Role) -> None:
    headers = await access_key(role)
    ann, bob, kim, *_ = admin.matching.pool
    answers = [
        await ask(admin, headers, "GET", ""),
        await ask(admin, headers, "GET", "/inputs"),
        await ask(admin, headers, "POST", "/replay"),
        *[await forbidden_by(admin, headers, mentor, kim) for mentor in (ann, bob)],
    ]
    if role.covers(Role.COORDINATOR):
        wrong = {"pins": [couple(ann, kim)], "by_hand": [couple(bob, kim)]}
        refused = await admin.client.post(f"/v1/match-runs/{admin.run['id']}/preview", json=wrong, headers=headers)
        answers.append(refused.json())
    told = json.dumps(answers).replace(EMPTY, "")
    assert "avoid" not in told
    if role is Role.VIEWER:
        assert str(STRANGER) not in told, "a wish is for those who make pairs"


async def test_whoever_is_unmatched_for_an_avoid_list_alone_was_not_possible(admin: Admin) -> None:
    kim = admin.matching.pool[2]
    [told] = [left for left in admin.run["unmatched"] if left["person_id"] == str(kim.person_id)]
    assert (told["reason"], told["blocked"], told["change"]) == ("not_possible", {}, None)
    assert told["detail"] == "Of 2 possible pairs none is allowed."


@pytest.mark.parametrize("role", [Role.VIEWER, Role.COORDINATOR])
@pytest.mark.parametrize("accept", ["application/json", "text/csv"])
async def test_no_filter_and_no_order_tells_whom_an_avoid_list_keeps_apart(
    admin: Admin, access_key: AccessKey, role: Role, accept: str
) -> None:
    """The list of those without a partner is searched and sorted by what it tells, and by nothing else."""
    headers = await access_key(role) | {"accept": accept}
    kim, lea = (str(person.person_id) for person in admin.matching.pool[2:4])

    async def listed(**params: Any) -> list[str]:
        path = f"/v1/match-runs/{admin.run['id']}/unmatched"
        answer = await admin.client.get(path, params=params, headers=headers)
        assert answer.status_code == 200, answer.text
        return sorted((one for one in (kim, lea) if one in answer.text), key=answer.text.find)

    for hidden in ("avoided", "reporting_line", "tried_before"):
        assert await listed(reason=hidden) == [], hidden
    assert await listed(reason="not_possible") == [kim]
    assert await listed(reason=["avoided", "language"]) == [lea]
    assert await listed(sort="reason") == [lea, kim], "language stands before not_possible, as avoided would not"
    assert await listed(sort="-reason") == [kim, lea]


async def test_the_words_of_other_reasons_stay(admin: Admin, db: Database) -> None:
    """An earlier version stored the sentence with everything in it."""
    kim = admin.matching.pool[2]
    async with db.transaction() as session:
        left = await session.get_one(UnmatchedPerson, (UUID(admin.run["id"]), kim.person_id))
        left.blocked = {"language": 2, "avoided": 1, "department": 1}
        left.detail = (
            "Of 2 possible pairs none is allowed (2 without a common language, 1 on an avoid list, 1 in the same "
            "department)."
        )
    [told] = [left for left in (await admin.read(admin.run["id"]))["unmatched"] if left["reason"] == "not_possible"]
    assert told["blocked"] == {"language": 2, "department": 1}
    assert told["detail"] == (
        "Of 2 possible pairs none is allowed (2 without a common language, 1 in the same department)."
    )


async def test_a_pair_is_not_possible_and_a_viewer_is_told_no_more_of_any_pair(
    admin: Admin, access_key: AccessKey
) -> None:
    ann, bob, kim, lea, _ = admin.matching.pool
    viewer = await access_key(Role.VIEWER)
    for mentor in (ann, bob):
        assert await forbidden_by(admin, admin.headers, mentor, kim) == ["not_possible"]
        assert await forbidden_by(admin, admin.headers, mentor, lea) == ["language"]
        assert await forbidden_by(admin, viewer, mentor, kim) == ["not_possible"]
        assert await forbidden_by(admin, viewer, mentor, lea) == ["not_possible"]


async def test_a_refused_steering_says_that_the_pair_is_not_possible(admin: Admin) -> None:
    ann, bob, kim, *_ = admin.matching.pool
    assert await admin.refused(pins=[couple(ann, kim)]) == {
        "body.pins.0.mentee_id": "this pair is not possible (not_possible); a pair by hand may override that"
    }
    assert await admin.refused(by_hand=[couple(bob, kim)]) == {
        "body.by_hand.0.override_reason": (
            "this pair is not possible (not_possible); write why it is made all the same"
        )
    }


async def test_a_replay_tells_no_avoid_list_either(admin: Admin, db: Database) -> None:
    kim = admin.matching.pool[2]
    async with db.transaction() as session:
        left = await session.get_one(UnmatchedPerson, (UUID(admin.run["id"]), kim.person_id))
        left.reason = "language"
    found = await ask(admin, admin.headers, "POST", "/replay")
    [difference] = found["differences"]
    assert difference["stored"]["reason"] == "language"
    assert (difference["replayed"]["reason"], difference["replayed"]["blocked"]) == ("not_possible", {})


async def test_coordinators_read_what_people_enrolled_with_and_viewers_their_role_alone(
    admin: Admin, access_key: AccessKey
) -> None:
    kim = str(admin.matching.pool[2].person_id)
    shown = {}
    for role in (Role.VIEWER, Role.COORDINATOR):
        inputs = (await ask(admin, await access_key(role), "GET", "/inputs"))["inputs"]
        [shown[role]] = [person for person in inputs["people"] if person["person_id"] == kim]
    assert shown[Role.COORDINATOR]["topics_wanted"] == ["wanted-by-kim"]
    assert shown[Role.COORDINATOR]["meeting_windows"] == ["mon-am"]
    hidden = ("topics_taught", "topics_wanted", "languages", "meeting_windows", "preferred", "avoided")
    assert {name: shown[Role.VIEWER][name] for name in hidden} == {name: [] for name in hidden}
    assert (shown[Role.VIEWER]["role"], shown[Role.VIEWER]["level"]) == ("mentee", 4)


async def test_the_hash_of_the_inputs_does_not_confirm_a_guess(admin: Admin, db: Database) -> None:
    async with db.transaction() as session:
        run = await session.get_one(MatchRun, UUID(admin.run["id"]))
        await session.refresh(run, ["inputs"])
    own = {"cycle_id": run.cycle_id, "direction": run.direction, "policy": run.policy, "steering": run.steering}
    guessed = Inputs.model_validate(run.inputs | own)
    assert guessed.people, "every avoid list is guessed right"
    assert guessed.hash() != admin.run["inputs_hash"]
    assert "salt" not in json.dumps(await ask(admin, admin.headers, "GET", "/inputs"))
    again = await ask(admin, admin.headers, "POST", "/replay")
    assert (again["same"], again["inputs_hash_matches"]) == (True, True)


def reported_to(people: tuple[PoolPerson, ...]) -> tuple[PoolPerson, ...]:
    """The same people, and whoever avoided somebody is the manager of that person instead."""
    managers = {other: (one.person_id,) for one in people for other in one.avoided}
    return tuple(one.model_copy(update={"avoided": (), "managers": managers.get(one.person_id, ())}) for one in people)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.COORDINATOR])
async def test_whoever_avoids_somebody_is_told_of_as_if_one_were_the_manager_of_the_other(
    db: Database, settings: Settings, application: Callable[..., FastAPI], access_key: AccessKey, role: Role,
    organization_id: UUID,
) -> None:  # fmt: skip
    """One code stands for both, so that it does not tell which it is."""
    ann, eve, ida = *mentors(1), *mentees(2)
    shy = eve.model_copy(update={"avoided": (ann.person_id,)})
    answers = []
    for pool in ((ann, shy, ida), reported_to((ann, shy, ida))):
        matching = Matching(db, settings, organization_id, pool)
        admin = Admin(matching, client_of(application(main)), await access_key(Role.COORDINATOR))
        await admin.read((await matching.propose()).match_run_id)
        headers = await access_key(role)
        run = await ask(admin, headers, "GET", "")
        refused = (
            await admin.refused(pins=[couple(ann, eve)]),
            await admin.refused(by_hand=[couple(ann, eve)]),
        )
        answers.append((run["unmatched"], await forbidden_by(admin, headers, ann, eve), refused))
    assert answers[0] == answers[1]
    assert [left["reason"] for left in answers[0][0]] == ["not_possible"]
    assert "reporting" not in json.dumps(answers)


async def test_figures_about_topics_are_for_groups_of_five_and_not_for_viewers(
    db: Database, settings: Settings, organization_id: UUID, application: Callable[..., FastAPI], access_key: AccessKey
) -> None:
    matching = Matching(db, settings, organization_id, [*mentors(5), *mentees(4), *mentees(6, topics_wanted=("data",))])
    made = await matching.propose()
    client = client_of(application(main))
    supply = {}
    for role in (Role.VIEWER, Role.COORDINATOR):
        run = (await client.get(f"/v1/match-runs/{made.match_run_id}", headers=await access_key(role))).json()
        supply[role] = {one["topic"]: (one["teachers"], one["wanted_by"], one["suppressed"]) for one in run["supply"]}
    assert supply[Role.COORDINATOR] == {"ai": (5, None, True), "data": (None, None, True)}
    assert supply[Role.VIEWER] == {"ai": (None, None, True), "data": (None, None, True)}
