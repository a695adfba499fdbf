"""What the review shows and what its steps do, without HTML."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.console.admin.review.rules.facts import (
    Alternative,
    Change,
    Couple,
    Fit,
    PairFacts,
    Preview,
    Steering,
    UnmatchedFacts,
)
from services.console.admin.review.rules.sentences import (
    blocked_of,
    changes_of,
    cost_of,
    loss_of,
    needs_reason,
    refusal_of,
    remedy_of,
    rules_shown,
)
from services.console.admin.review.rules.steps import Kind, UnknownStep, WrongRule, after, step_of
from services.console.admin.review.rules.view import (
    Names,
    decisions_of,
    fit_of,
    query_for_api,
    rows_of,
)
from shared.contracts.intake import NamedPerson
from shared.contracts.matching import Side
from shared.contracts.programs import MatchingPolicy
from shared.language.words import ENGLISH, words_of

WORDS = words_of(ENGLISH)
FIT = Fit(low=5000, middle=10_000, best=20_000)
ADA, BEN, EVE, KIM = (UUID(int=number) for number in range(1, 5))
KNOWN = ((ADA, "Ada"), (BEN, "Ben"), (EVE, "Eve"))
NAMES = Names({one: NamedPerson(id=one, name=name, email="x@example.org") for one, name in KNOWN}, WORDS)
POLICY = MatchingPolicy()


def couple(mentor: UUID, mentee: UUID) -> Couple:
    return Couple(mentor_id=mentor, mentee_id=mentee)


@pytest.mark.parametrize(
    ("points", "code", "share"),
    [(0, "low", 0), (5000, "low", 25), (5001, "fair", 25), (8000, "good", 40), (12_000, "good", 60),
     (12_001, "best", 60), (20_000, "best", 100), (40_000, "best", 100)],
)  # fmt: skip
def test_a_fit_is_compared_with_the_other_pairs_of_the_run(points: int, code: str, share: int) -> None:
    assert fit_of(points, FIT) == (code, share)


def test_without_pairs_there_is_nothing_to_compare_with() -> None:
    assert fit_of(5, None).share == 0


def test_a_row_folds_its_reasons_to_the_topics() -> None:
    topic = {"topic": "ai", "label": "Generative AI", "level": 3, "choice": 1}
    codes = [{"code": "teaches", "side": "mentor", "topics": [topic]}, {"code": "different_departments"}]
    base: dict[str, Any] = {
        "id": uuid4(), "match_run_id": uuid4(), "mentor_id": ADA, "mentee_id": EVE, "state": "proposed", "score": 9000,
    }  # fmt: skip
    new = PairFacts.model_validate(base | {"reason_codes": codes})
    old = PairFacts.model_validate(base | {"reasons": ["From different departments."]})
    row, older = rows_of([new, old], FIT, NAMES, WORDS)
    assert (row.folded, len(row.reasons), row.decided) == ("Generative AI", 2, False)
    assert older.folded == "From different departments."


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pin",
        "pin:x:y",
        f"pin:{ADA}",
        f"leave_out:{ADA}:{BEN}",
        "rule:nothing=1",
        "rule:floor=x",
        f"rules:{ADA}",
        "a:b",
    ],
)
def test_what_no_form_of_ours_sends_is_refused(text: str) -> None:
    with pytest.raises(UnknownStep):
        step_of(text)


def steered(steering: Steering, text: str, typed: Mapping[str, str] | None = None) -> Steering:
    return after(steering, step_of(text), POLICY, typed or {})


def test_a_step_replaces_what_was_decided_about_the_same_couple() -> None:
    pinned = steered(Steering(), f"pin:{ADA}:{EVE}")
    assert pinned.pins == (couple(ADA, EVE),)
    forbidden = steered(pinned, f"forbid:{ADA}:{EVE}")
    assert (forbidden.pins, forbidden.forbidden) == ((), (couple(ADA, EVE),))
    made = steered(forbidden, f"by_hand:{ADA}:{EVE}", {"override_reason": " they\n asked "})
    assert made.forbidden == ()
    assert [one.override_reason for one in made.by_hand] == ["they asked"]
    assert steered(made, f"free:{ADA}:{EVE}") == Steering()


def test_whoever_is_left_out_is_in_no_pair_that_an_admin_keeps() -> None:
    pinned = steered(steered(Steering(), f"pin:{ADA}:{EVE}"), f"pin:{BEN}:{KIM}")
    left = steered(pinned, f"leave_out:{EVE}")
    assert (left.pins, left.dropped) == ((couple(BEN, KIM),), (EVE,))
    assert steered(left, f"pin:{ADA}:{EVE}").dropped == ()
    assert steered(left, f"put_back:{EVE}").dropped == ()


@pytest.mark.parametrize("setting", MatchingPolicy.model_fields)
@pytest.mark.parametrize("value", ["null", "true", "-5", "999999999"])
def test_a_rule_has_any_value_and_is_taken_or_refused(setting: str, value: str) -> None:
    """Also one that its setting cannot have, and that cannot be compared with the others."""
    for policy in (MatchingPolicy(target_level_gap=2, max_level_gap=3), MatchingPolicy()):
        with suppress(WrongRule):
            assert after(Steering(), step_of(f"rule:{setting}={value}"), policy, {}).policy is not None


@pytest.mark.parametrize("value", ['"x"', "[1]", "{}", "NaN", "Infinity", "1e999", "[" * 50_000, "9" * 5000, "1.5", ""])
def test_a_rule_is_a_whole_number_or_a_switch(value: str) -> None:
    with pytest.raises(UnknownStep):
        step_of(f"rule:target_level_gap={value}")


def test_one_rule_changes_one_setting_and_those_that_it_contradicts() -> None:
    policy = after(Steering(), step_of("rule:min_level_gap=3"), MatchingPolicy(target_level_gap=2), {}).policy
    assert policy == MatchingPolicy(min_level_gap=3)
    again = after(Steering(), step_of("rule:repeat_past_pairs=true"), MatchingPolicy(repeat_after_cycles=2), {}).policy
    assert again == MatchingPolicy(repeat_past_pairs=True)
    assert steered(Steering(policy=policy), "usual_rules").policy is None


def test_the_form_for_rules_holds_the_policy_and_gives_it_back() -> None:
    assert steered(Steering(), "rules", rules_shown(POLICY)).policy == POLICY
    typed = rules_shown(POLICY) | {"max_level_gap": "2", "min_common_hours": "1,5", "weight-wishes": "0"}
    policy = steered(Steering(), "rules", typed).policy
    assert policy is not None
    assert (policy.max_level_gap, policy.min_common_hours, policy.weights.wishes) == (2, 1.5, 0)


@pytest.mark.parametrize(
    ("typed", "field"),
    [({"max_level_gap": "x"}, "max_level_gap"), ({"min_level_gap": "3", "max_level_gap": "1"}, "min_level_gap"),
     ({"weight-topics": "11"}, "weight-topics"), ({"min_level_gap": "101"}, "min_level_gap")],
)  # fmt: skip
def test_rules_that_do_not_fit_name_their_field(typed: dict[str, str], field: str) -> None:
    with pytest.raises(WrongRule) as wrong:
        steered(Steering(), "rules", rules_shown(POLICY) | typed)
    assert wrong.value.field == field


def test_every_decision_names_the_step_that_takes_it_back() -> None:
    steering = Steering(policy=POLICY)
    for text in (f"pin:{ADA}:{EVE}", f"forbid:{BEN}:{EVE}", f"by_hand:{BEN}:{KIM}", f"leave_out:{uuid4()}"):
        steering = steered(steering, text)
    decisions = decisions_of(steering)
    assert len(decisions) == steering.decisions == 5
    for decision in decisions:
        steering = steered(steering, decision.undo)
    assert steering == Steering()


def alone(**values: Any) -> UnmatchedFacts:
    return UnmatchedFacts.model_validate({"person_id": ADA, "reason": "level_gap", "candidates": 0} | values)


@pytest.mark.parametrize(
    ("change", "step", "promise"),
    [
        ({"constraint": "level_gap", "min_level_gap": 0, "free": 1}, "rule:min_level_gap=0", ", 1 with a free place"),
        ({"constraint": "level_gap", "max_level_gap": 5}, "rule:max_level_gap=5", "2 possible partners then."),
        ({"constraint": "language"}, "rule:common_language=false", "2 possible partners then."),
        ({"constraint": "past_pair"}, "rule:repeat_past_pairs=true", "2 possible partners then."),
        ({"constraint": "capacity"}, "", "2 possible partners."),
    ],
)
def test_the_smallest_change_is_a_step_that_can_be_tried(change: dict[str, Any], step: str, promise: str) -> None:
    remedy = remedy_of(alone(change=Change.model_validate({"candidates": 2} | change)), WORDS)
    assert remedy is not None
    assert remedy.step == step
    assert promise in remedy.promise
    if step:
        assert steered(Steering(), step).policy != POLICY


def test_where_nothing_here_would_help_there_is_no_change() -> None:
    assert remedy_of(alone(reason="not_possible"), WORDS) is None
    assert remedy_of(alone(change=Change(constraint="forbidden", candidates=1)), WORDS) is None
    back = remedy_of(alone(reason="dropped"), WORDS)
    assert back is not None
    assert step_of(back.step) == (Kind.PUT_BACK, (ADA,), "", None)


def test_what_rules_somebody_out_is_counted_in_words_and_codes_that_are_not_known_are_left_out() -> None:
    person = alone(blocked={"language": 2, "level_gap": 30, "newer": 9})
    assert blocked_of(person, WORDS) == "30 outside the level gap and 2 without a common language"


@pytest.mark.parametrize(
    ("points", "said"),
    [
        (-1, "better"),
        (0, "just as well"),
        (999, "almost"),
        (1000, "a little less"),
        (4000, "noticeably"),
        (10_000, "usual"),
    ],
)
def test_a_loss_is_told_in_words_and_not_in_points(points: int, said: str) -> None:
    assert said in loss_of(points, FIT, WORDS)


def test_the_cost_of_a_runner_up_is_exact_or_the_least() -> None:
    def told(people: int, costs: int, *, exact: bool) -> str:
        one = Alternative(
            side=Side.MENTEE, person_id=BEN, points=1, partners=(), people=people, costs=costs, exact=exact
        )
        return cost_of(one, FIT, WORDS)

    assert told(1, 0, exact=True) == "1 more person would have no partner."
    assert told(2, 0, exact=False) == "At least 2 more people would have no partner."
    assert told(0, 0, exact=True) == "All pairs together would fit just as well."
    assert told(0, 0, exact=False) == "What it costs is not known before you look."


def test_a_difference_names_whom_it_touches_the_gravest_first() -> None:
    count = {"people": 2, "pairs": 1, "points": 9000}
    values = {
        "before": count,
        "after": count | {"points": 8000},
        "no_longer_matched": [ADA],
        "first_topic_lost": [ADA, EVE],
    }
    values |= {"newly_matched": [KIM], "pairs_added": [couple(BEN, KIM).model_dump() | {"score": 1}]}
    assert changes_of(Preview.model_validate(values), NAMES, FIT, WORDS) == (
        "Without a partner then: Ada.",
        "With a partner then: Unknown person.",
        "Without the topic that they want most: Eve.",
        "All pairs together would fit a little less well.",
    )
    nothing = Preview.model_validate({"before": count, "after": count})
    assert changes_of(nothing, NAMES, FIT, WORDS) == ("No pair would change.",)


def test_what_the_api_refuses_is_told_in_the_reader_s_words() -> None:
    broken = "without a common language (language), not possible (not_possible)"
    asks = f"this pair is {broken}; write why it is made all the same"
    assert needs_reason(asks)
    assert refusal_of(asks, WORDS) == (
        "This pair is without a common language and not possible. Write why you make it all the same."
    )
    assert "free place" in refusal_of("has no free place as mentor", WORDS)
    assert "other decisions" in refusal_of("something new", WORDS)


def test_the_list_is_asked_for_what_was_chosen_and_never_for_nonsense() -> None:
    assert query_for_api({}) == {"sort": "-score"}
    asked = {"q": " ada ", "level": "x", "low_fit": "yes", "pinned": "yes", "sort": "name", "department": ""}
    assert query_for_api(asked) == {"sort": "-score", "q": "ada", "low_fit": "true", "origin": ["pinned", "by_hand"]}
    assert query_for_api({"level": "-2", "sort": "score"}) == {"sort": "score", "level": "-2"}


def test_many_names_are_counted() -> None:
    assert NAMES.listed([ADA, BEN, EVE], most=2) == "Ada, Ben and 1 more"
