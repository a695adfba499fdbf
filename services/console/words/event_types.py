"""When each type of event happens, and what it is about. Pure.

The sentences are those of the catalogue, whose readers otherwise are developers: a test compares the two.
"""

from shared.language.words import translatable

WHEN = {
    "announcement.held": translatable(
        "Messages of a cycle wait because the mail server refuses everybody in the same way; they are tried again."
    ),
    "announcement.retried": translatable("Somebody asked to send failed messages again."),
    "check_in.answered": translatable(
        "A participant answered a check-in about a pair for the first time; what they said is not told."
    ),
    "concern.escalated": translatable("An open concern was told to the coordinators or, later, to the sponsor."),
    "concern.raised": translatable(
        "A pair needs help: one of the two missed two check-ins in a row, or said that the pair is not a fit."
    ),
    "concern.resolved": translatable(
        "A concern was resolved: by a coordinator, because somebody of its pair left, or because its cycle is over."
    ),
    "cycle.advance_requested": translatable(
        "A coordinator asked to close what a cycle is waiting for, before its time."
    ),
    "cycle.cancellation_requested": translatable(
        "An admin asked to cancel a cycle; `cycle.cancelled` follows when that is done."
    ),
    "cycle.cancelled": translatable("A cycle was cancelled, and everything in it has been closed."),
    "cycle.completed": translatable("A cycle is over and was not cancelled; the outcome says how it ended."),
    "cycle.paused": translatable(
        "A coordinator paused a cycle: until it is resumed, nothing is sent and nothing new begins."
    ),
    "cycle.requested": translatable("A cycle was triggered, by an admin or by its program's schedule."),
    "cycle.resumed": translatable("A coordinator resumed a paused cycle."),
    "cycle.stage_changed": translatable("A cycle entered its next stage."),
    "cycle.stalled": translatable(
        "A running cycle has not moved for minutes though it should; the reason says what is wrong."
    ),
    "endpoint.disabled": translatable(
        "An endpoint was disabled: by an admin, by its answer 410, or by five days of failure."
    ),
    "endpoint.enabled": translatable("A disabled endpoint was enabled again."),
    "endpoint.failing": translatable("Deliveries to an endpoint keep failing; its owner is told."),
    "endpoint.tested": translatable(
        "An admin asked for a test delivery to an endpoint, which gets this event whatever types it has chosen."
    ),
    "enrolment.submitted": translatable("A person answered the enrolment, for the first time or again."),
    "match_run.approved": translatable("A coordinator approved the pairs of a match run."),
    "match_run.proposed": translatable("A match run proposed pairs, which wait for approval."),
    "message.failed": translatable(
        "A message of a cycle, but no reminder of a check-in or survey, was refused for good or has no valid address."
    ),
    "pair.activated": translatable("Both people of a pair accepted, and the pair became active."),
    "pair.completed": translatable("A pair was still active when its cycle was completed."),
    "pair.declined": translatable(
        "An offered pair was declined by one of the two, lost one who left, got no answer, or was ended with its cycle."
    ),
    "pair.ended": translatable("An active pair ended before its cycle was completed."),
    "pair.offered": translatable("An approved pair was offered to its mentor and its mentee."),
    "people.imported": translatable("An HR export was imported into the directory."),
    "person.left": translatable("According to an HR export, an active person of the directory has left."),
    "person.returned": translatable("An HR export lists a person again who had left."),
    "program.schedule_changed": translatable(
        "A program that recurs was created, or its recurrence was changed, switched on or off."
    ),
    "report.compiled": translatable("The report of a cycle was compiled and can be read now."),
    "round.answered": translatable("Everyone whom a round still asks has answered."),
    "round.closed": translatable("A round takes no more answers; the counts are final."),
    "round.opened": translatable("A round was opened and asks its recipients from now on."),
    "round.reminder_requested": translatable("A coordinator asked to remind everyone who has not answered a round."),
    "survey.answered": translatable(
        "A participant answered the closing survey about a pair for the first time; what they said is not told."
    ),
}
ABOUT = {
    "announcement": translatable("Announcement"),
    "check_in": translatable("Check-in"),
    "concern": translatable("Concern"),
    "cycle": translatable("Cycle"),
    "endpoint": translatable("Endpoint"),
    "enrolment": translatable("Enrolment"),
    "import": translatable("Import"),
    "match_run": translatable("Match run"),
    "message": translatable("Message"),
    "pair": translatable("Pair"),
    "person": translatable("Person"),
    "program": translatable("Program"),
    "round": translatable("Round"),
    "survey": translatable("Survey"),
}
"""The first part of an event's subject."""
