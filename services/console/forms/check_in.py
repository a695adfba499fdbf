"""The check-in page's fields, for each pair: `met_<pair id>` (yes | no), `usefulness_<pair id>` (1 … 5, asked for when
they met), `obstacle_<pair id>` (a code), `note_<pair id>`; and hidden `pair_id` fields (repeated).

A pair of which nothing was said is left for later, as long as something was said of another.
"""

from uuid import UUID

from pydantic import ValidationError
from starlette.datastructures import FormData

from services.console.forms.questionnaire import FieldError, Questionnaire, Refused, pair_ids, refusals, text
from shared.contracts.base import Service
from shared.contracts.feedback import CheckInAnswer, CheckInEntry, CheckInForm, Obstacle

PREFIXES = ("met_", "usefulness_", "obstacle_", "note_")
MESSAGES = {
    "met": "Say whether you met.",
    "usefulness": "Choose from 1 (not at all useful) to 5 (very useful).",
    "obstacle": "Choose from the list.",
    "note": "Shorten your note to 2,000 characters.",
}


class CheckInPage(Questionnaire[CheckInForm, CheckInAnswer]):
    owner = Service.FEEDBACK
    path = "/check-ins"
    template = "check_in.html"
    form_type = CheckInForm

    def parse(self, typed: FormData) -> CheckInAnswer:
        entries = []
        errors: list[FieldError] = []
        left: list[FieldError] = []
        for pair_id in pair_ids(typed, *PREFIXES):
            if not _said_anything(typed, pair_id):
                left.append(FieldError(f"met_{pair_id}", MESSAGES["met"]))
                continue
            try:
                entries.append(_entry(typed, pair_id))
            except Refused as refused:
                errors += refused.errors
        if errors or not entries:
            raise Refused(errors or left or [FieldError("", "Answer for at least one pair.")])
        try:
            return CheckInAnswer(entries=tuple(entries))
        except ValidationError:
            raise Refused([FieldError("", "Answer for at most 20 pairs at once.")]) from None

    def prefill(self, form: CheckInForm) -> FormData:
        return FormData()

    def partners(self, form: CheckInForm) -> tuple[UUID, ...]:
        return tuple(pair.partner_id for pair in form.pairs)

    def field_of(self, location: tuple[str, ...], answer: CheckInAnswer) -> str:
        return entry_field(location, [entry.pair_id for entry in answer.entries], PREFIXES)


def entry_field(location: tuple[str, ...], pairs: list[UUID], prefixes: tuple[str, ...]) -> str:
    """The field of `("entries", "<index>", "<name>")`; of a place without a field, the pair's first field."""
    if len(location) < 2 or location[0] != "entries" or not location[1].isdigit() or int(location[1]) >= len(pairs):
        return ""
    name = f"{location[2]}_" if len(location) > 2 else ""
    return f"{name if name in prefixes else prefixes[0]}{pairs[int(location[1])]}"


def _said_anything(typed: FormData, pair_id: UUID) -> bool:
    obstacle = text(typed, f"obstacle_{pair_id}")
    said = any(text(typed, f"{prefix}{pair_id}") for prefix in ("met_", "usefulness_", "note_"))
    return said or obstacle not in ("", Obstacle.NONE.value)


def _entry(typed: FormData, pair_id: UUID) -> CheckInEntry:
    met = text(typed, f"met_{pair_id}")
    usefulness = text(typed, f"usefulness_{pair_id}")
    if met not in ("yes", "no"):
        raise Refused([FieldError(f"met_{pair_id}", MESSAGES["met"])])
    if met == "yes" and not usefulness:
        raise Refused([FieldError(f"usefulness_{pair_id}", "Say how useful it was.")])
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
