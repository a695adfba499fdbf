"""Finding people within the form of the enrolment, without script and without saving anything."""

import httpx
import pytest

from shared.contracts.intake import Colleague, Colleagues
from shared.contracts.rounds import RoundKind
from shared.errors import Conflict, DomainError, Invalid
from tests.console_fakes import ENROL, PATHS, FakeServices

ANA = Colleague(name="Ana <b>Sousa</b>", job_title="Analyst", department="Finance", email="ana@acme.example")
PATH = PATHS[RoundKind.ENROLMENT]
TYPED = ENROL | {"preferred_emails": ["bo@acme.example"], "avoided_emails": "cy@acme.example"}


@pytest.fixture
def fakes(fakes: FakeServices) -> FakeServices:
    fakes.colleagues = Colleagues(people=(ANA,))
    return fakes


async def test_whoever_is_found_can_be_wished_for_or_avoided(client: httpx.AsyncClient, fakes: FakeServices) -> None:
    page = await client.post(PATH, data=TYPED | {"colleague": "ana", "find": "1"})
    assert page.status_code == 200
    assert "Ana &lt;b&gt;Sousa" in page.text
    assert 'value="ana"' in page.text
    assert 'name="wish" value="ana@acme.example"' in page.text
    assert 'value="bo@acme.example"' in page.text, "what was typed stays"
    assert fakes.answers == []


async def test_a_wish_is_the_last_of_the_list_until_it_is_moved(client: httpx.AsyncClient, fakes: FakeServices) -> None:
    page = (await client.post(PATH, data=TYPED | {"wish": ANA.email})).text
    assert page.index('value="bo@acme.example"') < page.index('value="ana@acme.example"')
    assert "Added to your wishes." in page
    page = (await client.post(PATH, data=TYPED | {"avoid": ANA.email})).text
    assert "cy@acme.example\nana@acme.example</textarea>" in page
    five = [f"p{number}@acme.example" for number in range(5)]
    page = (await client.post(PATH, data=TYPED | {"preferred_emails": five, "wish": ANA.email})).text
    assert "You have five wishes already." in page
    assert fakes.answers == []


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (Conflict("no", code="too_many_searches"), "You have searched ten times within an hour."),
        (Invalid("no", code="too_few_letters"), "at least three letters"),
    ],
)
async def test_a_search_that_is_refused_says_why(
    client: httpx.AsyncClient, fakes: FakeServices, refusal: DomainError, words: str
) -> None:
    fakes.search_refusal = refusal
    page = await client.post(PATH, data=TYPED | {"colleague": "an", "find": "1"})
    assert (page.status_code, words in page.text) == (200, True)


async def test_what_nobody_is_found_for_says_where_names_are_found(
    client: httpx.AsyncClient, fakes: FakeServices
) -> None:
    fakes.colleagues = Colleagues(people=())
    assert "in your own department only" in (await client.post(PATH, data=TYPED | {"find": "1"})).text
    fakes.colleagues = Colleagues(people=(ANA,), more=True)
    assert "more people than these" in (await client.post(PATH, data=TYPED | {"find": "1"})).text
