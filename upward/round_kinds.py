"""What is checked before a process starts: every kind of round that is declared is there as a whole, and no other."""

from collections.abc import Iterator

from services.console.forms.registry import QUESTIONNAIRES
from services.console.pages import missing_templates
from services.notifications.rules.rendering import missing_texts
from shared.contracts.round_kinds import DECLARATIONS, RoundKindDeclaration
from shared.contracts.rounds import RoundKind
from upward.composition import ACTIVITIES, ROUND_KINDS
from upward.failures import CannotRun


class RoundKindsIncomplete(CannotRun):
    """A kind of round is known to one part of Upward and not to another."""


def check_round_kinds() -> None:
    """Raises RoundKindsIncomplete, which names all that is missing."""
    problems = [
        *(f"{kind} is published and not declared" for kind in RoundKind if kind not in DECLARATIONS),
        *(problem for declaration in DECLARATIONS.values() for problem in _missing(declaration)),
        *_undeclared(),
    ]
    if problems:
        raise RoundKindsIncomplete(
            "Rounds cannot be run: " + "; ".join(problems) + ". See 'A kind of round' in CONTRIBUTING.md."
        )


def _missing(declaration: RoundKindDeclaration) -> Iterator[str]:
    kind, owner = declaration.kind, declaration.owner
    if owner not in ACTIVITIES or kind not in ROUND_KINDS.get(owner, ()):
        yield f"{kind} is not among the ROUND_KINDS of its owner, {owner}"
    for template in (declaration.invitation, declaration.reminder):
        for name in missing_texts(template):
            yield f"{kind} has no text services/notifications/templates/{name}"
    questionnaire = QUESTIONNAIRES.get(kind)
    if questionnaire is None:
        yield f"{kind} has no page registered in services/console/forms/registry.py"
        return
    if not questionnaire.title:
        yield f"{kind} has no title on pages"
    for name in missing_templates(questionnaire.template, questionnaire.thanks):
        yield f"{kind} has no page services/console/templates/{name}"


def _undeclared() -> Iterator[str]:
    """What is registered for a kind that nobody declared, or that another service owns."""
    for kind in QUESTIONNAIRES:
        if kind not in DECLARATIONS:
            yield f"the console has a page for {kind}, which is not declared"
    for service, kinds in ROUND_KINDS.items():
        for kind in kinds:
            if kind not in DECLARATIONS:
                yield f"{service} owns {kind}, which is not declared"
            elif DECLARATIONS[kind].owner is not service:
                yield f"{service} owns {kind}, which is declared as of {DECLARATIONS[kind].owner}"
