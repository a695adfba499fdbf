"""docs/webhooks.md says what the code does: the retries, the limits, the codes, and where deliveries may go."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook

from services.events.webhooks import drain, sender
from services.events.webhooks.connection import AttemptCode
from services.events.webhooks.rules.addresses import GLOBAL_UNICAST_6, INTERNAL_NAMES, NOT_PUBLIC_4, NOT_PUBLIC_6
from services.events.webhooks.rules.delivery import (
    JITTER,
    LEAST_NOTICE,
    LONGEST_RETRY_AFTER,
    RETRY_DELAYS,
    TELL_AGAIN_AFTER,
    TELL_AT_FAILURES,
    TELL_DISABLING_AFTER,
    BackfillKind,
    DeliveryState,
)
from services.events.webhooks.rules.endpoints import (
    LEAST_OVERLAP_HOURS,
    MOST_ENDPOINTS,
    MOST_OVERLAP_HOURS,
    MOST_SECRETS,
    EndpointDefinition,
)
from services.events.webhooks.rules.signing import signed_headers
from services.events.webhooks.store.attempts import KEPT
from shared.contracts.endpoints import DISABLED_AFTER
from tests.architecture.documents import CODE, TEXTS, names_in, section, table_rows
from tests.architecture.sources import ROOT

PAGE = "docs/webhooks.md"
TEXT = " ".join(TEXTS[PAGE].split())


def written(length: timedelta) -> str:
    """As the table of retries writes it: `2 h 35 min 5 s`."""
    hours, rest = divmod(round(length.total_seconds()), 3600)
    minutes, seconds = divmod(rest, 60)
    parts = [f"{count} {unit}" for count, unit in ((hours, "h"), (minutes, "min"), (seconds, "s")) if count]
    return " ".join(parts) or "—"


def test_the_table_of_retries_is_the_schedule() -> None:
    expected, since_first = [["1", "—", "—"]], timedelta(0)
    for number, delay in enumerate(RETRY_DELAYS, start=2):
        since_first += delay
        expected.append([str(number), written(delay), written(since_first)])
    assert table_rows(PAGE, "## When a delivery fails") == expected
    assert len(expected) == 10
    assert f"from {1 - JITTER:.0%} to {1 + JITTER:.0%} of that".replace("%", " %") in TEXT
    assert f"makes a delay longer, up to {written(LONGEST_RETRY_AFTER)}, and never shorter" in TEXT


def test_the_table_of_failures_has_the_times_at_which_owners_hear() -> None:
    fourth = sum(RETRY_DELAYS[: TELL_AT_FAILURES - 1], timedelta(0))
    rows = [" ".join(row) for row in table_rows(PAGE, "## When an endpoint fails")]
    assert "fourth time" in rows[0]
    assert f"about {fourth // timedelta(minutes=1)} minutes after the first" in rows[0]
    assert "at most one a day" in rows[0]
    assert timedelta(days=1) == TELL_AGAIN_AFTER
    assert "for four days" in rows[1]
    assert timedelta(days=4) == TELL_DISABLING_AFTER
    assert "for five days, and the owner has known for half a day" in rows[2]
    assert (timedelta(days=5), timedelta(hours=12)) == (DISABLED_AFTER, LEAST_NOTICE)


def test_the_limits_are_those_of_the_code() -> None:
    limits = {row[0]: row[1] for row in table_rows(PAGE, "## Limits")}
    rate = EndpointDefinition.model_json_schema()["properties"]["rate_limit"]
    assert limits["endpoints of an organization"].startswith(f"{MOST_ENDPOINTS} ")
    assert limits["deliveries a second"].endswith(f"{rate['minimum']} to {rate['maximum']}")
    assert f"{rate['minimum']} to {rate['maximum']}, by default {rate['default']}" in TEXT
    assert limits["deliveries under way at once"].startswith(f"{drain.AT_ONCE} subjects")
    assert limits["time for an attempt"].startswith(f"{sender.ATTEMPT_SECONDS:.0f} s,")
    assert limits["what is kept of an answer"] == f"{sender.ANSWER_BYTES:,} bytes"
    assert limits["secrets that sign at once"] == str(MOST_SECRETS)
    assert limits["deliveries and attempts that are over"] == f"{KEPT.days} days"
    assert f"goes on for {LEAST_OVERLAP_HOURS} hours" in TEXT
    assert f'{{"overlap_hours": {MOST_OVERLAP_HOURS}}}' in TEXT


@pytest.mark.parametrize(
    ("heading", "values"),
    [("## What became of it", DeliveryState), ("## Sending again", BackfillKind)],
)
def test_tables_of_codes_are_complete(heading: str, values: type[DeliveryState | BackfillKind]) -> None:
    assert sorted(name for row in table_rows(PAGE, heading) for name in names_in(row[0])) == sorted(values)


def test_the_fields_of_an_endpoint_are_complete() -> None:
    named = [name for row in table_rows(PAGE, "## Making an endpoint") for name in names_in(row[0])]
    assert sorted(named) == sorted(EndpointDefinition.model_fields)


def test_what_is_not_allowed_is_what_the_code_refuses() -> None:
    four, six = (names_in(row[1]) for row in table_rows(PAGE, "## Where deliveries may go"))
    assert four == [str(network) for network in NOT_PUBLIC_4]
    assert six == [str(GLOBAL_UNICAST_6), *(str(network) for network in NOT_PUBLIC_6)]
    names = set(CODE.findall(section(PAGE, "## Where deliveries may go")))
    assert {name if name == "localhost" else f"*.{name}" for name in INTERNAL_NAMES} <= names
    codes = re.findall(r"^\| `(\w+)` \|", section(PAGE, "## Where deliveries may go"), re.MULTILINE)
    assert sorted(codes) == sorted(AttemptCode)


def test_the_signature_to_try_one_s_own_code_is_right() -> None:
    given = re.search(r"with the secret `(.+?)`, the id `(.+?)`, the timestamp `(\d+)` and the body `(.+?)` the", TEXT)
    assert given is not None
    secret, message_id, timestamp, body = given.groups()
    at = datetime.fromtimestamp(int(timestamp), UTC)
    signature = signed_headers([secret], message_id, at, body.encode())["webhook-signature"]
    assert f"the signature is `{signature}`" in TEXT
    assert Webhook(secret).sign(message_id, at, body) == signature


def test_what_arrives_is_shown_with_the_headers_that_are_sent() -> None:
    shown = section(PAGE, "## What arrives")
    for name in signed_headers(["whsec_YQ=="], "id", datetime.now(UTC), b""):
        assert f"\n{name}: " in shown
    assert f"\ncontent-type: {drain.CONTENT_TYPE}\n" in shown
    assert f"\nuser-agent: {sender.USER_AGENT}\n" in shown


def test_the_consumer_that_the_guide_names_is_shorter_than_sixty_lines() -> None:
    assert "(examples/consumer.py)" in TEXTS["docs/events.md"]
    assert len((ROOT / "docs/examples/consumer.py").read_text().splitlines()) < 60
