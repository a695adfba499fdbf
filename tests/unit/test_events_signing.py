"""Signatures, verified with the official library as a consumer does."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from services.events.webhooks.rules.signing import new_secret, signed_headers

BODY = '{"id": "7", "name": "é"}'.encode()
ID = "msg_01"


def now() -> datetime:
    return datetime.now(UTC)


def test_a_secret_is_32_random_bytes_in_the_usual_form() -> None:
    secret = new_secret()
    assert secret.startswith("whsec_")
    assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32
    assert new_secret() != secret


def test_a_consumer_verifies_a_delivery() -> None:
    secret = new_secret()
    assert Webhook(secret).verify(BODY, signed_headers([secret], ID, now(), BODY)) == {"id": "7", "name": "é"}


def test_during_rotation_the_old_and_the_new_secret_verify_and_no_other() -> None:
    old, new = new_secret(), new_secret()
    headers = signed_headers([new, old], ID, now(), BODY)
    assert headers["webhook-signature"].count("v1,") == 2
    Webhook(old).verify(BODY, headers)
    Webhook(new).verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(BODY, headers)


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "msg_02"},
        {"webhook-timestamp": str(int(now().timestamp()) - 60)},
        {"webhook-signature": "v1," + base64.b64encode(bytes(32)).decode()},
    ],
)
def test_a_changed_header_does_not_verify(change: dict[str, str]) -> None:
    secret = new_secret()
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY, signed_headers([secret], ID, now(), BODY) | change)


def test_a_changed_body_does_not_verify() -> None:
    secret = new_secret()
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY + b" ", signed_headers([secret], ID, now(), BODY))


@pytest.mark.parametrize("difference", [timedelta(minutes=-6), timedelta(minutes=6)])
def test_an_attempt_of_another_time_does_not_verify(difference: timedelta) -> None:
    secret = new_secret()
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY, signed_headers([secret], ID, now() + difference, BODY))


def test_the_signature_is_that_of_the_specification() -> None:
    """The example of the official libraries' tests."""
    headers = signed_headers(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        datetime.fromtimestamp(1614265330, UTC),
        b'{"test": 2432232314}',
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-timestamp"] == "1614265330"


@pytest.mark.parametrize(
    ("secrets", "message_id", "at"),
    [
        ([], ID, now()),
        ([new_secret()], "", now()),
        ([new_secret()], "a.b", now()),
        ([new_secret()], ID, now().replace(tzinfo=None)),
        (["whsec_%"], ID, now()),
    ],
)
def test_what_nobody_could_verify_is_not_signed(secrets: list[str], message_id: str, at: datetime) -> None:
    with pytest.raises(ValueError):
        signed_headers(secrets, message_id, at, BODY)
