"""Which person each row of an import is about: one of the directory, found by external id or e-mail address, or a new
one. Where the id, the address and the name do not agree, the row is refused, unless the mapping says which it is."""

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from services.intake.importing.addresses import Addressee, derive_addresses
from services.intake.importing.drafts import Draft, ParsedFile
from services.intake.importing.identity import FEW, SHARE, Answer, Answers, Claim, claim_of, is_another_leaver
from services.intake.importing.names import names_agree
from services.intake.importing.problems import unusable
from services.intake.person import PersonRecord
from shared.contracts.imports import ProblemCode

FORMER = "former.invalid"
"""The domain of the address of somebody who has left and whose address belongs to somebody else now."""


@dataclass(slots=True)
class Recognition:
    """What is known about the rows, by their numbers in the file from 0."""

    known: dict[int, PersonRecord] = field(default_factory=dict)
    """The person of the directory whom a row is about."""
    emails: dict[int, str] = field(default_factory=dict)
    """The address in the file, or else in the directory, or else a derived one. Every row that can be used has one."""
    repeats: set[int] = field(default_factory=set)
    """The rows with the same id or address as an earlier row."""
    same_as: dict[int, int] = field(default_factory=dict)
    """For the row of a leaver who has come back, the row of the same person who works here."""
    released: dict[UUID, PersonRecord] = field(default_factory=dict)
    """The people who lose their id or address to a new person, as they are afterwards."""


def recognise_people(parsed: ParsedFile, directory: Sequence[PersonRecord]) -> Recognition:
    """Finds the person of each row. Rows that repeat another one, and rows without a possible address, are rejected.

    Raises ImportInvalid if the column of ids cannot be one.
    """
    found = Recognition()
    _reject_repeats(parsed, found)
    _recognise(parsed, directory, found)
    _give_addresses(parsed, directory, found)
    return found


def reject_taken_addresses(parsed: ParsedFile, directory: Sequence[PersonRecord], found: Recognition) -> None:
    """Rejects rows whose address will belong to somebody else once all rows are imported.

    If a row is left out, its person keeps the old address, which another row may need. So a row that is rejected makes
    one more address a taken one. Each row and each address is looked at once, whatever the pattern.
    """
    writers: dict[str, list[int]] = {}
    for node, draft in enumerate(parsed.drafts):
        if not draft.leaver and not draft.rejected:
            writers.setdefault(found.emails[node], []).append(node)
    rewritten = {found.known[node].id for nodes in writers.values() for node in nodes if node in found.known}
    after = (found.released.get(known.id, known) for known in directory if known.id not in rewritten)
    kept = {known.email: known.id for known in after}
    taken = deque(email for email in writers if email in kept)

    def reject(node: int, code: ProblemCode, **owner: int | str) -> None:
        parsed.reject(parsed.drafts[node], "email", code, (), **owner)
        if (known := found.known.get(node)) is not None:
            kept.setdefault(known.email, known.id)
            taken.append(known.email)

    def reject_takers() -> None:
        while taken:
            email = taken.popleft()
            for node in writers.pop(email, ()):
                if not parsed.drafts[node].rejected:
                    reject(node, ProblemCode.ADDRESS_OF_PERSON, person=str(kept[email]))

    reject_takers()
    for nodes in list(writers.values()):
        for node in nodes[1:]:
            reject(node, ProblemCode.ADDRESS_OF_LINE, line=parsed.drafts[nodes[0]].line)
    reject_takers()


def _reject_repeats(parsed: ParsedFile, found: Recognition) -> None:
    ids: dict[str, int] = {}
    emails: dict[str, int] = {}
    for node, draft in enumerate(parsed.drafts):
        if draft.leaver:
            continue
        for name, key, seen in (("external_id", draft.external_id, ids), ("email", draft.email, emails)):
            if key is None:
                continue
            first = seen.setdefault(key.casefold(), draft.line)
            if first != draft.line:
                code = ProblemCode.ID_REPEATED if name == "external_id" else ProblemCode.ADDRESS_REPEATED
                parsed.reject(draft, name, code, line=first)
                found.repeats.add(node)


def _recognise(parsed: ParsedFile, directory: Sequence[PersonRecord], found: Recognition) -> None:
    index = _Index(directory)
    drafts = parsed.drafts
    # Staff come before leavers, because somebody who left and came back has a row of each kind.
    staff = sorted((n for n in range(len(drafts)) if not drafts[n].leaver), key=lambda node: drafts[node].rejected)
    claims = {node: index.claim(drafts[node], parsed) for node in staff}
    answers = Answers(parsed.column_map.identity)
    chosen = {node: claim.person for node, claim in claims.items()}
    doubtful: dict[int, tuple[str, ProblemCode]] = {}
    for node, claim in claims.items():
        if claim.doubt is None:
            continue
        if (answer := answers.about(drafts[node])) is None:
            doubtful[node] = claim.doubt
        else:
            chosen[node] = _answered(answer, claim, found)
    _refuse_column(parsed, claims, doubtful)
    for node, (field_name, code) in doubtful.items():
        if answers.others is not None:
            chosen[node] = _answered(answers.others, claims[node], found)
            continue
        records = (claims[node].by_id, claims[node].by_email)
        persons = tuple(dict.fromkeys(record.id for record in records if record is not None))
        who = {name: str(person) for name, person in zip(("person", "other"), persons, strict=False)}
        parsed.reject(drafts[node], field_name, code, persons, line=drafts[node].line, **who)
    taken: dict[UUID, int] = {}
    for by_id in (True, False):
        for node in staff:
            person = chosen[node]
            if person is not None and (claims[node].by_id is not None) == by_id and person.id not in taken:
                found.known[node] = person
                taken[person.id] = node
    _recognise_leavers(parsed, index, found, taken)


