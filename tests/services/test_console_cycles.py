"""The page of a cycle: for whoever is signed in, read only, and only of their own organization."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from services.accounts import main as accounts
from services.console import main
from services.console.cycles import PAIRS_A_PAGE
from shared.auth import Role
from shared.config import Settings
from shared.contracts.matching import PairState
from shared.contracts.programs import Outcome, Stage
from shared.contracts.rounds import CloseReason, CloseRound, OpenRound, RoundKind
from shared.database import Database
from shared.http.application import create_application
from shared.rounds import store
from shared.rounds.store import Recipient
from tests.console_fakes import CLOSES_AT, FakeServices
from tests.services.conftest import client_of
from tests.services.programs_examples import add_organization
from tests.services.test_console_sign_in import key_of, sign_in

MakeKey = Callable[..., Awaitable[dict[str, str]]]


@pytest.fixture
def fakes(organization_id: UUID) -> FakeServices:
    return FakeServices(organization_id=organization_id)


@pytest.fixture
async def app(db: Database, settings: Settings, fakes: FakeServices) -> FastAPI:
    await add_organization(db, fakes.organization_id)
    return create_application([main.router, accounts.router, fakes.router()], db, settings)


@pytest.fixture
async def client(app: FastAPI, access_key: MakeKey) -> AsyncIterator[httpx.AsyncClient]:
    """A browser that signed in with a viewer's key."""
    async with client_of(app) as client:
        await sign_in(client, key_of(await access_key(Role.VIEWER)))
        yield client


async def open_round(db: Database, fakes: FakeServices, *, answered: int, asked: int, close: bool = False) -> None:
    async with db.transaction() as session:
        request = OpenRound(
            organization_id=fakes.organization_id,
            cycle_id=fakes.cycle_id,
            round_id=uuid4(),
            kind=RoundKind.ENROLMENT,
            number=1,
            closes_at=CLOSES_AT + timedelta(days=1),
        )
        people = [uuid4() for _ in range(asked)]
        await store.open_round(session, request, [Recipient(person, fakes.cycle_id) for person in people])
        for person in people[:answered]:
            round_ = await store.lock_open_round(session, fakes.organization_id, request.round_id)
            await store.mark_answered(session, round_, person, [fakes.cycle_id])
        if close:
            closing = CloseRound(
                organization_id=fakes.organization_id, round_id=request.round_id, reason=CloseReason.DEADLINE
            )
            await store.close_round(session, closing)


async def test_the_page_shows_stage_rounds_and_pairs(
    client: httpx.AsyncClient, db: Database, fakes: FakeServices
) -> None:
    await open_round(db, fakes, answered=3, asked=5)
    response = await client.get(f"/console/cycles/{fakes.cycle_id}")
    assert response.status_code == 200
    text = response.text
    assert '<li class="current" aria-current="step"><span>Review</span>' in text
    assert "Enrolment 1" in text
    assert "3 of 5 answered, 2 pending" in text
    assert '<progress value="3" max="5"' in text
    assert "6 Mar 2027, 17:00" in text
    assert "Amara Osei" in text
    assert "Bernd &lt;Falk&gt; &amp; Söhne" in text
    assert "Generative AI, retired-topic" in text
    assert "They work in different departments." in text
    assert "742" in text


@pytest.mark.parametrize(
    ("stage", "by_intake", "by_matching", "shown"),
    [(Stage.INTAKE, 7, 0, 7), (Stage.MATCHING, 9, 0, 9), (Stage.REVIEW, 12, 11, 11)],
)
async def test_who_enrolled_is_counted_while_people_enrol(
    client: httpx.AsyncClient, fakes: FakeServices, stage: Stage, by_intake: int, by_matching: int, shown: int
) -> None:
    """Once matching has counted the people of a run, these are shown."""
    fakes.stage, fakes.enrolled, fakes.matched_of = stage, by_intake, by_matching
    text = (await client.get(f"/console/cycles/{fakes.cycle_id}")).text
    assert f"<dt>Enrolled</dt><dd>{shown}</dd>" in text


async def test_a_closed_round_says_why_and_what_is_missing(
    client: httpx.AsyncClient, db: Database, fakes: FakeServices
) -> None:
    await open_round(db, fakes, answered=1, asked=4, close=True)
    text = (await client.get(f"/console/cycles/{fakes.cycle_id}")).text
    assert "deadline reached" in text
    assert "1 of 4 answered, 3 missing" in text


async def test_a_round_that_asks_nobody_is_shown_too(
    client: httpx.AsyncClient, db: Database, fakes: FakeServices
) -> None:
    await open_round(db, fakes, answered=0, asked=0)
    assert '<progress value="0" max="1"' in (await client.get(f"/console/cycles/{fakes.cycle_id}")).text


async def test_matches_that_wait_show_how_to_approve_them(client: httpx.AsyncClient, fakes: FakeServices) -> None:
    fakes.awaiting_approval = uuid4()
    text = (await client.get(f"/console/cycles/{fakes.cycle_id}")).text
    assert f"http://127.0.0.1:8080/v1/match-runs/{fakes.awaiting_approval}/approve" in text


