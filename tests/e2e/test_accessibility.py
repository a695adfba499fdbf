"""Nothing keeps anybody out: every page in every state, in both themes, by the keyboard, narrow, in forced colours and
without script (docs/accessibility.md tells what this covers)."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import httpx
import pytest
from playwright.async_api import Browser, Page, async_playwright

from services.accounts.store.codes import issue_code
from services.accounts.store.keys import create_access_key, find_or_create_organization
from shared.auth import Role
from shared.contracts.intake import Colleague, Colleagues, EnrolmentAnswer, EnrolmentRole
from shared.contracts.rounds import RoundKind
from shared.errors import Gone, Invalid
from tests.browser import ARGUMENTS, find_browser
from tests.console_fakes import FakeServices, token_of
from tests.e2e.accessibility import forced_colours, keyboard, sticking_out, violations
from tests.e2e.crawling import NOT_IN_THE_SAMPLE, WITHOUT_AXE, crawl, is_table, missing, route_of, unlike
from tests.e2e.fake_site import Site, running_site
from tests.e2e.sample import Made
from tests.patience import PATIENCE_SECONDS
from upward.sample.making import Record
from upward.stack import Stack

PATIENCE_MS = PATIENCE_SECONDS * 1000
SCRIPTS = "**/*.js*"
PEOPLE = b"Name,E-Mail,Level\nAda Example,ada@sample.example,3\nNobody,no address,x\n"
"""An export with a row that cannot be used."""
NEWCOMER = b"Name,E-Mail,Level\nBea Example,bea@sample.example,3\n"


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    executable = find_browser()
    assert executable, "run `python tests/browser.py` first: it installs or names the browser"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=executable, args=list(ARGUMENTS), timeout=PATIENCE_MS
        )
        yield browser
        await browser.close()


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with running_site() as found:
        yield found


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    context = await browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MS)
    yield await context.new_page()
    await context.close()


class State(NamedTuple):
    """A page in one of its states. A new one is a line in a table below."""

    address: str
    press: str = ""
    """The button that leads to the page from this address."""
    facts: dict[str, object] = {}
    """What is different in the services behind a participant's page (tests/console_fakes.py)."""
    fill: dict[str, str] = {}
    """What is typed before, by its selectors; what has no text is ticked."""


async def problems(page: Page, url: str, state: State) -> list[str]:
    """What is wrong with a page. It is looked at without our script, and once more with it, if it has any."""
    await page.route(SCRIPTS, lambda route: route.abort())
    await show(page, url, state)
    found = await violations(page) + await forced_colours(page) + await keyboard(page) + await sticking_out(page)
    await page.unroute(SCRIPTS)
    if await page.locator("script[src]").count():
        await show(page, url, state)
        found += [f"with script, {problem}" for problem in await violations(page)]
    return [f"{state.address} {state.press}: {problem}" for problem in found]


async def show(page: Page, url: str, state: State) -> None:
    await page.goto(url + state.address)
    for selector, text in state.fill.items():
        field = page.locator(selector)
        await (field.fill(text) if text else field.check())
    if state.press:
        await page.get_by_role("button", name=re.compile(rf"^{re.escape(state.press)}\b")).first.click()
        await page.locator("[aria-busy]").first.wait_for(state="detached")  # what the script asks for has come


