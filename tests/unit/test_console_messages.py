"""What the list of messages says about each: what it is, why it waits, failed or was not sent, and what to do."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from services.console.admin.messages.view import (
    CycleName,
    CycleNames,
    Message,
    MessagesPage,
    Wanted,
    line_of,
    messages_of,
    wanted_of,
)
from services.console.words.messages import DROPS, GROUPS, TEMPLATES, WAITING
from services.notifications.rules.waiting import WaitingFor
from shared.contracts.notifications import Template
from shared.language.words import words_of

AT = datetime(2027, 3, 10, 12, tzinfo=UTC)
ENGLISH = words_of("en")


def message(**values: Any) -> Message:
    plain = {
        "id": uuid4(), "cycle_id": None, "person_id": uuid4(), "template": "kickoff", "occurrence": 1, "state": "sent",
        "due_at": AT, "sent_at": AT, "code": None,
    }  # fmt: skip
    return Message.model_validate(plain | values)


def line(**values: Any) -> Any:
    return line_of(message(**values), {}, {}, ENGLISH)


def test_every_message_and_every_reason_has_words() -> None:
    assert set(TEMPLATES) == {one.value for one in Template}
    assert sorted(one for group in GROUPS.values() for one in group) == sorted(Template)
    assert set(WAITING) == {one.value for one in WaitingFor}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"state": "failed", "code": "smtp_550"}, "does not take mail for this address"),
        ({"state": "failed", "code": "smtp_571"}, "refused it for good (571)"),
        ({"state": "failed", "code": "undeliverable"}, "put it off too often"),
        ({"state": "waiting", "waiting_for": "resumption"}, "somebody resumes the cycle"),
        ({"state": "waiting", "waiting_for": "mail_server"}, "does not answer"),
        ({"state": "dropped", "code": "person_inactive"}, DROPS["person_inactive"]),
        ({"state": "dropped", "code": "of_tomorrow"}, "of_tomorrow"),
    ],
)
def test_a_message_that_was_not_sent_says_why_and_what_to_do(values: dict[str, Any], said: str) -> None:
    assert said in line(**values).why


def test_a_message_that_was_sent_says_nothing_more() -> None:
    assert line().why == ""


def test_only_what_waits_for_a_known_time_is_planned() -> None:
    assert line(state="waiting", waiting_for="sending_hours").planned
    assert not line(state="waiting", waiting_for="mail_server").planned
    assert not line().planned


def test_reminders_are_counted_and_what_an_event_causes_is_not() -> None:
    assert line(template="enrolment_reminder", occurrence=2).what == "Reminder of the invitation to take part (2)"
    assert line(template="pair_ended", occurrence=10**15).what == "A pair was ended"
    assert line(template="of_tomorrow").what == "of_tomorrow"


def test_times_are_in_the_zone_of_the_program_and_named_once_if_there_is_one() -> None:
    cycle = CycleName(id=uuid4(), program_name="p", period="q", time_zone="Europe/Berlin")
    ours, without = message(cycle_id=cycle.id), message()

    def found(*messages: Message) -> Any:
        return messages_of(Wanted(), MessagesPage(items=messages), {}, CycleNames(items=(cycle,)), ENGLISH)

    assert found(ours, ours).zone == "Europe/Berlin"
    assert found(ours, without).zone is None
    assert found(ours, without).lines[1].zone == "UTC"


def test_what_an_address_asks_for_in_vain_counts_as_nothing() -> None:
    person = str(uuid4())
    asked = {
        "q": " a\x00b ", "state": "lost", "template": "x", "cycle_id": "1", "person_id": person, "sort": "name"
    }  # fmt: skip
    assert wanted_of(asked) == Wanted(q="ab", person_id=person)
    assert not wanted_of({}).filtered


def test_the_next_page_asks_for_the_same() -> None:
    wanted = wanted_of({"q": "ana", "state": "failed", "cursor": "first"})
    following = parse_qs(urlsplit(wanted.address("second")).query)
    assert following == {"q": ["ana"], "state": ["failed"], "cursor": ["second"]}
    assert Wanted().address() == "/console/messages"
