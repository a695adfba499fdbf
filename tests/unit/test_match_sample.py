"""The sample enrolments are what the generator writes, and `upward match` makes sensible pairs of them, tidy or not."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from services.intake.importing.csv_file import read_table
from upward.cli import app
from upward.sample import enrolling

FILES = ("enrolments.csv", "messy/people.csv", "messy/enrolments.csv", "messy/columns.toml")


def match(out: Path, *arguments: str) -> dict[str, Any]:
    done = CliRunner().invoke(app, ["match", *arguments, "--out", str(out), "--starts-on", "2026-04-01"])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads((out / "result.json").read_text())
    return found


@pytest.fixture
def tidy(tmp_path: Path) -> dict[str, Any]:
    folder = enrolling.FOLDER
    files = ("--people", str(folder / "people.csv"), "--enrolments", str(folder / "enrolments.csv"))
    return match(tmp_path / "out", *files, "--policy", str(folder / "policy.json"))


@pytest.fixture
def messy(tmp_path: Path) -> dict[str, Any]:
    folder = enrolling.FOLDER / "messy"
    files = ("--people", str(folder / "people.csv"), "--enrolments", str(folder / "enrolments.csv"))
    return match(tmp_path / "out", *files, "--columns", str(folder / "columns.toml"))


def test_the_committed_files_are_those_that_the_generator_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed = {name: (enrolling.FOLDER / name).read_bytes() for name in FILES}
    monkeypatch.setattr(enrolling, "FOLDER", tmp_path)
    enrolling.write()
    assert {name: (tmp_path / name).read_bytes() for name in FILES} == committed


def test_the_sample_is_matched_to_the_proven_best_and_leaves_something_to_explain(tidy: dict[str, Any]) -> None:
    assert tidy["certified"]
    assert tidy["counts"]["pairs"] > 40
    assert tidy["counts"]["matched"] + tidy["counts"]["unmatched"] == tidy["counts"]["enrolled"]
    assert len({found["reason"] for found in tidy["unmatched"]}) > 1
    assert tidy["topics"][0]["label"] == enrolling.RARE
    assert (tidy["topics"][0]["teachers"], tidy["topics"][0]["wanted_by"] > 10) == (0, True)
    assert (tidy["left_out"], tidy["notes"]) == ([], [])


def test_everybody_in_the_sample_s_pairs_is_allowed_to_meet(tidy: dict[str, Any]) -> None:
    rows = {row.cells[3]: row.cells for row in read_table((enrolling.FOLDER / "people.csv").read_bytes()).rows}
    for pair in tidy["pairs"]:
        mentor, mentee = rows[pair["mentor"]], rows[pair["mentee"]]
        assert int(mentee[9]) > int(mentor[9])
        assert mentor[5] != mentee[5]
        assert sum(pair["contributions"].values()) == pair["score"]


def test_the_messy_files_are_messy() -> None:
    people = (enrolling.FOLDER / "messy/people.csv").read_bytes()
    enrolments = (enrolling.FOLDER / "messy/enrolments.csv").read_bytes()
    with pytest.raises(UnicodeDecodeError):
        people.decode()
    assert b";N/A;" in people
    assert enrolments.startswith(b"\xef\xbb\xbf")
    assert b"\r\n,,,,,,,,,,,\r\n" in enrolments


def test_the_messy_export_gives_sensible_pairs(messy: dict[str, Any]) -> None:
    counts = messy["counts"]
    assert (counts["people"], counts["leavers"], counts["enrolled"]) == (23, 1, 21)
    assert messy["certified"]
    assert counts["pairs"] >= 9
    assert messy["columns"]["enrolments"] == {
        "email": ["E-Mail-Adresse"],
        "role": ["Ich nehme teil als"],
        "topics_taught": ["Das kann ich anderen zeigen"],
        "topics_wanted": ["Lernwunsch 1", "Lernwunsch 2"],
        "languages": ["Sprachen"],
        "meeting_windows": ["Wann hast du Zeit?"],
        "preferred": ["Wunschpartner"],
        "avoided": ["Bitte nicht mit …"],
    }
    assert messy["columns"]["people"]["manager"] == "Vorgesetzter"
    assert len(messy["topics"]) == len(enrolling.FORM_TOPICS)
    with_topics = [pair for pair in messy["pairs"] if pair["contributions"]["topics"]]
    assert len(with_topics) == counts["pairs"]


def test_the_mapping_of_the_messy_sample_is_all_that_it_needs(tmp_path: Path) -> None:
    folder = enrolling.FOLDER / "messy"
    with (folder / "enrolments.csv").open(encoding="utf-8-sig", newline="") as file:
        header = next(csv.reader(file))
    assert {"Id", "Startzeit", "Kommentar"} <= set(header)
