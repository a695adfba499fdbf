"""docs/matching.md is computed again: every number of its example, every reason, and what the command prints."""

import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from services.intake.enrolment_file.column_map import EnrolmentColumns
from services.matching.engine.computation import Result, compute
from services.matching.engine.inputs import Inputs, canonical
from services.matching.engine.rules.eligibility import Constraint
from services.matching.engine.rules.scoring import Preference
from services.matching.engine.steering import PersonCouple, Steering
from services.matching.engine.unmatched import CHANGES, NOT_APPROVED, SAYS, UnmatchedReason
from shared.contracts.intake import EnrolmentRole, MeetingWindow, PoolPerson, TeachingLevel
from shared.contracts.programs import Direction, LocationPreference, MatchingPolicy, Weights
from shared.language.reasons import sentences
from shared.language.words import words_of
from tests.architecture.documents import BLOCK, section, table_rows
from tests.architecture.sources import ROOT
from upward.cli import app
from upward.matching.result_files import WRITTEN

PAGE = "docs/matching.md"
SPACE = UUID("7a3c1c39-6d0e-4a7b-9f5e-0d3f6a1b2c3d")
CYCLE = UUID("11111111-1111-4111-8111-111111111111")
TOPIC = "Generative AI"
LABELS = {"generative-ai": TOPIC, "short-video": "Short video", "negotiating": "Negotiating"}


def number(cell: str) -> int:
    return int(cell.replace(",", ""))


def prose(heading: str) -> str:
    return " ".join(section(PAGE, heading).split())


def person_id(name: str) -> UUID:
    return uuid5(SPACE, name)


def names() -> dict[UUID, str]:
    return {person_id(row[0]): row[0] for row in people_rows()}


def people_rows() -> list[list[str]]:
    lines = re.search(r"(?:^\|.*\n)+", section(PAGE, "## One worked example"), re.MULTILINE)
    assert lines is not None
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[0].splitlines()[2:]]


def someone(row: list[str]) -> PoolPerson:
    name, role, level, department, teaches, wants = row
    taught = re.fullmatch(rf"{TOPIC} \((\w+)\)", teaches)
    assert (wants == TOPIC) == (role == "mentee")
    return PoolPerson(
        person_id=person_id(name),
        role=EnrolmentRole(role),
        level=int(level),
        department=department,
        time_zone="Europe/Berlin",
        languages=("en",),
        topics_taught=("generative-ai",) if taught else (),
        taught_levels={"generative-ai": TeachingLevel[taught[1].upper()]} if taught else {},
        topics_wanted=("generative-ai",) if wants else (),
    )


def example(**more: Any) -> Result:
    policy = MatchingPolicy.model_validate_json(BLOCK.findall(section(PAGE, "## One worked example"))[0])
    people = tuple(someone(row) for row in people_rows())
    policy = policy.model_copy(update=more.pop("policy", {}))
    inputs = Inputs(cycle_id=CYCLE, direction=Direction.REVERSE, policy=policy, labels=LABELS, people=people, **more)
    return compute(canonical(inputs))


def forced(mentor: str, mentee: str) -> Result:
    pin = PersonCouple(mentor_id=person_id(mentor), mentee_id=person_id(mentee))
    return example(steering=Steering(pins=(pin,)))


def total(result: Result) -> int:
    return sum(pair.points for pair in result.pairs)


def scores() -> dict[tuple[str, str], int]:
    return {(row[0], row[1]): number(row[5]) for row in table_rows(PAGE, "### Scores")}


def prices() -> dict[str, int]:
    lines = re.search(r"(?:^\|.*\n)+", section(PAGE, "### The proof"), re.MULTILINE)
    assert lines is not None
    head, _, row = ([cell.strip() for cell in line.split("|")[1:-1]] for line in lines[0].splitlines())
    return {name: number(cell) for name, cell in zip(head, row, strict=True)}


# The worked example


def test_the_scores_of_the_example_are_those_that_a_pair_of_the_two_would_have() -> None:
    for mentor, mentee, topics, departments, gap, score in table_rows(PAGE, "### Scores"):
        [pair] = [one for one in forced(mentor, mentee).pairs if one.mentee_id == person_id(mentee)]
        points = {"topics": number(topics), "cross_functional": number(departments), "level_gap": number(gap)}
        assert {preference: value for preference, value in pair.contributions.items() if preference in points} == points
        assert pair.points == sum(points.values()) == number(score)


