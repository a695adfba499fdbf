"""The home page as each role sees it, read by the public API from the services that know."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from services.accounts import main as accounts
from services.console import main as console
from services.events import main as events
from services.events.webhooks.models import EndpointRow
from services.feedback import main as feedback
from services.feedback.models import Concern
from services.intake import main as intake
from services.notifications import main as notifications
from services.notifications.models import AnnouncementRow, MessageRow
from services.programs import main as programs
from services.programs.models import CycleRow
from shared.auth import Role
from shared.contracts.rounds import RoundKind, RoundState
from shared.database import Database
from shared.rounds.models import Round, RoundRecipient
from tests.services.conftest import client_of
from tests.services.intake_examples import add_people, person
from tests.services.programs_examples import PROGRAM, add_organization, once

Key = Callable[..., Awaitable[dict[str, str]]]
NOW = datetime.now(UTC)
ADA = person("ada@example.org")._replace(name="Ada <b>Stone</b>")


@pytest.fixture
async def http(
    db: Database, organization_id: UUID, application: Callable[..., FastAPI]
) -> AsyncIterator[httpx.AsyncClient]:
    await add_organization(db, organization_id)
    async with client_of(application(accounts, programs, intake, feedback, notifications, events, console)) as client:
        yield client


async def a_cycle(http: httpx.AsyncClient, key: dict[str, str]) -> UUID:
    named = {**PROGRAM, "name": "<b>Upside</b> & Down"}
    program = (await http.post("/v1/programs", headers=once(key), json=named)).json()
    cycle = await http.post(f"/v1/programs/{program['id']}/cycles", headers=once(key))
    return UUID(cycle.json()["id"])


async def trouble(db: Database, organization_id: UUID, cycle_id: UUID) -> tuple[UUID, UUID]:
    """A check-in half answered, a concern, a message that failed and an endpoint that fails, in an active cycle."""
    round_id, concern_id, endpoint_id, announcement_id = (uuid4() for _ in range(4))
    own = {"organization_id": organization_id}
    of_cycle = own | {"cycle_id": cycle_id}
    told = {"scope_id": cycle_id, "template": "kickoff", "occurrence": 1}
    async with db.transaction() as session:
        cycle = await session.get_one(CycleRow, cycle_id)
        cycle.stage = "active"
        session.add_all([
            Round(
                **of_cycle, id=round_id, kind=RoundKind.CHECK_IN, number=2, state=RoundState.OPEN,
                closes_at=NOW + timedelta(days=3),
            ),
            Concern(
                **of_cycle, id=concern_id, round_id=round_id, pair_id=uuid4(), person_id=ADA.id, reason="not_a_fit",
                state="open",
            ),
            AnnouncementRow(**of_cycle, **told, id=announcement_id, audience="participants"),
            EndpointRow(
                **own, id=endpoint_id, url="https://bi.example.org/x?token=secret", owner_id=ADA.id, description="BI",
                types=[], rate_limit=50, state="enabled", failing_since=NOW, reached_sequence=0,
            ),
        ])  # fmt: skip
        await session.flush()
        session.add(
            MessageRow(
                **of_cycle, **told, id=uuid4(), announcement_id=announcement_id, person_id=ADA.id, channel="email",
                message_id="<x@y>", due_at=NOW, state="failed", failure_code="smtp_550",
            )
        )  # fmt: skip
        for answered_at in (NOW, NOW, None):
            session.add(
                RoundRecipient(
                    **own, round_id=round_id, person_id=uuid4(), subject_id=uuid4(), answered_at=answered_at
                )
            )  # fmt: skip
    return concern_id, endpoint_id


async def test_each_role_sees_what_needs_it_and_no_more(
    http: httpx.AsyncClient, db: Database, organization_id: UUID, access_key: Key
) -> None:
    await add_people(db, organization_id, ADA)
    cycle_id = await a_cycle(http, await access_key(Role.ADMIN))
    concern_id, endpoint_id = await trouble(db, organization_id, cycle_id)
    found = {role: (await http.get("/console", headers=await access_key(role))).text for role in Role}
    for role, page in found.items():
        assert "&lt;b&gt;Upside&lt;/b&gt; &amp; Down" in page
        assert f'href="/console/cycles/{cycle_id}"' in page
        assert "2 of 3 answered" in page
        assert "Check-in 2 closes" in page
        assert f'href="/console/concerns/{concern_id}"' in page
        assert ("Ada &lt;b&gt;Stone" in page) == role.covers(Role.COORDINATOR)
        assert ("A pair needs help" in page) != role.covers(Role.COORDINATOR)
        assert ("1 message could not be delivered" in page) == role.covers(Role.COORDINATOR)
        assert (f'href="/console/integrations/{endpoint_id}"' in page) == role.covers(Role.ADMIN)
        assert "secret" not in page
        assert "something may be missing" not in page


async def test_matches_that_wait_are_approved_by_coordinators_and_looked_at_by_viewers(
    http: httpx.AsyncClient, db: Database, access_key: Key
) -> None:
    cycle_id = await a_cycle(http, await access_key(Role.ADMIN))
    async with db.transaction() as session:
        (await session.get_one(CycleRow, cycle_id)).stage = "review"
    for role, action in ((Role.VIEWER, "Look at the matches"), (Role.COORDINATOR, "Review and approve")):
        page = (await http.get("/console", headers=await access_key(role))).text
        assert f'href="/console/cycles/{cycle_id}/review">{action}<' in page


async def test_a_cycle_that_does_not_move_is_told_with_its_reason(
    http: httpx.AsyncClient, db: Database, access_key: Key
) -> None:
    cycle_id = await a_cycle(http, await access_key(Role.ADMIN))
    async with db.transaction() as session:
        row = await session.get_one(CycleRow, cycle_id)
        row.stall_reason, row.stalled_at = "events_waiting", NOW
    page = (await http.get("/console", headers=await access_key(Role.VIEWER))).text
    assert "A cycle does not move" in page
    assert "What happens in it is not handed on any more. Tell whoever runs Upward for you." in page
    assert f'href="/console/cycles/{cycle_id}">Look at the cycle<' in page


async def test_a_company_with_nothing_yet_reads_its_first_steps(
    http: httpx.AsyncClient, db: Database, organization_id: UUID, access_key: Key
) -> None:
    admin, viewer = await access_key(Role.ADMIN), await access_key(Role.VIEWER)

    async def step(key: dict[str, str]) -> str:
        page = (await http.get("/console", headers=key)).text
        assert "First steps" in page
        return page.partition('aria-current="step"')[2].partition("</li>")[0]

    assert 'href="/console/people/import"' in await step(admin)
    assert await step(viewer) == ""
    await add_people(db, organization_id, ADA)
    assert 'href="/console/programs/new"' in await step(admin)
    program = (await http.post("/v1/programs", headers=once(admin), json=PROGRAM)).json()
    assert f'href="/console/programs/{program["id"]}/start"' in await step(admin)
    await a_cycle(http, admin)
    assert "First steps" not in (await http.get("/console", headers=admin)).text


async def test_another_organization_s_matters_are_not_there(
    http: httpx.AsyncClient, db: Database, organization_id: UUID, access_key: Key
) -> None:
    cycle_id = await a_cycle(http, await access_key(Role.ADMIN))
    await trouble(db, organization_id, cycle_id)
    other = uuid4()
    await add_organization(db, other)
    page = (await http.get("/console", headers=await access_key(Role.OWNER, other))).text
    assert "First steps" in page
    assert str(cycle_id) not in page
    assert "Upside" not in page


async def test_the_page_says_if_a_service_that_it_can_do_without_is_away(
    db: Database, organization_id: UUID, application: Callable[..., FastAPI], access_key: Key
) -> None:
    await add_organization(db, organization_id)
    async with client_of(application(accounts, programs, console)) as http:
        page = await http.get("/console", headers=await access_key(Role.OWNER))
    assert (page.status_code, "something may be missing here" in page.text) == (200, True)


async def test_owners_are_told_that_keys_expire_soon_and_nobody_else(http: httpx.AsyncClient, access_key: Key) -> None:
    owner, admin = await access_key(Role.OWNER), await access_key(Role.ADMIN)
    for label, days in (("<b>HR</b>", 5), ("later", 90)):
        body = {"role": "viewer", "label": label, "valid_days": days}
        assert (await http.post("/v1/keys", headers=once(owner, label), json=body)).status_code == 201
    page = (await http.get("/console", headers=owner)).text
    assert "Access keys expire soon" in page
    assert "&lt;b&gt;HR&lt;/b&gt;: on" in page
    assert "Access keys expire soon" not in (await http.get("/console", headers=admin)).text
