"""Every channel has a transport, and everybody can be reached by a channel."""

from uuid import uuid4

from services.notifications.channels.registry import TRANSPORTS
from services.notifications.rules.messages import Channel, channel_for
from shared.contracts.intake import Contact


def test_every_channel_has_a_transport() -> None:
    assert set(TRANSPORTS) == set(Channel)


def test_everybody_is_written_to_by_e_mail() -> None:
    contact = Contact(
        person_id=uuid4(), name="Ann", given_name="Ann", email="ann@acme.example", language="en", time_zone=""
    )
    assert channel_for(contact) is Channel.EMAIL
