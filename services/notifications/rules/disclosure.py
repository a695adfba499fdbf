"""Which messages are listed one by one. Pure.

Who has not answered a check-in or a survey is told to nobody, and a list of messages would tell it: a reminder goes to
those who keep silent, and an invitation is dropped for those who answered before it was sent. Such messages are counted
and not listed. Those that failed are: somebody must mend the address.
"""

from services.notifications.rules.messages import MessageState
from shared.contracts.notifications import Template
from shared.contracts.round_kinds import DECLARATIONS
from shared.contracts.rounds import RoundKind

NAMED = (RoundKind.ENROLMENT, RoundKind.ACCEPTANCE)
"""The kinds of rounds of which coordinators read who has not answered."""
LISTED_AT_ALL = (MessageState.FAILED,)


def reminders_not_listed() -> list[Template]:
    """The reminders that are listed only when they failed."""
    return [found.reminder for kind, found in DECLARATIONS.items() if kind not in NAMED]


def invitations_not_listed() -> list[Template]:
    """The invitations that are not listed when they were dropped."""
    return [found.invitation for kind, found in DECLARATIONS.items() if kind not in NAMED]
