"""`upward demo`: one cycle from the API call of the admin to the closing report. Every part of it is real."""

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from rich.markup import escape

from services.accounts.store.keys import create_access_key, find_or_create_organization
from shared.contracts.accounts import Role
from upward.demo.admin import AdminClient, Refused, RetryingTransport
from upward.demo.display import STAGES, Display
from upward.demo.mailbox import Mailbox
from upward.demo.people import Participants, why_no_pairs
from upward.demo.player import Player
from upward.demo.program import CHECK_IN_SECONDS, demo_calendar, reverse_program
from upward.stack import Stack, running_stack

SAMPLE = Path(__file__).parent.parent / "sample" / "people.csv"
GIVES_UP_SECONDS = 1800
"""The demo waits for what happens, however long a busy machine takes. This only keeps it from waiting for ever."""
FINAL = ("completed", "cancelled")


async def run_demo(folder: Path, people: Path | None, columns: Path | None, skip_invalid: bool) -> int:
    """Runs the demo and returns its exit code, which is 0 only if everything happened that should happen."""
    display = Display()
    display.console.print("Starting Postgres, Temporal, the mail catcher, all services and all workers …")
    begun = time.monotonic()
    async with running_stack(folder) as stack:
        check_in_seconds = max(CHECK_IN_SECONDS, round(1.25 * (time.monotonic() - begun)))
        organization = f"Demo {datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
        async with stack.resources.database.transaction() as session:
            organization_id = await find_or_create_organization(session, organization)
            key = await create_access_key(session, organization_id, Role.ADMIN, "demo")
        admin = AdminClient(stack.url, key, RetryingTransport())
        client = httpx.AsyncClient(timeout=60, transport=RetryingTransport())
        try:
            with display:
                story = Story(stack, admin, client, display)
                missing = await story.run(people or SAMPLE, columns, skip_invalid, check_in_seconds)
        except Refused as refusal:
            return _refused(display, refusal)
        except httpx.TransportError as error:
            display.console.print(f"[red]The API did not answer: {type(error).__name__}[/]")
            return 1
        finally:
            await admin.close()
            await client.aclose()
        return _finish(display, missing, folder)


