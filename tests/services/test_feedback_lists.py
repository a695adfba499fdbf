"""The concerns of all cycles: found by what coordinators know of them, and by viewers without whom they are about."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

import services.feedback.main as feedback
from services.feedback.models import Concern
from shared.attention.resources import Concerns
from shared.auth import Role
from shared.contracts.feedback import ConcernReason
from shared.database import Database
from tests.services.conftest import client_of

Key = Callable[..., Awaitable[dict[str, str]]]
CYCLES, PEOPLE, PAIR = [uuid4(), uuid4()], [uuid4(), uuid4()], uuid4()


@pytest.fixture
async def client(application: Callable[..., FastAPI], db: Database, organization_id: UUID) -> AsyncIterator[Any]:
    """A client of an organization with a concern in each of two cycles, the second of which is resolved."""
    async with db.transaction() as session:
        for organization in (organization_id, uuid4()):
            for number, reason in enumerate((ConcernReason.NOT_A_FIT, ConcernReason.MISSED_CHECK_INS)):
                pair_id = PAIR if organization == organization_id and number else uuid4()
                session.add(
                    Concern(
                        organization_id=organization, cycle_id=CYCLES[number], round_id=uuid4(), pair_id=pair_id,
                        person_id=PEOPLE[number], reason=reason, state=("open", "resolved")[number],
                    )
                )  # fmt: skip
    async with client_of(application(feedback)) as client:
        yield client


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({}, {0, 1}),
        ({"state": "open"}, {0}),
        ({"cycle_id": str(CYCLES[1])}, {1}),
        ({"pair_id": str(PAIR)}, {1}),
        ({"person_id": str(PEOPLE[0])}, {0}),
        ({"reason": "missed_check_ins"}, {1}),
        ({"reason": "missed_check_ins", "state": "open"}, set()),
    ],
)
async def test_coordinators_find_concerns_over_all_cycles(
    client: httpx.AsyncClient, access_key: Key, params: dict[str, str], found: set[int]
) -> None:
    answer = await client.get("/v1/concerns", params=params, headers=await access_key(Role.COORDINATOR))
    assert answer.status_code == 200, answer.text
    assert {item["cycle_id"] for item in answer.json()["items"]} == {str(CYCLES[number]) for number in found}
    assert answer.json()["total"] == len(found)


async def test_other_services_read_the_open_concerns(
    client: httpx.AsyncClient, internal_headers: dict[str, str]
) -> None:
    answer = await client.get("/internal/feedback/concerns/open", headers=internal_headers)
    found = Concerns.model_validate(answer.json())
    assert ([one.cycle_id for one in found.items], found.total) == ([CYCLES[0]], 1)


async def test_viewers_read_no_person_and_no_reason_and_cannot_find_them_out_by_a_filter(
    client: httpx.AsyncClient, access_key: Key
) -> None:
    headers = await access_key(Role.VIEWER)
    listed = (await client.get("/v1/concerns", headers=headers)).json()["items"]
    assert [(item["person_id"], item["reason"]) for item in listed] == [(None, None)] * 2
    table = await client.get("/v1/concerns", headers=headers | {"accept": "text/csv"})
    assert not any(word in table.text for word in (*map(str, PEOPLE), "not_a_fit", "missed_check_ins"))
    for params in ({"person_id": str(PEOPLE[0])}, {"reason": "not_a_fit"}):
        for accept in ("application/json", "text/csv"):
            answer = await client.get("/v1/concerns", params=params, headers=headers | {"accept": accept})
            assert (answer.status_code, answer.json()["code"]) == (403, "role_too_low")
