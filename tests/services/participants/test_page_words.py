"""Participants' pages speak in the words of the organization, escaped, and in ours where it has none that fit."""

import httpx
import pytest

from shared.contracts.notifications import PageText, PageWords
from shared.contracts.rounds import RoundKind
from tests.console_fakes import PATHS, FakeServices

PAGES = {kind: PageText(f"{kind.value}_page") for kind in RoundKind}
THANKS = {kind: PageText(f"{kind.value}_thanks") for kind in RoundKind}


def own(text: PageText, heading: str, body: str, language: str = "en") -> PageWords:
    return PageWords(text=text, language=language, heading=heading, body=body)


@pytest.mark.parametrize("kind", RoundKind)
async def test_heading_and_introduction_are_those_of_the_organization_with_the_reader_s_values(
    client: httpx.AsyncClient, fakes: FakeServices, kind: RoundKind
) -> None:
    body = "{organization} <b>asks</b>.\n\n{period} & {deadline}"
    fakes.page_words = [
        own(PAGES[kind], "Dear {given_name}: {program}", body),
        own(THANKS[kind], "Thanks, {given_name}!", "{program} thanks.\nSee you."),
    ]
    page = (await client.get(PATHS[kind])).text
    assert "<h1>Dear Amara: Upside Down</h1>" in page
    assert '<p class="lead own">Acme Group &lt;b&gt;asks&lt;/b&gt;.</p>' in page
    assert '<p class="lead own">2027-Q1 &amp; Friday, 5 March 2027, 17:00 (Berlin time)</p>' in page
    refused = await client.post(PATHS[kind], data={"role": "none at all"})
    assert "<h1>Dear Amara: Upside Down</h1>" in refused.text
    done = (await client.get(f"{PATHS[kind]}/done")).text
    assert "<h1>Thanks, Amara!</h1>" in done
    assert '<p class="lead own">Upside Down thanks.\nSee you.</p>' in done


async def test_promises_stay_whatever_the_organization_writes(client: httpx.AsyncClient, fakes: FakeServices) -> None:
    fakes.page_words = [own(text, "Hello", "Welcome.") for text in PageText]
    shown = {kind: (await client.get(PATHS[kind])).text for kind in RoundKind}
    assert "Please answer by <strong>" in shown[RoundKind.ENROLMENT]
    assert "The pair starts once both of you have accepted." in shown[RoundKind.ACCEPTANCE]
    assert "If somebody misses two check-ins in a row" in shown[RoundKind.CHECK_IN]
    assert "The enrolment closes on" in (await client.get(f"{PATHS[RoundKind.ENROLMENT]}/done")).text


@pytest.mark.parametrize(
    "words",
    [
        own(PageText.CHECK_IN_PAGE, "Hallo", "Nur auf Deutsch.", "de"),
        own(PageText.CHECK_IN_THANKS, "Thanks", "Another page."),
        own(PageText.CHECK_IN_PAGE, "Hello {salary}", "A placeholder that is gone."),
        own(PageText.CHECK_IN_PAGE, "Hello {", "A brace."),
        own(PageText.CHECK_IN_PAGE, "Hello", "{program.__class__}"),
        None,
    ],
)
async def test_words_that_do_not_fit_are_passed_over(
    client: httpx.AsyncClient, fakes: FakeServices, words: PageWords | None
) -> None:
    fakes.page_words = None if words is None else [words]
    page = await client.get(PATHS[RoundKind.CHECK_IN])
    assert page.status_code == 200
    assert "<h1>Check-in 2: how is it going, Amara?</h1>" in page.text
    assert "A minute is enough." in page.text


async def test_a_value_is_not_looked_at_again(client: httpx.AsyncClient, fakes: FakeServices) -> None:
    fakes.me = fakes.me.model_copy(update={"given_name": "{program}<i>"})
    fakes.page_words = [own(PageText.SURVEY_PAGE, "Hi {given_name}", "{given_name}")]
    assert "<h1>Hi {program}&lt;i&gt;</h1>" in (await client.get(PATHS[RoundKind.SURVEY])).text
