"""Where in the console the coordinators and the sponsor find what a message to them is about. Pure."""

from uuid import UUID

from shared.contracts.notifications import Announcement, Template
from shared.contracts.rounds import RoundKind, round_id_for

MOST_CHECK_INS = 52
"""A calendar has no more."""
APPROVALS = {Template.APPROVAL_NEEDED, Template.APPROVAL_REMINDER, Template.APPROVAL_ESCALATED}
CONCERNS = {Template.CONCERN_RAISED, Template.CONCERN_REMINDER, Template.CONCERN_ESCALATED}


def console_page(announcement: Announcement, cycle_id: UUID) -> str:
    """The path of the page: the review of matches, one concern, the open concerns of a round that raised several, the
    pairs, the messages that wait, or else the cycle."""
    cycle = f"/console/cycles/{cycle_id}"
    if announcement.template in APPROVALS:
        return f"{cycle}/review"
    if announcement.template is Template.PEOPLE_LEFT:
        return f"{cycle}/pairs"
    if announcement.template is Template.MESSAGES_HELD:
        return f"/console/messages?cycle_id={cycle_id}&state=waiting"
    if announcement.template not in CONCERNS:
        return cycle
    rounds = (round_id_for(cycle_id, RoundKind.CHECK_IN, number + 1) for number in range(MOST_CHECK_INS))
    if announcement.scope_id in rounds:
        return f"/console/concerns?cycle_id={cycle_id}"
    return f"/console/concerns/{announcement.scope_id}"
