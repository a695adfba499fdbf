"""What surrounds a form is the same for all participants of a cycle: it is read once a second, whoever looks."""

import asyncio
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import httpx
import pytest

from services.accounts.rules.colours import palette_of
from shared.contracts.accounts import Brand
from shared.contracts.rounds import RoundKind
from shared.http.internal import Internal
from tests.console_fakes import ENROL, PATHS, FakeServices

PAGE = PATHS[RoundKind.ENROLMENT]
AROUND = ["/internal/accounts/brand", "/internal/intake/contacts", "/internal/notifications/page-words"]


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr("services.console.surroundings.KEPT_SECONDS", 1.0)
    monkeypatch.setattr("services.console.surroundings.time.monotonic", lambda: now[0])
    return now


@pytest.fixture
def asked() -> Iterator[list[str]]:
    """The addresses that the console asked for."""
    found, exchange = list[str](), Internal.exchange

    async def noted(self: Internal, service: Any, request: Any, **options: Any) -> Any:
        found.append(request["url"])
        return await exchange(self, service, request, **options)

    with patch.object(Internal, "exchange", noted):
        yield found


async def test_a_page_asks_for_no_more_than_its_link_and_its_form(
    client: httpx.AsyncClient, fakes: FakeServices, asked: list[str]
) -> None:
    await client.get(PAGE)
    around = [f"/internal/programs/cycles/{fakes.cycle_id}", *AROUND]
    assert len(asked) == 6
    assert set(around) < set(asked)
    for ask in (client.get(PAGE), client.get(f"{PAGE}/done"), client.post(PAGE, data=ENROL)):
        asked.clear()
        assert (await ask).status_code in (200, 303)
        assert len(asked) == 2
        assert not set(around) & set(asked)


async def test_what_is_shown_is_never_older_than_a_second(
    client: httpx.AsyncClient, fakes: FakeServices, clock: list[float]
) -> None:
    assert "/console/accent/" not in (await client.get(PAGE)).text
    fakes.brand = Brand(palette=palette_of("#7a2048", None))
    clock[0] += 0.9
    assert "/console/accent/" not in (await client.get(PAGE)).text
    clock[0] += 0.1
    assert "/console/accent/" in (await client.get(PAGE)).text


async def test_those_who_come_at_the_same_time_wait_for_one_reading(
    client: httpx.AsyncClient, fakes: FakeServices, asked: list[str]
) -> None:
    pages = await asyncio.gather(*(client.get(PAGE) for _ in range(5)))
    assert [page.status_code for page in pages] == [200] * 5
    assert [asked.count(one) for one in AROUND] == [1, 1, 1]
    assert len(asked) == 2 * 5 + 4


async def test_a_reading_that_failed_is_not_kept(client: httpx.AsyncClient, fakes: FakeServices) -> None:
    with patch.object(fakes, "_brief", side_effect=RuntimeError("a bug of programs")):
        assert (await client.get(PAGE)).status_code == 503
    assert (await client.get(PAGE)).status_code == 200


async def test_cycles_and_organizations_are_kept_apart(client: httpx.AsyncClient, fakes: FakeServices) -> None:
    assert (await client.get(PAGE)).status_code == 200
    first, fakes.cycle_id = fakes.cycle_id, fakes.me.person_id
    fakes.brand = Brand(palette=palette_of("#7a2048", None))
    assert "/console/accent/" in (await client.get(PAGE)).text
    fakes.cycle_id = first
    assert "/console/accent/" not in (await client.get(PAGE)).text