def test_no_other_couple_of_the_example_may_meet() -> None:
    assert {mentee for _, mentee in scores()} == {"Dora", "Eve"}
    assert len(scores()) == 6
    [fay] = [found for found in example().unmatched if found.person_id == person_id("Fay")]
    assert (fay.candidates, fay.blocked) == (0, {Constraint.LEVEL_GAP: 3})


def test_the_pairs_of_the_example_are_the_best_and_come_with_these_reasons() -> None:
    result = example()
    told = {(row[0], row[1]): (number(row[2]), row[3]) for row in table_rows(PAGE, "### The best pairs")}
    assert told == {
        (names()[pair.mentor_id], names()[pair.mentee_id]): (
            pair.points,
            " ".join(sentences(pair.reasons, words_of("en"))),
        )
        for pair in result.pairs
    }
    assert result.total.points == total(result) == 25_500
    assert "end with 25,000 points" in prose("### The best pairs")
    assert "with 25,500 points:" in prose("### The best pairs")


def test_whoever_takes_the_best_couple_first_gets_what_the_page_says() -> None:
    left, taken = scores(), []
    while left:
        best = max(left, key=lambda couple: left[couple])
        taken.append(best)
        left = {couple: score for couple, score in left.items() if not set(couple) & set(best)}
    assert taken == [("Ana", "Dora"), ("Cem", "Eve")]
    assert sum(scores()[couple] for couple in taken) == 25_000


def test_the_prices_of_the_example_prove_that_nothing_is_better() -> None:
    result = example()
    over = {couple: score - prices()[couple[0]] - prices()[couple[1]] for couple, score in scores().items()}
    assert {couple: more for couple, more in over.items() if more > 0} == {("Ben", "Dora"): 500}
    bound = sum(prices().values()) + 500
    assert bound == result.bound.points == result.total.points
    assert result.certified
    terms = [*prices().values(), 500]
    assert f"{' + '.join(f'{term:,}' for term in terms)} = {bound:,} points" in prose("### The proof")


def test_the_alternative_of_the_example_costs_what_the_page_says() -> None:
    text = prose("### Why not another one?")
    [pair] = [pair for pair in example().pairs if pair.mentee_id == person_id("Eve")]
    [other] = [one for one in pair.alternatives if (one.side, one.person_id) == ("mentee", person_id("Ben"))]
    short = prices()["Ben"] + prices()["Eve"] - scores()["Ben", "Eve"]
    again = total(forced("Ben", "Eve"))
    assert (names()[pair.mentor_id], other.points, other.people) == ("Ana", 9_500, 0)
    assert (other.costs, other.exact) == (total(example()) - again, True)
    assert f"{other.points:,} points, which is {short} less than their two prices" in text
    assert f"> {other.detail}" in text
    assert f"gives {again:,} points, which is {total(example()) - again:,} less than the best" in text


def test_the_people_of_the_example_without_a_pair_are_told_why() -> None:
    told = {row[0]: (row[1].strip("`"), *row[2:]) for row in table_rows(PAGE, "### Who has no pair, and why")}
    assert told == {
        names()[found.person_id]: (found.reason.value, found.detail, found.change.detail if found.change else "")
        for found in example().unmatched
    }


def test_the_change_of_the_example_does_what_it_says() -> None:
    assert "With `min_level_gap` at 0, all six have a partner." in prose("### Who has no pair, and why")
    changed = example(policy={"min_level_gap": 0})
    assert (len(changed.pairs), changed.unmatched) == (3, ())


# Every reason


def pair_of(direction: Direction, location: LocationPreference, places: tuple[str, str]) -> set[str]:
    """The reasons of a pair that meets every preference in some way."""
    senior, junior, other = (person_id(name) for name in ("senior", "junior", "nobody"))
    windows = (MeetingWindow.TUE_AM, MeetingWindow.THU_PM)
    common: dict[str, Any] = {"time_zone": "UTC", "languages": ("en",), "meeting_windows": windows}
    mentor = PoolPerson(
        person_id=junior,
        role=EnrolmentRole.MENTOR,
        level=1,
        department="Sales",
        location=places[0],
        topics_taught=("generative-ai", "short-video"),
        taught_levels={"short-video": TeachingLevel.BASICS},
        topics_wanted=("negotiating",),
        preferred=(other, senior),
        **common,
    )
    mentee = PoolPerson(
        person_id=senior,
        role=EnrolmentRole.MENTEE,
        level=3,
        department="Finance",
        location=places[1],
        topics_taught=("negotiating",),
        taught_levels={"negotiating": TeachingLevel.GOOD},
        topics_wanted=("generative-ai", "short-video"),
        preferred=(junior,),
        **common,
    )
    policy = MatchingPolicy(location=location, weights=Weights(location=1))
    result = compute(
        canonical(
            Inputs(
                cycle_id=CYCLE,
                direction=direction,
                policy=policy,
                labels=LABELS,
                people=(mentor, mentee),
                waited=(senior,),
            )
        )
    )
    return set(sentences(result.pairs[0].reasons, words_of("en")))


