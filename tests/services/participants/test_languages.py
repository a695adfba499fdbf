"""Every page speaks the language of its reader: their own, or else one of their browser's, or else the program's."""

import html

import httpx
import pytest

from shared.contracts.intake import EnrolmentRole, TeachingLevel
from shared.contracts.matching import PairReason, ReasonCode, Side, TaughtTopic
from shared.contracts.rounds import RoundKind
from shared.errors import Gone, Invalid
from tests.console_fakes import ENROL, PATHS, TOPICS, FakeServices, token_of
from tests.pseudo import PSEUDO, hard_coded_in_page, pseudo_is_spoken

HEADINGS = {
    "en": "Hello Amara, would you like to take part?",
    "de": "Guten Tag Amara, möchten Sie teilnehmen?",
    "fr": "Bonjour Amara, souhaitez-vous participer\u00a0?",
    "es": "Hola, Amara: ¿le gustaría participar?",
}
TAUGHT = TaughtTopic(topic="ai", label="Generative AI", level=TeachingLevel.GOOD, choice=2)
EVERY_REASON = tuple(
    PairReason(code=code, side=side, topics=(TAUGHT,), rank=1, hours=2, mentor_days=(0,), mentee_days=(1,), levels=2)
    for code in ReasonCode
    for side in Side
)
ENROLMENT = PATHS[RoundKind.ENROLMENT]


def speak(fakes: FakeServices, own: str, program: str = "en") -> None:
    fakes.me = fakes.me.model_copy(update={"language": own})
    fakes.program_language = program


@pytest.mark.parametrize(
    ("own", "browser", "program", "language"),
    [
        ("de", "fr", "es", "de"),
        ("", "it, fr-CA;q=0.8", "es", "fr"),
        ("it", "fr", "es", "fr"),
        ("", "it", "es", "es"),
        ("", "", "", "en"),
    ],
)
async def test_a_page_is_in_the_first_language_that_is_known_and_spoken(
    client: httpx.AsyncClient, fakes: FakeServices, own: str, browser: str, program: str, language: str
) -> None:
    speak(fakes, own, program)
    answer = await client.get(ENROLMENT, headers={"accept-language": browser})
    assert f'<html lang="{language}"' in answer.text
    assert answer.headers["content-language"] == language
    assert f"<h1>{HEADINGS[language]}</h1>" in answer.text


async def test_what_is_wrong_is_told_in_the_readers_language(client: httpx.AsyncClient, fakes: FakeServices) -> None:
    speak(fakes, "de")
    typed = await client.post(ENROLMENT, data={"role": "", "preferred_emails": "nobody"})
    assert '<a href="#role">Wählen Sie, wie Sie teilnehmen möchten.</a>' in typed.text
    assert "Geben Sie nur E-Mail-Adressen an" in typed.text
    errors = [
        {"field": "preferred_emails.1", "detail": "The directory has nobody with this address."},
        {"field": "languages.0", "detail": "A newer sentence."},
    ]
    fakes.refusal = Invalid("Some fields are not valid; see errors.", errors=errors)
    refused = await client.post(ENROLMENT, data=ENROL)
    assert "Adresse 2: Unter dieser Adresse ist im Unternehmen niemand verzeichnet." in refused.text
    assert "A newer sentence." in refused.text
    fakes.refusal = Invalid("Some fields are not valid; see errors.")
    assert (
        "<li>Einige Felder sind nicht gültig; bitte prüfen Sie Ihre Angaben.</li>"
        in (await client.post(ENROLMENT, data=ENROL)).text
    )


async def test_a_refusal_after_the_link_was_known_is_in_the_readers_own_language(
    client: httpx.AsyncClient, fakes: FakeServices
) -> None:
    speak(fakes, "de")
    fakes.refusal = Gone("closed", code="round_closed")
    answer = await client.post(ENROLMENT, data=ENROL, headers={"accept-language": "fr"})
    assert (answer.status_code, answer.headers["content-language"]) == (410, "de")
    assert "<h1>Diese Runde ist beendet</h1>" in answer.text


async def test_a_refusal_before_that_is_in_the_language_of_the_browser(
    client: httpx.AsyncClient, fakes: FakeServices
) -> None:
    fakes.links[token_of(RoundKind.ENROLMENT)] = Gone("expired", code="link_expired")
    answer = await client.get(ENROLMENT, headers={"accept-language": "fr"})
    assert "<h1>Ce lien n’est plus valable</h1>" in answer.text
    assert answer.headers["content-language"] == "fr"


async def test_the_confirmation_is_in_the_readers_language(client: httpx.AsyncClient, fakes: FakeServices) -> None:
    speak(fakes, "es")
    done = await client.get(f"{ENROLMENT}/done")
    assert "Gracias, Amara" in done.text
    assert "viernes, 5 de marzo de 2027, 17:00 (hora de Berlín)" in done.text
    assert '<a href="./">volver al formulario</a>' in done.text


async def test_the_reasons_of_an_offer_are_told_in_the_second_person_and_escaped(
    client: httpx.AsyncClient, fakes: FakeServices
) -> None:
    speak(fakes, "de")
    topic = TAUGHT.model_copy(update={"label": "<b>KI</b>"})
    fakes.reason_codes = (
        PairReason(code=ReasonCode.TEACHES, side=Side.MENTOR, topics=(topic,)),
        PairReason(code=ReasonCode.LEVEL_GAP, levels=3),
    )
    answer = await client.get(PATHS[RoundKind.ACCEPTANCE])
    assert "<li>Sie vermitteln &lt;b&gt;KI&lt;/b&gt; (gut), zweite Wahl von Bernd.</li>" in answer.text
    assert "Ebenen" not in answer.text


WRONG = {"role": "mentor", "mentor_capacity": "9", "preferred_emails": "1", "taught_level_gaming": "9"}
PAGES = [path for kind in RoundKind for path in (PATHS[kind], f"{PATHS[kind]}/done")]


@pytest.mark.parametrize("path", [*PAGES, "/", "/p/unknown"])
async def test_no_word_of_a_page_is_hard_coded(client: httpx.AsyncClient, fakes: FakeServices, path: str) -> None:
    fakes.lonely = (EnrolmentRole.MENTOR,)
    fakes.reason_codes = EVERY_REASON
    with pseudo_is_spoken():
        speak(fakes, PSEUDO)
        headers = {"accept": "text/html", "accept-language": PSEUDO}
        shown = [await client.get(path, headers=headers)]
        if path.startswith("/p/") and not path.endswith("/done"):
            shown += [await client.post(path, data=typed, headers=headers) for typed in ({}, WRONG)]
    for answer in shown:
        assert answer.headers["content-language"] == PSEUDO
        assert hard_coded_in_page(answer.text, *values_of(fakes)) == []


def values_of(fakes: FakeServices) -> list[str]:
    """What the examples show in every language."""
    people = [fakes.coordinator.name, fakes.coordinator.email]
    people += [value for one in (fakes.me, fakes.partner) for value in (one.name, one.given_name, one.job_title)]
    people += [fakes.partner.department, "Upside Down", "Acme Group", "Upward", "HR"]
    return [*people, *(topic.label for topic in TOPICS)]


async def test_the_front_page_is_in_the_language_of_the_browser(client: httpx.AsyncClient) -> None:
    answer = await client.get("/", headers={"accept": "text/html", "accept-language": "de"})
    assert "<h1>Upward betreibt Mentoring-Programme</h1>" in answer.text
    assert '<a href="/docs">Die API beschreibt sich selbst</a>, und' in html.unescape(answer.text)
