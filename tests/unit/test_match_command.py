"""`upward match` reads files, refuses what it cannot use by place, and writes the same results for the same files."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from typer.testing import CliRunner

from services.matching.engine.computation import Total, compute
from services.matching.engine.inputs import Inputs
from services.matching.engine.rules.scoring import Preference
from shared.contracts.programs import Direction, MatchingPolicy
from upward.cli import app
from upward.matching.result_files import harmless
from upward.matching.summary import proof

PEOPLE = """employee_id,name,email,department,location,time_zone,language,level,manager_id
1,Ada Stone,ada.stone@example.com,Strategy,Berlin,Europe/Berlin,en,5,
2,Bruno Lang,bruno.lang@example.com,Sales,Berlin,Europe/Berlin,en,4,1
3,Carla Reyes,carla.reyes@example.com,Engineering,Madrid,Europe/Madrid,en,4,1
4,Dev Patel,dev.patel@example.com,Sales,Berlin,Europe/Berlin,en,1,2
5,Elif Kaya,elif.kaya@example.com,Engineering,Berlin,Europe/Berlin,en,1,3
6,Finn Berg,finn.berg@example.com,Finance,Berlin,Europe/Berlin,en,2,3
"""
ENROLMENTS = """email,role,topics_taught,topics_wanted,preferred
bruno.lang@example.com,mentee,,Generative AI; Short video,
carla.reyes@example.com,mentee,,short-video; Generative AI,dev.patel@example.com
dev.patel@example.com,mentor,Short video:expert,,
elif.kaya@example.com,mentor,Generative AI:good; Short Video,,
"""


class Match(NamedTuple):
    code: int
    output: str
    folder: Path

    @property
    def result(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "result.json").read_text())
        return found

    def rows(self, name: str) -> list[dict[str, str]]:
        with (self.folder / name).open(newline="") as file:
            return list(csv.DictReader(file))

    @property
    def pairs(self) -> set[tuple[str, str]]:
        return {(row["mentor"].split(".")[0], row["mentee"].split(".")[0]) for row in self.rows("pairs.csv")}


def match(
    tmp_path: Path,
    people: str | bytes = PEOPLE,
    enrolments: str | bytes = ENROLMENTS,
    *more: str,
    policy: object = None,
    columns: str | None = None,
    out: str = "out",
) -> Match:
    files = {"people.csv": people, "enrolments.csv": enrolments}
    arguments = ["match", "--people", str(tmp_path / "people.csv"), "--enrolments", str(tmp_path / "enrolments.csv")]
    if policy is not None:
        files["policy.json"] = policy if isinstance(policy, str) else json.dumps(policy)
        arguments += ["--policy", str(tmp_path / "policy.json")]
    if columns is not None:
        files["columns.toml"] = columns
        arguments += ["--columns", str(tmp_path / "columns.toml")]
    for name, content in files.items():
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    arguments += ["--out", str(tmp_path / out), "--starts-on", "2026-04-01", *more]
    done = CliRunner().invoke(app, arguments)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return Match(done.exit_code, " ".join(done.output.split()), tmp_path / out)


def refused(tmp_path: Path, *arguments: Any, **more: Any) -> str:
    found = match(tmp_path, *arguments, **more)
    assert found.code == 1, found.output
    assert not found.folder.exists()
    return found.output


def with_row(row: str, enrolments: str = ENROLMENTS) -> str:
    return f"{enrolments}{row}\n"


def test_shared_hours_are_told_on_the_days_of_their_own_calendar(tmp_path: Path) -> None:
    people = """employee_id,name,email,level,time_zone
1,Min Tor,min@x.example,1,Pacific/Auckland
2,Men Tee,men@x.example,3,Pacific/Auckland
"""
    enrolments = """email,role,topics,meeting_windows
