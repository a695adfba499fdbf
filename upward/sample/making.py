"""`upward up --sample`: a company with a cycle in every stage, so that everybody can look around at once.

Everything is made through the public API and the links in e-mails, as in real life. What was made is noted in the
stack's folder, so that a start that was interrupted goes on where it was, and nothing is made twice.
"""

import asyncio
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from services.accounts.store.keys import create_access_key, find_or_create_organization
from shared.auth import authenticate
from shared.contracts.accounts import Role
from shared.contracts.programs import Stage
from shared.database import Database
from shared.errors import Unauthorized
from upward.demo.admin import AdminClient, Refused, RetryingTransport
from upward.demo.display import Display, round_name
from upward.demo.mailbox import Letter, Mailbox
from upward.demo.people import Participants
from upward.demo.player import Player
from upward.demo.program import reverse_program
from upward.sample.cycles import CALENDAR, CYCLES, SampleCycle
from upward.stack import Stack

ORGANIZATION = "Meridian"
PEOPLE = Path(__file__).parent / "people.csv"
GIVES_UP_SECONDS = 1800
LOOK_SECONDS = 0.25


@dataclass
class Record:
    """What is noted in the folder: the company's key, and the programs whose cycle has come as far as it should.

    A key cannot be read from the database. Only the owner of the file can read it.
    """

    organization_id: str = ""
    key: str = ""
    finished: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> "Record":
        return cls(**json.loads(path.read_text())) if path.exists() else cls()

    def write(self, path: Path) -> None:
        """The file is replaced at once, so that it is whole whenever the process ends."""
        part = path.with_suffix(".part")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(asdict(self), file)
        part.rename(path)


async def make_sample(
    stack: Stack, console: Console, *, folder: Path, people: Path = PEOPLE, organization: str = ORGANIZATION
) -> None:
    """Makes what is missing, shows its progress, and says what there is and where. If that fails, it is said why; the
    stack goes on, and so does the sample with the next start."""
    path = folder / "sample.json"
    record = await _with_a_key(Record.read(path), stack.resources.database, organization)
    record.write(path)
    admin = AdminClient(stack.url, record.key, RetryingTransport())
    client = httpx.AsyncClient(timeout=60, transport=RetryingTransport())

    def note(cycle: SampleCycle) -> None:
        record.finished.append(cycle.program)
        record.write(path)

    try:
        if missing := [cycle for cycle in CYCLES if cycle.program not in record.finished]:
            with Display(console) as display:
                sample = Sample(stack, admin, client, display)
                async with asyncio.timeout(GIVES_UP_SECONDS):
                    await sample.make(missing, people, note)
        await _say_what_there_is(stack.url, admin, record.key, console)
    except (Refused, httpx.TransportError, TimeoutError) as failure:
        console.print(f"[red]The sample is not complete:[/] {escape(str(failure) or type(failure).__name__)}")
        console.print("Start again with --sample to go on with it.")
    finally:
        await admin.close()
        await client.aclose()


