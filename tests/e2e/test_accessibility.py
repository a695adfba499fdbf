"""Nothing keeps anybody out: every page in every state, in both themes, by the keyboard, narrow, in forced colours and
without script (docs/accessibility.md tells what this covers)."""

import asyncio
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
from tests.e2e.crawling import crawl, is_table, missing
from tests.e2e.fake_site import Site, running_site
from tests.e2e.sample import Made
from tests.patience import PATIENCE_SECONDS
from upward.sample.making import Record
from upward.stack import Stack

PATIENCE_MS = PATIENCE_SECONDS * 1000
SCRIPTS = "**/*.js*"
EMPTY_FORMS = {
    "/console/programs/new": "Define the program",
    "/console/people/new": "Add",
    "/console/people/import": "Continue",
    "/console/integrations/new": "Make the endpoint",
    "/console/settings/keys/new": "Make the key",
}
"""Forms that are sent as they are and refused, with the button of each."""
PEOPLE = b"Name,E-Mail,Level\nAda Example,ada@sample.example,3\nNobody,no address,x\n"
"""An export with a row that cannot be used, and without nearly everybody who works here."""


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


async def problems(page: Page, address: str, press: str = "") -> list[str]:
    """What is wrong with the page at this address, or with the one that comes once its button is pressed. It is looked
    at without our script, and once more with it, if it has any."""
    await page.route(SCRIPTS, lambda route: route.abort())
    await show(page, address, press)
    found = await violations(page) + await forced_colours(page) + await keyboard(page) + await sticking_out(page)
    await page.unroute(SCRIPTS)
    if await page.locator("script[src]").count():
        await show(page, address, press)
        found += [f"with script, {problem}" for problem in await violations(page)]
    where = f"{address.partition('//')[2].partition('/')[2]} {press}".strip()
    return [f"{where}: {problem}" for problem in found]


async def show(page: Page, address: str, press: str) -> None:
    await page.goto(address)
    if press:
        await page.get_by_role("button", name=press, exact=True).click()


class State(NamedTuple):
    """A page of a participant, or of whoever is not signed in. A new one is a line below."""

    address: str
    press: str = ""
    """The button that leads to the page from this address."""
    facts: dict[str, object] = {}
    """What is different in the services behind it (tests/console_fakes.py)."""


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
"""In every state."""


@pytest.mark.long
async def test_nothing_keeps_a_participant_out(page: Page, site: Site) -> None:
    found = []
    for state in STATES:
        with in_state(site.fakes, state.facts):
            found += await problems(page, site.url + state.address, state.press)
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
    found += [problem for address in pages for problem in await problems(page, stack.url + address)]
    assert not found, "\n".join(found)


@pytest.mark.long
async def test_nothing_keeps_anybody_out_of_what_no_link_leads_to(page: Page, made: Made) -> None:
    """Forms that were refused, the steps of an import, and what is paused, switched off, failed or worded anew."""
    stack, record = made.maker.stack, Record.read(made.maker.folder / "sample.json")
    await sign_in(page, stack, UUID(record.organization_id))
    async with httpx.AsyncClient(base_url=stack.url, headers={"authorization": f"Bearer {record.key}"}) as client:
        cycles = {one["stage"]: one["id"] for one in await read(client, "/v1/cycles")}
        active, review = cycles["active"], f"/console/cycles/{cycles['review']}/review"
        (pair,) = await read(client, "/v1/pairs", cycle_id=active, state="active", limit=1)
        states = EMPTY_FORMS | {
            f"{review}/approve": "Approve and ask them",
            f"/console/cycles/{active}/pairs/{pair['id']}/end": "End the pair",
        }
        states |= dict.fromkeys(await add_steps(client), "")
        (await client.post(f"/v1/cycles/{active}/pause")).raise_for_status()
        states |= dict.fromkeys((f"/console/cycles/{active}", f"/console/cycles/{active}/resume"), "")
        found = [problem for path, press in states.items() for problem in await problems(page, stack.url + path, press)]
        (await client.post(f"/v1/cycles/{active}/resume")).raise_for_status()
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
    found += [problem for address in pages for problem in await problems(page, stack.url + address)]
    assert not found, "\n".join(found)


async def add_steps(client: httpx.AsyncClient) -> list[str]:
    """The steps of an import, a delivery that failed, a webhook that is off, and words of one's own."""
    upload = await client.post("/v1/people/import/uploads", content=PEOPLE, headers={"content-type": "text/csv"})
    steps = f"/console/people/import/{upload.raise_for_status().json()['id']}"
    failing, off = await add_endpoint(client), await add_endpoint(client)
    (await client.post(f"/v1/endpoints/{failing}/test")).raise_for_status()
    (await client.post(f"/v1/endpoints/{off}/disable")).raise_for_status()
    words = {"subject": "Join {program}", "body": "{organization} invites you."}
    (await client.put("/v1/wordings/kickoff/en", json=words, headers={"if-match": "*"})).raise_for_status()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (deliveries := await read(client, f"/v1/endpoints/{failing}/deliveries")):
            await asyncio.sleep(0.1)
    integrations = "/console/integrations"
    return [
        *(steps, f"{steps}/changes", f"{integrations}/{failing}", f"{integrations}/{off}/enable"),
        *(f"{integrations}/{failing}/deliveries/{one['sequence']}" for one in deliveries[:1]),
        "/console/messages/wording/kickoff/en/reset",
    ]


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
