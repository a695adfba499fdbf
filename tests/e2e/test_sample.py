"""`upward up --sample`: a company with a cycle in every stage, also when its making was interrupted."""

import asyncio
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from rich.console import Console

from shared.contracts.programs import Stage
from tests.patience import PATIENCE_SECONDS
from upward.demo.admin import AdminClient
from upward.sample.cycles import CYCLES
from upward.sample.making import Record, make_sample
from upward.stack import Stack

SENIORS, JUNIORS = 9, 14
Found = dict[str, Any]


def write_people(path: Path) -> None:
    """A head, seniors and juniors. Each is in a department of their own."""
    lines = ["employee_id,name,email,department,level,manager_id", "head,Head,head@sample.example,Board,5,"]
    lines += [f"s{n},Senior,senior{n}@sample.example,Senior unit {n},4,head" for n in range(SENIORS)]
    lines += [f"j{n},Junior,junior{n}@sample.example,Junior unit {n},1,s{n % SENIORS}" for n in range(JUNIORS)]
    path.write_text("\n".join(lines) + "\n")


class Maker:
    """Makes the sample of one company, as often as it is started."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.stack, self.folder, self.organization = stack, folder, f"Sample {uuid4()}"
        self._people = folder / "people.csv"
        write_people(self._people)
        self._said = io.StringIO()

    @property
    def said(self) -> str:
        return self._said.getvalue()

    @property
    def key(self) -> str:
        return Record.read(self.folder / "sample.json").key

    async def make(self) -> None:
        self._said = io.StringIO()
        console = Console(file=self._said, width=300)
        await make_sample(self.stack, console, folder=self.folder, people=self._people, organization=self.organization)

    async def make_until(self, words: str) -> None:
        """Is interrupted once it has said this."""
        making = asyncio.create_task(self.make())
        async with asyncio.timeout(PATIENCE_SECONDS):
            while words not in self.said:
                assert not making.done(), self.said
                await asyncio.sleep(0.05)
        making.cancel()
        with pytest.raises(asyncio.CancelledError):
            await making


class Made(NamedTuple):
    """What the sample consists of, by the name of the program."""

    maker: Maker
    admin: AdminClient
    cycles: dict[str, list[Found]]

    def in_stage(self, stage: Stage) -> Found:
        [program] = [one.program for one in CYCLES if one.until is stage]
        [cycle] = self.cycles[program]
        return cycle


async def read(admin: AdminClient) -> dict[str, list[Found]]:
    found = {}
    for program in await admin.programs():
        cycles = await admin.cycles(program["id"])
        found[program["name"]] = [await admin.cycle(cycle["id"]) for cycle in cycles]
    return found


@pytest.fixture(scope="module")
async def made(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Made]:
    """It is interrupted after the programs were made, and in the middle of the cycles."""
    maker = Maker(stack, tmp_path_factory.mktemp("sample"))
    await maker.make_until("their people answer")
    await maker.make_until("stage review")
    await maker.make()
    admin = AdminClient(stack.url, maker.key)
    yield Made(maker, admin, await read(admin))
    await admin.close()


def test_the_sample_has_one_cycle_in_every_stage_however_often_it_was_interrupted(made: Made) -> None:
    stages = {program: [cycle["stage"] for cycle in cycles] for program, cycles in made.cycles.items()}
    assert stages == {one.program: [one.until] for one in CYCLES}, made.maker.said
    assert made.in_stage(Stage.COMPLETED)["outcome"] == "completed", made.maker.said


async def test_there_is_something_to_look_at_in_each_stage(made: Made) -> None:
    [asked] = made.in_stage(Stage.INTAKE)["rounds"]
    assert 0 < asked["answered"] < asked["recipients"] == 1 + SENIORS + JUNIORS
    runs = await made.admin.match_runs(made.in_stage(Stage.REVIEW)["id"])
    assert [(run["state"], run["pairs_count"] > 0) for run in runs] == [("proposed", True)]
    concerns = await made.admin.concerns(made.in_stage(Stage.ACTIVE)["id"])
    assert {(concern["state"], concern["reason"]) for concern in concerns} == {("open", "not_a_fit")}
    report = await made.admin.report(made.in_stage(Stage.COMPLETED)["id"])
    assert report["funnel"]["pairs_completed"] > 0


def test_what_is_to_come_takes_days_and_not_seconds(made: Made) -> None:
    [asked] = made.in_stage(Stage.INTAKE)["rounds"]
    assert datetime.fromisoformat(asked["closes_at"]) - datetime.now(UTC) > timedelta(days=10)
    calendar = made.in_stage(Stage.ACTIVE)["calendar"]
    assert (calendar["check_in_every"], calendar["concern"]["escalate_after"]) == ("P14D", "P3D")
    assert made.in_stage(Stage.REVIEW)["calendar"]["approval"]["remind_every"] == "P2D"


async def test_a_sample_that_is_there_is_shown_with_its_addresses_and_its_key_and_made_no_second_time(
    made: Made,
) -> None:
    key = made.maker.key
    await made.maker.make()
    found = await read(made.admin)
    assert {name: [cycle["id"] for cycle in cycles] for name, cycles in found.items()} == {
        name: [cycle["id"] for cycle in cycles] for name, cycles in made.cycles.items()
    }
    addresses = [f"{made.maker.stack.url}/console/cycles/{cycle['id']}" for [cycle] in found.values()]
    assert [text for text in (*addresses, key) if text not in made.maker.said] == []
    assert (made.maker.key, "stage" in made.maker.said) == (key, False)
