"""Participants' pages: GET shows and never acts, POST answers once, and whatever goes wrong is a friendly page."""

import re
from urllib.parse import urlencode

import httpx
import pytest

from services.console import main
from shared.config import Settings
from shared.contracts.base import Contract
from shared.contracts.feedback import CheckInAnswer, Obstacle, SurveyAnswer
from shared.contracts.intake import EnrolmentAnswer, EnrolmentRole
from shared.contracts.matching import AcceptanceAnswer
from shared.contracts.rounds import RoundKind
from shared.database import Database
from shared.errors import Conflict, DomainError, Forbidden, Gone, Invalid
from shared.http.application import create_application
from tests.console_fakes import ENROL, PATHS, FakeServices, fields_of, token_of
from tests.services.conftest import client_of

HEADINGS = {
    RoundKind.ENROLMENT: "Hello Amara, would you like to take part?",
    RoundKind.ACCEPTANCE: "Amara, we found a match for you",
    RoundKind.CHECK_IN: "Check-in 2: how is it going, Amara?",
    RoundKind.SURVEY: "Looking back, Amara",
}


@pytest.mark.parametrize("kind", RoundKind)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_opening_a_link_never_acts(
    client: httpx.AsyncClient, fakes: FakeServices, kind: RoundKind, method: str
) -> None:
    for _ in range(3):
        response = await client.request(method, PATHS[kind])
        assert response.status_code == 200
    assert set(fakes.calls) == {"resolve", f"form {kind.value}"}


@pytest.mark.parametrize("kind", RoundKind)
async def test_the_page_is_the_one_of_the_links_round(client: httpx.AsyncClient, kind: RoundKind) -> None:
    response = await client.get(PATHS[kind])
    assert f"<h1>{HEADINGS[kind]}</h1>" in response.text
    assert '<html lang="en" dir="ltr">' in response.text
    assert response.headers["content-language"] == "en"
    assert "Friday, 5 March 2027, 17:00 (Berlin time)" in response.text


@pytest.mark.parametrize("kind", RoundKind)
async def test_an_answer_is_given_once_and_leads_to_the_confirmation(
    client: httpx.AsyncClient, fakes: FakeServices, kind: RoundKind
) -> None:
    response = await client.post(PATHS[kind], data=fields_of(fakes)[kind])
    assert response.status_code == 303
    assert response.headers["location"] == f"{PATHS[kind]}/done"
    assert fakes.calls == ["resolve", f"answer {kind.value}"]
    done = await client.get(response.headers["location"])
    assert done.status_code == 200
    assert "Thank you, Amara" in done.text
    assert "Friday, 5 March 2027, 17:00 (Berlin time)" in done.text
    assert len(fakes.answers) == 1


def expected_answers(fakes: FakeServices) -> dict[RoundKind, Contract]:
    pair = str(fakes.pair_id)
    entry = {"pair_id": pair, "met": True, "usefulness": 4, "obstacle": Obstacle.TOPIC}
    survey = {"pair_id": pair, "usefulness": 5, "would_repeat": True, "comment": "Thanks"}
    return {
        RoundKind.ENROLMENT: EnrolmentAnswer(role=EnrolmentRole.MENTOR, topics_taught=("gaming",), mentor_capacity=2),
        RoundKind.ACCEPTANCE: AcceptanceAnswer.model_validate({"decisions": [{"pair_id": pair, "accept": True}]}),
        RoundKind.CHECK_IN: CheckInAnswer.model_validate({"entries": [entry]}),
        RoundKind.SURVEY: SurveyAnswer.model_validate({"entries": [survey]}),
    }


@pytest.mark.parametrize("kind", RoundKind)
async def test_the_owner_gets_what_was_typed_and_a_double_click_does_no_harm(
    client: httpx.AsyncClient, fakes: FakeServices, kind: RoundKind
) -> None:
    for _ in range(2):
        assert (await client.post(PATHS[kind], data=fields_of(fakes)[kind])).status_code == 303
    assert fakes.answers == [expected_answers(fakes)[kind]] * 2


async def test_back_to_the_form_from_the_confirmation_works_without_the_link_being_written(
    client: httpx.AsyncClient, fakes: FakeServices
) -> None:
    done = await client.get(f"{PATHS[RoundKind.SURVEY]}/done")
    assert 'href="./"' in done.text
    assert (await client.get(f"{PATHS[RoundKind.SURVEY]}/")).status_code == 200
    response = await client.post(f"{PATHS[RoundKind.SURVEY]}/", data=fields_of(fakes)[RoundKind.SURVEY])
    assert response.headers["location"] == f"{PATHS[RoundKind.SURVEY]}/done"


