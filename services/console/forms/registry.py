"""The page of each kind of round, and what a kind is called on pages."""

from typing import Any

from services.console.forms.acceptance import AcceptancePage
from services.console.forms.check_in import CheckInPage
from services.console.forms.enrolment import EnrolmentPage
from services.console.forms.questionnaire import Questionnaire
from services.console.forms.survey import SurveyPage
from shared.contracts.round_kinds import RoundKindUnknown
from shared.contracts.rounds import RoundKind

QUESTIONNAIRES: dict[RoundKind, Questionnaire[Any, Any]] = {}


def register(questionnaire: Questionnaire[Any, Any]) -> None:
    """Makes this the page of its kind of round. Raises ValueError if the kind has a page already."""
    if questionnaire.kind in QUESTIONNAIRES:
        raise ValueError(f"the round kind {questionnaire.kind} has two pages")
    QUESTIONNAIRES[questionnaire.kind] = questionnaire


def questionnaire_of(kind: RoundKind) -> Questionnaire[Any, Any]:
    """The page of this kind of round. Raises RoundKindUnknown."""
    try:
        return QUESTIONNAIRES[kind]
    except KeyError:
        raise RoundKindUnknown(f"The console has no page for rounds of the kind {kind}.") from None


def round_title(kind: RoundKind) -> str:
    """What a round of this kind is called on pages, in English. Raises RoundKindUnknown."""
    return questionnaire_of(kind).title


register(EnrolmentPage())
register(AcceptancePage())
register(CheckInPage())
register(SurveyPage())
