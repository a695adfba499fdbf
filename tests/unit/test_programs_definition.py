"""What is refused in a program, and how the refusal names the field."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue, ValidationError

from services.programs.rules.definition import (
    MOST_REMINDERS,
    MOST_REPEATS,
    CycleRequest,
    ProgramDefinition,
    changed_calendar,
    check_start,
    strict_calendar,
    without_endless_reminding,
)
from services.programs.rules.topics import AmbiguousTopics, check_unambiguous
from shared.contracts.programs import Calendar, LadderPlan, MatchingPolicy, Objective, RoundPlan, Topic, Weights
from shared.errors import Invalid
from shared.http.etags import IfMatchRequired, StaleVersion, check_match, check_present, etag
from tests.unit.properties import examples


def refused(**fields: Any) -> set[str]:
    with pytest.raises(ValidationError) as caught:
        ProgramDefinition.model_validate({"name": "Upward"} | fields)
    return {".".join(map(str, error["loc"])) for error in caught.value.errors()}


def test_a_name_is_all_that_a_program_needs() -> None:
    found = ProgramDefinition.model_validate({"name": "  Digital Upward "})
    assert (found.name, found.recurs, found.calendar) == ("Digital Upward", False, Calendar())


@pytest.mark.parametrize(
    "name", ["", "   ", "\u200b", "a\x00b", "a\nBcc: x@y.z", "a\u2028b", "\ud800", "x" * 121, 7, None]
)
def test_a_name_is_one_visible_line(name: Any) -> None:
    assert refused(name=name) == {"name"}


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../UTC", "europe/berlin", "localtime", "UTC\x00", 1])
def test_a_time_zone_is_an_iana_name(zone: Any) -> None:
    assert refused(time_zone=zone) == {"time_zone"}


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"color": "red"}, "color"),
        ({"calendar": {"enrollment": {"length": "P1D"}}}, "calendar.enrollment"),
        ({"calendar": {"survey": {"length": "P1D", "reminder": []}}}, "calendar.survey.reminder"),
        ({"calendar": {"sending_hours": {"begin": "08:00"}}}, "calendar.sending_hours.begin"),
        ({"policy": {"gap": 1}}, "policy.gap"),
        ({"policy": {"weights": {"topic": 1}}}, "policy.weights.topic"),
        ({"policy": {"weights": {"location": 1, "seniority": 1}}}, "policy.weights.seniority"),
        ({"topics": [{"code": "ai", "label": "AI", "alias": "x"}]}, "topics.0.alias"),
    ],
)
def test_an_unknown_field_is_named_at_any_depth(fields: dict[str, Any], place: str) -> None:
    assert refused(**fields) == {place}


@pytest.mark.parametrize(
    "length",
    [
        "P732D",
        "P3Y",
        "P999999999D",
        "P99999999999999999D",
        "-P1D",
        "PT0S",
        1e300,
        -5,
        float("nan"),
        float("inf"),
        "soon",
    ],
)
def test_a_duration_is_positive_and_at_most_two_years(length: Any) -> None:
    assert refused(calendar={"survey": {"length": length}}) == {"calendar.survey.length"}


@pytest.mark.parametrize(
    "length",
    [
        "14 days",
        "14",
        "14:00:00",
        "1 day, 02:00:00",
        "P",
        "PT",
        "P1DT",
        "p14d",
        "P14",
        "14D",
        " P14D",
        "+P14D",
        "P1H",
        14,
        14.5,
        True,
        ["P14D"],
    ],
)
def test_a_duration_is_written_in_iso_8601(length: Any) -> None:
    for part in ("enrolment", "survey"):
        assert refused(calendar={part: {"length": length}}) == {f"calendar.{part}.length"}
    for wait in ("check_in_every", "first_check_in"):
        assert refused(calendar={wait: length}) == {f"calendar.{wait}"}
    assert refused(calendar={"survey": {"length": "P20D", "reminders": [length]}}) == {"calendar.survey.reminders.0"}
    assert refused(calendar={"approval": {"remind_every": length, "escalate_after": "P9D"}}) == {
        "calendar.approval.remind_every"
    }
    with pytest.raises(Invalid):
        changed_calendar(Calendar(), {"survey": {"length": length}})


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("P14D", timedelta(days=14)),
        ("P2W", timedelta(weeks=2)),
        ("PT36H", timedelta(hours=36)),
        ("P1DT12H30M", timedelta(days=1, hours=12, minutes=30)),
        ("PT0.5S", timedelta(milliseconds=500)),
        ("PT90S", timedelta(seconds=90)),
    ],
)
def test_every_form_of_an_iso_duration_is_taken(written: str, meant: timedelta) -> None:
    assert changed_calendar(Calendar(), {"survey": {"length": written, "reminders": []}}).survey.length == meant


@examples(50)
@given(st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(days=731)))
def test_a_duration_is_read_as_it_was_written(length: timedelta) -> None:
    written = RoundPlan(length=length).model_dump(mode="json")
    assert RoundPlan.model_validate(written).length == length
    assert RoundPlan.model_validate_json(RoundPlan(length=length).model_dump_json()).length == length


@pytest.mark.parametrize("moment", [1_800_000_000, "1800000000", 1.8e9, "2027-01-11", True])
def test_a_moment_is_a_date_and_a_time(moment: Any) -> None:
    with pytest.raises(ValidationError):
        CycleRequest(starts_at=moment)


@pytest.mark.parametrize("start", [28800, "28800", 8.0, True])
def test_an_hour_is_no_number_of_seconds(start: Any) -> None:
    assert refused(calendar={"sending_hours": {"start": start}}) == {"calendar.sending_hours.start"}


@pytest.mark.parametrize("day", [20_000, "20000", "2027-12-27T00:00:00", "27.12.2027", "2027-13-01", True])
def test_a_holiday_is_a_date(day: Any) -> None:
    assert refused(calendar={"holidays": ["2027-12-27", day]}) == {"calendar.holidays.1"}


def test_a_calendar_names_a_hundred_holidays_at_most() -> None:
    days: list[JsonValue] = [f"{year}-01-01" for year in range(2027, 2128)]
    assert refused(calendar={"holidays": days}) == {"calendar.holidays"}
    assert len(changed_calendar(Calendar(), {"holidays": days[:100]}).holidays) == 100


def test_a_program_that_recurs_needs_topics() -> None:
    assert refused(recurs=True) == {"topics"}
    assert refused(recurs=True, topics=[]) == {"topics"}
    topics = [{"code": "ai", "label": "AI"}]
    assert ProgramDefinition.model_validate({"name": "x", "recurs": True, "topics": topics}).recurs


def test_every_duration_that_is_too_long_is_named() -> None:
    calendar = {
        "enrolment": {"length": "P9Y", "reminders": ["P1D", "P8Y"]},
        "approval": {"remind_every": "P9Y", "escalate_after": "P1D"},
    }
    assert refused(calendar=calendar) == {
        "calendar.enrolment.length",
        "calendar.enrolment.reminders.1",
        "calendar.approval.remind_every",
    }


@pytest.mark.parametrize("matter", ["approval", "concern"])
@pytest.mark.parametrize(
    ("every", "after"), [("PT0.000001S", "P731D"), ("PT1S", "PT102S"), ("PT1H", "P5D"), ("P1D", "P102D")]
)
def test_nobody_is_reminded_of_a_matter_without_end(matter: str, every: str, after: str) -> None:
    """A workflow that waits for the decision would otherwise take so many steps that Temporal ends it."""
    calendar: dict[str, JsonValue] = {matter: {"remind_every": every, "escalate_after": after}}
    assert refused(calendar=calendar) == {f"calendar.{matter}.remind_every"}
    with pytest.raises(Invalid):
        changed_calendar(Calendar(), calendar)


def test_a_hundred_reminders_before_an_escalation_are_taken() -> None:
    calendar = changed_calendar(Calendar(), {"approval": {"remind_every": "PT1S", "escalate_after": "PT101S"}})
    assert calendar.approval.escalate_after == 101 * calendar.approval.remind_every


@pytest.mark.parametrize("round_", ["enrolment", "acceptance", "check_in", "survey"])
def test_a_round_has_so_many_reminders_at_most(round_: str) -> None:
    many = [f"PT{second}S" for second in range(1, 52)]
    assert refused(calendar={round_: {"length": "P1D", "reminders": many}}) == {f"calendar.{round_}.reminders"}
    kept = ProgramDefinition.model_validate(
        {"name": "x", "calendar": {round_: {"length": "P1D", "reminders": many[:50]}}}
    )
    assert len(getattr(kept.calendar, round_).reminders) == 50


@pytest.mark.parametrize("hours", [{"start": "08:00Z"}, {"start": "08:00+01:00", "end": "09:00+01:00"}])
def test_sending_hours_are_local(hours: dict[str, str]) -> None:
    assert refused(calendar={"sending_hours": hours}) == {"calendar.sending_hours"}


def test_the_cross_checks_of_contracts_hold() -> None:
    assert refused(calendar={"check_in": {"length": "P9D"}, "check_in_every": "P8D"}) == {"calendar"}


def why_refused(**policy: Any) -> list[str]:
    """What is said of a policy whose fields do not go together."""
    with pytest.raises(ValidationError) as caught:
        ProgramDefinition.model_validate({"name": "Upward", "policy": policy})
    assert {error["loc"] for error in caught.value.errors()} == {("policy",)}
    return [error["msg"].removeprefix("Value error, ") for error in caught.value.errors()]


def taken(**policy: Any) -> MatchingPolicy:
    return ProgramDefinition.model_validate({"name": "Upward", "policy": policy}).policy


def test_a_floor_needs_quality_first() -> None:
    assert why_refused(floor=40) == ["floor needs the objective quality_first"]
    assert why_refused(floor=40, objective="coverage_first") == ["floor needs the objective quality_first"]
    assert taken(floor=40, objective="quality_first").floor == 40
    assert taken(floor=0).objective is Objective.COVERAGE_FIRST


def test_the_level_gaps_are_a_range_with_the_target_inside() -> None:
    assert why_refused(min_level_gap=3, max_level_gap=2) == ["max_level_gap must not be below min_level_gap"]
    assert why_refused(min_level_gap=2, target_level_gap=1) == ["target_level_gap must not be below min_level_gap"]
    assert why_refused(max_level_gap=2, target_level_gap=3) == ["target_level_gap must not be above max_level_gap"]
    for target in (2, 3, 4):
        assert taken(min_level_gap=2, max_level_gap=4, target_level_gap=target).target_level_gap == target
    assert taken(target_level_gap=100).max_level_gap is None


def test_past_pairs_are_repeated_at_once_or_after_cycles_and_not_both() -> None:
    message = "repeat_after_cycles needs repeat_past_pairs to be false"
    assert why_refused(repeat_past_pairs=True, repeat_after_cycles=2) == [message]
    assert taken(repeat_past_pairs=False, repeat_after_cycles=2).repeat_after_cycles == 2


@pytest.mark.parametrize("hours", [0.25, 1.4, -0.5, 40.5, float("nan"), float("inf"), "two", None])
def test_common_hours_come_in_halves(hours: Any) -> None:
    assert refused(policy={"min_common_hours": hours}) == {"policy.min_common_hours"}
    assert taken(min_common_hours=1.5).min_common_hours == 1.5


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("objective", "fairness_first"),
        ("objective", None),
        ("floor", 101),
        ("floor", -1),
        ("min_level_gap", -1),
        ("target_level_gap", 1.5),
        ("repeat_after_cycles", 0),
        ("location", "near"),
        ("reporting_line", "perhaps"),
        ("weights.waited", 11),
        ("weights.location", -1),
        ("weights.topics", 1.5),
    ],
)
def test_a_wrong_value_of_the_policy_is_named(field: str, value: Any) -> None:
    name, _, weight = field.partition(".")
    assert refused(policy={name: {weight: value} if weight else value}) == {f"policy.{field}"}


def test_a_policy_that_was_stored_before_it_grew_has_defaults_for_what_is_new() -> None:
    stored = {"min_level_gap": 2, "max_level_gap": None, "different_department": True, "weights": {"topics": 7}}
    assert taken(**stored) == MatchingPolicy(min_level_gap=2, different_department=True, weights=Weights(topics=7))


def test_the_description_of_the_api_says_what_each_field_of_the_policy_means() -> None:
    for model in (MatchingPolicy, Weights):
        fields = model.model_json_schema()["properties"]
        assert [name for name, field in fields.items() if name != "weights" and not field.get("description")] == []


@pytest.mark.parametrize(
    "topics",
    [
        [{"code": "ai", "label": "AI"}, {"code": "ai", "label": "Other"}],
        [{"code": "ai", "label": "AI"}, {"code": "ml", "label": "ML", "aliases": [" ai "]}],
        [{"code": "ai", "label": "AI", "aliases": ["Ｄata  Science"]}, {"code": "data", "label": "data science"}],
    ],
)
def test_a_term_leads_to_one_topic_only(topics: list[dict[str, Any]]) -> None:
    assert refused(topics=topics) == {"topics"}
    with pytest.raises(AmbiguousTopics):
        check_unambiguous(Topic.model_validate(topic) for topic in topics)


def test_a_topic_may_repeat_its_own_terms_and_its_text_is_trimmed() -> None:
    definition = ProgramDefinition.model_validate(
        {"name": "x", "topics": [{"code": "ai", "label": " AI ", "aliases": ["ai", "ML ", "ML"]}]}
    )
    assert definition.topics == (Topic(code="ai", label="AI", aliases=("ai", "ML")),)


@pytest.mark.parametrize("text", [" ", "a\x00"])
def test_the_text_of_topics_is_visible_too(text: str) -> None:
    assert refused(topics=[{"code": "ai", "label": text}]) == {"topics.0"}
    assert refused(topics=[{"code": "ai", "label": "AI", "aliases": [text]}]) == {"topics.0"}


def test_people_are_ids_and_named_once() -> None:
    one = "5f0c1a52-6a35-4c0a-9c7e-0d3a0a6f7c11"
    assert refused(coordinator_ids=[one, one]) == {"coordinator_ids"}
    assert refused(coordinator_ids=["ann@example.com"]) == {"coordinator_ids.0"}
    assert refused(sponsor_id="nobody") == {"sponsor_id"}


def test_a_cycles_changes_leave_the_rest_of_the_programs_calendar() -> None:
    program = Calendar(check_ins=3)
    found = changed_calendar(program, {"check_in": {"length": "PT5S"}, "check_in_every": "PT6S"})
    assert (found.check_ins, found.enrolment, found.check_in_every) == (3, program.enrolment, timedelta(seconds=6))
    assert changed_calendar(program, {}) == program


def test_a_refused_change_of_the_calendar_names_the_field() -> None:
    with pytest.raises(Invalid) as caught:
        changed_calendar(Calendar(), {"survey": {"length": "P9Y"}})
    assert caught.value.extra["errors"] == [
        {"field": "body.calendar.survey.length", "detail": "must not be longer than two years"}
    ]


@pytest.mark.parametrize("period", ["", "a b", "-x", "x" * 41, "2026\x00", "é"])
def test_a_period_is_a_short_code(period: str) -> None:
    with pytest.raises(ValidationError):
        CycleRequest(period=period)


def test_a_start_is_neither_past_nor_further_than_two_years_ahead() -> None:
    now = datetime(2026, 7, 1, tzinfo=UTC)
    check_start(now - timedelta(seconds=59), now)
    check_start(now + timedelta(days=700), now)
    for wrong in (now - timedelta(seconds=61), now + timedelta(days=732), datetime.max.replace(tzinfo=UTC)):
        with pytest.raises(Invalid):
            check_start(wrong, now)


def test_a_change_needs_the_etag_of_the_version_it_was_made_on() -> None:
    check_match('"1", "2"', 2)
    check_match("*", 2)
    for stale in ('"1"', 'W/"2"', "2", '"2', "nonsense"):
        with pytest.raises(StaleVersion):
            check_match(stale, 2)
    for missing in (None, "", " "):
        with pytest.raises(IfMatchRequired):
            check_present(missing)
    assert check_present(etag(4)) == '"4"'


@examples(50)
@given(
    st.integers(1, 731 * 24 * 3600),
    st.integers(1, 10**6),
    st.integers(0, 3 * MOST_REMINDERS),
)
def test_a_calendar_of_an_earlier_version_reminds_as_often_as_one_of_today_at_most(
    escalates: int, every: int, reminders: int
) -> None:
    """Each reminder is a step of a workflow, which ends after 51,200 events."""
    ladder = LadderPlan(remind_every=timedelta(seconds=every), escalate_after=timedelta(seconds=escalates))
    plan = RoundPlan(length=timedelta(days=3), reminders=tuple(timedelta(minutes=n) for n in range(1, reminders + 1)))
    stored = Calendar(enrolment=plan, approval=ladder, concern=ladder)
    followed = without_endless_reminding(stored)
    strict_calendar(followed.model_dump(mode="json"))
    assert followed.enrolment.reminders == plan.reminders[:MOST_REMINDERS]
    assert followed.approval.escalate_after == ladder.escalate_after
    if ladder.escalate_after <= (MOST_REPEATS + 1) * ladder.remind_every and reminders <= MOST_REMINDERS:
        assert followed == stored
