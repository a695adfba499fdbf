"""One quarter of an HR lead in a real browser, by clicks alone and in German, in the sample of `upward up --sample`.

The tests of this file are the steps of the quarter, in their order, on one page. They change the sample, so they come
after the tests that only look at it (`ONE_STACK` in tests/conftest.py). What stands on a page is written here in
English, as in the code, and looked for in German: a sentence without a translation is not found.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from uuid import UUID

import httpx
import pytest
from playwright.async_api import Page, async_playwright, expect

from services.accounts.store.codes import issue_code
from shared.contracts.notifications import Template
from shared.contracts.programs import Stage
from shared.contracts.rounds import RoundKind, round_id_for
from shared.language.words import words_of
from tests.browser import ARGUMENTS, find_browser
from tests.e2e.crawling import crawl
from tests.e2e.sample import Made
from tests.patience import PATIENCE_SECONDS
from upward.demo.mailbox import Letter, Mailbox
from upward.sample.making import Record

PATIENCE_MS = PATIENCE_SECONDS * 1000
expect.set_options(timeout=PATIENCE_MS)
GERMAN = words_of("de")
EXPORT = """\
Personalnummer;Wer;E-Mail;Aufgabe;Bereich;Level
s0;Senior;senior0@sample.example;Leiterin;Senior unit 0;4
n1;Neva Neu;neva.neu@sample.example;Trainee;Junior unit 0;1
"""
"""Somebody gets a job title, and somebody is new. Two of the headers are none that Upward knows."""


KEPT_APART = (
    *("shared.contracts.rounds", "shared.rounds.reminding"),
    *("services.console.admin.cycles.controls", "services.console.admin.cycles.view"),
)
"""Where the 24 hours stand in which nobody is told twice. A workflow that starts reads them from the first."""


def say(message: str, **values: object) -> str:
    """The sentence in German."""
    assert message == "Name" or GERMAN.translations.gettext(message) != message, f"{message} has no translation"
    return GERMAN.gettext(message, **values)


def told(message: str) -> re.Pattern[str]:
    """The sentence in German with any values."""
    parts = re.split(r"%\(\w+\)s", GERMAN.translations.gettext(message))
    assert len(parts) > 1, "a sentence without values is looked for by `say`"
    return re.compile(".+".join(map(re.escape, parts)))


@pytest.fixture(scope="module")
async def page(made: Made) -> AsyncIterator[Page]:
    executable = find_browser()
    assert executable, "run `python tests/browser.py` first: it installs or names the browser"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=executable, args=list(ARGUMENTS), timeout=PATIENCE_MS
        )
        context = await browser.new_context(
            viewport={"width": 1280, "height": 900}, reduced_motion="reduce", locale="de-DE"
        )
        context.set_default_timeout(PATIENCE_MS)
        page = await context.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        yield page
        await browser.close()
    wrong = [text for text in complaints if "status of 4" not in text]  # a form that asks for more is no failure
    assert wrong == [], "a script failed, or something was refused by the content security policy"


@pytest.fixture(scope="module")
def next_day() -> Iterator[None]:
    """From here on the 24 hours in which nobody is told twice have passed at once. A test cannot wait for them, and no
    clock is moved. That they are kept is clicked before, and tested in tests/services and tests/workflows."""
    with pytest.MonkeyPatch.context() as patch:
        for module in KEPT_APART:
            patch.setattr(f"{module}.REMINDERS_APART", timedelta(0))
        yield


async def follow(page: Page, message: str) -> None:
    await page.get_by_role("main").get_by_role("link", name=say(message)).first.click()


async def press(page: Page, message: str) -> None:
    """Presses a button of the page, or of the dialog that is open above it."""
    await page.locator("main, dialog[open]").get_by_role("button", name=say(message)).last.click()


async def to(page: Page, message: str) -> None:
    """Goes to a page by the menu. It is there when the menu says so."""
    menu = page.get_by_role("navigation", name=say("Console"))
    entry = menu.get_by_role("link", name=say(message), exact=True)
    await entry.click()
    await expect(entry).to_have_attribute("aria-current", "page")
    await page.wait_for_load_state()


async def titled(page: Page, message: str) -> None:
    await headed(page, say(message))


async def headed(page: Page, title: str) -> None:
    await expect(page.get_by_role("heading", name=title, level=1)).to_be_visible()


async def count(page: Page, tab: str) -> int:
    tabs = page.get_by_role("navigation", name=say("Review"))
    words = await tabs.get_by_role("link", name=say(tab)).inner_text()
    return int(re.sub(r"\D", "", words))


async def test_signing_in_takes_one_click(made: Made, page: Page) -> None:
    organization_id = UUID(Record.read(made.maker.folder / "sample.json").organization_id)
    async with made.maker.stack.resources.database.transaction() as session:
        code = await issue_code(session, organization_id)
    await page.goto(f"{made.maker.stack.url}/console/sign-in/{code}")
    await press(page, "Sign in")
    await titled(page, "Home")


async def test_an_export_with_its_own_column_names_is_imported(page: Page) -> None:
    await to(page, "People")
    await follow(page, "Import a file")
    file = page.get_by_label(say("Export of your HR system"))
    await file.set_input_files({"name": "export.csv", "mimeType": "text/csv", "buffer": EXPORT.encode()})
    await press(page, "Continue")
    await titled(page, "Which column means what?")
    for header, meaning in (("Wer", "Whole name"), ("Aufgabe", "Job title"), ("Bereich", "Department")):
        column = page.get_by_label(say("What the column %(header)s means", header=header))
        await column.select_option(label=say(meaning))
    await press(page, "Show the differences")
    await titled(page, "What would change")
    await expect(page.get_by_text("Neva Neu")).to_be_visible()
    await expect(page.get_by_text("Leiterin")).to_be_visible()
    await press(page, "Apply")
    await titled(page, "The file is imported")
    await follow(page, "To the people")
    search = page.get_by_role("search").get_by_label(say("Name, address or job title"))
    await search.press_sequentially("neva")  # the list follows
    await expect(page.locator("#found[role=status]")).to_have_text("1 Person")
    await expect(search, "whoever types is not interrupted").to_be_focused()
    await page.reload()  # the address is that of the search
    await expect(page.get_by_role("row")).to_have_count(2)
    await expect(page.get_by_role("link", name="Neva Neu")).to_be_visible()


async def test_a_program_is_defined_and_its_first_cycle_starts(page: Page) -> None:
    await to(page, "Programs")
    await follow(page, "New program")
    await page.get_by_label(say("Name"), exact=True).fill("Board and Juniors")
    await page.get_by_label(say("Leaders learn from juniors")).check()
    topic = page.get_by_role("group", name=say("Topic %(number)s", number=1))
    await topic.get_by_label(say("Topic")).fill("Generative AI")
    coordinators = page.get_by_role("group", name=say("Coordinators"))
    await coordinators.get_by_label(say("Find by name, address or job title")).fill("example")
    await coordinators.get_by_role("checkbox").first.check()
    await page.get_by_role("combobox", name=say("Time zone")).fill("Berlin")
    how_many = page.get_by_label(say("How many"), exact=True)
    await how_many.fill("")
    await expect(page.get_by_text(say("Something cannot be read yet, so there are no dates."))).to_be_visible()
    await how_many.press_sequentially("5")
    dates = page.get_by_role("table", name=say("Dates of the coming cycle"))
    await expect(dates.get_by_role("row")).to_have_count(9)
    await expect(how_many, "whoever types is not interrupted").to_be_focused()
    await press(page, "Try these rules")
    await expect(page.get_by_text(say("Pairs that the rules allow"))).to_be_visible()
    await page.get_by_label(say("People of one department")).check()
    await expect(page.get_by_text(say("Pairs that the rules allow")), "these were not tried yet").to_have_count(0)
    await press(page, "Define the program")
    defined = say("The program is defined. Next, start its first cycle.")
    await expect(page.get_by_role("status")).to_contain_text(defined)
    await follow(page, "Start a cycle")
    await page.get_by_label(say("At once")).check()
    await press(page, "Show what will happen")
    await expect(page.get_by_role("heading", name=say("What will happen"))).to_be_visible()
    await press(page, "Start the cycle at once")
    await expect(page.get_by_text(say("Enrolment"), exact=True).first).to_be_visible()


async def test_the_running_cycle_is_watched_and_nobody_is_reminded_twice_a_day(made: Made, page: Page) -> None:
    [asked] = made.in_stage(Stage.INTAKE)["rounds"]
    await to(page, "Home")
    await page.get_by_role("table").get_by_role("link", name=program_of(made, Stage.INTAKE)).click()
    await expect(page.get_by_text(say("Answered, of %(asked)s", asked=asked["recipients"]))).to_be_visible()
    await follow(page, "Pending")
    await expect(page.get_by_role("table").get_by_role("row").nth(1)).to_be_visible()
    await page.go_back()
    await follow(page, "Remind now")
    reminded = told("Everybody was told on %(date)s, and nobody is told twice within 24 hours.")
    await expect(page.get_by_text(reminded)).to_be_visible()
    await follow(page, "Back to the cycle")
    await follow(page, "Pause")
    await press(page, "Pause now")
    await expect(page.get_by_role("status")).to_contain_text(say("The cycle is paused."))
    await follow(page, "Resume")
    await press(page, "Resume now")
    await expect(page.get_by_role("status")).to_contain_text(say("The cycle goes on."))


async def test_pairs_are_reviewed_changed_taken_back_and_approved(page: Page) -> None:
    pinned, forbidden = (
        page.get_by_text(told(message))
        for message in ("%(mentor)s and %(mentee)s are pinned", "%(mentor)s and %(mentee)s are forbidden")
    )
    await to(page, "Home")
    await follow(page, "Review and approve")
    pairs = await count(page, "Pairs")
    rows = page.get_by_role("row")
    await rows.get_by_role("button", name=say("Pin")).first.click()
    await press(page, "Keep this change")
    await expect(pinned.first).to_be_attached()
    await rows.get_by_role("button", name=say("Forbid")).first.click()
    await expect(page.get_by_role("heading", name=say("Pairs that go"))).to_be_visible()
    await press(page, "Keep this change")
    await expect(forbidden.first).to_be_attached()
    await press(page, "Undo the last change")
    await expect(forbidden).to_have_count(0)
    assert await count(page, "Pairs") == pairs
    mentor = await rows.last.get_by_role("link").first.inner_text()
    await follow(page, "Make a pair by hand")
    await page.get_by_label(say("Name or address")).fill(mentor)
    await press(page, "Search")
    namesakes = page.get_by_role("main").get_by_role("link", name=mentor, exact=True)
    by_hand = page.get_by_role("button", name=say("Make a pair by hand")).first
    for number in range(await namesakes.count()):  # the rules permit some, and not everybody has enrolled
        await namesakes.nth(number).click()
        await headed(page, mentor)
        if await by_hand.count():
            break
        await page.go_back()
    await by_hand.click()
    await page.get_by_label(say("Why you make this pair")).fill("They asked for each other.")
    await press(page, "See what would change")
    await press(page, "Keep this change")
    await expect(page.get_by_text(told("%(mentor)s and %(mentee)s are made by hand")).first).to_be_attached()
    await follow(page, "Approve…")
    reviewed = "I have reviewed revision %(revision)s: pairs %(pairs)s, people without a partner %(alone)s."
    await page.get_by_label(told(reviewed)).check()
    await press(page, "Approve and ask them")
    await expect(page.get_by_text(told("Approved on %(date)s.")).first).to_be_visible()


async def test_a_concern_is_resolved_with_a_reason(page: Page) -> None:
    await to(page, "Concerns")
    before = await page.get_by_role("row").count()
    await page.get_by_role("row").nth(1).get_by_role("link").first.click()
    await page.get_by_role("group", name=say("How did it end?")).get_by_role("radio").first.check()
    await press(page, "Resolve the concern")
    await to(page, "Concerns")
    await expect(page.get_by_role("row")).to_have_count(before - 1)


async def test_whoever_has_not_answered_gets_a_reminder_by_a_click(made: Made, page: Page, next_day: None) -> None:
    """In a second cycle of a program, whose messages go out at any hour, as the test runs at any hour."""
    mailbox = Mailbox(made.maker.stack.mail.folder)
    await to(page, "Programs")
    await page.get_by_role("main").get_by_role("link", name=program_of(made, Stage.CANCELLED)).first.click()
    await follow(page, "Edit")
    await page.get_by_text(say("Waiting for people, and sending hours")).click()
    await page.get_by_label(say("At any hour of any day")).check()
    await press(page, "Save the changes")
    await expect(page.get_by_role("status")).to_contain_text(say("The program is changed."))
    await follow(page, "Start a cycle")
    await page.get_by_label(say("At once")).check()
    await page.get_by_label(say("Name of the period")).fill("second")
    await press(page, "Show what will happen")
    await press(page, "Start the cycle at once")
    await page.wait_for_url("**/cycles/*?done=started")
    cycle_id = UUID(httpx.URL(page.url).path.rpartition("/")[2])
    round_id = round_id_for(cycle_id, RoundKind.ENROLMENT, 1)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (rounds := (await made.admin.cycle(str(cycle_id)))["rounds"]):
            await asyncio.sleep(0.1)
    asked = rounds[0]["recipients"]
    invited = await told_by_mail(mailbox, Template.ENROLMENT_INVITATION, round_id, asked)
    await follow(page, "Refresh")
    await follow(page, "Remind now")
    await press(page, "Send reminders")
    await expect(page.get_by_role("status")).to_contain_text(
        say("Reminders are on their way to everybody who has not answered.")
    )
    assert await told_by_mail(mailbox, Template.ENROLMENT_REMINDER, round_id, asked) == invited


async def told_by_mail(mailbox: Mailbox, template: Template, round_id: UUID, people: int) -> set[str]:
    """The addresses to which such mails of the round have come, once they are as many."""
    wanted = (template, str(round_id))

    def said(letter: Letter) -> tuple[str, str]:
        return letter.template.partition("-")[0], letter.scope  # a reminder on request has a number of its own

    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(found := {one.to for one in mailbox.letters if said(one) == wanted}) < people:
            await asyncio.sleep(0.1)
            mailbox.new_letters()
    return found


async def test_reports_are_read_and_two_cycles_compared(made: Made, page: Page) -> None:
    """The second cycle ends when it is cancelled, which the page says beforehand."""
    await follow(page, "Cancel the cycle")
    await page.wait_for_url("**/cancel")
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await page.get_by_text(say("Cancelled by an administrator.")).count():
            async with page.expect_navigation():
                if page.url.endswith("/cancel"):  # again, if the cycle had just begun: the page says what has changed
                    await press(page, "Cancel for good")
                else:
                    await follow(page, "Refresh")
    await to(page, "Reports")
    await follow(page, "Compare two cycles")
    await expect(page.get_by_role("table").first).to_be_visible()
    await to(page, "Reports")
    await page.get_by_role("main").get_by_role("link", name=program_of(made, Stage.COMPLETED)).first.click()
    await expect(page.get_by_role("heading", name=say("Why some figures are hidden"))).to_be_visible()


def program_of(made: Made, stage: Stage) -> str:
    cycle = made.in_stage(stage)
    return next(name for name, cycles in made.cycles.items() if cycle in cycles)


@pytest.mark.parametrize("language", ["de", *(pytest.param(one, marks=pytest.mark.long) for one in ("es", "fr"))])
async def test_every_page_speaks_the_language_of_its_visitor(made: Made, language: str) -> None:
    headers = {"authorization": f"Bearer {made.maker.key}", "accept-language": language}
    async with httpx.AsyncClient(base_url=made.maker.stack.url, headers=headers) as client:
        addresses, dead = await crawl(client)
        page = await client.get("/console")
    assert (dead, len(addresses) > len(made.cycles)) == ([], True)
    assert f'<html lang="{language}"' in page.text
