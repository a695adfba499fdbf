"""The enrolment page: how well each topic is taught, and wishes whose order counts."""

import re

import httpx
import pytest

from shared.contracts.intake import EnrolmentAnswer, EnrolmentRole, TeachingLevel
from shared.contracts.rounds import RoundKind
from shared.errors import Invalid
from tests.console_fakes import ENROL, PATHS, TOPICS, FakeServices

PAGE = PATHS[RoundKind.ENROLMENT]


async def test_each_topic_asks_how_well_it_is_taught_and_shows_what_was_said(
    client: httpx.AsyncClient, fakes: FakeServices
) -> None:
    fakes.enrolment = EnrolmentAnswer(
        role=EnrolmentRole.MENTOR, topics_taught=("gaming",), taught_levels={"gaming": TeachingLevel.GOOD}
    )
    text = (await client.get(PAGE)).text
    controls = {
        name: re.findall(r'<option value="(\d)"( selected)?>', options)
        for name, options in re.findall(r'<select name="taught_level_([^"]+)".*?>(.*?)</select>', text, re.DOTALL)
    }
    assert list(controls) == [topic.code for topic in TOPICS]
    assert controls["gaming"] == [("3", ""), ("2", " selected"), ("1", "")]
    assert controls["generative-ai"] == [("3", ""), ("2", ""), ("1", "")]
    assert re.search(r'id="taught_level_generative-ai">\s*<option value="" selected>Please choose</option>', text)
    assert '<label for="taught_level_gaming">How well could you teach Gaming culture?' in text


async def test_a_level_reaches_the_owner_whose_error_leads_back_to_it(
    client: httpx.AsyncClient, fakes: FakeServices
) -> None:
    fields = ENROL | {"taught_level_gaming": "1", "taught_level_generative-ai": "3"}
    await client.post(PAGE, data=fields)
    (answer,) = fakes.answers
    assert isinstance(answer, EnrolmentAnswer)
    assert answer.taught_levels == {"gaming": TeachingLevel.BASICS}
    fakes.refusal = Invalid("See errors.", errors=[{"field": "taught_levels.0", "detail": "Not this one."}])
    response = await client.post(PAGE, data=fields)
    assert '<a href="#taught_level_gaming">Not this one.</a>' in response.text
    assert 'id="taught_level_gaming-error"' in response.text


async def test_the_form_says_that_the_order_of_wishes_counts(client: httpx.AsyncClient) -> None:
    assert "The order counts" in (await client.get(PAGE)).text


@pytest.mark.parametrize(
    ("lonely", "told"), [((), 0), ((EnrolmentRole.MENTEE,), 1), (tuple(EnrolmentRole), 3)], ids=["none", "one", "all"]
)
async def test_a_role_in_which_nobody_could_be_the_partner_says_so_and_can_be_chosen(
    client: httpx.AsyncClient, fakes: FakeServices, lonely: tuple[EnrolmentRole, ...], told: int
) -> None:
    fakes.lonely = lonely
    text = (await client.get(PAGE)).text
    assert text.count("nobody in the company could be your partner in this role") == told
    for role in lonely:
        option = re.search(rf'value="{role.value}".*?</label>', text, re.DOTALL)
        assert option is not None
        assert "You may choose it all the same." in option[0]
    assert (await client.post(PAGE, data=ENROL)).status_code == 303