min@x.example,mentor,AI,fri-am
men@x.example,mentee,AI,fri-am
"""
    [pair] = match(tmp_path, people, enrolments, "--starts-on", "2026-12-01").rows("pairs.csv")
    assert "4 shared hours a week, on Fri." in pair["reasons"]


def test_three_files_hold_the_pairs_the_people_without_one_and_the_proof(tmp_path: Path) -> None:
    found = match(tmp_path, PEOPLE, with_row("finn.berg@example.com,mentor,Short video,,"))
    result = found.result
    assert found.code == 0
    assert found.pairs == {("dev", "carla"), ("elif", "bruno")}
    assert [row["email"] for row in found.rows("unmatched.csv")] == ["finn.berg@example.com"]
    assert set(found.rows("unmatched.csv")[0]) == {"email", "reason", "detail", "change"}
    assert set(found.rows("pairs.csv")[0]) == {"mentor", "mentee", "score", "reasons", *map(str, Preference)}
    for row in found.rows("pairs.csv"):
        assert sum(int(row[preference]) for preference in Preference) == int(row["score"])
    assert (result["certified"], result["total"]) == (True, result["bound"])
    assert result["total"]["points"] == sum(pair["score"] for pair in result["pairs"])
    people = {"people": 6, "leavers": 0, "enrolled": 5, "declined": 0, "not_enrolled": 1, "mentors": 3, "mentees": 2}
    assert result["counts"] == people | {"pairs": 2, "matched": 4, "unmatched": 1}
    assert {"inputs_hash", "code_version", "seed", "policy", "topics", "unmatched", "files", "columns"} <= set(result)
    assert result["unmatched"][0]["change"]["detail"] == found.rows("unmatched.csv")[0]["change"]
    assert any(pair["alternatives"] for pair in result["pairs"])


def test_the_summary_says_what_an_admin_asks_first(tmp_path: Path) -> None:
    enrolments = with_row("finn.berg@example.com,mentee,,Gaming; Short video,")
    output = match(tmp_path, PEOPLE, enrolments).output
    for said in ("4 of 5 people (80 %)", "best possible, proven", "without enrolment", "Unmatched", "Gaming", "points"):
        assert said in output


def test_the_same_files_give_the_same_bytes_in_any_order_of_rows(tmp_path: Path) -> None:
    head, *rows = ENROLMENTS.splitlines()
    one = match(tmp_path, PEOPLE, ENROLMENTS, out="one")
    again = match(tmp_path, PEOPLE, ENROLMENTS, out="again")
    shuffled = match(tmp_path, PEOPLE, "\n".join([head, *reversed(rows)]), out="shuffled")
    for name in ("pairs.csv", "unmatched.csv", "result.json"):
        assert (one.folder / name).read_bytes() == (again.folder / name).read_bytes()
    assert shuffled.result["inputs_hash"] == one.result["inputs_hash"]
    assert shuffled.result["pairs"] == one.result["pairs"]


def test_the_order_within_a_cell_does_not_matter_where_it_says_nothing(tmp_path: Path) -> None:
    columns = "email,role,topics_taught,languages,meeting_windows,avoided"
    row = "finn.berg@example.com,mentor,{},{},{},{}"
    cells = (
        "Gaming:good; Short video:expert",
        "en; de",
        "mon-am; tue-pm",
        "carla.reyes@example.com; dev.patel@example.com",
    )
    turned = ["; ".join(reversed(cell.split("; "))) for cell in cells]
    one, other = (
        match(tmp_path, PEOPLE, f"{columns}\n{row.format(*own)}\n", out=name).result
        for name, own in (("one", cells), ("other", turned))
    )
    assert (one["seed"], one["inputs_hash"]) == (other["seed"], other["inputs_hash"])


def test_the_seed_follows_from_the_files_unless_it_is_given(tmp_path: Path) -> None:
    one = match(tmp_path, out="one").result
    later = match(tmp_path, PEOPLE, ENROLMENTS, "--starts-on", "2026-12-01", out="later").result
    other = match(tmp_path, PEOPLE, ENROLMENTS, "--seed", "another", out="other").result
    same = match(tmp_path, PEOPLE, ENROLMENTS, "--seed", one["seed"], out="same").result
    assert one["seed"] == later["seed"] == same["seed"] != other["seed"]
    assert one["inputs_hash"] == same["inputs_hash"] != other["inputs_hash"]


def test_a_folder_with_something_in_it_is_left_alone_unless_forced(tmp_path: Path) -> None:
    first = match(tmp_path)
    (first.folder / "pairs.csv").write_text("mine")
    again = match(tmp_path)
    assert (again.code, (first.folder / "pairs.csv").read_text()) == (1, "mine")
    assert "--force" in again.output
    assert match(tmp_path, PEOPLE, ENROLMENTS, "--force").code == 0
    assert (first.folder / "pairs.csv").read_text() != "mine"
    (tmp_path / "file").write_text("")
    assert "is a file" in match(tmp_path, out="file").output


def test_usage_errors_have_an_exit_code_of_their_own(tmp_path: Path) -> None:
    runner = CliRunner()
    assert runner.invoke(app, ["match", "--people", "nowhere.csv"]).exit_code == 2
    assert match(tmp_path, PEOPLE, ENROLMENTS, "--direction", "upward").code == 2


def test_topics_need_no_program_and_aliases_come_with_the_policy(tmp_path: Path) -> None:
    enrolments = "email,role,teaches,wants\n2,mentee,,GenAI\n4,mentor,generative_AI,\n5,mentor,Gaming,\n"
    enrolments = enrolments.replace("email", "employee id")
    topics = [{"code": "gen-ai", "label": "Generative AI", "aliases": ["GenAI"]}]
    policy = {"topics": topics, "reporting_line": False, "objective": "quality_first"}
    found = match(tmp_path, PEOPLE, enrolments, policy=policy)
    assert found.pairs == {("dev", "bruno")}
    assert found.result["pairs"][0]["reasons"][0] == (
        "The mentor teaches Generative AI (expert), the mentee's first choice."
    )
    assert "does not list: Gaming" in found.output


def test_the_direction_is_an_option(tmp_path: Path) -> None:
    enrolments = ENROLMENTS.replace("mentee,,", "X,").replace(",mentor,", ",mentee,,").replace("X,", "mentor,")
    assert match(tmp_path, PEOPLE, enrolments).pairs == set()
    traditional = match(tmp_path, PEOPLE, enrolments, "--direction", "traditional", out="traditional")
    assert len(traditional.pairs) == 2


def test_who_waited_and_who_was_a_pair_before_may_stand_in_the_file(tmp_path: Path) -> None:
    enrolments = """Employee ID,Role,Topics,Waited,Past partners