def test_every_reason_of_a_pair_is_on_the_page_word_for_word() -> None:
    rows = table_rows(PAGE, "## What is said about a pair")
    same = pair_of(Direction.MUTUAL, LocationPreference.SAME, ("Berlin", "Berlin"))
    different = pair_of(Direction.REVERSE, LocationPreference.DIFFERENT, ("Berlin", "Madrid"))
    assert {row[1] for row in rows} == same | different
    assert {row[0].split("`")[1] for row in rows} == {preference.value for preference in Preference}


def test_every_reason_for_no_pair_is_on_the_page_with_what_would_change_it() -> None:
    rows = {row[0].strip("`| "): row for row in reason_rows()}
    assert set(rows) == {reason.value for reason in UnmatchedReason}
    for constraint, words in SAYS.items():
        assert rows[constraint.value][1] == words
    for constraint, words in CHANGES.items():
        assert rows[constraint.value][2] == words
    assert rows["not_approved"][1] == NOT_APPROVED
    fay, cem = (next(one for one in example().unmatched if one.person_id == person_id(name)) for name in ("Fay", "Cem"))
    assert fay.change is not None
    assert cem.change is not None
    assert fay.change.detail.startswith(rows["level_gap"][2])
    assert {rows[taken][2] for taken in ("candidates_taken", "no_shared_topic")} == {cem.change.detail}
    assert {reason for reason, row in rows.items() if not row[2]} == {"no_counterpart", "dropped", "not_approved"}


def reason_rows() -> list[list[str]]:
    lines = re.findall(r"^\| `\w+` \|.*$", section(PAGE, "## What is said about somebody without a pair"), re.MULTILINE)
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]


# The command


def command_lines() -> list[list[str]]:
    blocks = BLOCK.findall(section(PAGE, "## On files, without a server"))
    return [shlex.split(block)[1:] for block in blocks if block.startswith("upward match ")]


@pytest.mark.parametrize("words", command_lines(), ids=["sample", "messy"])
def test_the_commands_of_the_page_run(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [str(ROOT / word) if (ROOT / word).is_file() else word for word in words]
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, paths, env={"COLUMNS": "100"})
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in (tmp_path / "matches").iterdir()) == sorted(WRITTEN)
    if "--policy" in words:
        shown = BLOCK.findall(section(PAGE, "## On files, without a server"))[1]
        assert [line.rstrip() for line in done.output.splitlines()] == shown.splitlines()
        result = json.loads((tmp_path / "matches" / "result.json").read_text())
        assert result["certified"]


def test_every_option_and_every_field_of_the_command_is_on_the_page() -> None:
    command: Any = get_command(app)
    options = {option for parameter in command.commands["match"].params for option in parameter.opts}
    told = {row[0].strip("`") for row in table_rows(PAGE, "## On files, without a server")}
    assert told == options - {"--help"}
    fields = {name for row in table_rows(PAGE, "### The enrolments") for name in re.findall(r"`(\w+)`", row[0])}
    assert fields == set(EnrolmentColumns.model_fields) - {"formats", "roles", "levels"}
    assert {row[0].strip("`") for row in table_rows(PAGE, "### The results")} == set(WRITTEN)


def test_the_mapping_of_the_page_is_one_that_is_taken() -> None:
    [block] = [block for block in BLOCK.findall(section(PAGE, "### The enrolments")) if "[enrolments]" in block]
    found = EnrolmentColumns.model_validate(tomllib.loads(block)["enrolments"])
    assert found.headers() == {"role": ("I take part as",), "topics_taught": ("Skill 1", "Skill 2")}
