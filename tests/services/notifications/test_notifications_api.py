"""What an admin sees of a cycle's messages: counts, ids and codes."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI

from services.notifications import main
from services.notifications.rules.messages import Channel, NewMessage
from services.notifications.store import delivering
from services.notifications.store import messages as store
from shared.auth import Role
from shared.contracts.notifications import Announcement, Audience, Template
from shared.database import Database
from tests.services.conftest import client_of

Keys = Callable[..., Awaitable[dict[str, str]]]
CYCLE = UUID(int=18)


async def store_messages(
    db: Database, organization_id: UUID, *, failed: int, waiting: int, template: Template = Template.KICKOFF
) -> None:
    announcement = Announcement(
        organization_id=organization_id,
        cycle_id=CYCLE,
        scope_id=uuid4(),
        template=template,
        audience=Audience.PARTICIPANTS,
    )
    now = datetime.now(UTC)
    async with db.transaction() as session:
        await store.save_announcement(session, announcement)
        messages = [NewMessage(uuid4(), Channel.EMAIL, now) for _ in range(failed + waiting)]
        await store.add_messages(session, announcement, messages, "upward.example")
        for message in await delivering.claim(session, organization_id, announcement.id, uuid4(), now, failed):
            await delivering.mark_failed(session, message, "smtp_550")


async def test_messages_are_counted_by_template_and_state_and_failures_are_paged(
    db: Database, application: Callable[..., FastAPI], access_key: Keys, organization_id: UUID
) -> None:
    await store_messages(db, organization_id, failed=3, waiting=2)
    await store_messages(db, uuid4(), failed=1, waiting=1)  # another organization's
    headers = await access_key(Role.VIEWER)
    seen: list[str] = []
    async with client_of(application(main)) as client:
        params: dict[str, str] = {"limit": "2"}
        for pages in (1, 2):
            response = await client.get(f"/v1/cycles/{CYCLE}/messages", headers=headers, params=params)
            assert response.status_code == 200
            page = response.json()
            assert page["counts"] == [
                {"template": "kickoff", "state": "failed", "messages": 3},
                {"template": "kickoff", "state": "waiting", "messages": 2},
            ]
            assert all(message["code"] == "smtp_550" for message in page["failed"])
            seen += [message["id"] for message in page["failed"]]
            assert (page["next"] is None) == (pages == 2)
            params["cursor"] = page["next"] or ""
    assert len(set(seen)) == 3
    assert seen == sorted(seen)


@pytest.mark.parametrize("role", Role)
async def test_of_reminders_of_check_ins_and_surveys_only_their_number_is_told(
    db: Database, application: Callable[..., FastAPI], access_key: Keys, organization_id: UUID, role: Role
) -> None:
    """Only those get one who have not answered. An address that fails once fails again, so that a later message which
    names its person would tell whose the one failed reminder was; therefore no state of it is told either."""
    for template in (Template.CHECK_IN_REMINDER, Template.SURVEY_REMINDER, Template.ENROLMENT_REMINDER):
        await store_messages(db, organization_id, failed=1, waiting=2, template=template)
    async with client_of(application(main)) as client:
        answer = await client.get(f"/v1/cycles/{CYCLE}/messages", headers=await access_key(role))
    assert answer.json()["counts"] == [
        {"template": "check_in_reminder", "state": None, "messages": 3},
        {"template": "enrolment_reminder", "state": "failed", "messages": 1},
        {"template": "enrolment_reminder", "state": "waiting", "messages": 2},
        {"template": "survey_reminder", "state": None, "messages": 3},
    ]
    assert [message["template"] for message in answer.json()["failed"]] == ["enrolment_reminder"]


async def test_a_cycle_without_messages_has_none(application: Callable[..., FastAPI], access_key: Keys) -> None:
    headers = await access_key(Role.VIEWER)
    async with client_of(application(main)) as client:
        response = await client.get(f"/v1/cycles/{uuid4()}/messages", headers=headers)
    assert response.json() == {"counts": [], "failed": [], "next": None}


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/cycles/not-an-id/messages", 422, "invalid"),
        (f"/v1/cycles/{CYCLE}/messages?limit=0", 422, "invalid"),
        (f"/v1/cycles/{CYCLE}/messages?limit=201", 422, "invalid"),
        (f"/v1/cycles/{CYCLE}/messages?cursor=nonsense", 400, "bad_cursor"),
    ],
)
async def test_wrong_input_is_a_clear_problem(
    application: Callable[..., FastAPI], access_key: Keys, path: str, status: int, code: str
) -> None:
    headers = await access_key(Role.VIEWER)
    async with client_of(application(main)) as client:
        response = await client.get(path, headers=headers)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.headers["content-type"] == "application/problem+json"


async def test_without_a_key_nothing_is_shown(application: Callable[..., FastAPI]) -> None:
    async with client_of(application(main)) as client:
        response = await client.get(f"/v1/cycles/{CYCLE}/messages")
    assert response.status_code == 401
    assert response.headers["content-type"] == "application/problem+json"
