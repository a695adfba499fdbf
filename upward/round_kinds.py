"""What is checked before a process starts: every kind of round that is declared is there as a whole, and no other."""

from collections.abc import Collection, Iterator

from shared.contracts.base import Service
from shared.contracts.round_kinds import DECLARATIONS, RoundKindDeclaration
from shared.contracts.rounds import RoundKind
from upward.composition import ACTIVITIES, ROUND_KINDS
from upward.failures import CannotRun


class RoundKindsIncomplete(CannotRun):
    """A kind of round is known to one part of Upward and not to another."""


def check_round_kinds(rooms: Collection[str] = tuple(Service)) -> None:
    """Raises RoundKindsIncomplete, which names all that is missing in these rooms: the services that a process serves
    and the queues whose workers it runs. Of the others it imports nothing; the processes that run them look at them."""
    problems = [
        *(f"{kind} is published and not declared" for kind in RoundKind if kind not in DECLARATIONS),
        *(problem for declaration in DECLARATIONS.values() for problem in _missing(declaration, rooms)),
        *_undeclared(rooms),
    ]
    if problems:
        raise RoundKindsIncomplete(
            "Rounds cannot be run: " + "; ".join(problems) + ". See 'A kind of round' in CONTRIBUTING.md."
        )


def _missing(declaration: RoundKindDeclaration, rooms: Collection[str]) -> Iterator[str]:
    kind, owner = declaration.kind, declaration.owner
    is_owned = owner in ACTIVITIES and (owner not in rooms or kind in ROUND_KINDS.get(owner, ()))
    if not is_owned:
        yield f"{kind} is not among the ROUND_KINDS of its owner, {owner}"
    if Service.NOTIFICATIONS in rooms:
        yield from _missing_texts(declaration)
    if Service.CONSOLE in rooms:
        yield from _missing_pages(declaration)


def _missing_texts(declaration: RoundKindDeclaration) -> Iterator[str]:
    from services.notifications.rules.rendering import missing_texts

    for template in (declaration.invitation, declaration.reminder):
        for name in missing_texts(template):
            yield f"{declaration.kind} has no text services/notifications/templates/{name}"


def _missing_pages(declaration: RoundKindDeclaration) -> Iterator[str]:
    from services.console.forms.registry import QUESTIONNAIRES
    from services.console.pages import missing_templates

    kind, questionnaire = declaration.kind, QUESTIONNAIRES.get(declaration.kind)
    if questionnaire is None:
        yield f"{kind} has no page registered in services/console/forms/registry.py"
        return
    if not questionnaire.title:
        yield f"{kind} has no title on pages"
    for name in missing_templates(questionnaire.template, questionnaire.thanks):
        yield f"{kind} has no page services/console/templates/{name}"


def _undeclared(rooms: Collection[str]) -> Iterator[str]:
    """What is registered for a kind that nobody declared, or that another service owns."""
    if Service.CONSOLE in rooms:
        from services.console.forms.registry import QUESTIONNAIRES

        for kind in QUESTIONNAIRES:
            if kind not in DECLARATIONS:
                yield f"the console has a page for {kind}, which is not declared"
    for service in (owner for owner in ROUND_KINDS if owner in rooms):
        for kind in ROUND_KINDS[service]:
            if kind not in DECLARATIONS:
                yield f"{service} owns {kind}, which is not declared"
            elif DECLARATIONS[kind].owner is not service:
                yield f"{service} owns {kind}, which is declared as of {DECLARATIONS[kind].owner}"
