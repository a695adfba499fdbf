"""Whether a row and a record of the directory are about one person, by what they have in common: id, address, name.

Employee numbers and addresses are given again to others, and a column of row numbers is no id at all. So one thing in
common is not enough where two others say something else: one person would get the record, the links and the answers of
another.
"""

from enum import Enum
from typing import NamedTuple

from services.intake.importing.column_map import Identity
from services.intake.importing.drafts import Draft
from services.intake.importing.names import PersonName, names_agree, names_share
from services.intake.person import PersonRecord
from shared.contracts.imports import ProblemCode

FEW = 3
"""So many rows that contradict the directory can be accidents. More of them, and more than SHARE, are the column's."""
SHARE = 0.05


class Answer(Enum):
    """What the admin says about a row in which the id, the address and the name do not agree."""

    NEW = "new"
    SAME = "same"


class Claim(NamedTuple):
    """What the directory says about one row."""

    by_id: PersonRecord | None
    by_email: PersonRecord | None
    person: PersonRecord | None
    """Whom the row is about. None for a new person, and where it is not clear."""
    doubt: tuple[str, ProblemCode] | None = None
    """Our field and the reason why it is not clear."""


def claim_of(draft: Draft, by_id: PersonRecord | None, by_email: PersonRecord | None) -> Claim:
    """Compares the row with the records of its id and of its address."""
    if not draft.name.name:
        return Claim(by_id, by_email, by_id or by_email)
    if by_id is not None:
        doubt = _doubt_of_id(draft, by_id, by_email)
        return Claim(by_id, by_email, None if doubt else by_id, ("external_id", doubt) if doubt else None)
    if by_email is not None:
        doubt = _doubt_of_address(draft, by_email)
        return Claim(by_id, by_email, None if doubt else by_email, ("email", doubt) if doubt else None)
    return Claim(None, None, None)


def is_another_leaver(draft: Draft, known: PersonRecord) -> bool:
    """Whether the row of a leaver, which has the id of this record, is about somebody else who had the id before."""
    if draft.email is None or draft.email == known.email or not draft.name.name:
        return False
    return not names_agree(draft.name, name_of(known))


class Answers:
    """What the mapping says about rows, by their ids, addresses and lines."""

    def __init__(self, identity: Identity) -> None:
        self._found: dict[str, Answer] = {}
        self.others = None if identity.others == "refuse" else Answer(identity.others)
        """What holds for the rows about which nothing is said. None: they are refused."""
        for answer, entries in ((Answer.NEW, identity.new), (Answer.SAME, identity.same)):
            for entry in entries:
                self._found.setdefault(" ".join(entry.casefold().split()), answer)

    def about(self, draft: Draft) -> Answer | None:
        keys = (f"line {draft.line}", (draft.external_id or "").casefold(), draft.email or "")
        return next((self._found[key] for key in keys if key and key in self._found), None)


def name_of(known: PersonRecord) -> PersonName:
    return PersonName(known.name, known.given_name, known.family_name)


def _doubt_of_id(draft: Draft, by_id: PersonRecord, by_email: PersonRecord | None) -> ProblemCode | None:
    agrees = names_agree(draft.name, name_of(by_id))
    if by_email is not None and by_email.id != by_id.id:
        if agrees and not names_agree(draft.name, name_of(by_email)):
            return None  # the person has got an address that somebody else had
        return ProblemCode.ID_AND_ADDRESS_OF_TWO
    if agrees or draft.email == by_id.email or _same_hire(draft, by_id):
        return None
    if draft.email is None and names_share(draft.name, name_of(by_id)):
        return None
    return ProblemCode.ID_OF_ANOTHER_NAME if draft.email is None else ProblemCode.ID_OF_ANOTHER


def _doubt_of_address(draft: Draft, by_email: PersonRecord) -> ProblemCode | None:
    renumbered = draft.external_id is not None and by_email.external_id is not None
    if names_agree(draft.name, name_of(by_email)):
        return None
    if not renumbered and by_email.active and names_share(draft.name, name_of(by_email)):
        return None
    return ProblemCode.ADDRESS_OF_ANOTHER if renumbered else ProblemCode.ADDRESS_OF_ANOTHER_NAME


def _same_hire(draft: Draft, known: PersonRecord) -> bool:
    """Whether somebody of the same given name was hired on the same day, as after a marriage."""
    given = draft.name.given_name.casefold()
    return draft.hired_on is not None and draft.hired_on == known.hired_on and given == known.given_name.casefold()
