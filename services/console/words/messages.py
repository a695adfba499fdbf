"""The words that the pages of messages use for codes. They are translated where they are shown."""

from shared.contracts.notifications import PageText, Template
from shared.language.words import translatable

TEMPLATES: dict[str, str] = {
    Template.ENROLMENT_INVITATION: translatable("Invitation to take part"),
    Template.ENROLMENT_REMINDER: translatable("Reminder of the invitation to take part"),
    Template.ACCEPTANCE_INVITATION: translatable("Offer of a partner"),
    Template.ACCEPTANCE_REMINDER: translatable("Reminder of an offer"),
    Template.CHECK_IN_INVITATION: translatable("Invitation to a check-in"),
    Template.CHECK_IN_REMINDER: translatable("Reminder of a check-in"),
    Template.SURVEY_INVITATION: translatable("Invitation to the closing survey"),
    Template.SURVEY_REMINDER: translatable("Reminder of the closing survey"),
    Template.KICKOFF: translatable("Start of a pair"),
    Template.UNMATCHED: translatable("No partner was found"),
    Template.PAIR_ENDED: translatable("A pair was ended"),
    Template.PARTNER_LEFT: translatable("The partner has left"),
    Template.PEOPLE_LEFT: translatable("People of the cycle have left"),
    Template.CYCLE_CANCELLED: translatable("The cycle was cancelled"),
    Template.CYCLE_COMPLETED: translatable("The cycle is over"),
    Template.NOBODY_ENROLLED: translatable("Nobody enrolled"),
    Template.NOBODY_MATCHED: translatable("Nobody could be matched"),
    Template.NOBODY_ACCEPTED: translatable("No offer was accepted"),
    Template.APPROVAL_NEEDED: translatable("Matches wait for approval"),
    Template.APPROVAL_REMINDER: translatable("Reminder of an approval"),
    Template.APPROVAL_ESCALATED: translatable("An approval is missing (to the sponsor)"),
    Template.CONCERN_RAISED: translatable("A pair needs help"),
    Template.CONCERN_REMINDER: translatable("Reminder of a concern"),
    Template.CONCERN_ESCALATED: translatable("A concern is still open (to the sponsor)"),
    Template.MESSAGES_HELD: translatable("The mail server refuses messages"),
    Template.WEEKLY_OVERVIEW: translatable("Monday overview of what needs somebody"),
    Template.ENDPOINT_FAILING: translatable("An endpoint does not accept events"),
    Template.ENDPOINT_DISABLING_SOON: translatable("An endpoint will be disabled soon"),
    Template.ENDPOINT_DISABLED: translatable("An endpoint was disabled"),
}
STATES = {
    "sent": translatable("Sent"),
    "waiting": translatable("Waiting"),
    "failed": translatable("Failed"),
    "dropped": translatable("Not sent"),
}
SORTS = {"-due_at": translatable("Newest first"), "due_at": translatable("Oldest first")}
WAITING = {
    "resumption": translatable("The cycle is paused. It is sent once somebody resumes the cycle."),
    "sending_hours": translatable("It waits for the sending hours of the program by its reader’s clock."),
    "next_attempt": translatable("The mail server put it off. It is tried again at this time."),
    "mail_server": translatable("The mail server does not answer. It is sent by itself once the server is back."),
    "server_refuses": translatable("The mail server refuses everybody. It is tried again by itself until it is taken."),
    "its_turn": translatable("It is about to be sent."),
}
FAILURES = {
    "smtp_550": translatable(
        "The mail server does not take mail for this address. Correct the address in the directory, then the next "
        "message arrives."
    ),
    "smtp_552": translatable("The mailbox is full. Ask the person to make room."),
    "undeliverable": translatable(
        "The mail server put it off too often. The mailbox may be full or blocked: ask the person, or whoever runs the "
        "mail server."
    ),
    "invalid_address": translatable("The address cannot be one of an e-mail. Correct it in the directory."),
    "smtputf8_unsupported": translatable(
        "The mail server does not take addresses with such letters. Enter another address in the directory."
    ),
}
"""What to do about a message that failed, by its code."""
REFUSED = translatable(
    "The mail server refused it for good (%(code)s). Check the address in the directory; if it is right, ask whoever "
    "runs the mail server."
)
"""For every other code of the mail server."""
DROPS = {
    "round_closed": translatable("The round was closed before."),
    "person_inactive": translatable("The person has left."),
    "not_asked": translatable("The person had answered before, or was not asked any more."),
    "no_link": translatable("The person was not asked any more."),
    "no_pair": translatable("The pair had ended before."),
    "given_up": translatable("It was settled before."),
    "not_named": translatable("The person coordinates the program no more, or stands in for nobody any more."),
    "nothing_to_do": translatable("Nothing needed the person that week."),
    "endpoint_gone": translatable("The endpoint had been deleted."),
    "endpoint_enabled": translatable("The endpoint had been enabled again."),
    "endpoint_disabled": translatable("The endpoint had been disabled."),
    "endpoint_recovered": translatable("The endpoint accepted events again."),
}
"""Why a message was not sent that was not needed any more, by its code."""
STAFF = ("approval_", "concern_", "people_", "nobody_", "cycle_completed", "messages_", "weekly_")
GROUPS = {
    translatable("To participants"): tuple(one for one in Template if not one.value.startswith((*STAFF, "endpoint_"))),
    translatable("To coordinators and sponsors"): tuple(one for one in Template if one.value.startswith(STAFF)),
    translatable("To owners of endpoints"): tuple(one for one in Template if one.value.startswith("endpoint_")),
}
"""All messages by who gets them."""
PAGES = translatable("Pages of participants")
PAGE_TEXTS = {
    PageText.ENROLMENT_PAGE: translatable("Page for taking part"),
    PageText.ENROLMENT_THANKS: translatable("Thanks for answering the invitation"),
    PageText.ACCEPTANCE_PAGE: translatable("Page with an offer"),
    PageText.ACCEPTANCE_THANKS: translatable("Thanks for answering an offer"),
    PageText.CHECK_IN_PAGE: translatable("Page of a check-in"),
    PageText.CHECK_IN_THANKS: translatable("Thanks for a check-in"),
    PageText.SURVEY_PAGE: translatable("Page of the closing survey"),
    PageText.SURVEY_THANKS: translatable("Thanks for the closing survey"),
}
"""The texts of participants' pages that can be changed."""