class Story:
    def __init__(self, stack: Stack, admin: AdminClient, client: httpx.AsyncClient, display: Display) -> None:
        self._admin, self._client, self._display = admin, client, display
        self._mailbox = Mailbox(stack.mail.folder)
        self._names: dict[str, str] = {}
        self._stages: list[str] = []
        self._last_event = 0
        self._events: dict[str, int] = {}

    async def run(
        self, people: Path, columns: Path | None, skip_invalid: bool, check_in_seconds: int = CHECK_IN_SECONDS
    ) -> list[str]:
        """Plays the whole cycle, and returns what should have happened and did not.

        A machine that took long to start the stack gets more time from one check-in to the next.
        """
        cycle_id = await self._begin(people, columns, skip_invalid, check_in_seconds)
        try:
            async with asyncio.timeout(GIVES_UP_SECONDS):
                cycle = await self._play(cycle_id)
                await self._player.participants.settled()
        except TimeoutError:
            return [f"the end of the cycle within {GIVES_UP_SECONDS} s: its stages were {', '.join(self._stages)}"]
        finally:
            await self._player.participants.leave()
        return await self._conclude(cycle_id, cycle)

    async def _play(self, cycle_id: str) -> dict[str, Any]:
        """Plays the cycle from its request to its last event, and returns the cycle as it ended."""
        while True:
            for letter in self._mailbox.new_letters():
                self._player.participants.receive(letter)
            await self._follow_events()
            cycle = await self._admin.cycle(cycle_id)
            self._display.show(cycle)
            if cycle["stage"] in FINAL:
                break
            await self._player.act(cycle)
            await asyncio.sleep(0.25)
        while cycle["stage"] == "completed" and "completed" not in self._stages:  # the event comes a moment later
            await asyncio.sleep(0.1)
            await self._follow_events()
        return cycle

    async def _begin(self, people: Path, columns: Path | None, skip_invalid: bool, check_in_seconds: int) -> str:
        counts = await self._admin.import_people(people, columns, skip_invalid)
        self._display.say(f"Imported {counts['created']} people; {counts['skipped_leavers']} leavers skipped.")
        for row in counts["notes"]:
            self._display.say(escape(f"Note on line {row['line']}, {row['column']}: {row['reason']}"))
        for row in counts["left_out"]:
            self._display.say(escape(f"Left out line {row['line']}, {row['column']}: {row['reason']}"))
        for what, total in (("notes", "notes_total"), ("reasons why rows were left out", "left_out_total")):
            if more := counts[total] - len(counts[total.removesuffix("_total")]):
                self._display.say(f"There are {more} more {what}.")
        directory = await self._admin.people()
        self._names = {person["id"]: person["name"] for person in directory}
        if (why := why_no_pairs(directory)) is not None:
            self._display.say(f"[yellow]{why}[/]")
        body = reverse_program("Upward at work", directory, demo_calendar(check_in_seconds))
        program = await self._admin.create_program(body)
        cycle = await self._admin.trigger_cycle(program["id"])
        self._display.say("Program created and cycle triggered through the API.")
        participants = Participants(directory, self._client)
        self._player = Player(self._admin, cycle["id"], participants, self._display.say, show_run=self._show_run)
        return str(cycle["id"])

    async def _follow_events(self) -> None:
        page = await self._admin.events(self._last_event)
        self._last_event = page["after"]
        for event in page["events"]:
            kind = event["type"].removeprefix("app.upward.").rsplit(".v", 1)[0]
            self._events[kind] = self._events.get(kind, 0) + 1
            if kind == "cycle.stage_changed":
                self._stages.append(event["data"]["stage"])
                self._display.say(f"[bold]Stage {event['data']['stage']}[/]")
            elif kind == "cycle.completed":
                self._stages.append("completed")
                self._display.say(f"[bold]Stage completed[/]: {event['data']['outcome']}")

    def _show_run(self, run: dict[str, Any]) -> None:
        self._display.matches(run, self._names)

    async def _conclude(self, cycle_id: str, cycle: dict[str, Any]) -> list[str]:
        report = await self._admin.report(cycle_id)
        self._display.report(report)
        self._mailbox.new_letters()
        pairs = await self._admin.pairs(cycle_id)
        letters = self._mailbox.letters
        participants = self._player.participants
        answered = participants.answered
        kinds = {found["kind"] for found in cycle["rounds"] if found["state"] == "closed"}
        happened = {
            "every stage in its order": ["scheduled", *self._stages] == list(STAGES),
            "the cycle completed": cycle["outcome"] == "completed",
            "every kind of round closed": kinds == {"enrolment", "acceptance", "check_in", "survey"},
            "answers at once": any(name.endswith("_invitation") for name in answered),
            "answers after a reminder": any("_reminder" in name for name in answered),
            "some never answered": any(found["pending"] for found in cycle["rounds"]),
            "one declined an offer": self._events.get("pair.declined", 0) >= 1,
            "one pair ended early": any(pair["state"] == "ended" for pair in pairs),
            "pairs completed": any(pair["state"] == "completed" for pair in pairs),
            "the matches were approved": self._player.approved >= 1,
            "a calendar entry came with the kickoff": any(letter.has_calendar for letter in letters),
            f"every answer taken (refused: {participants.refused})": not participants.refused,
            "nobody got a message twice": len({letter.message_id for letter in letters}) == len(letters),
        }
        self._display.say(f"{len(letters)} e-mails arrived by SMTP; {sum(answered.values())} answers by their links.")
        return [name for name, true in happened.items() if not true]


def _refused(display: Display, refusal: Refused) -> int:
    display.console.print(f"[red]{escape(str(refusal))}[/]")
    for error in refusal.errors:
        place = f"line {error['line']}, {error['column']}" if "line" in error else error.get("field", "")
        display.console.print(escape(f"  {place}: {error.get('reason') or error.get('detail')}"))
    if "skip_invalid" in str(refusal):
        display.console.print("  On the command line that is --skip-invalid.")
    return 1


def _finish(display: Display, missing: list[str], folder: Path) -> int:
    if missing:
        display.console.print("[red]The demo did not see:[/] " + "; ".join(missing))
        return 1
    display.console.print(f"[green]The whole cycle ran in {display.seconds:.0f} s.[/] Data and e-mails: {folder}/")
    return 0
