"""Who teaches and who learns in the demo, whatever the company looks like, and what becomes of refused answers."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.properties import examples
from upward.demo.admin import AdminClient, Refused, RetryingTransport
from upward.demo.mailbox import Letter
from upward.demo.people import Manners, Participants, senior_from, why_no_pairs
from upward.demo.program import departments_differ


@pytest.mark.parametrize(
    ("levels", "start"),
    [
        ([1] * 97 + [2] * 30 + [3] * 12 + [4] * 3 + [5], 2),
        ([1, 2], 2),
        ([1] * 9 + [7], 7),
        ([1] + [2] * 9, 2),
        ([1, 2, 3, 4, 5, 6], 5),
    ],
)
def test_about_a_third_learns(levels: list[int], start: int) -> None:
    assert senior_from(levels) == start


@examples(50)
@given(st.lists(st.integers(1, 100), min_size=1, max_size=40))
def test_somebody_stands_on_each_side_wherever_levels_differ(levels: list[int]) -> None:
    start = senior_from(levels)
    if start is None:
        assert len(set(levels)) == 1
    else:
        assert min(levels) < start <= max(levels)


def person(level: int, department: str = "IT", *, active: bool = True) -> dict[str, object]:
    return {"level": level, "department": department, "active": active}


def test_it_is_said_why_no_pairs_are_possible() -> None:
    assert why_no_pairs([person(1), person(2)]) is None
    assert "same level" in str(why_no_pairs([person(1), person(1), person(2, active=False)]))


def test_departments_count_where_there_are_several() -> None:
    assert departments_differ([person(1, "IT"), person(1, "Sales")])
    assert not departments_differ([person(1, "IT"), person(1, "it"), person(1, ""), person(1, "Sales", active=False)])


async def test_cycles_with_another_salt_have_other_people_take_part() -> None:
    people = [{"email": f"{n}@upward.example", "language": "en", "level": n % 2, "active": True} for n in range(40)]

    def joining(salt: str) -> set[str]:
        own = Participants(people, httpx.AsyncClient(), Manners(joining=(0.5, 0.5), salt=salt))
        return {str(one["email"]) for one in people if own._enrol(str(one["email"]))["role"] != "none"}

    assert joining("one") == joining("one") != joining("two")


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The statuses that a server answers with, one after the other, instead of the network."""
    statuses: list[int] = []

    async def answer(_: object, request: httpx.Request) -> httpx.Response:
        return httpx.Response(statuses.pop(0), headers={"retry-after": "0"}, request=request)

    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", answer)
    return statuses


async def test_who_is_told_that_the_server_is_busy_asks_again(busy: list[int]) -> None:
    busy += [503, 503, 200, 500]
    async with httpx.AsyncClient(transport=RetryingTransport()) as client:
        assert (await client.get("http://upward.test/")).status_code == 200
        assert (await client.get("http://upward.test/")).status_code == 500, "only 503 says that one should ask again"


async def test_nobody_waits_for_an_answer_that_was_refused(busy: list[int]) -> None:
    """The admin of the demo closes a round when only those are missing who will not answer any more."""
    busy += [503] * 4
    address = next(f"{n}@upward.example" for n in range(99) if _prompt(f"{n}@upward.example"))
    async with httpx.AsyncClient(transport=RetryingTransport()) as client:
        people = Participants([{"email": address, "level": 1, "active": True}], client)
        people.receive(Letter(address, "survey_invitation", "<1>", "round", "http://upward.test/p/x", False))
        await people.settled()
    assert (people.refused, people.silent("round")) == (["survey_invitation 503"], 1)


def _prompt(address: str) -> bool:
    people = Participants([], httpx.AsyncClient())
    return people._manner(Letter(address, "survey_invitation", "<1>", "round", None, False)) == "prompt"


@pytest.mark.parametrize(
    ("status", "code", "approved"),
    [(200, None, True), (409, "match_run_superseded", False), (409, "match_run_approved", None), (403, None, None)],
)
async def test_an_approval_that_a_newer_run_overtook_is_no_failure(
    status: int, code: str | None, approved: bool | None
) -> None:
    """Somebody may leave or decline between the moment in which the admin reads the runs and the one in which the admin
    approves one."""
    transport = httpx.MockTransport(lambda _: httpx.Response(status, json={"code": code, "title": "No"}))
    admin = AdminClient("http://upward.test", "key", transport)
    if approved is None:
        with pytest.raises(Refused):
            await admin.approve("run")
    else:
        assert await admin.approve("run") is approved
    await admin.close()
