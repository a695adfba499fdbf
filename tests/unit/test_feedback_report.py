"""The report: totals always, everything else only for five people or more."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import pytest

from services.feedback.rules.report import (
    CheckInFact,
    Mean,
    Report,
    RoundFact,
    Share,
    SideMeans,
    SurveyFact,
    Usefulness,
    compile_report,
    told_again,
)
from shared.contracts.feedback import Obstacle
from shared.contracts.matching import MatchingSummary, PairState, PairSummary, Side
from shared.contracts.programs import Outcome
from shared.contracts.rounds import RoundCounts, RoundKind, RoundState

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SUMMARY = MatchingSummary(
    enrolled=3, mentors=1, mentees=2, matched=2, active=2, completed=2,
    pairs_offered=1, pairs_active=1, pairs_completed=1, pairs_ended=0,
)  # fmt: skip


def person(number: int) -> UUID:
    return UUID(int=number)


def made(
    rounds: Sequence[RoundFact] = (),
    pairs: Sequence[PairSummary] = (),
    check_ins: Sequence[CheckInFact] = (),
    surveys: Sequence[SurveyFact] = (),
) -> Report:
    return compile_report(Outcome.COMPLETED, SUMMARY, rounds, pairs, check_ins, surveys)


def round_fact(recipients: int, answered: int, people: int) -> RoundFact:
    counts = RoundCounts(
        id=person(1), kind=RoundKind.CHECK_IN, number=2, state=RoundState.CLOSED, opened_at=NOW, closes_at=NOW,
        recipients=recipients, answered=answered, pending=recipients - answered,
    )  # fmt: skip
    return RoundFact(counts, people)


def check_ins(
    mentors: int, mentees: int, *, usefulness: int = 4, obstacle: Obstacle = Obstacle.NONE
) -> list[CheckInFact]:
    sides = [Side.MENTOR] * mentors + [Side.MENTEE] * mentees
    return [CheckInFact(person(n), side, True, usefulness, obstacle) for n, side in enumerate(sides)]


def pair(number: int, *topics: str, state: PairState = PairState.COMPLETED, live: bool = True) -> PairSummary:
    return PairSummary(
        id=person(number),
        mentor_id=person(1000 + number),
        mentee_id=person(2000 + number),
        state=state,
        topics=topics,
        activated_at=NOW if live else None,
    )


def test_the_funnel_is_shown_however_small() -> None:
    funnel = made().funnel
    assert (funnel.people_enrolled, funnel.people_matched, funnel.pairs_active) == (3, 2, 1)


def test_an_empty_cycle_has_a_report_with_nothing_to_show() -> None:
    report = made()
    assert report.rounds == ()
    assert report.topics == ()
    assert report.would_repeat.suppressed
    assert report.meetings_held.share is None
    assert all(count.suppressed for count in report.obstacles)


def test_a_round_shows_its_response_rate() -> None:
    rate = made(rounds=[round_fact(8, 6, people=5)]).rounds[0]
    assert (rate.kind, rate.number, rate.recipients, rate.answered, rate.rate) == (RoundKind.CHECK_IN, 2, 8, 6, 0.75)


def test_a_round_that_asked_four_people_shows_none_however_many_answers_it_asked_for() -> None:
    rate = made(rounds=[round_fact(8, 6, people=4)]).rounds[0]
    assert rate.suppressed
    assert (rate.recipients, rate.answered, rate.rate) == (None, None, None)


def test_usefulness_is_a_mean_by_side() -> None:
    facts = [
        *[CheckInFact(person(n), Side.MENTOR, True, value, "none") for n, value in enumerate([1, 2, 3, 4, 5])],
        *[CheckInFact(person(n), Side.MENTEE, True, value, "none") for n, value in enumerate([5, 5, 5, 5, 4], 10)],
    ]
    means = made(check_ins=facts).usefulness.check_ins
    assert (means.mentor.mean, means.mentor.bound, means.mentor.suppressed) == (3.0, None, False)
    assert (means.mentee.mean, means.mentee.bound) == (4.5, "or_more")


def test_a_mean_near_the_end_of_the_scale_does_not_tell_what_each_one_said() -> None:
    def survey(*values: int) -> tuple[float | None, str | None]:
        sides = [(n, side, value) for side in Side for n, value in enumerate(values, 10 * (side is Side.MENTEE))]
        mean = made(surveys=[SurveyFact(person(n), side, value, True) for n, side, value in sides]).usefulness.survey
        return mean.mentor.mean, mean.mentor.bound

    assert survey(5, 5, 5, 5, 5) == survey(4, 4, 5, 5, 5) == survey(5, 5, 5, 5, 4) == (4.5, "or_more")
    assert survey(1, 1, 1, 1, 1) == survey(1, 1, 1, 2, 2) == (1.5, "or_less")
    assert survey(4, 4, 4, 4, 5) == (4.2, None)


def test_people_are_counted_once_however_often_they_answer() -> None:
    facts = check_ins(4, 4) * 6
    assert made(check_ins=facts).usefulness.check_ins.mentor.suppressed


def test_a_side_under_five_hides_both_sides() -> None:
    means = made(check_ins=check_ins(9, 4)).usefulness.check_ins
    assert means.mentor.suppressed
    assert means.mentee.suppressed
    assert (means.mentor.mean, means.mentor.people, means.mentee.mean) == (None, None, None)


def test_a_check_in_without_a_meeting_has_no_part_in_usefulness() -> None:
    absent = [CheckInFact(person(99), Side.MENTOR, False, None, "no_time")]
    assert made(check_ins=check_ins(4, 5) + absent).usefulness.check_ins.mentor.suppressed
    assert made(check_ins=check_ins(5, 5) + absent).usefulness.check_ins.mentor.mean == 4.0


def absent(count: int) -> list[CheckInFact]:
    return [CheckInFact(person(n), Side.MENTOR, False, None, "none") for n in range(90, 90 + count)]


def test_meetings_held_is_the_share_of_check_ins_that_met() -> None:
    held = made(check_ins=check_ins(8, 7) + absent(5)).meetings_held
    assert (held.share, held.people) == (0.75, 20)


@pytest.mark.parametrize("missing", range(5))
def test_whether_fewer_than_five_did_not_meet_is_told_by_no_figure(missing: int) -> None:
    told = made(check_ins=check_ins(6, 6) + absent(missing))
    assert (told.meetings_held.share, told.meetings_held.people) == (None, None)
    assert (told.usefulness.check_ins.mentor.people, told.usefulness.check_ins.mentee.people) == (None, None)
    assert told.usefulness.check_ins.mentor.mean == 4.0


def test_how_many_said_how_useful_it_was_is_told_where_five_did_not_meet() -> None:
    assert made(check_ins=check_ins(6, 6) + absent(5)).usefulness.check_ins.mentor.people == 6


@pytest.mark.parametrize(
    ("yes", "no", "share"), [(5, 5, 0.5), (15, 5, 0.75), (20, 4, None), (9, 0, None), (0, 9, None)]
)
def test_a_share_is_shown_only_where_both_of_its_sides_have_five_people(yes: int, no: int, share: float | None) -> None:
    told = made(surveys=[SurveyFact(person(n), Side.MENTOR, 3, n < yes) for n in range(yes + no)]).would_repeat
    assert (told.share, told.people, told.suppressed) == (share, share and yes + no, share is None)


def test_a_side_counts_people_and_not_answers() -> None:
    twice = [SurveyFact(person(n), Side.MENTOR, 3, n < 4) for n in range(10)] * 2
    assert made(surveys=twice).would_repeat.suppressed


def test_a_report_of_an_earlier_version_is_told_by_the_rule_of_today() -> None:
    report = made(check_ins=check_ins(8, 8, usefulness=5) + absent(6))
    old = report.model_copy(
        update={
            "would_repeat": Share(share=1.0, people=16),
            "usefulness": Usefulness(
                check_ins=SideMeans(mentor=Mean(mean=5.0, people=8), mentee=Mean(mean=3.1, people=8)),
                survey=SideMeans(mentor=Mean(mean=1.2, people=8), mentee=Mean(mean=None, people=None, suppressed=True)),
            ),
        }
    )
    told = told_again(
        Report.model_validate(old.model_dump(exclude={"usefulness": {"check_ins": {"mentor": {"bound"}}}}))
    )
    assert told.would_repeat == told.meetings_held == Share(share=None, people=None, suppressed=True)
    assert told.usefulness.check_ins.mentor == Mean(mean=4.5, people=None, bound="or_more")
    assert told.usefulness.check_ins.mentee == Mean(mean=3.1, people=None)
    assert told.usefulness.survey.mentor == Mean(mean=1.5, people=8, bound="or_less")
    assert told.usefulness.survey.mentee.suppressed
    assert told.obstacles == report.obstacles


def test_obstacles_count_people_and_hide_what_subtraction_would_tell() -> None:
    no_time = [CheckInFact(person(n), Side.MENTOR, False, None, "no_time") for n in range(20, 26)]
    unfit = [CheckInFact(person(50), Side.MENTEE, False, None, "not_a_fit")]
    shown = {
        count.obstacle: count.people for count in made(check_ins=check_ins(10, 10) + no_time * 2 + unfit).obstacles
    }
    assert shown[Obstacle.NONE] == 20
    assert shown[Obstacle.NOT_A_FIT] is None
    assert shown[Obstacle.NO_TIME] is None, "27 people answered: 20 and 6 shown would tell of the one"


def test_topics_count_pairs_that_went_live() -> None:
    pairs = [
        *[pair(n, "ai", "video") for n in range(3)],
        *[pair(n, "ai", state=PairState.ENDED) for n in range(3, 6)],
        pair(7, "ai", state=PairState.ENDED, live=False),
    ]
    topics = {count.topic: (count.pairs, count.people, count.suppressed) for count in made(pairs=pairs).topics}
    assert topics == {"ai": (6, 12, False), "video": (3, 6, False)}


def test_a_topic_of_two_pairs_is_hidden_and_comes_last() -> None:
    pairs = [pair(n, "ai") for n in range(9)] + [pair(n, "video") for n in range(10, 15)] + [pair(20, "art")]
    topics = made(pairs=pairs).topics
    assert [(count.topic, count.pairs) for count in topics] == [("ai", 9), ("art", None), ("video", None)]


def test_a_topic_named_twice_in_a_pair_counts_once() -> None:
    assert made(pairs=[pair(n, "ai", "ai") for n in range(3)]).topics[0].pairs == 3


def test_the_report_survives_its_storage() -> None:
    report = made(check_ins=check_ins(5, 5), rounds=[round_fact(8, 6, people=8)])
    assert Report.model_validate(report.model_dump(mode="json")) == report


def test_no_person_is_in_the_report() -> None:
    text = made(check_ins=check_ins(5, 5), pairs=[pair(n, "ai") for n in range(5)]).model_dump_json()
    assert "00000000-0000" not in text