async def test_the_last_answer_closes_the_round_and_is_thanked_for(
    client: httpx.AsyncClient, fakes: FakeServices
) -> None:
    fakes.links[token_of(RoundKind.SURVEY)] = Gone("closed", code="round_closed")
    done = await client.get(f"{PATHS[RoundKind.SURVEY]}/done")
    assert done.status_code == 200
    assert "This round is complete" in done.text


async def test_wrong_input_is_shown_again_with_what_was_typed_and_linked_messages(
    client: httpx.AsyncClient, fakes: FakeServices
) -> None:
    pair = fakes.pair_id
    typed = {f"met_{pair}": "yes", f"obstacle_{pair}": "no_time", f"note_{pair}": 'Half <b>a "note"</b>'}
    response = await client.post(PATHS[RoundKind.CHECK_IN], data=typed)
    assert response.status_code == 422
    assert f'<a href="#usefulness_{pair}">Say how useful it was.</a>' in response.text
    assert f'id="usefulness_{pair}"' in response.text
    assert f'aria-describedby="usefulness_{pair}-hint usefulness_{pair}-error"' in response.text
    assert f'id="usefulness_{pair}-error"' in response.text
    assert re.search(rf'id="met_{pair}" value="yes" checked', response.text)
    assert '<option value="no_time" selected>' in response.text
    assert "Half &lt;b&gt;a &#34;note&#34;&lt;/b&gt;</textarea>" in response.text
    assert fakes.answers == []


@pytest.mark.parametrize("kind", RoundKind)
async def test_an_empty_form_is_shown_again_with_what_is_missing(
    client: httpx.AsyncClient, fakes: FakeServices, kind: RoundKind
) -> None:
    response = await client.post(PATHS[kind], data={"pair_id": str(fakes.pair_id)})
    assert response.status_code == 422
    assert "Please check your answer" in response.text
    assert "<title>Error: " in response.text
    linked = re.findall(r'<li><a href="#([^"]+)"', response.text)
    assert linked
    assert all(f'id="{field}"' in response.text for field in linked)
    assert f"answer {kind.value}" not in fakes.calls


async def test_the_owners_field_errors_are_shown_beside_the_fields(
    client: httpx.AsyncClient, fakes: FakeServices
) -> None:
    errors = [{"field": "preferred_emails.0", "detail": "This person is not known."}]
    fakes.refusal = Invalid("Some fields are not valid; see errors.", errors=errors)
    response = await client.post(PATHS[RoundKind.ENROLMENT], data=ENROL | {"preferred_emails": "x@acme.example"})
    assert response.status_code == 422
    assert '<a href="#preferred_emails">Address 1: This person is not known.</a>' in response.text
    assert 'value="x@acme.example"' in response.text
    assert 'value="gaming" checked' in response.text


async def test_a_refusal_of_the_owner_without_fields_is_shown_too(
    client: httpx.AsyncClient, fakes: FakeServices
) -> None:
    fakes.refusal = Invalid("Topics are needed.", code="topics_needed")
    response = await client.post(PATHS[RoundKind.ENROLMENT], data=ENROL)
    assert response.status_code == 422
    assert "<li>Topics are needed.</li>" in response.text


async def test_an_answer_given_before_is_in_the_fields(client: httpx.AsyncClient, fakes: FakeServices) -> None:
    fakes.enrolment = EnrolmentAnswer(role=EnrolmentRole.MENTEE, topics_wanted=("gaming",), languages=("pt-BR",))
    text = (await client.get(PATHS[RoundKind.ENROLMENT])).text
    assert re.search(r'value="mentee" checked', text)
    assert re.search(r'id="topics_wanted_1".*?<option value="gaming" selected>', text, re.DOTALL)
    assert 'value="pt-BR" checked' in text
    assert "You have answered already" in text


async def test_the_offer_names_the_partner_and_the_reasons_escaped(
    client: httpx.AsyncClient, fakes: FakeServices
) -> None:
    fakes.reasons = ("<i>Because</i>",)
    text = (await client.get(PATHS[RoundKind.ACCEPTANCE])).text
    assert "Bernd &lt;Falk&gt; &amp; Söhne" in text
    assert "<Falk>" not in text
    assert "Chief Financial Officer, Finance" in text
    assert "<li>&lt;i&gt;Because&lt;/i&gt;</li>" in text
    assert fakes.partner.email not in text


