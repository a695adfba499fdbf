"""A notice to an endpoint's owner is sent only while it is needed, and shows no secret of the endpoint's URL."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from services.notifications.rules.endpoint_notices import NOTICES, endpoint_facts, pointless, shown_address
from shared.contracts.endpoints import DisableReason, EndpointBrief, EndpointState
from shared.contracts.intake import Contact
from shared.contracts.notifications import Template
from shared.language.words import words_of

SINCE = datetime(2026, 3, 27, 9, tzinfo=UTC)
ENDPOINT = EndpointBrief(
    endpoint_id=uuid4(),
    url="https://hooks.acme.example/upward",
    description="Payroll",
    state=EndpointState.ENABLED,
    disable_reason=None,
    failing_since=SINCE,
)
DISABLED = ENDPOINT.model_copy(update={"state": EndpointState.DISABLED, "disable_reason": DisableReason.FAILING})
RECOVERED = ENDPOINT.model_copy(update={"failing_since": None})
FAILING, SOON, OVER = NOTICES
ENGLISH = words_of("en")
OWNER = Contact(
    person_id=uuid4(), name="Ann Lee", given_name="Ann", email="a@x.example", time_zone="Europe/Berlin", language="en"
)


@pytest.mark.parametrize(
    ("notice", "endpoint", "expected"),
    [
        (FAILING, ENDPOINT, None),
        (FAILING, RECOVERED, None),  # one event fails, others pass
        (FAILING, DISABLED, "endpoint_disabled"),
        (SOON, ENDPOINT, None),
        (SOON, RECOVERED, "endpoint_recovered"),
        (SOON, DISABLED, "endpoint_disabled"),
        (OVER, DISABLED, None),
        (OVER, ENDPOINT, "endpoint_enabled"),
        *((notice, None, "endpoint_gone") for notice in NOTICES),
    ],
)
def test_a_notice_that_time_has_overtaken_is_not_sent(
    notice: Template, endpoint: EndpointBrief | None, expected: str | None
) -> None:
    assert pointless(notice, endpoint) == expected


def test_times_are_told_by_the_owners_clock_and_the_end_is_five_days_after_the_beginning() -> None:
    facts = endpoint_facts(OWNER, ENDPOINT, ENGLISH)
    assert facts.failing_since == "Friday, 27 March 2026, 10:00 (Berlin time)"
    assert facts.disabled_at == "Wednesday, 1 April 2026, 11:00 (Berlin time)"  # the clocks changed in between
    nowhere = endpoint_facts(OWNER.model_copy(update={"time_zone": "Nowhere/Land"}), ENDPOINT, ENGLISH)
    assert nowhere.failing_since == "Friday, 27 March 2026, 09:00 (UTC)"


def test_text_that_people_wrote_becomes_one_line() -> None:
    facts = endpoint_facts(OWNER, ENDPOINT.model_copy(update={"description": "Pay\r\nBcc: all\x00"}), ENGLISH)
    assert facts.description == "Pay Bcc: all"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://hooks.acme.example/upward", "https://hooks.acme.example/upward"),
        ("https://hooks.acme.example:8443", "https://hooks.acme.example:8443"),
        ("https://hooks.acme.example/in?token=secret#secret", "https://hooks.acme.example/in?…"),
        ("https://user:secret@hooks.acme.example/in", "https://hooks.acme.example/in"),
        ("https://[2001:db8::1]/in", "https://[2001:db8::1]/in"),
    ],
)
def test_an_address_is_shown_without_what_may_be_a_secret(url: str, shown: str) -> None:
    assert shown_address(url) == shown
