"""Why a message waits. Pure."""

from datetime import datetime
from enum import StrEnum


class WaitingFor(StrEnum):
    """What a message waits for that has neither been sent nor given up."""

    RESUMPTION = "resumption"
    """Its cycle is paused; it goes on once the cycle is resumed."""
    SENDING_HOURS = "sending_hours"
    """It is outside the sending hours of the program by the reader's clock, or it was never tried."""
    NEXT_ATTEMPT = "next_attempt"
    """The mail server put it off; it is tried again when it is due."""
    MAIL_SERVER = "mail_server"
    """It is due, and the last attempt failed: the mail server is away, or does not answer."""
    SERVER_REFUSES = "server_refuses"
    """It is due, and the mail server refuses everybody in the same way. It is tried again by itself."""
    ITS_TURN = "its_turn"
    """It is due and is sent with those before it."""


def waiting_for(
    due_at: datetime, attempts: int, deferrals: int, *, paused: bool, refused: bool = False, now: datetime
) -> WaitingFor:
    """What a waiting message waits for. `attempts` counts how often it was tried, and `deferrals` how often its channel
    put it off. `refused` says that the channel refuses everybody."""
    if paused:
        return WaitingFor.RESUMPTION
    if due_at > now:
        return WaitingFor.NEXT_ATTEMPT if deferrals else WaitingFor.SENDING_HOURS
    if refused:
        return WaitingFor.SERVER_REFUSES
    return WaitingFor.MAIL_SERVER if attempts > deferrals else WaitingFor.ITS_TURN