class _Index:
    """The directory by id and by address."""

    def __init__(self, directory: Sequence[PersonRecord]) -> None:
        self.by_email = {known.email: known for known in directory}
        self._by_id = {known.external_id: known for known in directory if known.external_id}
        self._by_number: dict[str, PersonRecord | None] = {}
        for external_id, known in self._by_id.items():
            number = external_id.lstrip("0")
            if external_id.isdigit():
                self._by_number[number] = None if number in self._by_number else known

    def by_id(self, draft: Draft, parsed: ParsedFile) -> PersonRecord | None:
        """The record with the id of the row. An id that has lost its leading zeros gets them back."""
        given = draft.external_id or ""
        known = self._by_id.get(given)
        if known is None and given.isdigit():
            known = self._by_number.get(given.lstrip("0"))
            if known is not None and known.external_id is not None and len(known.external_id) > len(given):
                draft.external_id = known.external_id
                parsed.remarks.add(draft.line, parsed.header("external_id"), ProblemCode.ZEROS_LOST)
            else:
                known = None
        return known

    def claim(self, draft: Draft, parsed: ParsedFile) -> Claim:
        return claim_of(draft, self.by_id(draft, parsed), self.by_email.get(draft.email or ""))


def _answered(answer: Answer, claim: Claim, found: Recognition) -> PersonRecord | None:
    """Whom the row is about, as the mapping says. None for a new person."""
    if answer is Answer.SAME:
        return claim.by_id or claim.by_email
    _release(claim, found)
    return None


def _release(claim: Claim, found: Recognition) -> None:
    """Takes the id from its holder, and the address from somebody who has left, for a new person."""
    if (known := claim.by_id) is not None:
        found.released[known.id] = found.released.get(known.id, known)._replace(external_id=None)
    if (known := claim.by_email) is not None and not known.active:
        found.released[known.id] = found.released.get(known.id, known)._replace(email=f"{known.id}@{FORMER}")


def _refuse_column(parsed: ParsedFile, claims: dict[int, Claim], doubtful: Collection[int]) -> None:
    """Raises ImportInvalid if so many rows contradict the directory that their ids are none, such as row numbers."""
    given = {parsed.drafts[node].external_id for node in claims} - {None}
    shifted = 0
    for node, claim in claims.items():
        person, own = claim.person, parsed.drafts[node].external_id
        shifted += bool(person and own and person.external_id not in (None, own) and person.external_id in given)
    wrong = sum(claims[node].by_id is not None for node in doubtful) + shifted
    matched = sum(claim.by_id is not None or claim.by_email is not None for claim in claims.values())
    if wrong >= FEW and wrong > SHARE * matched:
        header = parsed.header("external_id")
        raise unusable(
            parsed.header_line,
            header,
            ProblemCode.NO_IDENTIFIER,
            wrong=wrong,
            matched=matched,
        )


def _recognise_leavers(parsed: ParsedFile, index: _Index, found: Recognition, taken: dict[UUID, int]) -> None:
    drafts = parsed.drafts
    staff = {draft.email: node for node, draft in enumerate(drafts) if not draft.leaver and draft.email}
    left = [node for node, draft in enumerate(drafts) if draft.leaver]
    back: dict[int, PersonRecord] = {}

    def take(node: int, known: PersonRecord) -> None:
        if known.id in taken:
            back.setdefault(node, known)
        else:
            found.known[node] = known
            taken[known.id] = node

    for node in left:
        known = index.by_id(drafts[node], parsed)
        if known is not None and is_another_leaver(drafts[node], known):
            parsed.remarks.add(drafts[node].line, parsed.header("external_id"), ProblemCode.LEAVER_ID_GIVEN_AGAIN)
        elif known is not None:
            take(node, known)
    for node in left:
        known = index.by_email.get(drafts[node].email or "")
        if node in found.known or node in back or known is None:
            continue
        # The old address of a leaver may belong to somebody else now.
        if known.external_id is None or drafts[node].external_id is None:
            take(node, known)
    for node in left:
        again = taken[back[node].id] if node in back else staff.get(drafts[node].email or "")
        if again is not None and not drafts[again].leaver:
            name = drafts[node].name
            if not name.name or names_agree(name, drafts[again].name):
                found.same_as[node] = again


def _give_addresses(parsed: ParsedFile, directory: Sequence[PersonRecord], found: Recognition) -> None:
    without: list[int] = []
    for node, draft in enumerate(parsed.drafts):
        if email := draft.email or (found.known[node].email if node in found.known else None):
            found.emails[node] = email
        elif draft.name.name:
            without.append(node)
    domain = parsed.column_map.defaults.email_domain
    if domain is None or not without:
        return
    by_email = {known.email: known for known in directory}
    people = [Addressee(d.name, d.external_id, d.line) for d in (parsed.drafts[node] for node in without)]
    taken = set(found.emails.values())
    has_ids = "external_id" in parsed.layout
    if has_ids:
        taken |= by_email.keys()
    recognised = {known.id for known in found.known.values()}
    for node, email in zip(without, derive_addresses(people, domain, taken), strict=True):
        if email is None:
            if not parsed.drafts[node].leaver:
                parsed.reject(parsed.drafts[node], "email", ProblemCode.ADDRESS_NOT_DERIVED)
            continue
        found.emails[node] = email
        # Without ids, a person is recognised by the address that was derived at the import before.
        if not has_ids and (known := by_email.get(email)) is not None and known.id not in recognised:
            found.known[node] = known
