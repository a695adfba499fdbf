"""The envelope of events: CloudEvents 1.0."""

from datetime import datetime, timedelta, timezone
from uuid import UUID

import pytest

from services.events.log.rules.cloudevents import UnknownEventType, cloud_event, page_of, parse_types
from tests.event_records import event_record

EPOCH = UUID(int=1)


def test_the_alphabetical_order_of_sequences_is_the_order_of_events() -> None:
    sequences = [1, 9, 10, 99, 100, 2**63 - 1]
    texts = [cloud_event(event_record(sequence)).sequence for sequence in sequences]
    assert sorted(texts) == texts
    assert [int(text) for text in texts] == sequences


def test_a_page_says_where_to_go_on_and_whether_there_is_more() -> None:
    found = [event_record(4), event_record(7), event_record(9)]
    page = page_of(found, after=3, limit=2, reached=9, epoch=EPOCH)
    assert (len(page.events), page.after, page.more) == (2, 7, True)
    page = page_of(found, after=3, limit=3, reached=9, epoch=EPOCH)
    assert (len(page.events), page.after, page.more) == (3, 9, False)
    page = page_of([], after=3, limit=3, reached=0, epoch=EPOCH)
    assert (len(page.events), page.after, page.more) == (0, 3, False)


def test_a_last_page_goes_on_after_all_that_was_looked_through() -> None:
    page = page_of([event_record(4)], after=3, limit=2, reached=12, epoch=EPOCH)
    assert (len(page.events), page.after, page.more) == (1, 12, False)


def test_times_are_in_utc_wherever_the_database_is() -> None:
    there = event_record(1).model_copy(
        update={"time": datetime(2026, 1, 5, 14, 0, 0, 93000, tzinfo=timezone(timedelta(hours=2)))}
    )
    assert cloud_event(there).model_dump(mode="json")["time"] == "2026-01-05T12:00:00.093000Z"


@pytest.mark.parametrize("text", [None, "", " , "])
def test_no_types_means_all(text: str | None) -> None:
    assert parse_types(text) == set()


def test_types_may_be_given_in_either_form() -> None:
    assert parse_types("cycle.paused, app.upward.pair.ended.v1") == {"cycle.paused", "pair.ended"}


@pytest.mark.parametrize("text", ["cycle", "app.upward.cycle.paused", "app.upward.cycle.paused.v2", "CYCLE.PAUSED"])
def test_a_type_that_does_not_exist_is_refused_rather_than_never_found(text: str) -> None:
    with pytest.raises(UnknownEventType):
        parse_types(text)
