"""How far a cycle of the sample company is played, and what is noted about it."""

import asyncio
import stat
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from shared.contracts.programs import Stage
from upward.cli import app
from upward.demo.admin import AdminClient
from upward.demo.mailbox import Letter
from upward.demo.people import Manners, Participants
from upward.demo.player import Player
from upward.sample.cycles import CYCLES, SampleCycle
from upward.sample.making import Record, make_sample
from upward.stack import do_unless_stopped

Found = dict[str, Any]
NOBODY = Manners(silent={"enrolment": 1.0})


def cycle(stage: Stage, **round_: Any) -> Found:
    asked = {"id": "round", "kind": "enrolment", "number": 1, "state": "open", "pending": 2}
    return {"id": "cycle", "stage": stage.value, "rounds": [asked | round_] if round_ else []}


@pytest.fixture
def requests() -> list[str]:
    """What the admin asks of the API, which takes it."""
    return []


@pytest.fixture
def player(requests: list[str]) -> Player:
    """Of three people two are silent, as far as letters have come."""

    def take(request: httpx.Request) -> httpx.Response:
        requests.append(f"{request.method} {request.url.path}")
        return httpx.Response(202, json={})

    people = [{"email": f"{n}@upward.example", "level": n, "active": True} for n in range(3)]
    participants = Participants(people, httpx.AsyncClient(), NOBODY)
    for person in people[:2]:
        participants.receive(
            Letter(str(person["email"]), "enrolment_invitation", "<1>", "round", "http://x/p/y", False)
        )
    return Player(AdminClient("http://upward.test", "key", httpx.MockTransport(take)), "cycle", participants, print)


@pytest.mark.parametrize(
    ("round_", "acts"),
    [({"pending": 2}, True), ({"pending": 1}, True), ({"pending": 3}, False), ({"state": "closed"}, False)],
)
async def test_a_round_is_closed_once_when_only_those_are_missing_who_will_never_answer(
    player: Player, requests: list[str], round_: Found, acts: bool
) -> None:
    for _ in range(2):
        await player.act(cycle(Stage.INTAKE, **round_))
    assert requests == (["POST /v1/cycles/cycle/advance"] if acts else [])


def sample(until: Stage) -> SampleCycle:
    return next(one for one in CYCLES if one.until is until)


def test_the_sample_has_a_cycle_for_each_stage_in_which_a_cycle_waits_and_each_end() -> None:
    stages = {Stage.INTAKE, Stage.REVIEW, Stage.ACTIVE, Stage.COMPLETED, Stage.CANCELLED}
    assert sorted(one.until for one in CYCLES) == sorted(stages)
    assert len({one.program for one in CYCLES}) == len(CYCLES), "a program is found by its name"


@pytest.mark.parametrize(
    ("until", "found", "is_enough"),
    [
        (Stage.INTAKE, cycle(Stage.SCHEDULED), False),
        (Stage.INTAKE, cycle(Stage.INTAKE), False),
        (Stage.INTAKE, cycle(Stage.INTAKE, pending=3), False),
        (Stage.INTAKE, cycle(Stage.INTAKE, pending=2), True),
        (Stage.REVIEW, cycle(Stage.MATCHING), False),
        (Stage.REVIEW, cycle(Stage.REVIEW), True),
        (Stage.ACTIVE, cycle(Stage.KICKOFF), False),
        (Stage.ACTIVE, cycle(Stage.ACTIVE, kind="check_in", state="open"), False),
        (Stage.ACTIVE, cycle(Stage.ACTIVE, kind="check_in", state="closed"), True),
        (Stage.COMPLETED, cycle(Stage.CLOSING), False),
        (Stage.COMPLETED, cycle(Stage.COMPLETED), True),
        (Stage.CANCELLED, cycle(Stage.REVIEW), False),
        (Stage.CANCELLED, cycle(Stage.CANCELLED), True),
    ],
)
def test_a_cycle_is_left_in_its_stage(player: Player, until: Stage, found: Found, is_enough: bool) -> None:
    assert sample(until).has_come(found, player) is is_enough


@pytest.mark.parametrize("until", [Stage.INTAKE, Stage.REVIEW])
@pytest.mark.parametrize("stage", [Stage.KICKOFF, Stage.COMPLETED, Stage.CANCELLED])
def test_a_cycle_that_somebody_moved_further_is_left_alone(player: Player, until: Stage, stage: Stage) -> None:
    assert sample(until).has_come(cycle(stage), player)


def test_what_is_noted_is_read_again_and_only_the_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "sample.json"
    assert Record.read(path) == Record()
    record = Record("organization", "key", ["Digital Upward"])
    for _ in range(2):
        record.write(path)
        assert Record.read(path) == record
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("asked", [True, False])
def test_the_option_asks_for_the_sample_in_the_folder_of_the_stack(
    asked: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    firsts: list[Any] = []

    async def run(folder: Path, port: int, organization: str | None, first: Any) -> None:
        firsts.append(first)

    monkeypatch.setattr("upward.stack.run_until_stopped", run)
    monkeypatch.setattr("upward.cli.configure_logging", lambda *_: None)
    ended = CliRunner().invoke(app, ["up", "--folder", str(tmp_path), *(["--sample"] if asked else [])])
    assert ended.exit_code == 0, ended.output
    assert [first and (first.func, first.keywords) for first in firsts] == [
        (make_sample, {"folder": tmp_path}) if asked else None
    ]


async def test_work_is_given_up_when_the_stack_is_stopped() -> None:
    stop, begun, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    doing = asyncio.create_task(do_unless_stopped(work(), stop))
    await begun.wait()
    stop.set()
    await doing
    assert ended.is_set()


async def test_the_stack_goes_on_when_the_work_is_done_and_hears_when_it_fails() -> None:
    async def fail() -> None:
        raise LookupError

    stop = asyncio.Event()
    await do_unless_stopped(asyncio.sleep(0), stop)
    with pytest.raises(LookupError):
        await do_unless_stopped(fail(), stop)
    assert not stop.is_set()
