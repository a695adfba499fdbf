"""Checking a person's application to a cycle. Topics become codes, and addresses become people. Pure.

An error names the field and the position, and never repeats what the person wrote.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import NamedTuple, TypeVar
from uuid import UUID

from services.intake.importing.cells import EMAIL, BadCell, fold_email, parse_language
from services.intake.rules.topics import codes_by_spelling, fold
from shared.contracts.intake import EnrolmentAnswer, EnrolmentRole, MeetingWindow, TeachingLevel
from shared.contracts.programs import Topic
from shared.errors import Invalid
from shared.language.words import translatable

Found = TypeVar("Found", bound=Hashable)
TEACH_NOTHING = translatable("A mentor names at least one topic to teach.")
LEARN_NOTHING = translatable("A mentee names at least one topic to learn.")
OTHER_LEVEL = translatable("This topic has another level already.")
UNKNOWN_ADDRESS = translatable("The directory has nobody with this address.")


class ApplicationInvalid(Invalid):
    code = "enrolment_invalid"


class Application(NamedTuple):
    """An answer whose topics are codes of the program and whose people are ids of the directory."""

    role: EnrolmentRole | None
    topics_taught: list[str]
    taught_levels: dict[str, TeachingLevel]
    """The levels that were given, by the code of the topic."""
    topics_wanted: list[str]
    mentor_capacity: int
    mentee_capacity: int
    languages: list[str]
    meeting_windows: list[MeetingWindow]
    preferred: list[UUID]
    avoided: list[UUID]


def emails_of(answer: EnrolmentAnswer) -> set[str]:
    """The addresses that are looked up in the directory before `check_application`, in lower case. What cannot be an
    address is left out."""
    given = {fold_email(email) for email in (*answer.preferred_emails, *answer.avoided_emails)}
    return {email for email in given if EMAIL.match(email)}


def check_application(
    answer: EnrolmentAnswer, topics: Sequence[Topic], people: Mapping[str, UUID], person_id: UUID
) -> Application:
    """The answer as an application. `people` are the ids of the people of the organization, by their addresses.

    When a person declines, the other fields are not read. Raises ApplicationInvalid, which lists all wrong fields.
    """
    if answer.role is None:
        return Application(None, [], {}, [], 1, 1, [], [], [], [])
    errors: list[dict[str, str]] = []
    codes = codes_by_spelling(topics)
    taught = _fold_topics("topics_taught", answer.topics_taught, codes, errors)
    levels = _fold_levels(answer.taught_levels, codes, taught, errors)
    wanted = _fold_topics("topics_wanted", answer.topics_wanted, codes, errors)
    languages = _fold_languages(answer.languages, errors)
    preferred = _find_people("preferred_emails", answer.preferred_emails, people, person_id, errors)
    avoided = _find_people("avoided_emails", answer.avoided_emails, people, person_id, errors)
    if set(preferred) & set(avoided):
        errors.append({"field": "avoided_emails", "detail": translatable("Nobody can be both preferred and avoided.")})
    if answer.role is not EnrolmentRole.MENTEE and not answer.topics_taught:
        errors.append({"field": "topics_taught", "detail": TEACH_NOTHING})
    if answer.role is not EnrolmentRole.MENTOR and not answer.topics_wanted:
        errors.append({"field": "topics_wanted", "detail": LEARN_NOTHING})
    if errors:
        raise ApplicationInvalid(translatable("Some fields are not valid; see errors."), errors=errors)
    return Application(
        answer.role,
        taught,
        levels,
        wanted,
        answer.mentor_capacity,
        answer.mentee_capacity,
        languages,
        list(dict.fromkeys(answer.meeting_windows)),
        preferred,
        avoided,
    )


def _fold_topics(field: str, given: Sequence[str], codes: Mapping[str, str], errors: list[dict[str, str]]) -> list[str]:
    return _each(
        field, given, lambda text: codes.get(fold(text)), translatable("The program has no such topic."), errors
    )


def _fold_levels(
    given: Mapping[str, TeachingLevel], codes: Mapping[str, str], taught: Sequence[str], errors: list[dict[str, str]]
) -> dict[str, TeachingLevel]:
    """The level of each topic, by its code. A level may be given only for a topic that is taught, and only once."""
    levels: dict[str, TeachingLevel] = {}
    for position, (text, level) in enumerate(given.items()):
        code = codes.get(fold(text))
        if code is None or code not in taught:
            detail = translatable("A level is given for topics that are taught, and for no other.")
            errors.append({"field": f"taught_levels.{position}", "detail": detail})
        elif levels.setdefault(code, level) is not level:
            errors.append({"field": f"taught_levels.{position}", "detail": OTHER_LEVEL})
    return levels


def _fold_languages(given: Sequence[str], errors: list[dict[str, str]]) -> list[str]:
    def find(text: str) -> str | None:
        try:
            return parse_language(text.strip())
        except BadCell:
            return None

    return _each("languages", given, find, translatable("This is not a language code; write it like en or de."), errors)


def _find_people(
    field: str, given: Sequence[str], people: Mapping[str, UUID], person_id: UUID, errors: list[dict[str, str]]
) -> list[UUID]:
    found = _each(field, given, lambda text: people.get(fold_email(text)), UNKNOWN_ADDRESS, errors)
    if person_id in found:
        errors.append({"field": field, "detail": translatable("Name other people, not yourself.")})
    return found


def _each(
    field: str, given: Sequence[str], find: Callable[[str], Found | None], detail: str, errors: list[dict[str, str]]
) -> list[Found]:
    """What the texts mean, in their order and without repeats. A text that means nothing becomes an error."""
    found: dict[Found, None] = {}
    for position, text in enumerate(given):
        if (meaning := find(text)) is None:
            errors.append({"field": f"{field}.{position}", "detail": detail})
        else:
            found[meaning] = None
    return list(found)
