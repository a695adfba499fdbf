"""The words that pages use for codes. They are translated where they are shown."""

from shared.contracts.accounts import Role
from shared.contracts.feedback import Obstacle
from shared.contracts.intake import MeetingWindow, TeachingLevel
from shared.contracts.matching import PairState
from shared.contracts.programs import Direction, Outcome, Stage
from shared.contracts.rounds import CloseReason
from shared.language.words import translatable

WINDOWS = {
    MeetingWindow.MON_AM.value: translatable("Monday morning"),
    MeetingWindow.MON_PM.value: translatable("Monday afternoon"),
    MeetingWindow.TUE_AM.value: translatable("Tuesday morning"),
    MeetingWindow.TUE_PM.value: translatable("Tuesday afternoon"),
    MeetingWindow.WED_AM.value: translatable("Wednesday morning"),
    MeetingWindow.WED_PM.value: translatable("Wednesday afternoon"),
    MeetingWindow.THU_AM.value: translatable("Thursday morning"),
    MeetingWindow.THU_PM.value: translatable("Thursday afternoon"),
    MeetingWindow.FRI_AM.value: translatable("Friday morning"),
    MeetingWindow.FRI_PM.value: translatable("Friday afternoon"),
}
USEFULNESS = {
    "1": translatable("Not at all"),
    "2": translatable("A little"),
    "3": translatable("Somewhat"),
    "4": translatable("Useful"),
    "5": translatable("Very useful"),
}
TEACHING = {
    TeachingLevel.EXPERT: translatable("In depth"),
    TeachingLevel.GOOD: translatable("Well"),
    TeachingLevel.BASICS: translatable("The basics"),
}
OBSTACLES = {
    Obstacle.NONE: translatable("Nothing got in the way"),
    Obstacle.NO_TIME: translatable("No time"),
    Obstacle.CANCELLED: translatable("A meeting was cancelled"),
    Obstacle.TOPIC: translatable("We lacked a topic"),
    Obstacle.NOT_A_FIT: translatable("We are not a good fit"),
    Obstacle.OTHER: translatable("Something else"),
}
STAGES = {
    Stage.SCHEDULED: translatable("Scheduled"),
    Stage.INTAKE: translatable("Enrolment"),
    Stage.MATCHING: translatable("Matching"),
    Stage.REVIEW: translatable("Review"),
    Stage.KICKOFF: translatable("Kickoff"),
    Stage.ACTIVE: translatable("Active"),
    Stage.CLOSING: translatable("Closing"),
    Stage.COMPLETED: translatable("Completed"),
    Stage.CANCELLED: translatable("Cancelled"),
}
OUTCOMES = {
    Outcome.COMPLETED: translatable("Completed: the report is ready."),
    Outcome.NOBODY_ENROLLED: translatable("Ended early: nobody enrolled."),
    Outcome.NOBODY_MATCHED: translatable("Ended early: nobody could be matched."),
    Outcome.NOBODY_ACCEPTED: translatable("Ended early: no offer was accepted by both sides."),
    Outcome.CANCELLED: translatable("Cancelled by an administrator."),
}
ROLES = {
    Role.VIEWER: translatable("Viewer"),
    Role.COORDINATOR: translatable("Coordinator"),
    Role.ADMIN: translatable("Admin"),
    Role.OWNER: translatable("Owner"),
}
ONE_TIME = translatable("One-time sign-in")
"""The key that one-time addresses stand for."""
DIRECTIONS = {
    Direction.REVERSE: translatable("Reverse: the mentor is junior to the mentee"),
    Direction.MUTUAL: translatable("Mutual: both teach and learn"),
    Direction.TRADITIONAL: translatable("Traditional: the mentor is senior to the mentee"),
}
DIRECTION_NAMES = {
    Direction.REVERSE: translatable("Reverse"),
    Direction.MUTUAL: translatable("Mutual"),
    Direction.TRADITIONAL: translatable("Traditional"),
}
CLOSINGS = {
    CloseReason.DEADLINE: translatable("deadline reached"),
    CloseReason.ANSWERED: translatable("everyone answered"),
    CloseReason.ADVANCED: translatable("closed early"),
    CloseReason.CANCELLED: translatable("cancelled"),
}
PAIRS = {
    PairState.PROPOSED: translatable("Proposed"),
    PairState.OFFERED: translatable("Offered"),
    PairState.ACTIVE: translatable("Active"),
    PairState.ON_HOLD: translatable("On hold"),
    PairState.ENDED: translatable("Ended"),
    PairState.COMPLETED: translatable("Completed"),
    PairState.DECLINED: translatable("Declined"),
}
