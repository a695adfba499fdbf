"""Which field of the form an error of the API is about, and what is said there. Pure."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from services.console.admin.programs.resources import Draft
from services.console.admin.programs.rules.lengths import LENGTH
from services.console.admin.programs.typed import ROUNDS
from services.console.forms.errors import FieldError
from services.console.forms.questionnaire import CHECK
from shared.language.words import translatable

SAID = (
    (r"name", "name", translatable("Write a name of at most 120 characters.")),
    (r"direction", "direction", translatable("Choose who learns from whom.")),
    (r"time_zone", "time_zone", translatable("Choose a time zone of the list, such as Europe/Berlin.")),
    (r"language", "language", translatable("Choose a language.")),
    (r"sponsor_id", "sponsor", translatable("Choose an active person of the directory.")),
    (r"coordinator_ids\.?.*", "coordinators", translatable("Choose active people of the directory, at most 50.")),
    (r"calendar\.check_ins", "check_ins", translatable("Write a whole number from 0 to 52.")),
    (r"calendar\.sending_hours.*", "sending", translatable("Write two times of the day, the earlier one first.")),
    (r"calendar\.(\w+)\.length", r"\1_length", LENGTH),
    (r"calendar\.(\w+)\.reminders.*", r"\1_reminders", translatable("Write at most 50 reminders.")),
    (
        r"calendar\.(approval|concern)\.remind_every",
        r"\1_remind",
        translatable("There may be at most 100 reminders until the sponsor is told."),
    ),
    (r"calendar\.(approval|concern)\.escalate_after", r"\1_escalate", LENGTH),
    (r"calendar\.holidays.*", "holidays", translatable("Write at most 100 dates.")),
    (r"calendar\.(first_check_in|check_in_every)", r"\1", LENGTH),
    (
        f"calendar\\.({'|'.join(ROUNDS)})",
        r"\1_reminders",
        translatable("Each reminder must come before the round closes."),
    ),
    (
        r"calendar",
        "check_in_every",
        translatable("The time to answer a check-in must not be longer than the time between two check-ins."),
    ),
    (r"policy\.weights\.(\w+)", r"weight_\1", translatable("Choose a number from 0 to 10.")),
    (r"policy\.floor", "floor", translatable("Write a whole number from 0 to 100.")),
    (r"policy\.(\w+_level_gap)", r"\1", translatable("Write a whole number from 0 to 100.")),
    (r"policy\.min_common_hours", "min_common_hours", translatable("Write hours from 0 to 40, in halves.")),
    (r"policy\.repeat_after_cycles", "past_after", translatable("Write a whole number from 1 to 100.")),
    (r"policy\.(objective|location)", r"\1", CHECK),
    (
        r"policy",
        "target_level_gap",
        translatable("The best number of levels must lie between the smallest and the largest one."),
    ),
)
TOPICS_NEEDED = translatable("A program that starts by itself needs topics, as nobody could enrol without any.")
TWO_TOPICS = translatable("Two topics have the same name or the same other name. Give each its own.")
TOO_MANY_TOPICS = translatable("Write at most 100 topics.")
TOPIC_NAME = translatable("Write a name of at most 80 characters.")
TOPIC_ALSO = translatable("Write at most 50 other names of at most 80 characters each.")


def errors_of(named: Iterable[Mapping[str, Any]], draft: Draft) -> list[FieldError]:
    """The errors that the API named, each beside its field and each sentence once there."""
    return list(dict.fromkeys(_error(str(one["field"]).removeprefix("body."), draft) for one in named))


def _error(field: str, draft: Draft) -> FieldError:
    if found := re.fullmatch(r"topics(?:\.([0-9]+))?(?:\.(\w+).*)?", field):
        return _topic_error(found[1], found[2], draft)
    for pattern, place, said in SAID:
        if found := re.fullmatch(pattern, field):
            return FieldError(found.expand(place), said)
    return FieldError("", CHECK)


def _topic_error(index: str | None, part: str | None, draft: Draft) -> FieldError:
    if index is None:
        few = not draft.topics
        many = len(draft.topics) > 100
        return FieldError("topic_label_1", TOPICS_NEEDED if few else TOO_MANY_TOPICS if many else TWO_TOPICS)
    row = draft.rows[int(index)]
    return (
        FieldError(f"topic_also_{row}", TOPIC_ALSO)
        if part == "aliases"
        else FieldError(f"topic_label_{row}", TOPIC_NAME)
    )
