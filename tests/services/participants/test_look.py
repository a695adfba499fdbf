"""Participants' pages show whose they are, and are shown all the same if that cannot be learnt."""

import httpx
import pytest

from services.accounts.rules.colours import palette_of
from shared.contracts.accounts import Brand, Logo
from shared.contracts.rounds import RoundKind
from shared.errors import Gone
from tests.console_fakes import PATHS, FakeServices, token_of

LOGO = Logo(digest="a" * 64, media_type="image/png", width=40, height=20, alt="Acme <Group>")
BRAND = Brand(palette=palette_of("#7a2048", None), logo=LOGO)
SHEET = '<link rel="stylesheet" href="/console/accent/7a2048-ffffff-'


@pytest.fixture(autouse=True)
def branded(fakes: FakeServices) -> None:
    fakes.brand = BRAND


async def test_every_page_has_the_colour_and_the_logo_also_when_its_round_is_over(
    client: httpx.AsyncClient, fakes: FakeServices
) -> None:
    kind = RoundKind.SURVEY
    shown = [await client.get(PATHS[kind]), await client.get(f"{PATHS[kind]}/done")]
    shown.append(await client.post(PATHS[kind], data={"role": "none"}))
    fakes.links[token_of(kind)] = Gone("over", code="round_closed")
    shown += [await client.get(PATHS[kind]), await client.get(f"{PATHS[kind]}/done")]
    address = f"/console/logos/{fakes.organization_id}/{'a' * 64}.png"
    for page in shown:
        assert page.text.count(SHEET) == 1
        assert f'src="{address}" alt="Acme &lt;Group&gt;" width="40" height="20"' in page.text
        assert "upward.svg" not in page.text.partition("<body")[2]
        assert " style=" not in page.text


async def test_a_link_of_nobody_looks_like_ours(client: httpx.AsyncClient) -> None:
    page = await client.get("/p/unknown")
    assert page.status_code == 404
    assert "/console/accent/" not in page.text
    assert "/console/logos/" not in page.text


async def test_a_page_is_shown_all_the_same_when_nobody_says_how_it_looks(
    client: httpx.AsyncClient, fakes: FakeServices
) -> None:
    fakes.brand = None
    page = await client.get(PATHS[RoundKind.CHECK_IN])
    assert page.status_code == 200
    assert "/console/accent/" not in page.text
