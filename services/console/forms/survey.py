"""The fields of the survey page. For each pair: `usefulness_<pair id>` (1 … 5), `would_repeat_<pair id>` (yes | no) and
`comment_<pair id>`. Hidden `pair_id` fields (repeated) name the pairs.

A person with several pairs may answer for some of them now and for the others later.
"""

from uuid import UUID

from pydantic import ValidationError
from starlette.datastructures import FormData

from services.console.forms.errors import FieldError, Refused
from services.console.forms.questionnaire import TOO_MANY_PAIRS, Questionnaire, entries_of, entry_field, refusals, text
from shared.contracts.feedback import SurveyAnswer, SurveyEntry, SurveyForm
from shared.contracts.rounds import RoundKind
from shared.language.words import translatable

PREFIXES = ("usefulness_", "would_repeat_", "comment_")
MESSAGES = {
    "usefulness": translatable("Choose from 1 (not at all useful) to 5 (very useful)."),
    "would_repeat": translatable("Say whether you would do this again."),
    "comment": translatable("Shorten your comment to 2,000 characters."),
}


class SurveyPage(Questionnaire[SurveyForm, SurveyAnswer]):
    kind = RoundKind.SURVEY
    title = translatable("Closing survey")
    template = "survey.html"
    form_type = SurveyForm

    def parse(self, typed: FormData) -> SurveyAnswer:
        entries = entries_of(typed, PREFIXES, _entry, _untouched)
        try:
            return SurveyAnswer(entries=entries)
        except ValidationError:
            raise Refused([FieldError("", TOO_MANY_PAIRS)]) from None

    def prefill(self, form: SurveyForm) -> FormData:
        fields: list[tuple[str, str]] = []
        for pair in form.pairs:
            if (given := pair.survey) is not None:
                said = {"usefulness": str(given.usefulness), "would_repeat": "yes" if given.would_repeat else "no"}
                said |= {"comment": given.comment}
                fields += [(f"{name}_{pair.pair_id}", value) for name, value in said.items() if value]
        return FormData([(name, value) for name, value in fields])

    def partners(self, form: SurveyForm) -> tuple[UUID, ...]:
        return tuple(pair.partner_id for pair in form.pairs)

    def field_of(self, location: tuple[str, ...], answer: SurveyAnswer) -> str:
        return entry_field(location, [entry.pair_id for entry in answer.entries], PREFIXES)


def _untouched(typed: FormData, pair_id: UUID) -> list[FieldError]:
    said = any(text(typed, f"{prefix}{pair_id}") for prefix in PREFIXES)
    return [] if said else _missing(pair_id, *PREFIXES[:2])


def _entry(typed: FormData, pair_id: UUID) -> SurveyEntry:
    given = {prefix: text(typed, f"{prefix}{pair_id}") for prefix in PREFIXES}
    missing = _missing(pair_id, *(prefix for prefix in PREFIXES[:2] if not given[prefix]))
    if missing:
        raise Refused(missing)
    fields = {
        "pair_id": pair_id,
        "usefulness": given["usefulness_"],
        "would_repeat": {"yes": True, "no": False}.get(given["would_repeat_"]),
        "comment": given["comment_"],
    }
    try:
        return SurveyEntry.model_validate(fields)
    except ValidationError as error:
        raise Refused(refusals(error, {name: f"{name}_{pair_id}" for name in MESSAGES}, MESSAGES)) from None


def _missing(pair_id: UUID, *prefixes: str) -> list[FieldError]:
    return [FieldError(f"{prefix}{pair_id}", MESSAGES[prefix.removesuffix("_")]) for prefix in prefixes]
