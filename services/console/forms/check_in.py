"""The fields of the check-in page. For each pair: `met_<pair id>` (yes | no), `usefulness_<pair id>` (1 … 5, required
if they met), `obstacle_<pair id>` (a code) and `note_<pair id>`. Hidden `pair_id` fields (repeated) name the pairs.

A person with several pairs may answer for some of them now and for the others later.
"""

from uuid import UUID

from pydantic import ValidationError
from starlette.datastructures import FormData

from services.console.forms.errors import FieldError, Refused
from services.console.forms.questionnaire import TOO_MANY_PAIRS, Questionnaire, entries_of, entry_field, refusals, text
from shared.contracts.feedback import CheckInAnswer, CheckInEntry, CheckInForm, Obstacle
from shared.contracts.rounds import RoundKind
from shared.language.words import translatable

PREFIXES = ("met_", "usefulness_", "obstacle_", "note_")
HOW_USEFUL = translatable("Say how useful it was.")
MESSAGES = {
    "met": translatable("Say whether you met."),
    "usefulness": translatable("Choose from 1 (not at all useful) to 5 (very useful)."),
    "obstacle": translatable("Choose from the list."),
    "note": translatable("Shorten your note to 2,000 characters."),
}


class CheckInPage(Questionnaire[CheckInForm, CheckInAnswer]):
    kind = RoundKind.CHECK_IN
    title = translatable("Check-in")
    template = "check_in.html"
    form_type = CheckInForm

    def parse(self, typed: FormData) -> CheckInAnswer:
        entries = entries_of(typed, PREFIXES, _entry, _untouched)
        try:
            return CheckInAnswer(entries=entries)
        except ValidationError:
            raise Refused([FieldError("", TOO_MANY_PAIRS)]) from None

    def prefill(self, form: CheckInForm) -> FormData:
        fields: list[tuple[str, str]] = []
        for pair in form.pairs:
            if (given := pair.check_in) is not None:
                useful = "" if given.usefulness is None else str(given.usefulness)
                said = {"met": "yes" if given.met else "no", "usefulness": useful}
                said |= {"obstacle": given.obstacle.value, "note": given.note}
                fields += [(f"{name}_{pair.pair_id}", value) for name, value in said.items() if value]
        return FormData([(name, value) for name, value in fields])

    def partners(self, form: CheckInForm) -> tuple[UUID, ...]:
        return tuple(pair.partner_id for pair in form.pairs)

    def field_of(self, location: tuple[str, ...], answer: CheckInAnswer) -> str:
        return entry_field(location, [entry.pair_id for entry in answer.entries], PREFIXES)


def _untouched(typed: FormData, pair_id: UUID) -> list[FieldError]:
    obstacle = text(typed, f"obstacle_{pair_id}")
    said = any(text(typed, f"{prefix}{pair_id}") for prefix in ("met_", "usefulness_", "note_"))
    if said or obstacle not in ("", Obstacle.NONE.value):
        return []
    return [FieldError(f"met_{pair_id}", MESSAGES["met"])]


def _entry(typed: FormData, pair_id: UUID) -> CheckInEntry:
    met = text(typed, f"met_{pair_id}")
    usefulness = text(typed, f"usefulness_{pair_id}")
    if met not in ("yes", "no"):
        raise Refused([FieldError(f"met_{pair_id}", MESSAGES["met"])])
    if met == "yes" and not usefulness:
        raise Refused([FieldError(f"usefulness_{pair_id}", HOW_USEFUL)])
    fields = {
        "pair_id": pair_id,
        "met": met == "yes",
        "usefulness": usefulness if met == "yes" else None,
        "obstacle": text(typed, f"obstacle_{pair_id}") or Obstacle.NONE,
        "note": text(typed, f"note_{pair_id}"),
    }
    try:
        return CheckInEntry.model_validate(fields)
    except ValidationError as error:
        raise Refused(refusals(error, {name: f"{name}_{pair_id}" for name in MESSAGES}, MESSAGES)) from None
