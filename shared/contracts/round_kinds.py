"""The kinds of rounds, each declared once: who owns it, where it is answered, and which messages invite to it.

Everything else that depends on the kind is registered for a declared kind where it belongs: the owner's answers (its
`ROUND_KINDS`), the texts of the two messages, and the page of the console. `upward/round_kinds.py` checks, before a
process starts, that nothing of it is missing.
"""

from shared.contracts.base import Contract, Service
from shared.contracts.notifications import Audience, Template
from shared.contracts.rounds import RoundKind


class RoundKindUnknown(LookupError):
    """A round is of a kind that this version does not know, or that its supposed owner does not own."""


class RoundKindDeclaration(Contract):
    """What all parts of Upward must know of one kind of round."""

    kind: RoundKind
    owner: Service
    """The service whose activities open and close these rounds, and which keeps the answers."""
    path: str
    """Where the owner shows forms and takes answers: `/internal/{owner}{path}/{round_id}/forms/{person_id}` and
    `.../answers/{person_id}`."""
    invitation: Template
    """Sent when the round opens."""
    reminder: Template
    """Sent at each of the round's reminders."""
    audience: Audience = Audience.ROUND
    """Who gets these messages."""
    tells_who_answered: bool = False
    """Whether others may know who has answered. If not, whose reminder failed is told to nobody: only those get one who
    have not answered."""


DECLARATIONS: dict[RoundKind, RoundKindDeclaration] = {}


def declare(declaration: RoundKindDeclaration) -> None:
    """Makes a kind of round known. Raises ValueError if the kind, or one of its messages, is declared already."""
    for other in DECLARATIONS.values():
        if declaration.kind is other.kind:
            raise ValueError(f"the round kind {declaration.kind} is declared twice")
        if shared := {declaration.invitation, declaration.reminder} & {other.invitation, other.reminder}:
            raise ValueError(f"{declaration.kind} and {other.kind} both send {', '.join(sorted(shared))}")
    DECLARATIONS[declaration.kind] = declaration


def declaration_of(kind: RoundKind) -> RoundKindDeclaration:
    """Raises RoundKindUnknown."""
    try:
        return DECLARATIONS[kind]
    except KeyError:
        raise RoundKindUnknown(f"The round kind {kind} is not declared in shared/contracts/round_kinds.py.") from None


def untold_reminders() -> frozenset[Template]:
    """The reminders of which nothing is told but how many there are: those of kinds that keep who has answered."""
    return frozenset(one.reminder for one in DECLARATIONS.values() if not one.tells_who_answered)


declare(
    RoundKindDeclaration(
        kind=RoundKind.ENROLMENT,
        owner=Service.INTAKE,
        path="/rounds",
        invitation=Template.ENROLMENT_INVITATION,
        reminder=Template.ENROLMENT_REMINDER,
        tells_who_answered=True,
    )
)
declare(
    RoundKindDeclaration(
        kind=RoundKind.ACCEPTANCE,
        owner=Service.MATCHING,
        path="/rounds",
        invitation=Template.ACCEPTANCE_INVITATION,
        reminder=Template.ACCEPTANCE_REMINDER,
        tells_who_answered=True,
    )
)
declare(
    RoundKindDeclaration(
        kind=RoundKind.CHECK_IN,
        owner=Service.FEEDBACK,
        path="/check-ins",
        invitation=Template.CHECK_IN_INVITATION,
        reminder=Template.CHECK_IN_REMINDER,
    )
)
declare(
    RoundKindDeclaration(
        kind=RoundKind.SURVEY,
        owner=Service.FEEDBACK,
        path="/surveys",
        invitation=Template.SURVEY_INVITATION,
        reminder=Template.SURVEY_REMINDER,
    )
)
