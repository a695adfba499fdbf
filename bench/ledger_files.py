"""The files of the ledgers. Each life of a process appends to a file of its own. A line is safe once `write` has
returned, even if the process is killed then. A line that was cut off by a kill is not read."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.ledger import Arrival, Committed, Fact, Receipt, Sighting, resolve

REFUSED = "refused"


class LedgerFile:
    """A file to which lines of words and numbers are appended."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_EXCL, 0o644)

    def append(self, *lines: Sequence[int | str]) -> None:
        os.write(self._file, "".join(" ".join(map(str, line)) + "\n" for line in lines).encode())

    def close(self) -> None:
        os.close(self._file)


def writer_path(folder: Path, life: int) -> Path:
    return folder / f"writer-{life:05}"


def reader_path(folder: Path, life: int) -> Path:
    return folder / f"reader-{life:05}"


def receiver_path(folder: Path, life: int) -> Path:
    return folder / f"receiver-{life:05}"


def observer_path(folder: Path, life: int) -> Path:
    return folder / f"observer-{life:05}"


def read_committed(folder: Path, markers: set[int]) -> Committed:
    """Lines `intent <transaction> (<organization> <subject> <number>)…`, `committed <transaction> <time>` and
    `rolled_back <transaction>`."""
    intents: dict[int, list[Fact]] = {}
    returned: dict[int, int] = {}
    rolled_back: set[int] = set()
    for _, (word, *rest) in _lines(folder, "writer-*"):
        transaction, *numbers = map(int, rest)
        if word == "intent":
            triples = zip(*[iter(numbers)] * 3, strict=True)
            intents[transaction] = [Fact(one, two, three, transaction) for one, two, three in triples]
        elif word == "committed":
            returned[transaction] = numbers[0]
        else:
            rolled_back.add(transaction)
    return resolve(intents, returned, rolled_back, markers)


def read_received(folder: Path) -> Iterator[Receipt]:
    """Lines `<organization> <subject> <number> <transaction> <sequence>`, in the order of receipt."""
    for path, words in _lines(folder, "reader-*"):
        organization, subject, number, transaction, sequence = map(int, words)
        yield Receipt(Fact(organization, subject, number, transaction), sequence, int(path.name.rsplit("-", 1)[1]))


def read_arrivals(folder: Path) -> Iterator[Arrival]:
    """Lines `<organization> <subject> <number> <transaction> <sequence> <webhook-id> <time>`, in the order of arrival;
    those of refused requests, `refused <time>`, are passed over."""
    for _, words in _lines(folder, "receiver-*"):
        if words[0] != REFUSED:
            numbers = list(map(int, words))
            yield Arrival(Fact(*numbers[:4]), *numbers[4:])


def count_refused(folder: Path) -> int:
    """How many requests the receiver could not verify."""
    return sum(words[0] == REFUSED for _, words in _lines(folder, "receiver-*"))


def read_sightings(folder: Path) -> Iterator[Sighting]:
    """Lines `<organization> <sequence> <time>`."""
    for _, words in _lines(folder, "observer-*"):
        yield Sighting(*map(int, words))


def _lines(folder: Path, pattern: str) -> Iterator[tuple[Path, list[str]]]:
    for path in sorted(folder.glob(pattern)):
        with path.open() as file:
            for line in file:
                if line.endswith("\n"):
                    yield path, line.split()