async def test_without_the_runs_id_the_page_says_how_to_find_it(client: httpx.AsyncClient, fakes: FakeServices) -> None:
    text = (await client.get(f"/console/cycles/{fakes.cycle_id}")).text
    assert f"/v1/cycles/{fakes.cycle_id}/match-runs" in text


async def test_nothing_is_said_of_approval_when_nothing_waits(client: httpx.AsyncClient, fakes: FakeServices) -> None:
    fakes.stage, fakes.pairs = Stage.ACTIVE, [fakes.pair(PairState.ACTIVE)]
    text = (await client.get(f"/console/cycles/{fakes.cycle_id}")).text
    assert "wait for your approval" not in text


async def test_a_paused_cycle_and_an_outcome_are_told(client: httpx.AsyncClient, fakes: FakeServices) -> None:
    fakes.paused = True
    assert '<span class="badge paused">Paused</span>' in (await client.get(f"/console/cycles/{fakes.cycle_id}")).text
    fakes.paused, fakes.stage, fakes.outcome = False, Stage.CANCELLED, Outcome.CANCELLED
    text = (await client.get(f"/console/cycles/{fakes.cycle_id}")).text
    assert "Cancelled by an administrator." in text
    assert 'aria-current="step"' not in text


@pytest.mark.parametrize("stage", Stage)
async def test_every_stage_has_its_page_even_before_anything_happened(
    client: httpx.AsyncClient, fakes: FakeServices, stage: Stage
) -> None:
    fakes.stage, fakes.pairs, fakes.unknown_contacts = stage, [fakes.pair(PairState.ENDED)], True
    response = await client.get(f"/console/cycles/{fakes.cycle_id}")
    assert response.status_code == 200
    assert "No round has opened yet." in response.text


async def test_pairs_come_by_the_page(client: httpx.AsyncClient, fakes: FakeServices) -> None:
    first = fakes.pairs[0]
    fakes.pairs = [first.model_copy(update={"id": uuid4()}) for _ in range(PAIRS_A_PAGE + 1)]
    page = f"/console/cycles/{fakes.cycle_id}"
    text = (await client.get(page)).text
    assert text.count('data-label="Mentor"') == PAIRS_A_PAGE
    cursor = fakes.pairs[PAIRS_A_PAGE - 1].id
    assert f'href="?after={cursor}"' in text
    rest = (await client.get(page, params={"after": str(cursor)})).text
    assert rest.count('data-label="Mentor"') == 1
    assert "Next page" not in rest


async def test_the_page_is_private(client: httpx.AsyncClient, fakes: FakeServices) -> None:
    response = await client.get(f"/console/cycles/{fakes.cycle_id}")
    assert response.headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in response.headers["content-security-policy"]


@pytest.mark.parametrize("authorization", ["", "Basic bm9ib2R5OnVwd18=", "Bearer upw_x", "Bearer é", "Digest x"])
@pytest.mark.parametrize("cycle", [None, "nonsense"])
async def test_whoever_is_not_signed_in_is_led_to_the_sign_in_page(
    app: FastAPI, fakes: FakeServices, authorization: str, cycle: str | None
) -> None:
    async with client_of(app) as client:
        headers = [(b"authorization", authorization.encode())] if authorization else []
        path = f"/console/cycles/{cycle or fakes.cycle_id}"
        response = await client.get(path, headers=headers)
    assert response.status_code == 303
    assert response.headers["location"] == f"/console/sign-in?next={path.replace('/', '%2F')}"
    assert "www-authenticate" not in response.headers


async def test_a_program_may_send_the_key_as_bearer(app: FastAPI, fakes: FakeServices, access_key: MakeKey) -> None:
    async with client_of(app) as client:
        path = f"/console/cycles/{fakes.cycle_id}"
        assert (await client.get(path, headers=await access_key(Role.OWNER))).status_code == 200


async def test_another_organizations_cycle_is_not_found(
    app: FastAPI, db: Database, fakes: FakeServices, access_key: MakeKey
) -> None:
    await open_round(db, fakes, answered=1, asked=2)
    other = uuid4()
    await add_organization(db, other)
    async with client_of(app) as client:
        response = await client.get(f"/console/cycles/{fakes.cycle_id}", headers=await access_key(Role.OWNER, other))
    assert response.status_code == 404
    assert "Amara" not in response.text


@pytest.mark.parametrize("path", ["/console/cycles/nonsense", f"/console/cycles/{UUID(int=7)}"])
async def test_an_unknown_cycle_is_not_found(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(path)
    assert response.status_code == 404
    assert response.headers["content-type"].startswith("text/html")


async def test_a_wrong_cursor_is_not_found(client: httpx.AsyncClient, fakes: FakeServices) -> None:
    assert (await client.get(f"/console/cycles/{fakes.cycle_id}?after=nonsense")).status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_the_page_is_read_only(client: httpx.AsyncClient, fakes: FakeServices, method: str) -> None:
    assert (await client.request(method, f"/console/cycles/{fakes.cycle_id}")).status_code == 405
