"""The rules that make the entries of an answer valid together; the contract checks each entry by itself."""

from collections.abc import Collection, Sequence
from uuid import UUID

from shared.contracts.feedback import CheckInEntry, SurveyEntry
from shared.errors import Invalid
from shared.language.words import translatable

HOW_USEFUL = translatable("Say how useful it was, from 1 to 5, as you met.")
TWICE = translatable("This pair is answered twice; send one entry a pair.")
NOT_ASKED = translatable("This person is not asked about this pair in this round.")


class AnswerNotValid(Invalid):
    code = "answer_not_valid"


def check_check_in(entries: Sequence[CheckInEntry], asked: Collection[UUID]) -> None:
    """Checks that each entry is about a different pair that the round asks about, and that an entry about a pair that
    met says how useful that was. Raises AnswerNotValid, which names all fields that are wrong."""
    errors = _wrong_pairs([entry.pair_id for entry in entries], asked)
    for index, entry in enumerate(entries):
        if entry.met and entry.usefulness is None:
            errors.append(_error(index, "usefulness", HOW_USEFUL))
    _raise_if_any(errors)


def check_survey(entries: Sequence[SurveyEntry], asked: Collection[UUID]) -> None:
    """Checks that each entry is about a different pair that the round asks about. Raises AnswerNotValid, which names
    all fields that are wrong."""
    _raise_if_any(_wrong_pairs([entry.pair_id for entry in entries], asked))


def usefulness_of(entry: CheckInEntry) -> int | None:
    """The usefulness that counts. If the pair did not meet there is none, even if the form sent a value."""
    return entry.usefulness if entry.met else None


def _wrong_pairs(pair_ids: Sequence[UUID], asked: Collection[UUID]) -> list[dict[str, str]]:
    errors, seen = [], set()
    for index, pair_id in enumerate(pair_ids):
        if pair_id in seen:
            errors.append(_error(index, "pair_id", TWICE))
        elif pair_id not in asked:
            errors.append(_error(index, "pair_id", NOT_ASKED))
        seen.add(pair_id)
    return errors


def _error(index: int, field: str, detail: str) -> dict[str, str]:
    return {"field": f"entries.{index}.{field}", "detail": detail}


def _raise_if_any(errors: list[dict[str, str]]) -> None:
    if errors:
        raise AnswerNotValid(translatable("Some fields are not valid; see errors."), errors=errors)
