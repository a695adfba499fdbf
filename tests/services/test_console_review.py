"""The review in the console: read by everybody with a key, steered and approved by coordinators."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from services.accounts import main as accounts
from services.console import main as console
from services.intake import main as intake
from services.matching import main as matching_main
from services.programs import main as programs
from services.programs.models import CycleRow
from shared.auth import Role
from shared.config import Settings
from shared.database import Database
from tests.services.conftest import client_of
from tests.services.intake_examples import add_people, person
from tests.services.matching_stand_ins import Matching, pool_person
from tests.services.programs_examples import PROGRAM, add_organization, once
from tests.services.test_console_sign_in import key_of, sign_in, token_in

Key = Callable[..., Awaitable[dict[str, str]]]
ADA, BEN, EVE, KIM = (
    person(f"{name.lower()}@example.org")._replace(name=f"{name} <b>Stone</b>") for name in ("Ada", "Ben", "Eve", "Kim")
)


class Reviewer:
    """A browser of somebody who looks at the run of one cycle."""

    def __init__(self, http: httpx.AsyncClient, matching: Matching) -> None:
        self.http, self.matching = http, matching
        self.address = f"/console/cycles/{matching.cycle_id}/review"

    async def page(self, path: str = "", status: int = 200) -> str:
        answer = await self.http.get(f"{self.address}{path}")
        assert answer.status_code == status, answer.text
        return answer.text

    async def send(self, path: str, **fields: str) -> httpx.Response:
        page = await self.http.get(self.address)
        shown = re.search(r'name="run_id" value="([^"]+)"', page.text)
        sent = {"form_token": token_in(page), "run_id": shown[1] if shown else ""} | fields
        return await self.http.post(f"{self.address}{path}", data=sent)


@pytest.fixture
async def http(
    db: Database, organization_id: UUID, application: Callable[..., FastAPI]
) -> AsyncIterator[httpx.AsyncClient]:
    await add_organization(db, organization_id)
    async with client_of(application(accounts, programs, intake, matching_main, console)) as client:
        yield client


@pytest.fixture
async def matching(
    db: Database, settings: Settings, organization_id: UUID, http: httpx.AsyncClient, access_key: Key
) -> Matching:
    """Ada and Ben teach what Eve wants; Kim speaks another language, and so has no partner."""
    await add_people(db, organization_id, ADA, BEN, EVE, KIM)
    pool = [
        pool_person("mentor", 1, person_id=ADA.id, topics_taught=("ai",), department="HR"),
        pool_person("mentor", 1, person_id=BEN.id, topics_taught=("ai",), taught_levels={"ai": 1}),
        pool_person("mentee", 4, person_id=EVE.id, topics_wanted=("ai",)),
        pool_person("mentee", 4, person_id=KIM.id, topics_wanted=("ai",), languages=("de",)),
    ]
    found = Matching(db, settings, organization_id, pool)
    key = await access_key(Role.ADMIN)
    program = (await http.post("/v1/programs", headers=once(key), json=PROGRAM)).json()
    cycle = (await http.post(f"/v1/programs/{program['id']}/cycles", headers=once(key))).json()
    found.cycle_id = UUID(cycle["id"])
    async with db.transaction() as session:
        (await session.get_one(CycleRow, found.cycle_id)).stage = "review"
    return found


@pytest.fixture
async def reviewer(http: httpx.AsyncClient, matching: Matching, access_key: Key) -> Reviewer:
    await matching.propose()
    await sign_in(http, key_of(await access_key(Role.COORDINATOR)))
    return Reviewer(http, matching)


async def test_the_list_shows_pairs_in_words_and_escapes_names(reviewer: Reviewer) -> None:
    page = await reviewer.page()
    assert "Ada &lt;b&gt;Stone&lt;/b&gt;" in page
    assert "<b>Stone</b>" not in page
    assert "Good fit" in page
    assert "Generative AI" in page
    assert not re.search(r">\s*\d{4,}\s*<", page), "points are told in words"
    assert "No pair fits these filters." in await reviewer.page("?q=nobody")
    assert "Ada" not in await reviewer.page("?pinned=yes")
    assert "Ada" in await reviewer.page("?department=hr&level=1&sort=score")
    table = await reviewer.page("/pairs.csv")
    assert "Ada <b>Stone</b>,ada@example.org,Eve <b>Stone</b>" in table


async def test_a_pair_shows_both_people_and_who_came_near(reviewer: Reviewer) -> None:
    [pair] = re.findall(r"/review/pairs/([0-9a-f-]{36})", await reviewer.page())
    page = await reviewer.page(f"/pairs/{pair}")
    assert "Wants to learn" in page
    assert "Ben &lt;b&gt;Stone&lt;/b&gt; instead of Ada &lt;b&gt;Stone&lt;/b&gt;" in page
    assert f'value="pin:{BEN.id}:{EVE.id}"' in page
    await reviewer.page(f"/pairs/{uuid4()}", 404)


async def test_a_change_is_shown_first_then_kept_and_undone_with_one_click(reviewer: Reviewer) -> None:
    step = f"pin:{BEN.id}:{EVE.id}"
    shown = await reviewer.send("/change", step=step)
    assert shown.status_code == 200
    assert "What would change" in shown.text
    assert "Without a partner then: Ada" in shown.text
    assert await reviewer.matching.told("match_run.proposed") == ["match_run.proposed"]
    kept = await reviewer.send("/change", step=step, keep="yes")
    assert (kept.status_code, kept.headers["location"]) == (303, f"{reviewer.address}?done=kept")
    page = await reviewer.page("?done=kept")
    assert "Revision 2." in page
    assert "are pinned" in page
    undone = await reviewer.send("/undo")
    assert undone.headers["location"] == f"{reviewer.address}?done=undone"
    assert "are pinned" not in await reviewer.page()
    await reviewer.send("/undo")
    assert "are pinned" in await reviewer.page()
    taken = await reviewer.send("/change", step=f"free:{BEN.id}:{EVE.id}", keep="yes")
    assert taken.status_code == 303
    assert "are pinned" not in await reviewer.page()


async def test_a_pair_by_hand_that_breaks_a_rule_asks_for_a_reason(reviewer: Reviewer) -> None:
    step = f"by_hand:{BEN.id}:{KIM.id}"
    asked = await reviewer.send("/change", step=step)
    assert asked.status_code == 200
    assert "This pair is without a common language. Write why you make it all the same." in asked.text
    assert 'name="keep"' not in asked.text
    again = await reviewer.send("/change", step=step, override_reason="")
    assert again.status_code == 422
    reasoned = await reviewer.send("/change", step=step, override_reason="Both <i>learn</i> Spanish")
    assert 'value="Both &lt;i&gt;learn&lt;/i&gt; Spanish"' in reasoned.text
    assert "With a partner then:" in reasoned.text
    kept = await reviewer.send("/change", step=step, override_reason="Both learn Spanish", keep="yes", back="unmatched")
    assert kept.headers["location"] == f"{reviewer.address}/unmatched?done=kept"
    assert "Both learn Spanish" in await reviewer.page()


async def test_unmatched_people_have_a_reason_and_a_change_to_try(reviewer: Reviewer) -> None:
    page = await reviewer.page("/unmatched")
    assert "Nobody who would fit speaks the same language." in page
    assert 'value="rule:common_language=false"' in page
    assert "Kim" in await reviewer.page("/unmatched?reason=language")
    assert "Nobody fits these filters." in await reviewer.page("/unmatched?reason=floor")
    tried = await reviewer.send("/change", step="rule:common_language=false")
    assert "With a partner then:" in tried.text
    person_page = await reviewer.page(f"/people/{KIM.id}")
    assert f'value="by_hand:{ADA.id}:{KIM.id}"' in person_page
    assert "The rules say: without a common language." in person_page
    found = await reviewer.page("/people?q=kim")
    assert ("Kim" in found, 'id="found" role="status">1 person was found.' in found) == (True, True)
    await reviewer.page(f"/people/{uuid4()}", 404)


async def test_other_rules_are_previewed_and_taken_back(reviewer: Reviewer) -> None:
    form = await reviewer.page("/rules")
    fields = dict(re.findall(r'<input type="number" id="[^"]+" name="([^"]+)"[^>]* value="([^"]*)"', form))
    fields |= {"reporting_line": "on", "same_manager": "on"}
    shown = await reviewer.send("/change", step="rules", **fields)
    assert "With a partner then:" in shown.text
    assert 'name="weight-topics" value="10"' in shown.text
    wrong = await reviewer.send("/change", step="rules", **(fields | {"max_level_gap": "0"}))
    assert wrong.status_code == 422
    assert (await reviewer.send("/change", step="rules", keep="yes", **fields)).status_code == 303
    assert "Other rules than those of the program" in await reviewer.page()


async def test_of_two_admins_the_second_reads_what_the_first_decided(reviewer: Reviewer) -> None:
    before = await reviewer.http.get(reviewer.address)
    [run_id] = set(re.findall(r'name="run_id" value="([^"]+)"', before.text))
    await reviewer.send("/change", step=f"forbid:{ADA.id}:{EVE.id}", keep="yes")
    late = await reviewer.send("/change", step=f"leave_out:{KIM.id}", keep="yes", run_id=run_id)
    assert late.status_code == 412
    assert "Another admin has changed this run meanwhile." in late.text
    assert "are forbidden" in late.text
    assert run_id not in late.text
    undo = await reviewer.send("/undo", run_id=run_id)
    assert undo.status_code == 412
    assert "Somebody changed this in the meantime" in undo.text or "Nothing of yours was changed" in undo.text
    approval = await reviewer.send("/approve", run_id=run_id, pairs="1", unmatched="2", reviewed="on")
    assert approval.status_code == 412
    assert "Another admin has changed this run meanwhile." in approval.text


async def test_an_approval_confirms_what_was_reviewed_and_ends_the_review(reviewer: Reviewer) -> None:
    page = await reviewer.page("/approve")
    assert "I have reviewed revision 1: pairs 1, people without a partner 2." in page
    unconfirmed = await reviewer.send("/approve", pairs="1", unmatched="2")
    assert unconfirmed.status_code == 422
    assert (await reviewer.send("/approve", pairs="7", unmatched="2", reviewed="on")).status_code == 409
    run = re.findall(r'name="run_id" value="([^"]+)"', page)[0]
    done = await reviewer.send("/approve", pairs="1", unmatched="2", reviewed="on")
    assert done.headers["location"] == f"{reviewer.address}?done=approved"
    [approved] = [data for _, data in await reviewer.matching.events("match_run.approved")]
    assert (approved["reviewed"], approved["match_run_id"]) == (True, run)
    page = await reviewer.page("?done=approved")
    assert "Approved on" in page
    assert 'form="steer"' not in page
    late = await reviewer.send("/change", step=f"pin:{BEN.id}:{EVE.id}", run_id=run)
    assert "This run no longer waits for approval" in late.text


async def test_a_viewer_reads_and_decides_nothing(http: httpx.AsyncClient, matching: Matching, access_key: Key) -> None:
    await matching.propose()
    await sign_in(http, key_of(await access_key(Role.VIEWER)))
    viewer = Reviewer(http, matching)
    page = await viewer.page()
    assert "Ada" in page
    assert "Approve" not in page
    assert 'form="steer"' not in page
    [pair] = re.findall(r"/review/pairs/([0-9a-f-]{36})", page)
    assert "Wants to learn" not in await viewer.page(f"/pairs/{pair}")
    assert "Find a partner" not in await viewer.page("/unmatched")
    for path in ("/people", f"/people/{KIM.id}", "/rules", "/approve"):
        await viewer.page(path, 403)
    step = f"pin:{BEN.id}:{EVE.id}"
    for path, fields in (
        ("/change", {"step": step}), ("/change", {"step": step, "keep": "yes"}), ("/undo", {}), ("/approve", {}),
    ):  # fmt: skip
        assert (await viewer.send(path, **fields)).status_code == 403, path


async def test_before_enrolment_closes_the_page_says_what_comes_first(
    http: httpx.AsyncClient, matching: Matching, access_key: Key
) -> None:
    await sign_in(http, key_of(await access_key(Role.OWNER)))
    reviewer = Reviewer(http, matching)
    assert "There are no pairs to review yet" in await reviewer.page()
    await reviewer.page("/unmatched", 404)


async def test_another_organization_s_cycle_is_not_there(reviewer: Reviewer, db: Database, access_key: Key) -> None:
    stranger = uuid4()
    await add_organization(db, stranger)
    reviewer.http.cookies.clear()
    await sign_in(reviewer.http, key_of(await access_key(Role.OWNER, stranger)))
    for path in ("", "/unmatched", "/rules", "/approve", "/pairs.csv", f"/people/{KIM.id}"):
        await reviewer.page(path, 404)
    step = f"pin:{BEN.id}:{EVE.id}"
    assert (await reviewer.send("/change", step=step)).status_code in (403, 404)