@pytest.mark.parametrize(
    ("accepted", "settled", "says"),
    [
        (None, False, None),
        (True, False, "You have accepted. You may change that until Bernd"),
        (True, True, "Both of you have accepted"),
        (False, True, "You declined this pair. A decline is final."),
        (False, False, "You declined this pair. A decline is final."),  # by a process of the version before
    ],
)
async def test_an_offer_can_be_answered_only_as_long_as_an_answer_is_taken(
    client: httpx.AsyncClient, fakes: FakeServices, accepted: bool | None, settled: bool, says: str | None
) -> None:
    fakes.accepted, fakes.settled = accepted, settled
    text = (await client.get(PATHS[RoundKind.ACCEPTANCE])).text
    takes_answers = accepted is None or (accepted and not settled)
    for control in ('value="accept"', 'value="decline"', 'name="pair_id"', 'type="submit"'):
        assert (control in text) == takes_answers, control
    assert says is None or says in text
    assert ("change that" in text) == (accepted is True and not settled)
    assert ("You are the mentor of" in text) == (accepted is True and settled)
    assert ("You would be the mentor of" in text) == (not (accepted and settled))
    assert "may change it" not in text


async def test_the_acceptance_says_what_can_still_be_changed(client: httpx.AsyncClient) -> None:
    assert "A decline is final." in (await client.get(PATHS[RoundKind.ACCEPTANCE])).text
    assert "A decline is final." in (await client.get(f"{PATHS[RoundKind.ACCEPTANCE]}/done")).text
    assert "until the other person has accepted too" in (await client.get(f"{PATHS[RoundKind.ACCEPTANCE]}/done")).text
    assert "You may change your answer until" in (await client.get(f"{PATHS[RoundKind.SURVEY]}/done")).text


async def test_the_check_in_says_for_whom_the_note_is(client: httpx.AsyncClient) -> None:
    assert "Your partner reads it with the next check-in." in (await client.get(PATHS[RoundKind.CHECK_IN])).text


async def test_the_check_in_says_who_is_told_before_it_is_sent(client: httpx.AsyncClient) -> None:
    shown = " ".join((await client.get(PATHS[RoundKind.CHECK_IN])).text.split())
    assert "“We are not a good fit” is told to the coordinators of the program, with your name" in shown
    assert "you can take it back by changing your answer" in shown
    assert "If somebody misses two check-ins in a row, the coordinators of the program are told." in shown


@pytest.mark.parametrize("kind", RoundKind)
async def test_a_page_without_contacts_still_works(
    client: httpx.AsyncClient, fakes: FakeServices, kind: RoundKind
) -> None:
    fakes.unknown_contacts = True
    assert (await client.get(PATHS[kind])).status_code == 200
    assert (await client.get(f"{PATHS[kind]}/done")).status_code == 200


async def test_without_an_offer_the_page_says_that_nothing_is_asked(
    client: httpx.AsyncClient, fakes: FakeServices
) -> None:
    fakes.offered = False
    response = await client.get(PATHS[RoundKind.ACCEPTANCE])
    assert response.status_code == 200
    assert "There is nothing to answer right now" in response.text
    assert "<form" not in response.text


@pytest.mark.parametrize("path", ["/p/short", f"/p/{'unknown' * 5}", f"/p/{'x' * 300}", f"/p/{'x' * 600}"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_unknown_link_is_not_found(client: httpx.AsyncClient, path: str, method: str) -> None:
    response = await client.request(method, path, data={"role": "none"} if method == "POST" else None)
    assert response.status_code == 404
    assert response.headers["content-type"].startswith("text/html")
    assert "We do not know this address" in response.text


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Gone("closed", code="round_closed"), "There is nothing more for you to do."),
        (Gone("expired", code="link_expired"), "There is nothing more for you to do."),
    ],
)
async def test_a_link_whose_time_is_over_is_gone(
    client: httpx.AsyncClient, fakes: FakeServices, error: DomainError, words: str
) -> None:
    fakes.links[token_of(RoundKind.CHECK_IN)] = error
    shown = await client.get(PATHS[RoundKind.CHECK_IN])
    thanked = await client.get(f"{PATHS[RoundKind.CHECK_IN]}/done")
    sent = await client.post(PATHS[RoundKind.CHECK_IN], data=fields_of(fakes)[RoundKind.CHECK_IN])
    assert (shown.status_code, sent.status_code) == (410, 410)
    assert thanked.status_code == (200 if error.code == "round_closed" else 410)
    assert words in shown.text
    assert words in sent.text
    assert fakes.answers == []


