"""Which steering is refused: every wrong field is named, with what is wrong."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI

from services.intake import main as intake
from services.matching import main
from shared.auth import Role
from shared.config import Settings
from shared.database import Database
from tests.services.conftest import client_of
from tests.services.matching_admin import AccessKey, Admin, couple
from tests.services.matching_stand_ins import Matching, mentees, mentors, pool_person


@pytest.fixture
def matching(db: Database, settings: Settings, organization_id: UUID) -> Matching:
    return Matching(db, settings, organization_id, [*mentors(3), *mentees(2)])


@pytest.fixture
async def admin(matching: Matching, application: Callable[..., FastAPI], access_key: AccessKey) -> Admin:
    """Has read the cycle's first run: three mentors, two mentees, two pairs."""
    found = Admin(matching, client_of(application(main, intake)), await access_key(Role.COORDINATOR))
    await found.read((await matching.propose()).match_run_id)
    return found


async def test_wrong_people_and_couples_are_refused_by_field(admin: Admin) -> None:
    one, other, _, mentee, second = admin.matching.pool
    stranger, never = mentees(1)[0], str(uuid4())
    assert await admin.refused(
        pins=[couple(one, stranger), couple(mentee, one), couple(one, one)],
        forbidden=[couple(stranger, mentee), couple(other, mentee), couple(mentee, other)],
        dropped=[never, str(second.person_id), str(second.person_id)],
    ) == {
        "body.pins.0.mentee_id": "is not in this run's pool",
        "body.pins.1.mentor_id": "did not enrol as mentor",
        "body.pins.1.mentee_id": "did not enrol as mentee",
        "body.pins.2.mentee_id": "nobody can be their own partner",
        "body.forbidden.0.mentor_id": "is not in this run's pool",
        "body.forbidden.2.mentee_id": "these two are named in forbidden.1 already",
        "body.dropped.0": "is not in this run's pool",
        "body.dropped.2": "is named twice",
    }


async def test_decisions_that_contradict_each_other_are_refused_by_field(admin: Admin) -> None:
    one, other, third, mentee, second = admin.matching.pool
    assert await admin.refused(
        pins=[couple(one, mentee)],
        by_hand=[couple(other, mentee), couple(third, second)],
        forbidden=[couple(mentee, one)],
        dropped=[str(third.person_id)],
    ) == {
        "body.pins.0.mentee_id": "these two are forbidden in forbidden.0",
        "body.by_hand.0.mentee_id": "has 1 free place as mentee",
        "body.by_hand.1.mentor_id": "is dropped from the run in dropped.0",
    }


async def test_a_pin_meets_every_hard_constraint_and_by_hand_needs_a_reason_to_break_one(admin: Admin) -> None:
    senior = pool_person("mentor", 4, languages=("fr",))
    shy = mentees(1, avoided=(admin.matching.pool[0].person_id,))[0]
    admin.matching.pool += [senior, shy]
    await admin.read((await admin.matching.propose(2)).match_run_id)
    said = await admin.refused(
        pins=[couple(senior, admin.matching.pool[3])], by_hand=[couple(admin.matching.pool[0], shy)]
    )
    assert set(said) == {"body.pins.0.mentee_id", "body.by_hand.0.override_reason"}
    assert "(level_gap)" in said["body.pins.0.mentee_id"]
    assert "(language)" in said["body.pins.0.mentee_id"]
    assert "not possible (not_possible)" in said["body.by_hand.0.override_reason"]


async def test_a_reason_overrides_neither_a_place_nor_a_role(admin: Admin) -> None:
    one, other, _, mentee, second = admin.matching.pool
    why = {"override_reason": "The sponsor insists."}
    said = await admin.refused(by_hand=[couple(one, mentee, **why), couple(one, second, **why)])
    assert said == {"body.by_hand.1.mentor_id": "has 1 free place as mentor"}
    said = await admin.refused(by_hand=[couple(one, other, **why)])
    assert said == {"body.by_hand.0.mentee_id": "did not enrol as mentee"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"pin": []}, "body.pin"),
        ({"policy": {"min_gap": 2}}, "body.policy.min_gap"),
        ({"policy": {"weights": {"topic": 2}}}, "body.policy.weights.topic"),
        ({"policy": {"min_level_gap": 3, "max_level_gap": 2}}, "body.policy"),
        ({"pins": [{"mentor_id": str(uuid4())}]}, "body.pins.0.mentee_id"),
        ({"pins": [{"mentor_id": "x", "mentee_id": str(uuid4())}]}, "body.pins.0.mentor_id"),
        ({"dropped": "everyone"}, "body.dropped"),
    ],
)
async def test_a_document_that_is_none_is_refused_by_field(admin: Admin, body: Any, field: str) -> None:
    assert field in await admin.refused(**body)


@pytest.mark.parametrize("reason", ["x", "", "a\x00bcd", "two\nlines", "x" * 501, 5])
async def test_a_reason_is_one_line_that_says_something(admin: Admin, reason: Any) -> None:
    one, mentee = admin.matching.pool[0], admin.matching.pool[3]
    said = await admin.refused(by_hand=[couple(one, mentee, override_reason=reason)])
    assert set(said) == {"body.by_hand.0.override_reason"}


async def test_a_couple_whose_offer_stands_is_not_made_again_whatever_the_reason(admin: Admin) -> None:
    for person in admin.matching.pool:
        admin.matching.pool[admin.matching.pool.index(person)] = person.model_copy(
            update={"mentor_capacity": 2, "mentee_capacity": 2}
        )
    await admin.read((await admin.matching.propose(2)).match_run_id)
    await admin.client.post(f"/v1/match-runs/{admin.run['id']}/approve", headers=admin.headers)
    stands = admin.run["pairs"][0]
    again = {"mentor_id": stands["mentor_id"], "mentee_id": stands["mentee_id"], "override_reason": "Once more."}
    await admin.read((await admin.matching.propose(3)).match_run_id)
    assert "already" in (await admin.refused(by_hand=[again]))["body.by_hand.0.mentee_id"]
