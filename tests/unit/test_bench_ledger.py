"""The comparison of ledgers finds every fault that a log can have, and no fault in a right one."""

import pytest

from bench.ledger import (
    Arrival,
    Comparison,
    Fact,
    Receipt,
    Sighting,
    compare,
    compare_arrivals,
    first_attempts,
    lags,
    percentile,
    resolve,
)

FACTS = [Fact(1, 7, 1, 100), Fact(1, 8, 1, 100), Fact(1, 7, 2, 101), Fact(2, 9, 1, 102)]
RECEIVED = [Receipt(FACTS[0], 1, 1), Receipt(FACTS[1], 2, 1), Receipt(FACTS[3], 1, 1), Receipt(FACTS[2], 3, 1)]
ARRIVALS = [
    Arrival(FACTS[0], 1, 11, 4_000_000),
    Arrival(FACTS[3], 50, 13, 5_000_000),
    Arrival(FACTS[2], 90, 12, 9_000_000),
]
DELIVERED = [FACTS[0], FACTS[2], FACTS[3]]
RIGHT = Comparison(lost=0, phantom=0, gaps=0, order_violations=0, duplicates=0, repeated=0, committed=4)


def test_a_log_without_fault_holds() -> None:
    assert compare(FACTS, RECEIVED) == RIGHT
    assert RIGHT.holds


def test_a_committed_event_that_was_not_received_is_lost_and_leaves_a_gap_below_a_later_one() -> None:
    assert compare(FACTS, RECEIVED[:3]) == RIGHT._replace(lost=1)
    assert compare(FACTS, [RECEIVED[0], *RECEIVED[2:]]) == RIGHT._replace(lost=1, gaps=1)


def test_an_event_of_a_transaction_that_was_rolled_back_is_a_phantom() -> None:
    assert compare(FACTS[:3], RECEIVED) == RIGHT._replace(phantom=1, committed=3)


def test_events_of_one_subject_out_of_commit_order_are_a_violation_and_those_of_different_subjects_are_not() -> None:
    swapped = [Receipt(FACTS[2], 1, 1), Receipt(FACTS[1], 2, 1), Receipt(FACTS[0], 3, 1), RECEIVED[2]]
    assert compare(FACTS, swapped) == RIGHT._replace(order_violations=1)
    assert compare(FACTS, [RECEIVED[2], *RECEIVED[:2], RECEIVED[3]]) == RIGHT


def test_the_same_number_by_a_transaction_that_was_rolled_back_and_by_one_that_was_not_are_two_facts() -> None:
    phantom = Receipt(FACTS[2]._replace(transaction=99), 4, 1)
    assert compare(FACTS, [*RECEIVED, phantom]) == RIGHT._replace(phantom=1, order_violations=1)


def test_what_a_reader_gets_again_after_its_restart_is_no_duplicate() -> None:
    again = [receipt._replace(life=2) for receipt in RECEIVED[2:]]
    assert compare(FACTS, RECEIVED + again) == RIGHT._replace(repeated=2)


@pytest.mark.parametrize("twice", [RECEIVED[3], Receipt(FACTS[2], 4, 1), Receipt(FACTS[2], 4, 2)])
def test_an_event_twice_in_one_life_or_under_two_sequences_is_a_duplicate(twice: Receipt) -> None:
    assert compare(FACTS, [*RECEIVED, twice]) == RIGHT._replace(duplicates=1)


def test_a_commit_without_an_answer_happened_if_its_marker_is_there() -> None:
    intents = {number: [fact._replace(transaction=number) for fact in FACTS[:1]] for number in (1, 2, 3, 4)}
    found = resolve(intents, {1: 10}, [2], [1, 3])
    assert {fact.transaction for fact in found.facts} == {1, 3}


def test_an_answered_commit_counts_as_committed_even_when_the_database_has_lost_it() -> None:
    assert resolve({100: FACTS[:2]}, {100: 10}, [], []).facts == FACTS[:2]


def test_the_lag_is_from_the_commits_return_until_the_head_has_reached_the_event() -> None:
    sightings = [Sighting(1, 1, 4_000_000), Sighting(1, 3, 9_000_000), Sighting(2, 1, 2_000_000)]
    returned = {100: 3_000_000, 101: 3_500_000, 102: 2_500_000}
    assert lags([*RECEIVED, RECEIVED[0]._replace(life=2)], sightings, returned) == [0.0, 1.0, 5.5, 6.0]
    assert lags(RECEIVED, sightings, {101: 3_500_000}) == [5.5], "others' commits were never answered"


def test_a_percentile_of_nothing_is_nothing() -> None:
    assert percentile([], 0.99) is None
    assert [percentile([1, 2, 3, 4], share) for share in (0, 0.5, 0.99, 1)] == [1, 3, 4, 4]


def test_deliveries_have_no_gaps_as_endpoints_choose_types() -> None:
    assert compare_arrivals(DELIVERED, ARRIVALS) == RIGHT._replace(committed=3)


def test_a_delivery_that_does_not_arrive_is_lost_and_one_that_was_not_committed_or_not_chosen_is_a_phantom() -> None:
    assert compare_arrivals(DELIVERED, ARRIVALS[1:]) == RIGHT._replace(committed=3, lost=1)
    assert compare_arrivals(DELIVERED[:2], ARRIVALS) == RIGHT._replace(committed=2, phantom=1)


def test_a_delivery_that_comes_again_is_no_duplicate_unless_its_sequence_or_webhook_id_differs() -> None:
    again = ARRIVALS[0]._replace(time=10_000_000)
    assert compare_arrivals(DELIVERED, [*ARRIVALS, again, again]) == RIGHT._replace(committed=3, repeated=2)
    assert compare_arrivals(DELIVERED, [*ARRIVALS, again._replace(sequence=2)]).duplicates == 1
    assert compare_arrivals(DELIVERED, [*ARRIVALS, again._replace(webhook_id=14)]).duplicates == 1


def test_the_order_of_deliveries_is_that_in_which_each_came_first() -> None:
    assert compare_arrivals(DELIVERED, [*ARRIVALS, ARRIVALS[0]]).order_violations == 0
    assert compare_arrivals(DELIVERED, [ARRIVALS[2], ARRIVALS[0], ARRIVALS[1]]).order_violations == 1


def test_a_first_attempt_takes_from_the_commits_return_until_the_first_arrival() -> None:
    again = ARRIVALS[0]._replace(time=10_000_000)
    assert first_attempts([*ARRIVALS, again], {100: 3_000_000, 101: 9_500_000}) == [0.0, 1.0]
