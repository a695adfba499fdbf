"""The reasons of a pair as sentences: about the two, and to each of the two, in every language."""

import pytest

from services.console.reasons import reasons_of_offer, reasons_of_pair
from shared.contracts.intake import Contact, TeachingLevel
from shared.contracts.matching import Offer, PairReason, PairState, PairSummary, ReasonCode, Side, TaughtTopic
from shared.language.reasons import sentence, sentences, told_to
from shared.language.words import LANGUAGES, words_of
from tests.console_fakes import contact

AI = TaughtTopic(topic="ai", label="Generative AI", level=TeachingLevel.EXPERT, choice=1)
TAX = TaughtTopic(topic="tax", label="Tax", level=TeachingLevel.BASICS, choice=7)
TEACHES = PairReason(code=ReasonCode.TEACHES, side=Side.MENTOR, topics=(AI, TAX))
WISHED = PairReason(code=ReasonCode.WISHED, side=Side.MENTOR, rank=2)
HOURS = PairReason(code=ReasonCode.SHARED_HOURS, hours=2.5, mentor_days=(0,), mentee_days=(1,))
WAITED = PairReason(code=ReasonCode.WAITED, side=Side.MENTEE)
GAP = PairReason(code=ReasonCode.LEVEL_GAP, levels=3)
EVERY = (
    TEACHES,
    TEACHES.model_copy(update={"side": Side.MENTEE}),
    WISHED,
    WISHED.model_copy(update={"side": Side.MENTEE, "rank": 9}),
    HOURS,
    HOURS.model_copy(update={"mentee_days": (0,), "hours": 1.0}),
    GAP,
    PairReason(code=ReasonCode.SAME_LOCATION),
    PairReason(code=ReasonCode.DIFFERENT_LOCATIONS),
    PairReason(code=ReasonCode.DIFFERENT_DEPARTMENTS),
    WAITED,
    WAITED.model_copy(update={"side": Side.MENTOR}),
)


@pytest.mark.parametrize(
    ("reason", "reader", "told"),
    [
        (
            TEACHES,
            Side.MENTOR,
            "You teach Generative AI (expert), Ana's first choice; Tax (basics), Ana's choice number 7.",
        ),
        (
            TEACHES,
            Side.MENTEE,
            "Ana teaches Generative AI (expert), your first choice; Tax (basics), your choice number 7.",
        ),
        (WISHED, Side.MENTOR, "Ana would like to meet you (second wish)."),
        (WISHED, Side.MENTEE, "Ana is your second wish."),
        (HOURS, Side.MENTOR, "You share 2.5 hours a week in which both of you can meet, on Mon."),
        (HOURS, Side.MENTEE, "You share 2.5 hours a week in which both of you can meet, on Tue."),
        (WAITED, Side.MENTEE, "You found no partner in an earlier cycle, which counts in your favour now."),
        (WAITED, Side.MENTOR, ""),
        (GAP, Side.MENTOR, ""),
    ],
)
def test_each_of_the_two_is_told_in_the_second_person(reason: PairReason, reader: Side, told: str) -> None:
    assert told_to(reason, words_of("en"), reader, "Ana") == told


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("de", "Sie vermitteln Generative AI (vertieft), erste Wahl von Ana; Tax (Grundlagen), Wahl Nummer 7 von Ana."),
        (
            "fr",
            "Vous transmettez Generative AI (en profondeur), premier choix pour Ana; "
            "Tax (les bases), choix numéro 7 pour Ana.",
        ),
        ("es", "Usted enseña Generative AI (a fondo), primera opción de Ana; Tax (lo básico), opción número 7 de Ana."),
    ],
)
def test_they_are_told_in_their_own_language(language: str, told: str) -> None:
    assert told_to(TEACHES, words_of(language), Side.MENTOR, "Ana") == told


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_is_told_about_the_two(language: str) -> None:
    words = words_of(language)
    told = sentences(EVERY, words)
    assert len(set(told)) == len(EVERY)
    assert {reason.code for reason in EVERY} == set(ReasonCode)
    assert all(text.endswith(".") and "%" not in text for text in told)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("reader", Side)
def test_all_but_two_kinds_of_reasons_are_told_to_the_two(language: str, reader: Side) -> None:
    untold = {reason.code for reason in EVERY if not told_to(reason, words_of(language), reader, "Ana")}
    assert untold == {ReasonCode.LEVEL_GAP, ReasonCode.WAITED}, "waiting is told to whoever waited"


def test_a_code_that_a_newer_process_stored_is_left_out() -> None:
    newer = PairReason.model_validate({"code": "same_birthday", "day": "2000-01-01"})
    assert sentence(newer, words_of("en")) == told_to(newer, words_of("en"), Side.MENTOR, "Ana") == ""
    assert sentences((newer, GAP), words_of("en")) == ("3 levels apart.",)


def test_a_reason_holds_no_more_than_its_arguments() -> None:
    assert GAP.model_dump(mode="json") == {"code": "level_gap", "levels": 3}
    assert PairReason.model_validate(TEACHES.model_dump(mode="json")) == TEACHES


def test_a_page_tells_the_sentences_of_an_older_pair_and_the_codes_of_a_newer_one() -> None:
    ana: Contact = contact("Ana Sol", "CFO", "Finance")
    pair = PairSummary(
        id=ana.person_id,
        mentor_id=ana.person_id,
        mentee_id=ana.person_id,
        state=PairState.PROPOSED,
        reasons=("As it was written.",),
    )
    offer = Offer(pair_id=pair.id, side=Side.MENTEE, partner_id=ana.person_id, reasons=pair.reasons)
    german = words_of("de")
    assert reasons_of_pair(pair, german) == reasons_of_offer(offer, ana, german) == ["As it was written."]
    codes = {"reason_codes": (WISHED, GAP)}
    assert reasons_of_pair(pair.model_copy(update=codes), german) == [
        "Mentorin oder Mentor ist zweiter Wunsch der anderen Seite.",
        "3 Ebenen auseinander.",
    ]
    assert reasons_of_offer(offer.model_copy(update=codes), ana, german) == ["Ana ist Ihr zweiter Wunsch."]
    assert reasons_of_offer(offer.model_copy(update=codes), None, words_of("en")) == [
        "a colleague is your second wish."
    ]
