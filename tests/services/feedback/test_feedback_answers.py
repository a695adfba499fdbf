"""Forms and answers of check-in and survey rounds."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.feedback.models import AskedPair, CheckIn, SurveyResponse
from services.feedback.store import answers
from shared.config import Settings
from shared.contracts.matching import PairState, PairSummary
from shared.contracts.rounds import OpenRound, RoundKind
from shared.database import Database
from tests.services.feedback.feedback_cycle import FeedbackCycle, Participants, make_pair, met, not_met, surveyed


@pytest.fixture
def cycle(db: Database, settings: Settings, organization_id: UUID) -> FeedbackCycle:
    return FeedbackCycle(db, settings, organization_id, pairs=3)


def assert_problem(response: httpx.Response, status: int, code: str) -> None:
    assert (response.status_code, response.json().get("code")) == (status, code)
    assert response.headers["content-type"] == "application/problem+json"


def fields(response: httpx.Response) -> list[str]:
    return [error["field"] for error in response.json()["errors"]]


async def test_a_round_asks_both_sides_of_every_active_pair(cycle: FeedbackCycle, participants: Participants) -> None:
    round_id = await cycle.open()
    recipients = await participants.client.get(
        f"/internal/feedback/rounds/{round_id}/recipients", headers=participants.headers
    )
    assert set(recipients.json()["person_ids"]) == {
        str(person) for pair in cycle.pairs for person in (pair.mentor_id, pair.mentee_id)
    }


async def test_opening_a_round_again_asks_nobody_new(cycle: FeedbackCycle) -> None:
    round_id = await cycle.open()
    cycle.pairs.append(make_pair())
    await cycle.open()
    async with cycle.db.transaction() as session:
        asked = await session.scalars(select(AskedPair.pair_id).where(AskedPair.round_id == round_id))
        assert set(asked) == {pair.id for pair in cycle.pairs[:3]}
    assert len(await cycle.events("round.opened")) == 1


async def test_opening_a_round_again_tells_that_it_is_over_and_what_is_missing(cycle: FeedbackCycle) -> None:
    """As for a workflow that begins again. A check-in that is over invites nobody once more."""
    round_id = await cycle.open()
    request = OpenRound(
        organization_id=cycle.organization_id,
        cycle_id=cycle.cycle_id,
        round_id=round_id,
        kind=RoundKind.CHECK_IN,
        number=1,
        closes_at=datetime.now(UTC) + timedelta(days=1),
    )
    assert [(one.open, one.pending) for one in [await cycle.activities.open_round(request)]] == [(True, 6)]
    await cycle.close(round_id)
    assert [(one.open, one.pending) for one in [await cycle.activities.open_round(request)]] == [(False, 6)]


async def test_a_round_without_pairs_asks_nobody(cycle: FeedbackCycle) -> None:
    cycle.pairs.clear()
    await cycle.open()
    assert (await cycle.events("round.opened"))[0].data["recipients"] == 0


async def test_a_form_shows_every_pair_of_the_reader_with_side_and_partner(
    cycle: FeedbackCycle, participants: Participants
) -> None:
    first, second = cycle.pairs[0], cycle.pairs[1]
    person = first.mentor_id
    cycle.pairs[1] = second = second.model_copy(update={"mentee_id": person})
    round_id = await cycle.open(number=2)
    await participants.check_in(round_id, person, met(first))
    form = (await participants.form("check-ins", round_id, person)).json()
    assert form["number"] == 2
    assert {question["pair_id"]: question for question in form["pairs"]} == {
        str(first.id): {
            "pair_id": str(first.id), "side": "mentor", "partner_id": str(first.mentee_id), "answered": True,
            "partner_note": "", "survey": None, "check_in": {
                "pair_id": str(first.id), "met": True, "usefulness": 4, "obstacle": "none", "note": "",
            },
        },
        str(second.id): {
            "pair_id": str(second.id), "side": "mentee", "partner_id": str(second.mentor_id), "answered": False,
            "partner_note": "", "survey": None, "check_in": None,
        },
    }  # fmt: skip


async def test_a_survey_form_shows_the_pair(cycle: FeedbackCycle, participants: Participants) -> None:
    round_id = await cycle.open(kind=RoundKind.SURVEY)
    form = (await participants.form("surveys", round_id, cycle.pairs[0].mentee_id)).json()
    assert [(question["side"], question["answered"]) for question in form["pairs"]] == [("mentee", False)]


async def test_a_check_in_is_kept_and_told_without_what_was_said(
    cycle: FeedbackCycle, participants: Participants
) -> None:
    pair = cycle.pairs[0]
    round_id = await cycle.open()
    answered = await participants.check_in(round_id, pair.mentee_id, met(pair, 5, obstacle="topic", note="Zebra talk"))
    assert answered.status_code == 200
    assert answered.json()["round_id"] == str(round_id)
    async with cycle.db.transaction() as session:
        row = (await session.scalars(select(CheckIn))).one()
    assert (row.side, row.met, row.usefulness, row.obstacle, row.note) == ("mentee", True, 5, "topic", "Zebra talk")
    event = (await cycle.events("check_in.answered"))[0]
    assert event.data == {
        "check_in_id": str(row.id),
        "round_id": str(round_id),
        "cycle_id": str(cycle.cycle_id),
        "pair_id": str(pair.id),
    }


async def test_an_answer_may_be_changed_and_is_told_once(cycle: FeedbackCycle, participants: Participants) -> None:
    pair = cycle.pairs[0]
    round_id = await cycle.open()
    await participants.check_in(round_id, pair.mentor_id, met(pair, 2))
    await participants.check_in(round_id, pair.mentor_id, not_met(pair, usefulness=5))
    async with cycle.db.transaction() as session:
        row = (await session.scalars(select(CheckIn))).one()
    assert (row.met, row.usefulness) == (False, None)
    assert len(await cycle.events("check_in.answered")) == 1


async def test_a_survey_is_kept_and_told_once(cycle: FeedbackCycle, participants: Participants) -> None:
    pair = cycle.pairs[0]
    round_id = await cycle.open(kind=RoundKind.SURVEY)
    await participants.survey(round_id, pair.mentor_id, surveyed(pair, 2, False))
    answered = await participants.survey(round_id, pair.mentor_id, surveyed(pair, 3, True, comment="Zebra"))
    assert answered.status_code == 200
    async with cycle.db.transaction() as session:
        row = (await session.scalars(select(SurveyResponse))).one()
    assert (row.side, row.usefulness, row.would_repeat, row.comment) == ("mentor", 3, True, "Zebra")
    event = (await cycle.events("survey.answered"))[0]
    assert event.data["survey_id"] == str(row.id)
    assert len(await cycle.events("survey.answered")) == 1


async def test_the_last_answer_tells_that_everyone_answered(cycle: FeedbackCycle, participants: Participants) -> None:
    del cycle.pairs[1:]
    pair = cycle.pairs[0]
    round_id = await cycle.open()
    await participants.check_in(round_id, pair.mentor_id, met(pair))
    assert await cycle.events("round.answered") == []
    await participants.check_in(round_id, pair.mentee_id, met(pair))
    assert len(await cycle.events("round.answered")) == 1


async def test_wrong_entries_name_their_fields_and_change_nothing(
    cycle: FeedbackCycle, participants: Participants
) -> None:
    mine, other = cycle.pairs[0], cycle.pairs[1]
    round_id = await cycle.open()
    refused = await participants.check_in(
        round_id, mine.mentor_id, met(mine), not_met(mine), met(other), not_met(make_pair())
    )
    assert_problem(refused, 422, "answer_not_valid")
    assert fields(refused) == ["entries.1.pair_id", "entries.2.pair_id", "entries.3.pair_id"]
    refused = await participants.check_in(round_id, mine.mentor_id, {"pair_id": str(mine.id), "met": True})
    assert_problem(refused, 422, "answer_not_valid")
    assert fields(refused) == ["entries.0.usefulness"]
    async with cycle.db.transaction() as session:
        assert (await session.scalars(select(CheckIn))).all() == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"usefulness": 6}, "body.entries.0.usefulness"),
        ({"usefulness": 0}, "body.entries.0.usefulness"),
        ({"obstacle": "aliens"}, "body.entries.0.obstacle"),
        ({"note": "n" * 2001}, "body.entries.0.note"),
        ({"met": None}, "body.entries.0.met"),
        ({"pair_id": "mine"}, "body.entries.0.pair_id"),
    ],
)
async def test_a_check_in_of_the_wrong_shape_is_refused(
    cycle: FeedbackCycle, participants: Participants, change: dict[str, object], field: str
) -> None:
    pair = cycle.pairs[0]
    refused = await participants.check_in(await cycle.open(), pair.mentor_id, met(pair) | change)
    assert_problem(refused, 422, "invalid")
    assert fields(refused)[0] == field


@pytest.mark.parametrize("change", [{"usefulness": None}, {"would_repeat": "perhaps"}, {"comment": "n" * 2001}])
async def test_a_survey_answer_of_the_wrong_shape_is_refused(
    cycle: FeedbackCycle, participants: Participants, change: dict[str, object]
) -> None:
    pair = cycle.pairs[0]
    round_id = await cycle.open(kind=RoundKind.SURVEY)
    assert_problem(await participants.survey(round_id, pair.mentor_id, surveyed(pair) | change), 422, "invalid")
    assert_problem(await participants.survey(round_id, pair.mentor_id), 422, "invalid")
    twice = await participants.survey(round_id, pair.mentor_id, surveyed(pair), surveyed(pair))
    assert_problem(twice, 422, "answer_not_valid")


async def test_someone_who_is_not_asked_is_refused(cycle: FeedbackCycle, participants: Participants) -> None:
    check_in, survey = await cycle.open(), await cycle.open(kind=RoundKind.SURVEY)
    stranger, pair = uuid4(), cycle.pairs[0]
    assert_problem(await participants.check_in(check_in, stranger, met(pair)), 403, "not_asked")
    assert_problem(await participants.survey(survey, stranger, surveyed(pair)), 403, "not_asked")
    assert_problem(await participants.form("check-ins", check_in, stranger), 403, "not_asked")
    assert_problem(await participants.form("surveys", survey, stranger), 403, "not_asked")


async def test_a_round_of_the_other_kind_is_not_found(cycle: FeedbackCycle, participants: Participants) -> None:
    check_in, survey = await cycle.open(), await cycle.open(kind=RoundKind.SURVEY)
    pair = cycle.pairs[0]
    assert_problem(await participants.check_in(survey, pair.mentor_id, met(pair)), 404, "round_not_found")
    assert_problem(await participants.survey(check_in, pair.mentor_id, surveyed(pair)), 404, "round_not_found")
    assert_problem(await participants.form("check-ins", survey, pair.mentor_id), 404, "round_not_found")
    assert_problem(await participants.form("surveys", uuid4(), pair.mentor_id), 404, "round_not_found")


async def test_a_closed_round_takes_no_answers(cycle: FeedbackCycle, participants: Participants) -> None:
    round_id = await cycle.open()
    await cycle.close(round_id)
    pair = cycle.pairs[0]
    assert_problem(await participants.check_in(round_id, pair.mentor_id, met(pair)), 410, "round_closed")
    assert_problem(await participants.form("check-ins", round_id, pair.mentor_id), 410, "round_closed")


async def test_a_pair_that_ended_is_not_asked_about_any_more(cycle: FeedbackCycle, participants: Participants) -> None:
    round_id = await cycle.open()
    pair = cycle.pairs[0]
    await cycle.end_pair(pair)
    assert_problem(await participants.check_in(round_id, pair.mentor_id, met(pair)), 410, "no_longer_asked")


async def test_a_pair_that_ends_while_the_round_opens_is_not_asked_about(
    cycle: FeedbackCycle, participants: Participants, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = cycle.pairs[0]
    open_round = answers.open_round

    async def end_first(session: AsyncSession, request: OpenRound, pairs: Sequence[PairSummary]) -> None:
        cycle.pairs[0] = pair.model_copy(update={"state": PairState.ENDED})
        await cycle.end_pair(pair)  # no round yet that asks about it
        await open_round(session, request, pairs)

    monkeypatch.setattr(answers, "open_round", end_first)
    round_id = await cycle.open()
    assert_problem(await participants.check_in(round_id, pair.mentor_id, met(pair)), 410, "no_longer_asked")
    assert (await cycle.close(round_id)).recipients == 2 * (len(cycle.pairs) - 1)


async def test_another_organization_finds_no_round(cycle: FeedbackCycle, participants: Participants) -> None:
    round_id = await cycle.open()
    participants.headers["upward-organization"] = str(uuid4())
    pair = cycle.pairs[0]
    assert_problem(await participants.check_in(round_id, pair.mentor_id, met(pair)), 404, "round_not_found")
    assert_problem(await participants.form("check-ins", round_id, pair.mentor_id), 404, "round_not_found")


async def test_only_upwards_own_services_may_answer(cycle: FeedbackCycle, participants: Participants) -> None:
    round_id = await cycle.open()
    participants.headers["authorization"] = "Bearer nobody"
    pair = cycle.pairs[0]
    assert_problem(await participants.check_in(round_id, pair.mentor_id, met(pair)), 401, "service_only")
    assert_problem(await participants.survey(round_id, pair.mentor_id, surveyed(pair)), 401, "service_only")
    assert_problem(await participants.form("check-ins", round_id, pair.mentor_id), 401, "service_only")
    assert_problem(await participants.form("surveys", round_id, pair.mentor_id), 401, "service_only")


async def test_only_active_pairs_are_asked(cycle: FeedbackCycle, participants: Participants) -> None:
    cycle.pairs.append(make_pair(PairState.ENDED))
    round_id = await cycle.open()
    form = await participants.form("check-ins", round_id, cycle.pairs[-1].mentor_id)
    assert_problem(form, 403, "not_asked")


async def test_a_note_is_read_by_the_partner_with_the_next_check_in_and_by_nobody_else(
    cycle: FeedbackCycle, participants: Participants
) -> None:
    pair, other = cycle.pairs[0], cycle.pairs[1]
    first = await cycle.open(number=1)
    noted = met(pair) | {"note": "Try the new tool until next time."}
    await participants.check_in(first, pair.mentor_id, noted)
    second = await cycle.open(number=2)

    async def notes(person: UUID) -> list[str]:
        form = (await participants.form("check-ins", second, person)).json()
        return [question["partner_note"] for question in form["pairs"]]

    assert await notes(pair.mentee_id) == [noted["note"]]
    assert await notes(pair.mentor_id) == [""]
    assert await notes(other.mentee_id) == [""]


async def test_a_note_from_the_round_that_is_open_is_not_yet_shown(
    cycle: FeedbackCycle, participants: Participants
) -> None:
    pair = cycle.pairs[0]

    async def note(round_id: UUID) -> str:
        form = (await participants.form("check-ins", round_id, pair.mentee_id)).json()
        found: str = form["pairs"][0]["partner_note"]
        return found

    first = await cycle.open(number=1)
    await participants.check_in(first, pair.mentor_id, met(pair, note="The first note."))
    assert await note(first) == ""
    await cycle.close(first)
    second = await cycle.open(number=2)
    await participants.check_in(second, pair.mentor_id, met(pair, note="A note that may still change."))
    assert await note(second) == "The first note."
    await cycle.close(second)
    assert await note(await cycle.open(number=3)) == "A note that may still change."
