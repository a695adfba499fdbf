"""One quarter of an HR lead in a real browser, by clicks alone, in the sample company of `upward up --sample`.

The tests of this file are the steps of the quarter, in their order, on one page. They change the sample, so they come
after the tests that only look at it (`ONE_STACK` in tests/conftest.py).
"""

import asyncio
import re
from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import pytest
from playwright.async_api import Page, async_playwright, expect

from services.accounts.store.codes import issue_code
from shared.contracts.programs import Stage
from tests.browser import ARGUMENTS, find_browser
from tests.e2e.crawling import crawl
from tests.e2e.sample import Made
from tests.patience import PATIENCE_SECONDS
from upward.sample.making import Record

PATIENCE_MS = PATIENCE_SECONDS * 1000
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
async def page(made: Made) -> AsyncIterator[Page]:
    executable = find_browser()
    assert executable, "run `python tests/browser.py` first: it installs or names the browser"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=executable, args=list(ARGUMENTS), timeout=PATIENCE_MS
        )
        context = await browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
        context.set_default_timeout(PATIENCE_MS)
        page = await context.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        yield page
        await browser.close()
    assert said == [], "a script failed, or something was refused by the content security policy"


async def follow(page: Page, name: str) -> None:
    await page.get_by_role("main").get_by_role("link", name=name).first.click()


async def press(page: Page, name: str) -> None:
    """Presses a button of the page, or of the dialog that is open above it."""
    await page.locator("main, dialog[open]").get_by_role("button", name=name).last.click()


async def to(page: Page, name: str) -> None:
    """Goes to a page by the menu."""
    await page.get_by_role("navigation", name="Console").get_by_role("link", name=name, exact=True).click()
    await expect(page.get_by_role("heading", level=1)).to_be_visible()


async def count(page: Page, tab: str) -> int:
    words = await page.get_by_role("navigation", name="Review").get_by_role("link", name=tab).inner_text()
    return int(re.sub(r"\D", "", words))


async def test_signing_in_takes_one_click(made: Made, page: Page) -> None:
    organization_id = UUID(Record.read(made.maker.folder / "sample.json").organization_id)
    async with made.maker.stack.resources.database.transaction() as session:
        code = await issue_code(session, organization_id)
    await page.goto(f"{made.maker.stack.url}/console/sign-in/{code}")
    await press(page, "Sign in")
    await expect(page.get_by_role("heading", name="Home", level=1)).to_be_visible()


async def test_a_program_is_defined_and_its_first_cycle_starts(made: Made, page: Page) -> None:
    await to(page, "Programs")
    await follow(page, "New program")
    await page.get_by_label("Name", exact=True).fill("Board and Juniors")
    await page.get_by_label("Leaders learn from juniors").check()
    await page.get_by_role("group", name="Topic 1").get_by_label("Topic").fill("Generative AI")
    coordinators = page.get_by_role("group", name="Coordinators")
    await coordinators.get_by_label("Find by name").fill("example")
    await coordinators.get_by_role("button", name="Find").click()
    await coordinators.get_by_role("checkbox").first.check()
    await page.get_by_role("combobox", name="Time zone").fill("Berlin")
    await press(page, "Show the dates")
    await expect(page.get_by_role("table", name="Dates of the coming cycle").get_by_role("row")).to_have_count(9)
    await press(page, "Define the program")
    await expect(page.get_by_role("status")).to_contain_text("The program is defined")
    await follow(page, "Start a cycle")
    await page.get_by_label("At once").check()
    await press(page, "Show what will happen")
    await expect(page.get_by_role("heading", name="What will happen")).to_be_visible()
    await press(page, "Start the cycle at once")
    await expect(page.get_by_text("Enrolment", exact=True).first).to_be_visible()


