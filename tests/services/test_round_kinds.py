"""A kind of round that is declared has its messages, its page and its owner's answers, and stands in the events."""

from collections.abc import AsyncIterator, Iterator
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select

from services.console import main
from services.console.forms.registry import round_title
from services.feedback.store.answers import read_questions
from services.notifications.rules.rendering import Facts, render
from shared.config import Settings
from shared.contracts.events import CATALOGUE
from shared.contracts.feedback import SurveyAnswer, SurveyEntry
from shared.contracts.matching import Side
from shared.contracts.round_kinds import RoundKindUnknown
from shared.contracts.rounds import RoundKind, round_id_for
from shared.database import Database
from shared.http.application import create_application
from shared.language.words import words_of
from shared.rounds.models import Round
from shared.rounds.store import read_rounds
from tests.console_fakes import FakeServices, token_of
from tests.services.conftest import client_of
from tests.services.feedback.feedback_cycle import FeedbackCycle
from tests.trial_round import DECLARATION, declared_trial


@pytest.fixture
def trial() -> Iterator[RoundKind]:
    with declared_trial() as kind:
        yield kind


@pytest.fixture
def fakes(trial: RoundKind) -> FakeServices:
    fakes = FakeServices()
    fakes.asked[trial] = (fakes.survey_form, SurveyAnswer)
    return fakes


@pytest.fixture
async def client(db: Database, settings: Settings, fakes: FakeServices) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(create_application([main.router, fakes.router()], db, settings)) as client:
        yield client


@pytest.fixture
def cycle(db: Database, settings: Settings, organization_id: UUID) -> FeedbackCycle:
    return FeedbackCycle(db, settings, organization_id)


async def test_its_page_is_shown_and_its_answer_goes_to_its_owner(
    client: httpx.AsyncClient, fakes: FakeServices, trial: RoundKind
) -> None:
    path, pair = f"/p/{token_of(trial)}", fakes.pair_id
    shown = await client.get(path)
    assert (shown.status_code, "<title>Trial" in shown.text) == (200, True)
    typed = {f"usefulness_{pair}": "5", f"would_repeat_{pair}": "yes", f"comment_{pair}": "Thanks"}
    sent = await client.post(path, data=typed)
    assert (sent.status_code, sent.headers["location"]) == (303, f"{path}/done")
    assert fakes.answers == [
        SurveyAnswer(entries=(SurveyEntry(pair_id=pair, usefulness=5, would_repeat=True, comment="Thanks"),))
    ]
    assert "You may change your answer until" in (await client.get(f"{path}/done")).text
    assert fakes.calls.count("answer trial") == 1


def test_its_two_messages_have_texts_and_its_rounds_a_title(trial: RoundKind) -> None:
    facts = Facts(
        given_name="Ann",
        program_name="Upward",
        organization_name="Acme",
        period="2026-Q1",
        console_url="https://up.example/console/cycles/1",
        staff=False,
        link="https://up.example/p/secret",
        deadline="Friday, 2 January 2026, 18:00",
    )
    for template in (DECLARATION.invitation, DECLARATION.reminder):
        rendered = render(template, facts, words_of("en"))
        assert rendered.subject == "A quick trial in Upward"
        assert "https://up.example/p/secret" in rendered.text
        assert 'href="https://up.example/p/secret"' in rendered.html
    assert round_title(trial) == "Trial"


async def test_its_owner_opens_asks_and_closes_and_its_events_are_of_the_catalogue(
    cycle: FeedbackCycle, trial: RoundKind
) -> None:
    pair = cycle.pairs[0]
    round_id = await cycle.open(kind=trial)
    async with cycle.db.transaction() as session:
        number, questions = await read_questions(session, cycle.organization_id, round_id, trial, pair.mentee_id)
        [counted] = await read_rounds(session, cycle.organization_id, cycle.cycle_id)
    assert (number, [(one.pair_id, one.side, one.answered) for one in questions]) == (
        1,
        [(pair.id, Side.MENTEE, False)],
    )
    assert (counted.kind, counted.recipients) == (trial, 2)
    await cycle.close(round_id)
    told = [CATALOGUE[event.type].model_validate(event.data) for event in await cycle.events()]
    assert [(found.type, found.model_dump(mode="json")["kind"]) for found in told] == [
        ("round.opened", "trial"),
        ("round.closed", "trial"),
    ]


async def test_an_owner_opens_no_round_whose_answers_it_cannot_keep(cycle: FeedbackCycle) -> None:
    unheard_of = RoundKind.add("unheard_of")
    with pytest.raises(RoundKindUnknown, match="keeps no answers to rounds of the kind unheard_of"):
        await cycle.open(kind=unheard_of)
    round_id = round_id_for(cycle.cycle_id, unheard_of, 1)
    async with cycle.db.transaction() as session:
        assert await session.scalar(select(Round.id).where(Round.id == round_id)) is None