class Sample:
    """The cycles that are played at the same time."""

    def __init__(self, stack: Stack, admin: AdminClient, client: httpx.AsyncClient, display: Display) -> None:
        self._url, self._admin, self._client, self._display = stack.url, admin, client, display
        self._mailbox = Mailbox(stack.mail.folder, skip_old=False)
        self._players: dict[str, Player] = {}
        """By the name of the program."""
        self._shown: dict[str, dict[str, Any]] = {}
        """The cycles as they were seen last, by the name of the program."""

    async def make(self, missing: Sequence[SampleCycle], people: Path, note: Callable[[SampleCycle], None]) -> None:
        """Plays these cycles, and notes each that has come as far as it should."""
        try:
            await self._begin(missing, people)
            playing = list(missing)
            while playing:
                # Whoever reads a letter finds its round open, or closed, but never missing.
                letters = await asyncio.to_thread(self._mailbox.new_letters)
                for one in list(playing):
                    if await self._play(one, letters):
                        playing.remove(one)
                        note(one)
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            for player in self._players.values():
                await player.participants.leave()

    async def _begin(self, missing: Sequence[SampleCycle], people: Path) -> None:
        """The directory, the programs and their cycles. What is there already is used."""
        if not (directory := await self._admin.people()):
            await self._admin.import_people(people, None, skip_invalid=False)
            directory = await self._admin.people()
            self._display.say(f"Imported {len(directory)} people.")
        programs = {program["name"]: program["id"] for program in await self._admin.programs()}
        for one in missing:
            program_id = programs.get(one.program)
            if program_id is None:
                program_id = (await self._admin.create_program(reverse_program(one.program, directory)))["id"]
            cycles = await self._admin.cycles(program_id)
            cycle = cycles[0] if cycles else await self._admin.trigger_cycle(program_id, CALENDAR | one.calendar)
            participants = Participants(directory, self._client, one.manners)
            self._players[one.program] = Player(
                self._admin, cycle["id"], participants, self._saying(one), ends=one.ends
            )
        self._display.say(f"{len(missing)} programs have a cycle each; their people answer e-mails now.")

    async def _play(self, one: SampleCycle, letters: Sequence[Letter]) -> bool:
        """Lets the people answer these letters and the admin act. Returns whether the cycle has come far enough."""
        player = self._players[one.program]
        cycle = await self._admin.cycle(player.cycle_id)
        rounds = {found["id"] for found in cycle["rounds"]}
        for letter in letters:
            if letter.scope in rounds and letter.link is not None:
                player.participants.receive(replace(letter, link=self._url + urlsplit(letter.link).path))
        if cycle["stage"] != self._shown.get(one.program, {}).get("stage"):
            self._display.say(f"[bold]{one.program}[/]: stage {cycle['stage']}")
        self._shown[one.program] = cycle
        self._display.update(_progress(self._shown))
        if one.has_come(cycle, player):
            return True
        if one.until is Stage.CANCELLED and cycle["stage"] == Stage.REVIEW:
            await self._admin.cancel(player.cycle_id)
        else:
            await player.act(cycle)
        return False

    def _saying(self, one: SampleCycle) -> Callable[[str], None]:
        return lambda text: self._display.say(f"[bold]{one.program}[/]: {text}")


def _progress(shown: dict[str, dict[str, Any]]) -> Table:
    table = Table("Program", "Stage", "Round", "Answered", "Asked", box=None)
    for program, cycle in shown.items():
        *_, last = cycle["rounds"] or [None]
        counts = (round_name(last), str(last["answered"]), str(last["recipients"])) if last else ("", "", "")
        table.add_row(program, cycle["stage"], *counts)
    return table


async def _with_a_key(record: Record, database: Database, organization: str) -> Record:
    """The record with a valid key. A record about another database is no longer true."""
    async with database.transaction() as session:
        organization_id = await find_or_create_organization(session, organization)
        if record.organization_id != str(organization_id):
            record = Record(str(organization_id))
        try:
            await authenticate(session, record.key)
        except Unauthorized:
            record.key = await create_access_key(session, organization_id, Role.OWNER, "sample")
    return record


async def _say_what_there_is(url: str, admin: AdminClient, key: str, console: Console) -> None:
    console.print("The sample company is there. These are its cycles, as they are now:")
    for program in await admin.programs():
        for cycle in await admin.cycles(program["id"]):
            state = await _state(admin, cycle)
            console.print(f"  {program['name']} {cycle['period']}: {state}", markup=False, soft_wrap=True)
            console.print(f"    {url}/console/cycles/{cycle['id']}", soft_wrap=True)
    console.print("The key of its owner, for the console and for the API:")
    console.print(f"  {key}", soft_wrap=True)


async def _state(admin: AdminClient, cycle: dict[str, Any]) -> str:
    """The stage of a cycle, and what there is to look at in it."""
    stage, cycle_id = cycle["stage"], cycle["id"]
    if stage == Stage.INTAKE:
        found = (await admin.cycle(cycle_id))["rounds"][-1:]
        return f"{stage}; " + "".join(f"{one['answered']} of {one['recipients']} have answered" for one in found)
    if stage == Stage.REVIEW:
        runs = [run for run in await admin.match_runs(cycle_id) if run["state"] == "proposed"]
        return f"{stage}; " + "".join(f"{run['pairs_count']} pairs wait for an approval" for run in runs)
    if stage == Stage.ACTIVE:
        concerns = [concern for concern in await admin.concerns(cycle_id) if concern["state"] == "open"]
        return f"{stage}; {len(concerns)} concerns are open"
    return f"{stage}; its report is at /v1/cycles/{cycle_id}/report" if stage == Stage.COMPLETED else str(stage)