2,mentee,AI,yes,dev.patel@example.com
3,mentee,AI,no,
4,mentor,AI,,
"""
    found = match(tmp_path, PEOPLE, enrolments, policy={"reporting_line": False})
    assert found.pairs == {("dev", "carla")}
    assert "matched in an earlier cycle" in found.rows("unmatched.csv")[0]["detail"]


def test_without_a_role_column_the_topics_tell_the_role(tmp_path: Path) -> None:
    enrolments = 'Name,I can teach,I want to learn\nDev Patel,AI,\n"Reyes, Carla",,AI\nBruno Lang,,\n'
    found = match(tmp_path, PEOPLE, enrolments)
    assert found.pairs == {("dev", "carla")}
    assert (found.result["counts"]["enrolled"], found.result["counts"]["declined"]) == (2, 1)


def test_wishes_may_be_ids_addresses_or_names(tmp_path: Path) -> None:
    enrolments = """email,role,topics,preferred,avoided
bruno.lang@example.com,mentee,AI,"Kaya, Elif",
carla.reyes@example.com,mentee,AI,4; Finn Berg,Elif Kaya <elif.kaya@example.com>
dev.patel@example.com,mentor,AI,,
elif.kaya@example.com,mentor,AI,bruno.lang@example.com,
"""
    found = match(tmp_path, PEOPLE, enrolments)
    assert {pair["mentee"]: pair["contributions"]["wishes"] for pair in found.result["pairs"]} == {
        "bruno.lang@example.com": 5000,
        "carla.reyes@example.com": 2500,
    }


@pytest.mark.parametrize(
    ("row", "place", "advice"),
    [
        ("nobody@example.com,mentor,AI,,", "enrolments.csv, line 6, email:", "Nobody in the people file"),
        ("M9,mentor,AI,,", "line 6, email:", "Nobody in the people file"),
        ("finn.berg@example.com,boss,AI,,", "line 6, role:", "write mentor, mentee, both or none"),
        ("finn.berg@example.com,,AI,,", "line 6, role:", "The role is missing"),
        ("finn.berg@example.com,mentor,AI:exprt,,", "line 6, topics_taught:", "basics, good or expert"),
        ("finn.berg@example.com,mentor,AI,,nobody@example.com", "line 6, preferred:", "Nobody in the people file"),
        ("finn.berg@example.com,mentor,AI,,finn.berg@example.com", "line 6, preferred:", "Name other people"),
        ("dev.patel@example.com,mentor,AI,,", "line 6, email:", "enrolled on line 4 already"),
        (",mentor,AI,,", "line 6, email:", "It is not said who this is"),
        ("finn.berg@example.com,mentor,AI,,,too,many", "line 6:", "more cells than the header"),
    ],
)
def test_a_row_that_cannot_be_used_is_named_by_line_and_field_or_left_out(
    tmp_path: Path, row: str, place: str, advice: str
) -> None:
    output = refused(tmp_path, PEOPLE, with_row(row))
    assert place in output
    assert advice in output
    assert "--skip-invalid" in output
    skipped = match(tmp_path, PEOPLE, with_row(row), "--skip-invalid")
    assert (skipped.code, len(skipped.pairs)) == (0, 2)
    assert [problem["line"] for problem in skipped.result["left_out"]] == [6]


def test_a_column_with_a_name_of_its_own_is_named_with_our_field(tmp_path: Path) -> None:
    enrolments = "E-Mail,Rolle,Plätze\nfinn.berg@example.com,mentor,zwei\n"
    assert 'enrolments.csv, line 2, column "Plätze" (capacity): This cell is not a capacity' in refused(
        tmp_path, PEOPLE, enrolments
    )
    people = PEOPLE.replace("email", "E-Mail").replace("elif.kaya@", "elif.kaya")
    assert 'people.csv, line 6, column "E-Mail" (email)' in refused(tmp_path, people)


def test_people_who_left_or_whose_row_was_left_out_are_told_apart_from_the_unknown(tmp_path: Path) -> None:
    people = PEOPLE.replace("manager_id\n", "manager_id,terminated_on\n").replace("en,2,3", "en,2,3,2026-03-01")
    enrolments = with_row("finn.berg@example.com,mentor,AI,,")
    assert "line 6, email: By line 7 of the people file this person has left." in refused(tmp_path, people, enrolments)
    bad = PEOPLE.replace("en,2,3", "en,x,3")
    output = match(tmp_path, bad, enrolments, "--skip-invalid").output
    assert "people.csv, line 7, level" in output
    assert "line 6, email: By line 7 of the people file this person was left out." in output


def test_nobody_enrols_for_a_namesake(tmp_path: Path) -> None:
    people = f"{PEOPLE}7,Dev Patel,dev.patel2@example.com,Sales,Berlin,Europe/Berlin,en,1,2\n"
    by_name = "name,email,role,topics\nDev Patel,,mentor,AI\n"
    assert "Several people have this name" in refused(tmp_path, people, by_name)
    unknown = "name,email,role,topics\nElif Kaya,someone@example.com,mentor,AI\n"
    assert "Nobody in the people file" in refused(tmp_path, people, unknown)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "line 1: The file is empty"),
        (b"email,role\n", "no rows below"),
        (b"email\nada.stone@example.com\n", "line 1, role: No column"),
        (b"PK\x03\x04rest", "save its sheet as CSV"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "line"),
        (b"email,role\n\x00,mentor\n", "line 2: The file holds a NUL character"),
        (b'email,role\n"a,mentor\nb,mentee\n', "line 2: The quotation marks"),
    ],
)
def test_what_is_no_enrolments_file_is_refused_by_name_and_line(tmp_path: Path, data: bytes, said: str) -> None:
    output = refused(tmp_path, PEOPLE, data)
    assert "enrolments.csv" in output
    assert said in output
    assert "people.csv, line " in refused(tmp_path, data, ENROLMENTS)


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ({"weights": {"topic": 1}}, "weights.topic: there is no such field; is topics meant?"),
        ({"colour": 1}, "colour: there is no such field; there are objective, floor"),
        ({"weights": {"topics": 11}}, "weights.topics: Input should be less than or equal to 10."),
        ({"min_level_gap": 3, "max_level_gap": 1}, "max_level_gap: max_level_gap must not be below min_level_gap."),
        ({"topics": [{"code": "A B", "label": "x"}]}, "topics.0.code:"),
        ({"topics": [{"code": "a", "label": "x"}, {"code": "b", "label": "X"}]}, "topics: the topics a and b share"),
        ({"topics": [{"code": "a", "label": "x", "alias": []}]}, "topics.0.alias: there is no such field"),
        ('{"floor": 0, "floor": 0}', "floor: This field stands there twice."),
        ('{"floor": }', "policy.json, line 1: This is not JSON"),
        ('{\n"floor": 1,\n}', "policy.json, line 3: This is not JSON"),
        ("[]", "The policy is an object"),
    ],
)
def test_a_bad_policy_is_refused_by_field(tmp_path: Path, policy: object, said: str) -> None:
    output = refused(tmp_path, policy=policy)
    assert "policy.json" in output
    assert said in output


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ('[enrolments]\nemale = "x"', "columns.toml, enrolments.emale: there is no such field; is email meant?"),
        ('[enrolments]\nrole = "Part"', 'enrolments.csv, line 1, column "Part" (role): The file\'s header has no such'),
        ('[columns]\nnames = "x"', "columns.names: there is no such field; is name meant?"),
        ('[enrolments.formats]\nencoding = "zz"', "enrolments.formats.encoding: is not a known text encoding"),
        ("x", "This is not a TOML file"),
    ],
)
def test_a_bad_mapping_is_refused_by_field(tmp_path: Path, columns: str, said: str) -> None:
    assert said in refused(tmp_path, columns=columns)


def test_cells_that_a_spreadsheet_program_could_run_are_made_text(tmp_path: Path) -> None:
    people = PEOPLE.replace("dev.patel@", "=cmd@").replace("elif.kaya@", "+1@")
    enrolments = ENROLMENTS.replace("dev.patel@", "=cmd@").replace("elif.kaya@", "+1@")
    found = match(tmp_path, people, enrolments)
    assert {row["mentor"] for row in found.rows("pairs.csv")} == {"'=cmd@example.com", "'+1@example.com"}
    assert [harmless(cell) for cell in ("-1+1", "@x", "\tx", "ok", -1)] == ["'-1+1", "'@x", "'\tx", "ok", -1]


def test_an_export_with_only_managers_has_levels_and_one_with_neither_says_so(tmp_path: Path) -> None:
    rows = [line.split(",") for line in PEOPLE.splitlines()]
    managers = "\n".join(",".join([*row[:7], row[8]]) for row in rows)
    assert len(match(tmp_path, managers).pairs) == 2
    neither = "\n".join(",".join(row[:7]) for row in rows)
    found = match(tmp_path, neither, out="neither")
    assert found.pairs == set()
    assert "neither levels nor managers" in found.output


def test_people_without_topics_are_matched_and_noted(tmp_path: Path) -> None:
    enrolments = "email,role,topics taught\nbruno.lang@example.com,mentee,\nelif.kaya@example.com,mentor,\n"
    found = match(tmp_path, PEOPLE, enrolments)
    assert len(found.pairs) == 1
    assert [note["reason"] for note in found.result["notes"]] == [
        "A mentee who names no topic to learn.",
        "A mentor who names no topic to teach.",
    ]


def test_nobody_enrolled_is_a_result_too(tmp_path: Path) -> None:
    found = match(tmp_path, PEOPLE, "email,role\nfinn.berg@example.com,none\n")
    assert (found.code, found.pairs, found.result["counts"]["declined"]) == (0, set(), 1)


def test_what_is_not_proven_says_how_much_may_be_missing() -> None:
    nobody = Inputs(cycle_id=UUID(int=1), direction=Direction.REVERSE, policy=MatchingPolicy(), labels={}, people=())
    result = compute(nobody)
    assert proof(result) == "best possible, proven"
    points = proof(replace(result, total=Total(4, 1000), bound=Total(4, 1010)))
    assert points == "not proven best: the total could be at most 10 points (1.00%) higher"
    people = proof(replace(result, total=Total(4, 1000), bound=Total(5, 900)))
    assert people == "not proven best: at most 1 more person could be matched"