async def test_the_running_cycle_is_watched_and_nobody_is_reminded_twice_a_day(made: Made, page: Page) -> None:
    cycle = made.in_stage(Stage.INTAKE)
    await to(page, "Home")
    await page.get_by_role("table").get_by_role("link", name=program_of(made, Stage.INTAKE)).click()
    await expect(page.get_by_text(f"Answered, of {cycle['rounds'][0]['recipients']}")).to_be_visible()
    await follow(page, "Pending")
    await expect(page.get_by_role("table").get_by_role("row").nth(1)).to_be_visible()
    await page.go_back()
    await follow(page, "Remind now")
    await expect(page.get_by_text("nobody is told twice within 24 hours")).to_be_visible()
    await follow(page, "Back to the cycle")
    await follow(page, "Pause")
    await press(page, "Pause now")
    await expect(page.get_by_role("status")).to_contain_text("The cycle is paused.")
    await follow(page, "Resume")
    await press(page, "Resume now")
    await expect(page.get_by_role("status")).to_contain_text("The cycle goes on.")


async def test_pairs_are_reviewed_changed_taken_back_and_approved(made: Made, page: Page) -> None:
    await to(page, "Home")
    await follow(page, "Review and approve")
    pairs = await count(page, "Pairs")
    await page.get_by_role("row").nth(1).get_by_role("button", name="Pin").click()
    await press(page, "Keep this change")
    await expect(page.get_by_text("are pinned").first).to_be_attached()
    await page.get_by_role("row").nth(2).get_by_role("button", name="Forbid").click()
    await expect(page.get_by_role("heading", name="Pairs that go")).to_be_visible()
    await press(page, "Keep this change")
    await expect(page.get_by_text("are forbidden").first).to_be_attached()
    await press(page, "Undo the last change")
    await expect(page.get_by_text("are forbidden")).to_have_count(0)
    assert await count(page, "Pairs") == pairs
    await follow(page, "Approve")
    await page.get_by_label(re.compile("reviewed|looked")).check()
    await press(page, "Approve and ask them")
    await expect(page.get_by_text("Approved on").first).to_be_visible()


async def test_a_concern_is_resolved_with_a_reason(made: Made, page: Page) -> None:
    await to(page, "Concerns")
    before = await page.get_by_role("row").count()
    await page.get_by_role("row").nth(1).get_by_role("link").first.click()
    await page.get_by_role("group", name="How did it end?").get_by_role("radio").first.check()
    await press(page, "Resolve the concern")
    await to(page, "Concerns")
    await expect(page.get_by_role("row")).to_have_count(before - 1)


async def test_reports_are_read_and_two_cycles_compared(made: Made, page: Page) -> None:
    """A second cycle of a program ends when it is cancelled, which the page says beforehand."""
    cancelled = program_of(made, Stage.CANCELLED)
    await to(page, "Programs")
    await follow(page, cancelled)
    await follow(page, "Start a cycle")
    await page.get_by_label("At once").check()
    await page.get_by_label("Name of the period").fill("second")
    await press(page, "Show what will happen")
    await press(page, "Start the cycle at once")
    await follow(page, "Cancel the cycle")
    await press(page, "Cancel for good")
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await page.get_by_text("Cancelled by an administrator.").count():
            await follow(page, "Refresh")
    await to(page, "Reports")
    await follow(page, "Compare two cycles")
    await expect(page.get_by_role("table").first).to_be_visible()
    await to(page, "Reports")
    await page.get_by_role("main").get_by_role("link", name=program_of(made, Stage.COMPLETED)).first.click()
    await expect(page.get_by_role("heading", name="Why some figures are hidden")).to_be_visible()


def program_of(made: Made, stage: Stage) -> str:
    cycle = made.in_stage(stage)
    return next(name for name, cycles in made.cycles.items() if cycle in cycles)


@pytest.mark.parametrize("language", ["de", "es", "fr"])
async def test_every_page_speaks_the_language_of_its_visitor(made: Made, language: str) -> None:
    headers = {"authorization": f"Bearer {made.maker.key}", "accept-language": language}
    async with httpx.AsyncClient(base_url=made.maker.stack.url, headers=headers) as client:
        addresses, dead = await crawl(client)
        page = await client.get("/console")
    assert (dead, len(addresses) > len(made.cycles)) == ([], True)
    assert f'<html lang="{language}"' in page.text
