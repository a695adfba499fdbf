"""The pages in a real browser: found by their labels, worked with the keyboard, at a desk and on a phone.

The console runs under uvicorn with fake services (tests/console_fakes.py). `UPWARD_SHOTS=folder` keeps a picture of
every page that a test passes through (`UPWARD_SCHEME=dark`: in dark mode)."""

import os
import re
from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from shared.contracts.rounds import RoundKind
from shared.errors import Invalid
from tests.browser import ARGUMENTS, find_browser
from tests.e2e.fake_site import Site, running_site
from tests.patience import PATIENCE_SECONDS
from tests.pseudo import PSEUDO, pseudo_is_spoken

PATIENCE_MS = PATIENCE_SECONDS * 1000
expect.set_options(timeout=PATIENCE_MS)
with_sizes = pytest.mark.parametrize("size", [pytest.param("desk", marks=pytest.mark.long), "phone"])
SCHEME: Literal["dark", "light"] = "dark" if os.environ.get("UPWARD_SCHEME") == "dark" else "light"
SIZES = {"desk": (1280, 900), "phone": (390, 844)}


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with running_site() as found:
        yield found


@pytest.fixture(autouse=True)
def nothing_answered(site: Site) -> None:
    site.fakes.answers.clear()
    site.fakes.refusal = None


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = find_browser()
    assert executable, "run `python tests/browser.py` first: it installs or names the browser"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS), timeout=PATIENCE_MS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A fresh page; every message of its console is a failure, as the pages have no scripts that could speak."""
    size = request.node.callspec.params.get("size", "desk") if hasattr(request.node, "callspec") else "desk"
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=SCHEME)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    yield page
    _shoot(page, f"{request.node.name}-end")
    context.close()
    assert [text for text in said if "status of 4" not in text] == []


def _shoot(page: Page, name: str) -> None:
    if folder := os.environ.get("UPWARD_SHOTS"):
        page.screenshot(path=f"{folder}/{re.sub(r'[^a-z0-9]+', '-', name.lower())}.png", full_page=True)


def _fits(page: Page) -> None:
    """Nothing sticks out of the page, nor of any box in it."""
    wide = page.evaluate(
        """[...document.querySelectorAll("html, main, .card, fieldset, .choice, td")]
           .filter(element => element.scrollWidth > element.clientWidth + 1).map(element => element.outerHTML)"""
    )
    assert wide == []


@with_sizes
def test_an_enrolment_is_filled_by_its_labels_and_confirmed(page: Page, site: Site, size: str) -> None:
    page.goto(site.link(RoundKind.ENROLMENT))
    _fits(page)
    _shoot(page, f"enrolment-{size}")
    page.get_by_label("As both").check()
    page.get_by_label("Generative AI", exact=True).check()
    expect(page.get_by_label("How well could you teach Gaming culture?")).to_be_hidden()
    page.get_by_label("How well could you teach Generative AI?").select_option("Well")
    page.get_by_label("Choice 1").select_option(label="Gaming culture")
    page.get_by_label("How many people could you mentor?").select_option("2")
    page.get_by_label("Português (Portuguese), BR").check()
    page.get_by_label("Tuesday morning").check()
    page.get_by_label("People you would rather not be matched with").fill("someone@acme.example")
    _shoot(page, f"enrolment-filled-{size}")
    page.get_by_role("button", name="Send my answer").click()
    expect(page.get_by_role("heading", name="Thank you, Amara")).to_be_visible()
    assert page.url.endswith("/done")
    (answer,) = site.fakes.answers
    assert answer.model_dump(mode="json") == {
        "role": "both",
        "topics_taught": ["generative-ai"],
        "taught_levels": {"generative-ai": 2},
        "topics_wanted": ["gaming"],
        "mentor_capacity": 2,
        "mentee_capacity": 1,
        "languages": ["pt-BR"],
        "meeting_windows": ["tue-am"],
        "preferred_emails": [],
        "avoided_emails": ["someone@acme.example"],
    }
    page.get_by_role("link", name="back to the form").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("would you like to take part?")


def test_an_acceptance_takes_the_keyboard_alone(page: Page, site: Site) -> None:
    page.goto(site.link(RoundKind.ACCEPTANCE))
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    _shoot(page, "skip-link")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Accept: I would like to meet")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("Decline: not this pair")).to_be_checked()
    page.keyboard.press("ArrowUp")
    _shoot(page, "focus")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Thank you, Amara")).to_be_visible()
    (answer,) = site.fakes.answers
    assert answer.model_dump()["decisions"] == ({"pair_id": site.fakes.pair_id, "accept": True},)


@with_sizes
def test_what_is_missing_in_a_check_in_is_announced_and_linked(page: Page, site: Site, size: str) -> None:
    page.goto(site.link(RoundKind.CHECK_IN))
    _fits(page)
    page.get_by_label("Yes").check()
    page.get_by_label("A note").fill("Half a note")
    page.get_by_role("button").click()
    summary = page.get_by_role("alert")
    expect(summary).to_be_focused()
    expect(page.get_by_label("A note")).to_have_value("Half a note")
    _shoot(page, f"check-in-errors-{size}")
    summary.get_by_role("link", name="Say how useful it was.").click()
    expect(page.get_by_label("1 Not at all")).to_be_focused()
    expect(page.get_by_role("group", name="How useful was it?")).to_have_accessible_description(
        "If you met. Error: Say how useful it was."
    )
    page.get_by_label("4 Useful").check()
    page.get_by_role("button").click()
    expect(page.get_by_role("heading", name="Thank you, Amara")).to_be_visible()


@with_sizes
def test_a_survey_is_answered(page: Page, site: Site, size: str) -> None:
    page.goto(site.link(RoundKind.SURVEY))
    _fits(page)
    _shoot(page, f"survey-{size}")
    page.get_by_label("5 Very useful").check()
    page.get_by_label("Yes").check()
    page.get_by_role("button").click()
    expect(page.get_by_role("heading", name="Thank you, Amara")).to_be_visible()
    assert len(site.fakes.answers) == 1


@with_sizes
def test_an_offer_shows_the_partner_and_the_reasons(page: Page, site: Site, size: str) -> None:
    page.goto(site.link(RoundKind.ACCEPTANCE))
    _fits(page)
    expect(page.get_by_role("heading", name="Bernd Falk")).to_be_visible()
    expect(page.get_by_role("listitem").first).to_contain_text("Generative AI")
    assert site.fakes.answers == []


@pytest.mark.parametrize(("role", "hidden"), [("As a mentor", "Choice 1"), ("As a mentee", "Gaming culture")])
def test_what_does_not_belong_to_the_chosen_part_steps_aside(page: Page, site: Site, role: str, hidden: str) -> None:
    page.goto(site.link(RoundKind.ENROLMENT))
    expect(page.get_by_label(hidden, exact=True)).to_be_hidden()
    page.get_by_label("As both").check()
    expect(page.get_by_label(hidden, exact=True)).to_be_visible()
    page.get_by_label(role).check()
    expect(page.get_by_label(hidden, exact=True)).to_be_hidden()


def test_an_objection_of_the_owner_keeps_what_was_typed(page: Page, site: Site) -> None:
    objection = {"field": "preferred_emails", "detail": "We do not know one of these addresses."}
    site.fakes.refusal = Invalid("Some fields are not valid; see errors.", errors=[objection])
    page.goto(site.link(RoundKind.ENROLMENT))
    page.get_by_label("As a mentor").check()
    wishes = page.get_by_label("Wish 1")
    wishes.fill("who@acme.example")
    page.get_by_role("button", name="Send my answer").click()
    page.get_by_role("alert").get_by_role("link").click()
    expect(wishes).to_be_focused()
    expect(wishes).to_have_value("who@acme.example")
    expect(page.get_by_label("As a mentor")).to_be_checked()


@with_sizes
def test_a_wrong_link_gets_a_friendly_page(page: Page, site: Site, size: str) -> None:
    response = page.goto(f"{site.url}/p/{'wrong' * 8}")
    assert response is not None
    assert response.status == 404
    expect(page.get_by_role("heading", name="We do not know this address")).to_be_visible()
    _fits(page)


@with_sizes
def test_whoever_signs_in_with_a_key_sees_the_cycle_and_signs_out(page: Page, site: Site, size: str) -> None:
    """By the keyboard alone."""
    page.goto(f"{site.url}/console/cycles/{site.fakes.cycle_id}")
    expect(page.get_by_label("Access key")).to_be_focused()
    _fits(page)
    _shoot(page, f"sign-in-{size}")
    page.keyboard.type("upw_wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Access key")).to_have_accessible_description(re.compile("This key is not valid"))
    page.keyboard.type(site.key.key)
    page.keyboard.press("Enter")
    _shoot(page, f"cycle-{size}")
    expect(page.get_by_role("heading", name="Upside Down")).to_be_visible()
    expect(page.locator("[aria-current=step]")).to_contain_text("Review")
    rounds = page.get_by_role("table", name="Rounds")
    expect(rounds.get_by_role("row", name="Enrolment 1")).to_contain_text("9 of 12 answered, 3 missing")
    expect(rounds.get_by_role("row", name="Acceptance 1")).to_contain_text("3 of 8 answered, 5 pending")
    expect(page.get_by_role("heading", name="Matches wait for approval")).to_be_visible()
    expect(page.get_by_role("link", name="Look at the matches")).to_be_visible()
    _fits(page)
    (cookie,) = page.context.cookies()
    assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == ("upward-session", True, "Lax")
    menu = page.get_by_role("navigation", name="Console")
    if size == "phone":
        expect(menu).to_be_hidden()
        page.get_by_role("button", name="Menu").press("Enter")
    expect(menu.get_by_role("link", name="Home")).to_be_visible()
    _shoot(page, f"menu-{size}")
    if size == "phone":
        page.keyboard.press("Escape")
        expect(menu).to_be_hidden()
    page.get_by_role("button", name="Sign out").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("You have signed out.")
    assert page.context.cookies(f"{site.url}/console")[0]["name"] == "upward-sign-in"
    page.go_back()
    expect(page.get_by_label("Access key")).to_be_visible()


@pytest.mark.long
@with_sizes
def test_long_words_break_no_page(browser: Browser, site: Site, size: str) -> None:
    """In a language whose words are a third longer, at a desk and on a phone."""
    reader, (width, height) = site.fakes.me, SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        extra_http_headers={"accept-language": PSEUDO},
        http_credentials={"username": "admin", "password": site.key.key, "send": "unauthorized"},
    )
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    with pseudo_is_spoken():
        site.fakes.me = reader.model_copy(update={"language": PSEUDO})
        addresses = [address for kind in RoundKind for address in (site.link(kind), f"{site.link(kind)}/done")]
        for address in (*addresses, f"{site.url}/", f"{site.url}/console/cycles/{site.fakes.cycle_id}"):
            page.goto(address)
            expect(page.locator(f"html[lang={PSEUDO}]")).to_have_count(1)
            _fits(page)
            _shoot(page, f"pseudo-{size}-{address.rpartition('/')[2] or 'front'}-{addresses.count(address)}")
            if address in addresses and page.get_by_role("button").count():
                page.get_by_role("button").click()
                _fits(page)
    site.fakes.me = reader
    context.close()


@with_sizes
def test_people_are_told_at_the_front_what_this_is(page: Page, site: Site, size: str) -> None:
    page.goto(f"{site.url}/")
    expect(page.get_by_role("heading", name="Upward runs mentoring programs")).to_be_visible()
    _fits(page)
    _shoot(page, f"front-{size}")
    page.get_by_role("link", name="The API describes itself").click()
    expect(page.get_by_role("heading", name="Upward", exact=False).first).to_be_visible()


@pytest.mark.long
@with_sizes
def test_the_description_of_the_api_is_shown_without_loading_anything_from_elsewhere(
    page: Page, site: Site, size: str
) -> None:
    """The page fixture fails at every message of the console, which is where the browser says what a policy forbids."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{site.url}/docs")
    operation = page.locator("#operations-cycles-request_cycle")
    expect(operation).to_be_visible()
    expect(page.get_by_role("button", name="Authorize")).to_be_visible()
    operation.get_by_role("button").first.click()
    expect(operation.get_by_text("Precondition").or_(operation.get_by_text("P10D").first)).to_be_visible()
    assert operation.locator(".microlight").first.evaluate("it => it.clientWidth") > 250, "an example fits a phone"
    _shoot(page, f"docs-{size}")
    assert {url for url in asked if not url.startswith((site.url, "data:"))} == set()
