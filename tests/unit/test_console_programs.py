"""The form of a program without HTML: what was typed, lengths, time zones, errors, and two admins at once."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import FormData

from services.console.admin.programs.refusals import errors_of
from services.console.admin.programs.resources import Definition, DirectoryEffect, Outcome, PolicyEffect, RunEffect
from services.console.admin.programs.rules.effects import REASONS, RULES, Tried, effect_view
from services.console.admin.programs.rules.facts import AT_ONCE, FIELDS, changes_between, facts_of
from services.console.admin.programs.rules.lengths import NoLength, read_length, read_lengths, typed_length
from services.console.admin.programs.rules.starts import proposed_start
from services.console.admin.programs.rules.versions import joined, read_mark, write_mark
from services.console.admin.programs.rules.zones import zone_typed
from services.console.admin.programs.typed import code_of, fields_of, read_draft
from services.console.admin.programs.view import wanted_of
from services.console.forms.errors import Refused
from services.matching.engine.rules.eligibility import TRAIT_RULES
from services.matching.runs.rules.policy_effect import TOLD
from shared.contracts.programs import Calendar, MatchingPolicy, Topic
from shared.language.words import words_of
from tests.unit.properties import examples

TOPICS = (Topic(code="ai", label="AI", aliases=("GenAI",)), Topic(code="video", label="Video"))
PROGRAM = Definition(name="Digital Upward", time_zone="Europe/Berlin", topics=TOPICS)
ADA = UUID(int=1)
RUN = RunEffect(
    cycle_id=UUID(int=2),
    before=Outcome(people=10, pairs=5, unmatched=2, unmatched_by={"other": 2}),
    after=Outcome(people=8, pairs=4, unmatched=4, unmatched_by={"level_gap": 3, "other": 1}),
    pairs_kept=3,
    pairs_removed=2,
    pairs_added=1,
    newly_matched=0,
    no_longer_matched=2,
)


def typed(definition: Definition = PROGRAM, **fields: str) -> FormData:
    return FormData([*((n, v) for n, v in fields_of(definition).multi_items() if n not in fields), *fields.items()])


@examples(20)
@given(st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(days=731)))
def test_every_length_can_be_typed_as_it_is_shown(length: timedelta) -> None:
    assert read_length(typed_length(length)) in {typed_length(length), f"P{typed_length(length)}D"}


@pytest.mark.parametrize(("text", "read"), [("14", "P14D"), (" 7 ", "P7D"), ("pt36h", "PT36H")])
def test_a_length_is_a_number_of_days_or_a_duration(text: str, read: str) -> None:
    assert read_length(text) == read


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "soon", "P", "99999", "14 days"])
def test_what_is_no_length_is_refused(text: str) -> None:
    with pytest.raises(NoLength):
        read_length(text)


def test_lengths_are_sorted_and_each_stands_once() -> None:
    assert read_lengths("12, 7;7 PT1H") == ["PT1H", "P7D", "P12D"]
    assert read_lengths(" , ") == []


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("berlin", "Europe/Berlin"), ("New York", "America/New_York"), ("europe/rome", "Europe/Rome"), ("utc", "UTC"),
        ("Atlantis", "Atlantis"), ("", ""),
    ],
)  # fmt: skip
def test_a_city_is_enough_for_a_time_zone(text: str, zone: str) -> None:
    assert zone_typed(text) == zone


def test_the_proposed_start_is_a_monday_morning_that_is_still_to_come() -> None:
    sunday = datetime(2027, 1, 3, 23, 30, tzinfo=UTC)
    assert proposed_start(sunday, "UTC").isoformat() == "2027-01-04T09:00:00+00:00"
    assert proposed_start(sunday, "Asia/Tokyo").isoformat() == "2027-01-11T09:00:00+09:00", "it is Monday in Tokyo"


def test_what_the_form_shows_is_what_it_reads() -> None:
    policy = MatchingPolicy(max_level_gap=4, repeat_after_cycles=2, min_common_hours=1.5)
    calendar = Calendar(working_days=True, holidays=(date(2027, 12, 27), date(2027, 12, 28)))
    changes = {"policy": policy, "calendar": calendar, "coordinator_ids": (ADA,), "recurs": True}
    definition = PROGRAM.model_copy(update=changes)
    assert read_draft(fields_of(definition)).definition == definition


def test_a_topic_keeps_its_code_when_its_name_changes_and_a_new_one_gets_one_of_its_own() -> None:
    draft = read_draft(typed(topic_label_1="Artificial intelligence", topic_label_3="Video!", topic_label_9="漢字"))
    assert [topic["code"] for topic in draft.topics] == ["ai", "video", "video-2", "topic"]
    assert draft.rows == (1, 2, 3, 9)
    assert code_of("x" * 100) == "x" * 56


def test_what_cannot_be_read_is_refused_all_at_once() -> None:
    with pytest.raises(Refused) as refused:
        read_draft(typed(enrolment_length="soon", check_ins="many", weight_wishes="", holidays="Xmas"))
    wrong = {"enrolment_length", "check_ins", "weight_wishes", "holidays"}
    assert {error.field for error in refused.value.errors} == wrong


@pytest.mark.parametrize(
    ("place", "field"),
    [
        ("body.calendar.enrolment", "enrolment_reminders"),
        ("body.calendar.survey.length", "survey_length"),
        ("body.calendar", "check_in_every"),
        ("body.calendar.holidays", "holidays"),
        ("body.topics.1.label", "topic_label_2"),
        ("body.topics.0.aliases.3", "topic_also_1"),
        ("body.topics", "topic_label_1"),
        ("body.coordinator_ids.4", "coordinators"),
        ("body.policy.weights.waited", "weight_waited"),
        ("body.something_new", ""),
    ],
)
def test_each_error_of_the_api_stands_beside_its_field(place: str, field: str) -> None:
    [error] = errors_of([{"field": place}], read_draft(fields_of(PROGRAM)))
    assert error.field == field


def test_the_second_admin_takes_over_what_they_had_not_touched_and_keeps_what_they_typed() -> None:
    mark = read_mark(write_mark('"1"', PROGRAM))
    mine = PROGRAM.model_copy(update={"name": "Mine", "language": "fr"})
    stored = PROGRAM.model_copy(update={"name": "Theirs", "calendar": Calendar(check_ins=9), "language": "fr"})
    how = joined(mark, mine, stored)
    assert (mark.etag, how.taken, how.both) == ('"1"', ("calendar",), ("name",))
    assert how.definition == stored.model_copy(update={"name": "Mine"})


def test_a_mark_that_is_none_lets_nothing_be_overwritten_unseen() -> None:
    how = joined(read_mark("nonsense"), PROGRAM.model_copy(update={"name": "Mine"}), PROGRAM)
    assert (how.taken, how.both) == ((), ("name",))


def test_every_field_of_a_definition_is_told_in_words_and_by_whether_it_holds_at_once() -> None:
    assert set(FIELDS) == set(Definition.model_fields)
    assert set(AT_ONCE) < set(FIELDS)
    for language in ("en", "de", "es", "fr"):
        told = {fact.field for fact in facts_of(words_of(language), PROGRAM, {})}
        assert told == set(FIELDS)


def test_changes_are_told_line_by_line() -> None:
    after = PROGRAM.model_copy(update={"topics": TOPICS[:1], "calendar": Calendar(check_ins=1)})
    changes = changes_between(words_of("en"), PROGRAM, after, {})
    assert [(change.label, change.before, change.after) for change in changes] == [
        (
            "Check-ins",
            "5 check-ins; time before the first: 14 days, between two: 14 days",
            "1 check-in; time before it: 14 days",
        ),
        ("Topic", "Video", ""),
    ]


def test_what_the_address_of_the_list_does_not_know_counts_as_nothing() -> None:
    wanted = wanted_of({"q": " a\x00b ", "direction": "sideways", "recurs": "perhaps", "sort": "; drop", "cursor": ""})
    assert wanted.params == {"q": "ab", "sort": "name"}
    assert wanted_of({"direction": "mutual"}).address("c") == "/console/programs?direction=mutual&cursor=c"


@pytest.mark.parametrize(
    ("people", "told"),
    [
        (8, "2 people fewer would be in a pair."),
        (10, "As many people as then would be in a pair."),
        (11, "1 more person would be in a pair."),
    ],
)
def test_the_effect_of_rules_on_a_run_is_a_sentence_and_figures_beside_each_other(people: int, told: str) -> None:
    run = RUN.model_copy(update={"after": RUN.after.model_copy(update={"people": people})})
    view = effect_view(words_of("en"), Tried(PolicyEffect(people=12, match_run=run), "2026-Q4"))
    assert view.told == f"Tried with the 12 people of the cycle 2026-Q4. {told}"
    assert [(one.before, one.after) for one in view.run] == [
        ("10", str(people)), ("5", "4"), ("", "3"), ("", "1"), ("2", ""), ("2", "4"), ("0", "3"), ("2", "1"),
    ]  # fmt: skip


def test_the_effect_of_rules_on_the_directory_names_the_rule_that_forbids_most_first() -> None:
    found = DirectoryEffect(
        mentors=3, mentees=2, nobody=1, possible=20, couples=5, ruled_out={"department": 4, "level_gap": 10, "new": 9}
    )
    view = effect_view(words_of("en"), Tried(PolicyEffect(people=5, sampled=True, directory=found)))
    assert view.told == "Tried with 5 people who were drawn at random from the directory."
    assert view.ruled_out == [("Levels between the two", "10", "50%"), ("People of one department", "4", "20%")]
    assert view.directory[-1] == ("Pairs that the rules allow", "5 of 20")


def test_every_reason_and_rule_that_the_api_counts_has_words() -> None:
    assert set(REASONS) == {reason.value for reason in TOLD} | {"other"}
    traits = {rule.constraint.value for rule in TRAIT_RULES} | {"reporting_line"}
    assert set(RULES) == traits