@pytest.mark.parametrize(
    ("refusal", "status", "words"),
    [
        (Gone("closed", code="round_closed"), 410, "This round has closed"),
        (Conflict("settled", code="pair_settled"), 409, "This pair is already settled"),
        (Conflict("other", code="other"), 409, "This was settled in the meantime"),
        (Forbidden("not asked", code="not_asked"), 403, "There is nothing to answer here"),
    ],
)
async def test_what_the_owner_does_not_take_is_explained(
    client: httpx.AsyncClient, fakes: FakeServices, refusal: DomainError, status: int, words: str
) -> None:
    fakes.refusal = refusal
    response = await client.post(PATHS[RoundKind.ACCEPTANCE], data=fields_of(fakes)[RoundKind.ACCEPTANCE])
    assert response.status_code == status
    assert words in response.text


async def test_a_fault_of_the_owner_asks_for_patience(client: httpx.AsyncClient, fakes: FakeServices) -> None:
    fakes.broken = True
    response = await client.post(PATHS[RoundKind.ACCEPTANCE], data=fields_of(fakes)[RoundKind.ACCEPTANCE])
    assert response.status_code == 503
    assert response.headers["retry-after"] == "60"
    assert "Your answer was not saved" in response.text


async def test_a_refused_service_credential_is_our_fault_and_not_the_participants(
    db: Database, settings: Settings, fakes: FakeServices
) -> None:
    app = create_application([main.router, fakes.router()], db, settings)
    app.state.settings = settings.model_copy(update={"service_token": type(settings.service_token)("another" * 6)})
    async with client_of(app) as client:
        response = await client.get(PATHS[RoundKind.SURVEY])
    assert response.status_code == 503
    assert "www-authenticate" not in response.headers


async def test_a_form_of_more_than_64_kb_is_too_large(client: httpx.AsyncClient, fakes: FakeServices) -> None:
    response = await client.post(PATHS[RoundKind.ENROLMENT], data=ENROL | {"avoided_emails": "x" * 65536})
    assert response.status_code == 413
    assert "too much text" in response.text
    assert fakes.answers == []


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (b"{}", "application/json", 415),
        (b"", "", 415),
        (b"\xff=1", "application/x-www-form-urlencoded", 400),
        (urlencode([("a", "1")] * 1001).encode(), "application/x-www-form-urlencoded", 400),
    ],
)
async def test_what_is_not_a_form_is_refused(
    client: httpx.AsyncClient, fakes: FakeServices, content: bytes, media_type: str, status: int
) -> None:
    headers = {"content-type": media_type} if media_type else {}
    response = await client.post(PATHS[RoundKind.ENROLMENT], content=content, headers=headers)
    assert response.status_code == status
    assert response.headers["content-type"].startswith("text/html")
    assert fakes.answers == []


async def test_a_caller_that_asks_for_json_gets_the_problem(client: httpx.AsyncClient) -> None:
    response = await client.get("/p/short", headers={"accept": "application/json"})
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["code"] == "link_unknown"


@pytest.mark.parametrize("kind", RoundKind)
async def test_every_control_has_a_label_and_every_group_a_legend(client: httpx.AsyncClient, kind: RoundKind) -> None:
    text = (await client.get(PATHS[kind])).text
    ids = re.findall(r'\sid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    for name in re.findall(r'<(?:select|textarea) name="([^"]+)"', text):
        assert f'<label for="{name}">' in text
    choices = len(re.findall(r'<input type="(?:radio|checkbox)"', text))
    assert choices == len(re.findall(r'<label class="choice">\s*<input', text))
    assert text.count("<fieldset") == text.count("<legend>")
    described = " ".join(re.findall(r'aria-(?:describedby|labelledby)="([^"]+)"', text)).split()
    assert set(described) <= set(ids)
    assert '<a class="skip" href="#main">' in text


@pytest.mark.parametrize(("name", "media_type"), [("upward.css", "text/css"), ("upward.svg", "image/svg+xml")])
async def test_the_style_sheet_and_the_icon_are_served(client: httpx.AsyncClient, name: str, media_type: str) -> None:
    response = await client.get(f"/console/static/{name}")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith(media_type)
    assert response.headers["cache-control"].startswith("public")


@pytest.mark.parametrize("name", ["other.css", "..%2fmain.py", "__init__.py"])
async def test_nothing_else_is_served_beside_them(client: httpx.AsyncClient, name: str) -> None:
    found = await client.get(f"/console/static/{name}")
    assert found.status_code in (
        303,
        404,
    )  # what is no page leads to the sign-in
    assert "import" not in found.text