LINKS = {kind: f"/p/{token_of(kind)}" for kind in RoundKind}
ENROLMENT, ACCEPTANCE, CHECK_IN, SURVEY = LINKS.values()
REFUSED = {"field": "preferred_emails", "detail": "We do not know one of these addresses."}
BOTH = EnrolmentAnswer(
    role=EnrolmentRole.BOTH, topics_taught=("gaming",), topics_wanted=("generative-ai",), meeting_windows=("mon-am",)
)
FOUND = Colleagues(people=(Colleague(name="Ana Sousa", job_title="Analyst", department="IT", email="a@x.example"),))
STATES = (
    State("/"),
    State("/console/sign-in"),
    State("/console/sign-in", press="Sign in"),
    State("/console/sign-in/upo_" + "A" * 43),
    State("/console/sign-in/upo_" + "A" * 43, press="Sign in"),
    State("/p/" + "wrong" * 8),
    State(ENROLMENT),
    State(ENROLMENT, press="Send my answer"),
    State(ENROLMENT, facts={"enrolment": BOTH, "lonely": (EnrolmentRole.MENTOR,)}),
    State(ENROLMENT, facts={"enrolment": BOTH, "refusal": Invalid("no", errors=[REFUSED])}, press="Send my answer"),
    State(ENROLMENT, facts={"enrolment": BOTH, "colleagues": FOUND}, press="Search"),
    State(f"{ENROLMENT}/done"),
    State(f"{ENROLMENT}/done", facts={"links": {token_of(RoundKind.ENROLMENT): Gone("over", code="round_closed")}}),
    State(ACCEPTANCE),
    State(ACCEPTANCE, press="Send my answer"),
    State(ACCEPTANCE, facts={"accepted": True}),
    State(ACCEPTANCE, facts={"accepted": True, "settled": True}),
    State(ACCEPTANCE, facts={"offered": False}),
    State(f"{ACCEPTANCE}/done"),
    State(CHECK_IN),
    State(CHECK_IN, press="Send my check-in"),
    State(f"{CHECK_IN}/done"),
    State(SURVEY),
    State(SURVEY, press="Send my answers"),
    State(f"{SURVEY}/done"),
)
"""Of participants, and of whoever is not signed in: in every state."""
REFUSED_FORMS = (
    State("/console/programs/new", "Define the program"),
    State("/console/people/new", "Add"),
    State("/console/people/import", "Continue"),
    State("/console/people/{person}/absence", "Save"),
    State("/console/integrations/new", "Make the endpoint"),
    State("/console/settings/keys/new", "Make the key"),
    State("/console/cycles/{review}/review/approve", "Approve and ask them"),
    State("/console/cycles/{active}/pairs/{pair}/end", "End the pair"),
    State("/console/concerns/{concern}", "Resolve the concern"),
    State("/console/messages/brand", "Save", fill={"#accent": "#ffcc00"}),
    State("/console/messages/wording/kickoff/en", "Save", fill={"#subject": "{nobody}"}),
)
FURTHER_STATES = (
    State("/console/no/page"),
    State("/console/cycles/{active}"),
    State("/console/cycles/{active}/resume"),
    State("/console/cycles/{review}/review", "Pin"),
    State("/console/cycles/{review}/review/rules", "See what would change"),
    State("/console/programs/{program}/start", "Show what will happen"),
    State("/console/programs/new", "Try these rules"),
    State("/console/messages/brand", "Preview", fill={"#accent": "#7a2048"}),
    State("/console/messages/brand/logo", "Upload"),
    State("/console/messages/brand/reset"),
    State("/console/messages/wording/kickoff/en", "Preview"),
    State("/console/messages/wording/kickoff/en/reset"),
    State("/console/people/import/{upload}"),
    State("/console/people/import/{upload}", "Show the differences"),
    State("/console/people/import/{upload}/changes"),
    State("/console/people/import/{upload}/changes", "Apply"),
    State("/console/people/import/{applied}/done"),
    State("/console/integrations/{failing}"),
    State("/console/integrations/{failing}/deliveries/{sequence}"),
    State("/console/integrations/{failing}/secret", "Change the secret"),
    State("/console/integrations/{off}/enable"),
    State("/console/settings/keys/new", "Make the key", fill={"#label": "Test", "[name=role][value=viewer]": ""}),
)
"""What no link leads to: what is paused, failed, switched off, being imported or worded anew, or behind a button."""


def test_each_page_for_whoever_is_not_signed_in_is_among_the_states() -> None:
    assert unlike(state.address for state in STATES) == set()


def test_each_page_that_the_sample_does_not_lead_to_is_among_the_states() -> None:
    states = (*REFUSED_FORMS, *FURTHER_STATES)
    assert NOT_IN_THE_SAMPLE - WITHOUT_AXE - {route_of(state.address) for state in states} == set()


@pytest.mark.long
async def test_nothing_keeps_a_participant_out(page: Page, site: Site) -> None:
    found = []
    for state in STATES:
        with in_state(site.fakes, state.facts):
            found += await problems(page, site.url, state)
    assert not found, "\n".join(found)


@pytest.mark.long
async def test_nothing_keeps_anybody_out_of_the_console(page: Page, made: Made) -> None:
    """The pages of a company with a cycle in every stage, as its owner sees them."""
    stack, record = made.maker.stack, Record.read(made.maker.folder / "sample.json")
    await sign_in(page, stack, UUID(record.organization_id))
    async with httpx.AsyncClient(base_url=stack.url, headers={"authorization": f"Bearer {record.key}"}) as client:
        await add_endpoint(client)
        addresses, dead = await crawl(client)
    found = dead + [f"no link of the sample company leads to {path}" for path in sorted(missing(addresses))]
    pages = [address for address in addresses if not is_table(address)]
    found += [problem for address in pages for problem in await problems(page, stack.url, State(address))]
    assert not found, "\n".join(found)


@pytest.mark.long
async def test_nothing_keeps_anybody_out_of_what_no_link_leads_to(page: Page, made: Made) -> None:
    stack, record = made.maker.stack, Record.read(made.maker.folder / "sample.json")
    await sign_in(page, stack, UUID(record.organization_id))
    async with httpx.AsyncClient(base_url=stack.url, headers={"authorization": f"Bearer {record.key}"}) as client:
        cycles = {one["stage"]: one["id"] for one in await read(client, "/v1/cycles")}
        places = cycles | await add_steps(client, cycles["active"])
        (await client.post(f"/v1/cycles/{cycles['active']}/pause")).raise_for_status()
        found = list[str]()
        for state in (*REFUSED_FORMS, *FURTHER_STATES):
            found += await problems(page, stack.url, state._replace(address=state.address.format_map(places)))
        (await client.post(f"/v1/cycles/{cycles['active']}/resume")).raise_for_status()
        (await client.delete("/v1/brand", headers={"if-match": "*"})).raise_for_status()
    await page.goto(f"{stack.url}/console/settings/keys/new")
    await page.context.clear_cookies()
    await page.get_by_role("button", name="Make the key").click()
    found += await violations(page) + await forced_colours(page) + await keyboard(page) + await sticking_out(page)
    assert not found, "\n".join(found)


