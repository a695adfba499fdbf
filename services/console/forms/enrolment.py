"""The fields of the enrolment page.

They are `role` (mentor | mentee | both | none), `topics_taught` (repeated), `taught_level_<code>` (1 to 3, for each
topic taught), `topics_wanted_1` … `topics_wanted_5` (the most wanted first), `mentor_capacity`, `mentee_capacity`,
`languages` (repeated), `meeting_windows` (repeated), `preferred_emails` (repeated, the most wished for first) and
`avoided_emails` (addresses on lines of their own, or separated by commas).

If the role is `none` ("not this time"), nothing else is passed on. A mentor's wanted topics and a mentee's taught
topics are not passed on either.
"""

import re
from uuid import UUID

from pydantic import ValidationError
from starlette.datastructures import FormData

from services.console.forms.errors import FieldError, Refused
from services.console.forms.questionnaire import Questionnaire, refusals, text, texts
from shared.contracts.intake import EnrolmentAnswer, EnrolmentForm, EnrolmentRole, TeachingLevel
from shared.contracts.rounds import RoundKind
from shared.language.words import translatable

NOT_THIS_TIME = "none"
WANTED = tuple(f"topics_wanted_{rank}" for rank in range(1, 6))
PREFERRED, AVOIDED = "preferred_emails", "avoided_emails"
MOST_WISHES = 5
LEVEL = "taught_level_"
LEVELS = {str(level.value) for level in TeachingLevel}
ADDRESS = re.compile(r"[^\s@]+@[^\s@]+")
HOW_TO_TAKE_PART = translatable("Choose how you would like to take part.")
HOW_WELL = translatable("Choose how well you could teach it.")
ADDRESSES_ONLY = translatable("Write e-mail addresses only, one per line, such as name@company.example.")
MESSAGES = {
    "mentor_capacity": translatable("Choose a number from 1 to 5."),
    "mentee_capacity": translatable("Choose a number from 1 to 5."),
    "topics_taught": translatable("Choose at most 20 topics."),
    "languages": translatable("Choose at most 10 languages."),
    "meeting_windows": translatable("Choose from the half days shown."),
    "preferred_emails": translatable("Name at most 5 people."),
    "avoided_emails": translatable("Name at most 20 people."),
}


class EnrolmentPage(Questionnaire[EnrolmentForm, EnrolmentAnswer]):
    kind = RoundKind.ENROLMENT
    title = translatable("Enrolment")
    template = "enrolment.html"
    form_type = EnrolmentForm

    def parse(self, typed: FormData) -> EnrolmentAnswer:
        role = text(typed, "role")
        if role == NOT_THIS_TIME:
            return EnrolmentAnswer(role=None)
        chosen = role if role in set(EnrolmentRole) else None
        errors = [] if chosen else [FieldError("role", HOW_TO_TAKE_PART)]
        taught = texts(typed, "topics_taught") if role != EnrolmentRole.MENTEE else ()
        fields = {
            "role": chosen,
            "topics_taught": taught,
            "taught_levels": _levels(typed, taught, errors),
            "topics_wanted": _wanted(typed) if role != EnrolmentRole.MENTOR else (),
            "mentor_capacity": text(typed, "mentor_capacity") or 1,
            "mentee_capacity": text(typed, "mentee_capacity") or 1,
            "languages": texts(typed, "languages"),
            "meeting_windows": texts(typed, "meeting_windows"),
            "preferred_emails": _addresses(typed, "preferred_emails", errors),
            "avoided_emails": _addresses(typed, "avoided_emails", errors),
        }
        try:
            answer = EnrolmentAnswer.model_validate(fields)
        except ValidationError as error:
            raise Refused(errors + refusals(error, {}, MESSAGES)) from None
        if errors:
            raise Refused(errors)
        return answer

    def prefill(self, form: EnrolmentForm) -> FormData:
        answer = form.answer
        if answer is None:
            return FormData([("mentor_capacity", "1"), ("mentee_capacity", "1")])
        fields = [("role", answer.role.value if answer.role else NOT_THIS_TIME)]
        fields += [("topics_taught", code) for code in answer.topics_taught]
        levels = {code: answer.taught_levels.get(code, TeachingLevel.EXPERT) for code in answer.topics_taught}
        fields += [(f"{LEVEL}{code}", str(level.value)) for code, level in levels.items()]
        fields += list(zip(WANTED, answer.topics_wanted, strict=False))
        fields += [(name, str(getattr(answer, name))) for name in ("mentor_capacity", "mentee_capacity")]
        fields += [("languages", code) for code in answer.languages]
        fields += [("meeting_windows", window.value) for window in answer.meeting_windows]
        fields += [(PREFERRED, address) for address in answer.preferred_emails]
        fields += [(AVOIDED, "\n".join(answer.avoided_emails))]
        return FormData([(name, value) for name, value in fields])

    def partners(self, form: EnrolmentForm) -> tuple[UUID, ...]:
        return ()

    def field_of(self, location: tuple[str, ...], answer: EnrolmentAnswer) -> str:
        name = location[0] if location else ""
        if name == "topics_wanted":
            index = int(location[1]) if len(location) > 1 and location[1].isdigit() else 0
            return WANTED[min(index, len(WANTED) - 1)]
        if name == "taught_levels":
            codes = [*answer.taught_levels]
            index = int(location[1]) if len(location) > 1 and location[1].isdigit() else len(codes)
            return f"{LEVEL}{codes[index]}" if index < len(codes) else "topics_taught"
        return name if name in EnrolmentAnswer.model_fields else ""

    def address_of(self, location: tuple[str, ...]) -> int | None:
        if len(location) > 1 and location[0].endswith("_emails") and location[1].isdigit():
            return int(location[1]) + 1
        return None


def _levels(typed: FormData, taught: tuple[str, ...], errors: list[FieldError]) -> dict[str, str]:
    """The level of each topic that is ticked. The page sends levels for the other topics too; they are ignored. A topic
    whose level was not sent counts as `EXPERT`; on the page one is chosen."""
    levels = {code: text(typed, f"{LEVEL}{code}") for code in taught if f"{LEVEL}{code}" in typed}
    wrong = [code for code, level in levels.items() if level not in LEVELS]
    errors += [FieldError(f"{LEVEL}{code}", HOW_WELL) for code in wrong]
    return {code: level for code, level in levels.items() if level in LEVELS}


def _wanted(typed: FormData) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, (text(typed, name) for name in WANTED))))


def addresses_in(typed: FormData, name: str) -> tuple[str, ...]:
    """What is typed into a field of addresses, each once, in its order."""
    parts = (part for value in texts(typed, name) for part in re.split(r"[\s,;]+", value))
    return tuple(dict.fromkeys(filter(None, parts)))


def _addresses(typed: FormData, name: str, errors: list[FieldError]) -> tuple[str, ...]:
    found = addresses_in(typed, name)
    wrong = sum(1 for part in found if not ADDRESS.fullmatch(part) or len(part) > 254)
    if wrong:
        errors.append(FieldError(name, ADDRESSES_ONLY))
    return found
