"""Which messages are listed one by one. Pure.

Who has not answered a check-in or a survey is told to nobody, and a list of messages would tell it: a reminder goes to
those who keep silent, and an invitation is dropped for those who answered before it was sent. Such messages are counted
and not listed (decision 0030).
"""

from shared.contracts.notifications import Template
from shared.contracts.round_kinds import DECLARATIONS


def invitations_not_listed() -> list[Template]:
    """The invitations that are not listed when they were dropped."""
    return [found.invitation for found in DECLARATIONS.values() if not found.tells_who_answered]