@pytest.mark.long
async def test_nothing_keeps_anybody_out_of_the_api_reference(page: Page, site: Site) -> None:
    """As it opens, and with an operation opened. It needs script."""
    found = []
    for place, shown in (("", ".opblock"), ("#/programs/list_programs", ".opblock.is-open .opblock-body")):
        await page.goto("about:blank")  # or else only the place on the page would change
        await page.goto(f"{site.url}/docs{place}")
        await page.locator(shown).first.wait_for()
        found += [f"/docs{place}: {one}" for one in await violations(page) + await sticking_out(page)]
    assert not found, "\n".join(found)


@pytest.mark.long
async def test_nothing_keeps_anybody_out_of_a_console_in_which_there_is_nothing_yet(page: Page, stack: Stack) -> None:
    async with stack.resources.database.transaction() as session:
        organization_id = await find_or_create_organization(session, f"Empty {uuid4()}")
        key = await create_access_key(session, organization_id, Role.OWNER, "Empty")
    await sign_in(page, stack, organization_id)
    async with httpx.AsyncClient(base_url=stack.url, headers={"authorization": f"Bearer {key}"}) as client:
        addresses, found = await crawl(client)
    pages = [address for address in addresses if not is_table(address)]
    found += [problem for address in pages for problem in await problems(page, stack.url, State(address))]
    assert not found, "\n".join(found)


async def add_steps(client: httpx.AsyncClient, active: str) -> dict[str, object]:
    """Two files of an import, a delivery that failed, a webhook that is off, and words and a sender of one's own; the
    ids of it all, and of what else the states are about."""
    (pair,) = await read(client, "/v1/pairs", cycle_id=active, state="active", limit=1)
    (concern,) = await read(client, "/v1/concerns", cycle_id=active, state="open", limit=1)
    (program,) = await read(client, "/v1/programs", limit=1)
    upload, applied = await send_file(client, PEOPLE), await send_file(client, NEWCOMER)
    for step in ("preview", "apply"):
        (await client.post(f"/v1/people/import/uploads/{applied}/{step}", json={})).raise_for_status()
    failing, off = await add_endpoint(client), await add_endpoint(client)
    (await client.post(f"/v1/endpoints/{failing}/test")).raise_for_status()
    (await client.post(f"/v1/endpoints/{off}/disable")).raise_for_status()
    words = {"subject": "Join {program}", "body": "{organization} invites you."}
    (await client.put("/v1/wordings/kickoff/en", json=words, headers={"if-match": "*"})).raise_for_status()
    (await client.put("/v1/brand", json={"sender_name": "HR"}, headers={"if-match": "*"})).raise_for_status()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (deliveries := await read(client, f"/v1/endpoints/{failing}/deliveries")):
            await asyncio.sleep(0.1)
    of_import = {"upload": upload, "applied": applied}
    of_endpoints = {"failing": failing, "off": off, "sequence": deliveries[0]["sequence"]}
    others = {"pair": pair["id"], "concern": concern["id"], "program": program["id"], "person": pair["mentor_id"]}
    return of_import | of_endpoints | others


async def send_file(client: httpx.AsyncClient, file: bytes) -> str:
    answer = await client.post("/v1/people/import/uploads", content=file, headers={"content-type": "text/csv"})
    return str(answer.raise_for_status().json()["id"])


async def read(client: httpx.AsyncClient, path: str, **params: object) -> list[dict[str, Any]]:
    answer = await client.get(path, params={name: str(value) for name, value in params.items()})
    items: list[dict[str, Any]] = answer.raise_for_status().json()["items"]
    return items


async def add_endpoint(client: httpx.AsyncClient) -> str:
    """The id of a webhook that nothing is sent to: what it asks for has happened already."""
    people = (await client.get("/v1/people", params={"limit": 1})).raise_for_status().json()
    body = {"url": "http://127.0.0.1:9/", "owner_id": people["items"][0]["id"], "types": ["cycle.completed"]}
    once = {"idempotency-key": str(uuid4())}
    return str((await client.post("/v1/endpoints", json=body, headers=once)).raise_for_status().json()["id"])


async def sign_in(page: Page, stack: Stack, organization_id: UUID) -> None:
    async with stack.resources.database.transaction() as session:
        code = await issue_code(session, organization_id)
    await page.goto(f"{stack.url}/console/sign-in/{code}")
    await page.get_by_role("button", name="Sign in").click()


@contextmanager
def in_state(fakes: FakeServices, facts: dict[str, object]) -> Iterator[None]:
    before = {name: getattr(fakes, name) for name in facts}
    for name, value in facts.items():
        setattr(fakes, name, value)
    yield
    for name, value in before.items():
        setattr(fakes, name, value)
