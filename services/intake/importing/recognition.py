"""Which person each row of an import is about: one of the directory, found by external id or e-mail address, or a new
one."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from services.intake.importing.addresses import Addressee, derive_addresses
from services.intake.importing.drafts import Draft, ParsedFile
from services.intake.person import PersonRecord


@dataclass(slots=True)
class Recognition:
    """What is known about the rows, by their numbers in the file from 0."""

    known: dict[int, PersonRecord] = field(default_factory=dict)
    """The person of the directory whom a row is about."""
    emails: dict[int, str] = field(default_factory=dict)
    """The address in the file, or else in the directory, or else a derived one. Every row that can be used has one."""
    repeats: set[int] = field(default_factory=set)
    """The rows with the same id or address as an earlier row."""


def recognise_people(parsed: ParsedFile, directory: Sequence[PersonRecord]) -> Recognition:
    """Finds the person of each row. Rows that repeat another one, and rows without a possible address, are rejected."""
    found = Recognition()
    _reject_repeats(parsed, found)
    _recognise(parsed.drafts, directory, found)
    _give_addresses(parsed, directory, found)
    return found


def reject_taken_addresses(parsed: ParsedFile, directory: Sequence[PersonRecord], found: Recognition) -> None:
    """Rejects rows whose address will belong to somebody else once all rows are imported.

    If a row is left out, its person keeps the old address, which another row may need. So this is done last, and
    repeated until no further row is rejected.
    """
    writing = [node for node, draft in enumerate(parsed.drafts) if not draft.leaver and not draft.rejected]
    while True:
        rewritten = {found.known[node].id for node in writing if node in found.known}
        owners = {known.email: "another person of the directory" for known in directory if known.id not in rewritten}
        for node in writing:
            draft, email = parsed.drafts[node], found.emails[node]
            if (owner := owners.get(email)) is not None:
                parsed.reject(draft, "email", f"This e-mail address belongs to {owner}.")
            else:
                owners[email] = f"the person on line {draft.line}"
        left = [node for node in writing if not parsed.drafts[node].rejected]
        if len(left) == len(writing):
            return
        writing = left


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
                what = "id" if name == "external_id" else "e-mail address"
                parsed.reject(draft, name, f"This {what} is on line {first} already.")
                found.repeats.add(node)


def _recognise(drafts: list[Draft], directory: Sequence[PersonRecord], found: Recognition) -> None:
    by_external_id = {known.external_id: known for known in directory if known.external_id}
    by_email = {known.email: known for known in directory}
    taken: set[UUID] = set()

    def take(node: int, known: PersonRecord | None) -> None:
        if known is not None and known.id not in taken:
            found.known[node] = known
            taken.add(known.id)

    # Staff come before leavers, because somebody who left and came back has a row of each kind.
    order = sorted(range(len(drafts)), key=lambda node: (drafts[node].leaver, drafts[node].rejected))
    for node in order:
        take(node, by_external_id.get(drafts[node].external_id or ""))
    for node in order:
        known = by_email.get(drafts[node].email or "")
        if node in found.known or known is None:
            continue
        # The old address of a leaver may belong to somebody else now.
        if not drafts[node].leaver or known.external_id is None or drafts[node].external_id is None:
            take(node, known)


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
                parsed.reject(parsed.drafts[node], "email", "No address can be derived from this name; give one.")
            continue
        found.emails[node] = email
        # Without ids, a person is recognised by the address that was derived at the import before.
        if not has_ids and (known := by_email.get(email)) is not None and known.id not in recognised:
            found.known[node] = known
