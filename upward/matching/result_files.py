"""The files that `upward match` writes: `pairs.csv`, `unmatched.csv`, `result.json`. People are named by their e-mail
address. The same files, policy and day give the same bytes."""

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

from services.intake.enrolment_file.directory import Directory
from services.intake.enrolment_file.enrolments import Enrolments
from services.intake.enrolment_file.problems import FileProblem
from services.matching.engine.computation import Result
from services.matching.engine.inputs import CODE_VERSION, Inputs
from services.matching.engine.reasons import ProposedPair
from services.matching.engine.rules.scoring import Preference
from services.matching.engine.unmatched import Unmatched
from shared.contracts.base import Contract
from shared.contracts.text import no_formula
from shared.language.reasons import sentences
from shared.language.words import ENGLISH, words_of
from upward.failures import CannotRun

PAIRS, UNMATCHED, RESULT = "pairs.csv", "unmatched.csv", "result.json"
WRITTEN = (PAIRS, UNMATCHED, RESULT)


@dataclass(frozen=True)
class Run:
    directory: Directory
    enrolments: Enrolments
    inputs: Inputs
    result: Result
    starts_on: date
    files: dict[str, Path]
    """The files that were read, by the kind of what they hold."""
    unlisted: Sequence[str]
    """Topics that the policy does not list, if it lists any."""

    @property
    def matched(self) -> int:
        """The number of people in at least one pair."""
        return len({person for pair in self.result.pairs for person in (pair.mentor_id, pair.mentee_id)})

    @property
    def notes(self) -> list[FileProblem]:
        return [*self.directory.notes, *self.enrolments.notes]

    @property
    def left_out(self) -> list[FileProblem]:
        return [*self.directory.left_out, *self.enrolments.left_out]

    def email(self, person: UUID) -> str:
        return self.directory.people[person].email


def check_folder(folder: Path, *, force: bool) -> None:
    """Raises CannotRun if the results must not, or cannot, be written into this folder."""
    if folder.exists() and not folder.is_dir():
        raise CannotRun(f"{folder} is a file; name a folder with --out.")
    if folder.exists() and any(folder.iterdir()) and not force:
        raise CannotRun(f"{folder} is not empty; name another folder with --out, or replace the results with --force.")


def write(run: Run, folder: Path) -> None:
    """Writes the files. Raises CannotRun if the folder cannot be written."""
    pairs = sorted(run.result.pairs, key=lambda pair: (run.email(pair.mentor_id), run.email(pair.mentee_id)))
    alone = sorted(run.result.unmatched, key=lambda found: run.email(found.person_id))
    texts = {
        PAIRS: _csv(_pair_rows(run, pairs)),
        UNMATCHED: _csv(_unmatched_rows(run, alone)),
        RESULT: json.dumps(_document(run, pairs, alone), ensure_ascii=False, indent=2) + "\n",
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise CannotRun(f"{folder} cannot be written: {error.strerror}.") from None


def _pair_rows(run: Run, pairs: Iterable[ProposedPair]) -> Iterable[Sequence[object]]:
    preferences = [preference.value for preference in Preference]
    yield ["mentor", "mentee", "score", *preferences, "reasons"]
    for pair in pairs:
        points = [pair.contributions[preference] for preference in preferences]
        yield [run.email(pair.mentor_id), run.email(pair.mentee_id), pair.points, *points, " ".join(told(pair))]


def _unmatched_rows(run: Run, alone: Iterable[Unmatched]) -> Iterable[Sequence[object]]:
    yield ["email", "reason", "detail", "change"]
    for found in alone:
        change = found.change.detail if found.change else ""
        yield [run.email(found.person_id), found.reason.value, found.detail, change]


def _csv(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([harmless(cell) for cell in row] for row in rows)
    return text.getvalue()


def harmless(cell: object) -> object:
    """The cell, with an apostrophe before it if a spreadsheet program could take it for a formula."""
    return no_formula(cell) if isinstance(cell, str) else cell


def _document(run: Run, pairs: Sequence[ProposedPair], alone: Sequence[Unmatched]) -> dict[str, Any]:
    inputs, result = run.inputs, run.result
    return {
        "direction": inputs.direction.value,
        "policy": inputs.policy.model_dump(mode="json"),
        "starts_on": run.starts_on.isoformat(),
        "seed": str(inputs.cycle_id),
        "code_version": CODE_VERSION,
        "inputs_hash": inputs.hash(),
        "files": {
            kind: {"name": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
            for kind, path in run.files.items()
        },
        "columns": {"people": run.directory.columns, "enrolments": run.enrolments.columns},
        "counts": counts(run),
        "total": asdict(result.total),
        "bound": asdict(result.bound),
        "certified": result.certified,
        "pairs": [_pair(run, pair) for pair in pairs],
        "unmatched": [_alone(run, found) for found in alone],
        "topics": [_plain(topic) for topic in result.supply],
        "left_out": [problem._asdict() for problem in run.left_out],
        "notes": [problem._asdict() for problem in run.notes],
    }


def counts(run: Run) -> dict[str, int]:
    return {
        "people": len(run.directory.people),
        "leavers": run.directory.leavers,
        "enrolled": len(run.inputs.people),
        "declined": run.enrolments.declined,
        "not_enrolled": len(run.directory.people) - len(run.inputs.people) - run.enrolments.declined,
        "mentors": run.result.mentors,
        "mentees": run.result.mentees,
        "pairs": len(run.result.pairs),
        "matched": run.matched,
        "unmatched": len(run.result.unmatched),
    }


def told(pair: ProposedPair) -> tuple[str, ...]:
    """The reasons of the pair in English sentences."""
    return sentences(pair.reasons, words_of(ENGLISH))


def _pair(run: Run, pair: ProposedPair) -> dict[str, Any]:
    return {
        "mentor": run.email(pair.mentor_id),
        "mentee": run.email(pair.mentee_id),
        "score": pair.points,
        "contributions": pair.contributions,
        "topics": list(pair.topics),
        "reasons": list(told(pair)),
        "alternatives": [
            {
                "side": other.side,
                "person": run.email(other.person_id),
                "score": other.points,
                "partners": [run.email(partner) for partner in other.partners],
                "people": other.people,
                "costs": other.costs,
                "exact": other.exact,
                "detail": other.detail,
            }
            for other in pair.alternatives
        ],
    }


def _alone(run: Run, found: Unmatched) -> dict[str, Any]:
    return {
        "person": run.email(found.person_id),
        "reason": found.reason.value,
        "detail": found.detail,
        "candidates": found.candidates,
        "blocked": {constraint.value: count for constraint, count in found.blocked.items()},
        "change": asdict(found.change) if found.change else None,
    }


def _plain(contract: Contract) -> dict[str, Any]:
    return contract.model_dump(mode="json")
