"""The pages of a cycle and of concerns, read and changed by the public API as the person who is signed in."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import update

from services.accounts import main as accounts
from services.console import main as console
from services.events import main as events
from services.events.log.positions import sequence_batch
from services.feedback import main as feedback
from services.intake import main as intake
from services.intake.models import Person
from services.matching import main as matching
from services.notifications import main as notifications
from services.programs import main as programs
from services.programs.models import CycleRow, ProgramRow
from shared.auth import Role
from shared.contracts.programs import Stage
from shared.contracts.rounds import CloseReason, RoundState
from shared.database import Database
from shared.rounds.models import Round
from tests.pseudo import PSEUDO, hard_coded_in_page, pseudo_is_spoken
from tests.services.conftest import client_of
from tests.services.programs_examples import add_organization
from tests.services.test_console_sign_in import token_in
from tests.services.wrong_input.public_routes import add_world

Key = Callable[..., Awaitable[dict[str, str]]]
SERVICES = (accounts, programs, intake, matching, feedback, notifications, events, console)
SOON = datetime.now(UTC) + timedelta(days=300)
SUBPAGES = ("", "/pairs", "/pending", "/history", "/remind", "/advance", "/pause", "/resume", "/cancel")


@pytest.fixture
async def ids(db: Database, organization_id: UUID) -> dict[str, Any]:
    """An active cycle with an open enrolment that one person has not answered, a match run, a pair and a concern."""
    found = await add_world(db, organization_id)
    async with db.transaction() as session:
        named = update(Person).where(Person.organization_id == organization_id)
        await session.execute(named.where(Person.id == found["mentee_id"]).values(name="Grace <b>Hopper</b>"))
    return dict(found)


@pytest.fixture
async def http(
    db: Database, ids: dict[str, Any], application: Callable[..., FastAPI]
) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(application(*SERVICES)) as client:
        yield client


@pytest.fixture
def cycle(ids: dict[str, Any]) -> str:
    return f"/console/cycles/{ids['cycle_id']}"


async def send(http: httpx.AsyncClient, address: str, headers: dict[str, str], **typed: str) -> httpx.Response:
    """Fills the last form of a page in and sends it."""
    page = await http.get(address, headers=headers)
    fields = dict(re.findall(r'<input type="hidden" name="(seen|concern)" value="([^"]*)"', page.text))
    to = typed.pop("to", address.partition("?")[0])
    return await http.post(to, headers=headers, data=fields | {"form_token": token_in(page)} | typed)


async def close_rounds(db: Database, ids: dict[str, Any]) -> None:
    async with db.transaction() as session:
        round_ = await session.get_one(Round, ids["round_id"])
        round_.state, round_.close_reason, round_.closed_at = RoundState.CLOSED, CloseReason.DEADLINE, round_.closes_at


async def test_the_page_shows_stages_the_open_round_and_links_to_what_belongs_to_the_cycle(
    http: httpx.AsyncClient, cycle: str, ids: dict[str, Any], access_key: Key
) -> None:
    page = await http.get(cycle, headers=await access_key(Role.ADMIN))
    assert page.status_code == 200
    assert 'aria-current="step"><span>Active</span>' in page.text
    assert 'data-live="' in page.text
    assert "0 of 1 answered, 1 pending" in page.text
    assert "1 pair is proposed." in page.text
    for path in ("/review", "/pairs", "/pending", "/history", "/remind", "/advance", "/pause", "/cancel"):
        assert f'href="{cycle}{path}' in page.text, path
    assert f'href="/console/messages?cycle_id={ids["cycle_id"]}"' in page.text
    assert f'href="/console/concerns?cycle_id={ids["cycle_id"]}"' in page.text
    assert (page.headers["cache-control"], "unsafe" in page.headers["content-security-policy"]) == ("no-store", False)


WAITS = [
    ({}, "For answers: “Enrolment 1” is open until"),
    ({"paused": True}, "For a coordinator who resumes it."),
    ({"cancellation_requested_at": SOON}, "For Upward, which cancels it."),
    ({"closed": True, "stage": "scheduled", "starts_at": SOON}, "A coordinator can start it earlier."),
    ({"closed": True, "stage": "intake"}, "For Upward, which takes its next step in a moment."),
    ({"closed": True, "stage": "matching"}, "For Upward, which looks for pairs."),
    ({"closed": True, "stage": "review"}, "For a coordinator who approves the pairs."),
    ({"closed": True, "stage": "active"}, "For the date of “Check-in 1”"),
    ({"stall_reason": "workflow_missing", "stalled_at": SOON}, "Nothing moves it any more: its workflow is gone."),
    ({"stall_reason": "workflow_failing", "stalled_at": SOON}, "Its workflow fails at the same place again and again."),
    (
        {"stall_reason": "no_worker", "stalled_at": SOON},
        "Nothing takes its next step: a part of Upward does not run, or has too much to do.",
    ),
    ({"stall_reason": "activity_failing", "stalled_at": SOON}, "One of its steps fails again and again."),
    ({"stall_reason": "event_set_aside", "stalled_at": SOON}, "could not be handled, and the rest waits."),
    ({"stall_reason": "events_waiting", "stalled_at": SOON}, "What happens in it is not handed on any more."),
    ({"stall_reason": "round_overdue", "stalled_at": SOON}, "Its round is still open though the deadline is over."),
]


@pytest.mark.parametrize(("changes", "sentence"), WAITS)
async def test_the_page_says_what_the_cycle_waits_for_or_why_it_does_not_move(
    http: httpx.AsyncClient,
    db: Database,
    cycle: str,
    ids: dict[str, Any],
    access_key: Key,
    changes: dict[str, Any],
    sentence: str,
) -> None:
    if "closed" in changes:
        await close_rounds(db, ids)
    async with db.transaction() as session:
        row = await session.get_one(CycleRow, ids["cycle_id"])
        for name in changes.keys() - {"closed"}:
            setattr(row, name, changes[name])
    page = (await http.get(cycle, headers=await access_key(Role.VIEWER))).text
    assert sentence in page
    assert ("This cycle does not move" in page) == ("stall_reason" in changes)
    assert ("What the cycle waits for" in page) != ("stall_reason" in changes)


@pytest.mark.parametrize(
    ("role", "buttons"),
    [
        (Role.VIEWER, set[str]()),
        (Role.COORDINATOR, {"remind", "advance", "pause"}),
        (Role.ADMIN, {"remind", "advance", "pause", "cancel"}),
    ],
)
async def test_a_button_that_a_role_may_not_press_is_absent_and_its_form_is_refused(
    http: httpx.AsyncClient, cycle: str, access_key: Key, role: Role, buttons: set[str]
) -> None:
    headers = await access_key(role)
    page = await http.get(cycle, headers=headers)
    found = re.findall(rf'href="{cycle}/(remind|advance|pause|resume|cancel)"', page.text)
    assert set(found) == buttons
    assert (f'href="{cycle}/pending"' in page.text) is role.covers(Role.COORDINATOR)
    for action in {"remind", "advance", "pause", "resume", "cancel"} - buttons:
        if action == "resume" and role.covers(Role.COORDINATOR):
            continue
        assert (await http.get(f"{cycle}/{action}", headers=headers)).status_code == 403, action
        forged = await http.post(f"{cycle}/{action}", headers=headers, data={"form_token": token_in(page)})
        assert forged.status_code == 403, action


async def test_an_action_says_what_will_happen_and_is_done_once_it_is_confirmed(
    http: httpx.AsyncClient, cycle: str, ids: dict[str, Any], access_key: Key
) -> None:
    headers = await access_key(Role.ADMIN)
    page = await http.get(f"{cycle}/pause", headers=headers)
    assert "Enrolment 1 still takes answers: 1 is missing." in page.text
    assert "1 open concern is not escalated meanwhile." in page.text
    assert not (await http.get(f"/v1/cycles/{ids['cycle_id']}", headers=headers)).json()["paused"]
    done = await send(http, f"{cycle}/pause", headers)
    assert (done.status_code, done.headers["location"]) == (303, f"{cycle}?done=pause")
    shown = await http.get(done.headers["location"], headers=headers)
    assert "The cycle is paused." in shown.text
    assert f'href="{cycle}/resume"' in shown.text
    assert "resume it first" in (await http.get(f"{cycle}/advance", headers=headers)).text
    assert (await send(http, f"{cycle}/resume", headers)).status_code == 303
    cancelled = await send(http, f"{cycle}/cancel", headers)
    assert cancelled.status_code == 303
    last = await http.get(cycle, headers=headers)
    assert "Is being cancelled" in last.text
    assert f'href="{cycle}/pause"' not in last.text


async def test_what_was_confirmed_of_a_cycle_that_has_changed_meanwhile_is_not_done(
    http: httpx.AsyncClient, db: Database, cycle: str, ids: dict[str, Any], access_key: Key
) -> None:
    """Two admins: the first closes the round early, and the second would close the next one."""
    headers = await access_key(Role.ADMIN)
    page = await http.get(f"{cycle}/advance", headers=headers)
    fields = dict(re.findall(r'name="(seen)" value="([^"]*)"', page.text)) | {"form_token": token_in(page)}
    await close_rounds(db, ids)
    answer = await http.post(f"{cycle}/advance", headers=headers, data=fields)
    assert answer.status_code == 422
    assert "The cycle has changed since you opened this page." in answer.text
    assert "No round of this cycle is open just now." in answer.text


async def test_everybody_is_reminded_once_a_day(http: httpx.AsyncClient, cycle: str, access_key: Key) -> None:
    headers = await access_key(Role.COORDINATOR)
    page = await http.get(f"{cycle}/remind", headers=headers)
    assert "1 person who has not answered Enrolment 1 gets one reminder." in page.text
    assert (await send(http, f"{cycle}/remind", headers)).headers["location"] == f"{cycle}?done=remind"
    again = await send(http, f"{cycle}/remind", headers)
    assert again.status_code in (422, 429), again.text[:400]


async def test_who_has_not_answered_is_named_to_coordinators(
    http: httpx.AsyncClient, db: Database, cycle: str, ids: dict[str, Any], access_key: Key
) -> None:
    coordinator = await access_key(Role.COORDINATOR)
    page = await http.get(f"{cycle}/pending", headers=coordinator)
    assert "Grace &lt;b&gt;Hopper&lt;/b&gt;" in page.text
    assert "fits these words" in (await http.get(f"{cycle}/pending?q=nobody", headers=coordinator)).text
    table = await http.get(f"{cycle}/pending.csv", headers=coordinator)
    assert table.headers["content-type"].startswith("text/csv")
    assert "grace@example.org" in table.text
    viewer = await access_key(Role.VIEWER)
    for path in ("/pending", "/pending.csv"):
        assert (await http.get(f"{cycle}{path}", headers=viewer)).status_code == 403
    await close_rounds(db, ids)
    assert "No round of this cycle is open" in (await http.get(f"{cycle}/pending", headers=coordinator)).text
    assert (await http.get(f"{cycle}/pending.csv", headers=coordinator)).status_code == 404


async def test_pairs_are_shown_with_names_and_ended_with_a_reason(
    http: httpx.AsyncClient, cycle: str, ids: dict[str, Any], access_key: Key
) -> None:
    headers, end = await access_key(Role.COORDINATOR), f"{cycle}/pairs/{ids['pair_id']}/end"
    page = await http.get(f"{cycle}/pairs?state=active", headers=headers)
    assert "Grace &lt;b&gt;Hopper&lt;/b&gt;" in page.text
    assert f'href="/console/people/{ids["mentee_id"]}"' in page.text
    assert f'href="{end}"' in page.text
    assert end not in (await http.get(f"{cycle}/pairs", headers=await access_key(Role.VIEWER))).text
    assert "There are no such pairs." in (await http.get(f"{cycle}/pairs?state=declined", headers=headers)).text
    assert (await http.get(f"{cycle}/pairs?state=asleep", headers=headers)).status_code == 404
    form = await http.get(end, headers=headers)
    assert "End the pair of Ada Example and Grace" in form.text
    nothing = await send(http, end, headers)
    assert (nothing.status_code, "Choose why the pair ends." in nothing.text) == (422, True)
    done = await send(http, end, headers, reason="no_time")
    assert done.headers["location"] == f"{cycle}/pairs?done=pair_ended"
    assert "no time" in (await http.get(done.headers["location"], headers=headers)).text
    assert "no longer active" in (await http.get(end, headers=headers)).text
    viewer = await access_key(Role.VIEWER)
    assert (await http.get(end, headers=viewer)).status_code == 403


async def test_the_history_tells_what_happened_and_everything_on_demand(
    http: httpx.AsyncClient, db: Database, cycle: str, access_key: Key
) -> None:
    headers = await access_key(Role.ADMIN)
    assert "Nothing has happened that is still kept." in (await http.get(f"{cycle}/history", headers=headers)).text
    for action in ("pause", "resume"):
        await send(http, f"{cycle}/{action}", headers)
    async with db.transaction() as session:
        await sequence_batch(session)
    page = await http.get(f"{cycle}/history", headers=headers)
    assert page.text.index("The cycle was resumed.") < page.text.index("The cycle was paused.")
    assert "?show=everything" in page.text
    assert (await http.get(f"{cycle}/history?show=everything&before=2", headers=headers)).status_code == 200
    assert "The cycle was paused." in (await http.get(cycle, headers=headers)).text


@pytest.mark.parametrize("stage", Stage)
async def test_every_stage_has_its_page(
    http: httpx.AsyncClient, db: Database, cycle: str, ids: dict[str, Any], access_key: Key, stage: Stage
) -> None:
    await close_rounds(db, ids)
    async with db.transaction() as session:
        (await session.get_one(CycleRow, ids["cycle_id"])).stage = stage
    headers = await access_key(Role.ADMIN)
    for path in ("", "/advance"):
        assert (await http.get(f"{cycle}{path}", headers=headers)).status_code == 200, path


async def test_concerns_are_listed_open_first_and_viewers_do_not_read_whom_they_are_about(
    http: httpx.AsyncClient, ids: dict[str, Any], access_key: Key
) -> None:
    listed = await http.get("/console/concerns", headers=await access_key(Role.COORDINATOR))
    assert f'href="/console/concerns/{ids["concern_id"]}"' in listed.text
    assert "Says that it is not a good fit" in listed.text
    viewer = await access_key(Role.VIEWER)
    for path in ("/console/concerns", f"/console/concerns/{ids['concern_id']}"):
        page = await http.get(path, headers=viewer)
        assert (page.status_code, "not a good fit" in page.text, "A pair needs help" in page.text) == (200, False, True)
        assert "Resolve the concern" not in page.text
    table = await http.get("/console/concerns.csv?state=all", headers=viewer)
    assert (str(ids["concern_id"]) in table.text, "not_a_fit" in table.text) == (True, False)
    assert "There are no such concerns." in (await http.get("/console/concerns?state=resolved", headers=viewer)).text


async def test_a_concern_is_assigned_and_resolved_and_the_second_admin_sees_that_it_was(
    http: httpx.AsyncClient, db: Database, ids: dict[str, Any], access_key: Key
) -> None:
    headers, one = await access_key(Role.COORDINATOR), f"/console/concerns/{ids['concern_id']}"
    assert "nobody to choose" in (await http.get(one, headers=headers)).text
    async with db.transaction() as session:
        (await session.get_one(ProgramRow, ids["program_id"])).coordinator_ids = [ids["person_id"]]
    page = await http.get(one, headers=headers)
    for part in ("Who was told, and what comes next", "The pair became active.", "at the earliest", "Ada Example"):
        assert part in page.text, part
    assert f"/end?concern={ids['concern_id']}" in page.text
    stale = {"seen": "", "form_token": token_in(page)}
    taken = await send(http, one, headers, to=f"{one}/assign", assignee=str(ids["person_id"]))
    assert taken.headers["location"] == f"{one}?done=assigned"
    late = await http.post(f"{one}/assign", headers=headers, data=stale | {"assignee": ""})
    assert (late.status_code, "Somebody else was assigned" in late.text) == (422, True)
    unknown = await send(http, one, headers, to=f"{one}/assign", assignee="nobody")
    assert (unknown.status_code, "Choose somebody of the list." in unknown.text) == (422, True)
    nothing = await send(http, one, headers, to=f"{one}/resolve")
    assert (nothing.status_code, "Choose how the concern ended." in nothing.text) == (422, True)
    resolved = await send(http, one, headers, to=f"{one}/resolve", resolution="talked")
    shown = await http.get(resolved.headers["location"], headers=headers)
    assert "Somebody talked to both, and the pair goes on" in shown.text
    assert "Ada Example takes care of it." in shown.text
    second = await http.post(f"{one}/resolve", headers=headers, data=stale | {"resolution": "other"})
    assert (second.status_code, "Somebody resolved this concern in the meantime." in second.text) == (422, True)
    viewer = await access_key(Role.VIEWER)
    forged = await http.post(f"{one}/resolve", headers=viewer, data=stale | {"resolution": "other"})
    assert forged.status_code == 403


async def test_whoever_ends_a_pair_because_of_a_concern_gets_back_to_it(
    http: httpx.AsyncClient, cycle: str, ids: dict[str, Any], access_key: Key
) -> None:
    headers, end = await access_key(Role.COORDINATOR), f"{cycle}/pairs/{ids['pair_id']}/end?concern={ids['concern_id']}"
    done = await send(http, end, headers, reason="not_a_fit")
    assert done.headers["location"] == f"/console/concerns/{ids['concern_id']}?done=pair_ended"
    forged = await send(http, end, headers, reason="not_a_fit", concern="//evil.example")
    assert forged.headers["location"] == f"{cycle}/pairs?done=pair_ended"


async def test_what_belongs_to_another_organization_is_not_there(
    http: httpx.AsyncClient, db: Database, cycle: str, ids: dict[str, Any], access_key: Key
) -> None:
    other = uuid4()
    await add_organization(db, other)
    headers = await access_key(Role.OWNER, other)
    pages = [f"{cycle}{path}" for path in (*SUBPAGES, "/pairs.csv", f"/pairs/{ids['pair_id']}/end")]
    for page in (*pages, f"/console/concerns/{ids['concern_id']}", "/console/cycles/x", f"/console/cycles/{uuid4()}"):
        answer = await http.get(page, headers=headers)
        assert (answer.status_code, "Grace" in answer.text) == (404, False), page
    assert "No concern is open." in (await http.get("/console/concerns", headers=headers)).text


async def test_whoever_is_not_signed_in_is_led_to_the_sign_in_page(http: httpx.AsyncClient, cycle: str) -> None:
    for path in (cycle, f"{cycle}/pairs", "/console/concerns"):
        answer = await http.get(path)
        assert answer.status_code == 303
        assert answer.headers["location"] == f"/console/sign-in?next={path.replace('/', '%2F')}"


async def test_no_word_of_these_pages_is_hard_coded(
    http: httpx.AsyncClient, db: Database, cycle: str, ids: dict[str, Any], access_key: Key
) -> None:
    headers = await access_key(Role.ADMIN)
    await send(http, f"{cycle}/pause", headers)
    async with db.transaction() as session:
        await sequence_batch(session)
    spoken = headers | {"accept-language": PSEUDO}
    own = ["Digital Upward", "2026-Q1", "Ada Example", "Grace <b>Hopper</b>", "Upward", "Company", "AI", "IT", "Job"]
    pages = [*(f"{cycle}{path}" for path in SUBPAGES), f"{cycle}/pairs/{ids['pair_id']}/end"]
    with pseudo_is_spoken():
        for path in (*pages, "/console/concerns", f"/console/concerns/{ids['concern_id']}"):
            answer = await http.get(path, headers=spoken)
            assert answer.status_code == 200
            main = answer.text.partition("<main")[2].partition("</main>")[0]
            assert hard_coded_in_page(f"<main{main}</main>", *own) == [], path
