"""The table of channels: the transport of each."""

from collections.abc import Callable

from services.notifications.channels.email import Email
from services.notifications.channels.transport import Transport
from services.notifications.rules.messages import Channel
from shared.config import Settings

TRANSPORTS: dict[Channel, Callable[[Settings], Transport]] = {
    Channel.EMAIL: Email,
}
