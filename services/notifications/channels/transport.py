"""What every channel does for a delivery: it takes messages one by one, or raises an error that says why not.

Failures carry codes only, as a server's own texts quote addresses.
"""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from services.notifications.composing import Composed


class RefusedForGood(Exception):
    """The channel will never take this message. `asked` says whether the channel's own server said so."""

    def __init__(self, code: str, *, asked: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.asked = asked


class PutOff(Exception):
    """The channel wants to be asked again later about this message, as for greylisting or a full mailbox."""


class ChannelAway(Exception):
    """The channel takes no messages now, whoever they are for; the text is a code."""


class ConnectionLost(Exception):
    """The connection broke while this message was sent, and also a second time if it had worked before. Nobody knows
    whether the message was taken. `away` is the error that the delivery ends with."""

    def __init__(self, away: ChannelAway) -> None:
        super().__init__(str(away))
        self.away = away


class Transport(ABC):
    """Sends messages by one channel. It is an async context manager, and connects at its first message, or before."""

    async def __aenter__(self) -> Self:
        return self

    @abstractmethod
    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None: ...

    @abstractmethod
    async def connect(self) -> None:
        """Returns once the channel takes messages, as far as that can be known without one. Raises ChannelAway."""

    @abstractmethod
    async def send(self, message: Composed) -> None:
        """Returns once the channel has taken the message. Raises RefusedForGood, PutOff, ConnectionLost,
        ChannelAway."""
