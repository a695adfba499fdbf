"""Compares what writers recorded as committed with what a reader and a receiver of webhooks recorded as received.

A fact is identified by its transaction, its subject and its number. Writers draw the number while they hold the lock on
the subject's row. So the numbers of one subject are in the order of the commits, and a number that was rolled back is
drawn again by another transaction. This makes every fault of a log visible from outside: an event that is missing, one
that never happened, one that comes twice, and one that comes before an earlier one of its subject.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple


class Fact(NamedTuple):
    """One event as its writer emitted it."""

    organization: int
    subject: int
    number: int
    """It counts the subject's committed events from 1."""
    transaction: int


class Receipt(NamedTuple):
    """One event as a reader received it. Each start of a reader after a kill is a new life."""

    fact: Fact
    sequence: int
    """It counts the organization's events from 1."""
    life: int


class Comparison(NamedTuple):
    """Numbers of events. The first five are 0 if the log is right."""

    lost: int
    """Events that were committed and not received."""
    phantom: int
    """Events that were received and not committed."""
    gaps: int
    """Sequences below an organization's last that were not received."""
    order_violations: int
    """Events that were received after a later one of the same subject."""
    duplicates: int
    """Events that were received under a second sequence, or twice in one life of the reader."""
    repeated: int
    """Events that were received again in a later life of the reader, as documented (at least once)."""
    committed: int

    @property
    def holds(self) -> bool:
        return not (self.lost or self.phantom or self.gaps or self.order_violations or self.duplicates)


def compare(committed: Collection[Fact], received: Iterable[Receipt]) -> Comparison:
    """Compares events. `received` is in the order of receipt."""
    meant = set(committed)
    first: dict[Fact, Receipt] = {}
    sequences: defaultdict[int, set[int]] = defaultdict(set)
    highest: defaultdict[int, int] = defaultdict(int)
    lives: set[tuple[Fact, int]] = set()
    violations = duplicates = repeated = 0
    for receipt in received:
        fact = receipt.fact
        sequences[fact.organization].add(receipt.sequence)
        before = first.get(fact)
        if before is not None:
            twice = (fact, receipt.life) in lives or before.life == receipt.life
            duplicates += twice or before.sequence != receipt.sequence
            repeated += not twice and before.sequence == receipt.sequence
            lives.add((fact, receipt.life))
            continue
        first[fact] = receipt
        violations += fact.number <= highest[fact.subject]
        highest[fact.subject] = max(highest[fact.subject], fact.number)
    return Comparison(
        lost=len(meant - first.keys()),
        phantom=len(first.keys() - meant),
        gaps=sum(max(found) - len(found) for found in sequences.values()),
        order_violations=violations,
        duplicates=duplicates,
        repeated=repeated,
        committed=len(meant),
    )


class Arrival(NamedTuple):
    """One delivery as the receiver received it."""

    fact: Fact
    sequence: int
    webhook_id: int
    """The id by which a consumer recognizes a repeated delivery."""
    time: int
    """Nanoseconds of the monotonic clock."""


def compare_arrivals(meant: Collection[Fact], arrivals: Sequence[Arrival]) -> Comparison:
    """Compares deliveries, which are in the order of arrival. `meant` are the events that the endpoints chose.

    Each may come again, as documented (at least once), if its sequence and its webhook-id are the same. Endpoints that
    choose types get no gapless sequence, so there are no gaps to find.
    """
    webhook_ids: defaultdict[Fact, set[int]] = defaultdict(set)
    for arrival in arrivals:
        webhook_ids[arrival.fact].add(arrival.webhook_id)
    renamed = sum(len(ids) - 1 for ids in webhook_ids.values())
    found = compare(meant, (Receipt(one.fact, one.sequence, life) for life, one in enumerate(arrivals)))
    return found._replace(gaps=0, duplicates=found.duplicates + renamed)


def first_attempts(arrivals: Iterable[Arrival], returned: Mapping[int, int]) -> list[float]:
    """Milliseconds from each commit's return until each of its deliveries first arrived, sorted."""
    first: dict[Fact, int] = {}
    for arrival in arrivals:
        first.setdefault(arrival.fact, arrival.time)
    known = ((time, returned.get(fact.transaction)) for fact, time in first.items())
    return sorted(max(0.0, (time - at) / 1e6) for time, at in known if at is not None)


class Committed(NamedTuple):
    """What happened, according to the writers' ledgers and the markers in the database."""

    facts: list[Fact]
    returned: dict[int, int]
    """When each transaction's commit returned, in nanoseconds of the monotonic clock. Transactions whose answer was
    lost are not in it."""


def resolve(
    intents: Mapping[int, Sequence[Fact]],
    returned: dict[int, int],
    rolled_back: Collection[int],
    markers: Collection[int],
) -> Committed:
    """What happened. A transaction whose commit was answered happened, and one that was rolled back did not. A
    transaction whose answer was lost happened if its marker, a row that it inserted, is there."""
    unknown = intents.keys() - returned.keys() - set(rolled_back)
    happened = returned.keys() | (unknown & set(markers))
    return Committed([fact for transaction in happened for fact in intents[transaction]], returned)


class Sighting(NamedTuple):
    """The time at which an organization's head was first seen to have reached a sequence."""

    organization: int
    sequence: int
    time: int
    """Nanoseconds of the monotonic clock."""


def lags(received: Iterable[Receipt], sightings: Iterable[Sighting], returned: dict[int, int]) -> list[float]:
    """Milliseconds from each commit's return until each of its events could be read; 0 for an event that could be read
    before that."""
    seen: defaultdict[int, list[Sighting]] = defaultdict(list)
    for sighting in sightings:
        seen[sighting.organization].append(sighting)
    places: dict[int, int] = defaultdict(int)
    found: list[float] = []
    once = {receipt.fact: receipt for receipt in received}
    for receipt in sorted(once.values(), key=lambda one: one.sequence):
        organization, transaction = receipt.fact.organization, receipt.fact.transaction
        heads = seen[organization]
        while places[organization] < len(heads) and heads[places[organization]].sequence < receipt.sequence:
            places[organization] += 1
        if places[organization] < len(heads) and transaction in returned:
            found.append(max(0.0, (heads[places[organization]].time - returned[transaction]) / 1e6))
    return sorted(found)


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """The value that this share of the values does not exceed; None if there are no values."""
    if not ordered:
        return None
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
