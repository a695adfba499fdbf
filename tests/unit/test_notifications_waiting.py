"""Why a message waits."""

from datetime import UTC, datetime, timedelta

import pytest

from services.notifications.rules.waiting import WaitingFor, waiting_for

NOW = datetime(2026, 1, 5, tzinfo=UTC)
LATER, BEFORE = NOW + timedelta(hours=1), NOW - timedelta(hours=1)


@pytest.mark.parametrize(
    ("due_at", "attempts", "deferrals", "paused", "expected"),
    [
        (LATER, 0, 0, False, WaitingFor.SENDING_HOURS),
        (LATER, 2, 2, False, WaitingFor.NEXT_ATTEMPT),
        (BEFORE, 0, 0, False, WaitingFor.ITS_TURN),
        (NOW, 2, 2, False, WaitingFor.ITS_TURN),
        (BEFORE, 3, 2, False, WaitingFor.MAIL_SERVER),
        (LATER, 0, 0, True, WaitingFor.RESUMPTION),
        (BEFORE, 3, 2, True, WaitingFor.RESUMPTION),
    ],
)
def test_a_waiting_message_waits_for_one_thing(
    due_at: datetime, attempts: int, deferrals: int, paused: bool, expected: WaitingFor
) -> None:
    assert waiting_for(due_at, attempts, deferrals, paused=paused, now=NOW) is expected


@pytest.mark.parametrize(
    ("due_at", "paused", "expected"),
    [
        (BEFORE, False, WaitingFor.SERVER_REFUSES),
        (BEFORE, True, WaitingFor.RESUMPTION),
        (LATER, False, WaitingFor.SENDING_HOURS),
    ],
)
def test_a_message_that_is_due_waits_for_a_server_that_refuses_everybody(
    due_at: datetime, paused: bool, expected: WaitingFor
) -> None:
    assert waiting_for(due_at, 0, 0, paused=paused, refused=True, now=NOW) is expected
