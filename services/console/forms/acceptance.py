"""The fields of the acceptance page: `decision_<pair id>` (accept | decline), and hidden `pair_id` fields (repeated).

A person with several offers may decide some of them now and the others later. At least one must be decided.
"""

from uuid import UUID

from pydantic import ValidationError
from starlette.datastructures import FormData

from services.console.forms.errors import FieldError, Refused
from services.console.forms.questionnaire import TOO_MANY_PAIRS, Questionnaire, pair_ids, text
from shared.contracts.matching import AcceptanceAnswer, AcceptanceDecision, AcceptanceForm
from shared.contracts.rounds import RoundKind
from shared.language.words import translatable

DECISION = "decision_"
ACCEPT = "accept"
DECLINE = "decline"
CHOOSE = translatable("Choose accept or decline.")


class AcceptancePage(Questionnaire[AcceptanceForm, AcceptanceAnswer]):
    kind = RoundKind.ACCEPTANCE
    title = translatable("Acceptance")
    template = "acceptance.html"
    thanks = "thanks_acceptance.html"
    form_type = AcceptanceForm

    def parse(self, typed: FormData) -> AcceptanceAnswer:
        decided, errors, left = [], [], []
        for pair_id in pair_ids(typed, DECISION):
            name = f"{DECISION}{pair_id}"
            decision = text(typed, name)
            if decision in (ACCEPT, DECLINE):
                decided.append(AcceptanceDecision(pair_id=pair_id, accept=decision == ACCEPT))
            elif decision:
                errors.append(FieldError(name, CHOOSE))
            else:
                left.append(FieldError(name, CHOOSE))
        if errors or not decided:
            raise Refused(errors + left or [FieldError("", CHOOSE)])
        try:
            return AcceptanceAnswer(decisions=tuple(decided))
        except ValidationError:
            raise Refused([FieldError("", TOO_MANY_PAIRS)]) from None

    def prefill(self, form: AcceptanceForm) -> FormData:
        return FormData(
            [
                (f"{DECISION}{offer.pair_id}", ACCEPT if offer.accepted else DECLINE)
                for offer in form.offers
                if offer.accepted is not None
            ]
        )

    def partners(self, form: AcceptanceForm) -> tuple[UUID, ...]:
        return tuple(offer.partner_id for offer in form.offers)

    def field_of(self, location: tuple[str, ...], answer: AcceptanceAnswer) -> str:
        if len(location) < 2 or location[0] != "decisions" or not location[1].isdigit():
            return ""
        index = int(location[1])
        return f"{DECISION}{answer.decisions[index].pair_id}" if index < len(answer.decisions) else ""
