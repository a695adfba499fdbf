"""The sample of `upward up --sample` with few people, as tests make it on their stack."""

import asyncio
import gc
import io
import warnings
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
        del making
        # A connection that is being made in the moment of the interruption is left open by httpx. The process that is
        # interrupted ends and closes it; here it is let go, or a later test would be blamed for it.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


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
