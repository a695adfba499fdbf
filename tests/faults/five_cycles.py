"""Five cycles of one company that wait in five places: in intake, in review, in kickoff, active with a concern, paused.

Each stays where it is as long as its people do not answer. When they are let go, they answer everything, to the end.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.faults.company import fill
from tests.faults.driver import FINAL, Company, Patient
from tests.patience import PATIENCE_SECONDS
from upward.demo.mailbox import Letter, Mailbox

LONG = {"length": "PT1H", "reminders": []}
CALENDAR: dict[str, Any] = {
    "enrolment": LONG,
    "acceptance": LONG,
    "survey": LONG,
    "check_in": LONG,
    "check_ins": 1,
    "first_check_in": "PT1S",
    "check_in_every": "PT1H",
    "concern": {"remind_every": "PT1H", "escalate_after": "PT2H"},
    "sending_hours": None,
    "approval": {"remind_every": "PT1H", "escalate_after": "PT2H"},
}
PLACES = ("intake", "review", "kickoff", "active", "paused")
ANSWERS: dict[str, tuple[str, ...]] = {
    "intake": (),
    "review": ("enrolment",),
    "kickoff": ("enrolment",),
    "active": ("enrolment", "acceptance"),
    "paused": (),
}
"""What the people of each cycle answer before they are let go."""
APPROVED = ("kickoff", "active")


@dataclass
class FiveCycles:
    company: Company
    mailbox: Mailbox
    ids: dict[str, str] = field(default_factory=dict)
    """The id of each cycle, by the place where it waits."""
    seen: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Each cycle as it was seen last."""
    free: bool = False
    """Everybody answers everything, and the admin approves."""
    _letters: list[Letter] = field(default_factory=list)
    """Those that are not answered yet."""
    unhappy: bool = False
    """Somebody has said that their pair is not a fit."""

    async def begin(self) -> None:
        """Starts the cycles and lets each come to its place."""
        for place in PLACES:
            cycle = await self.company.admin.trigger_cycle(self.company.program_id, CALENDAR)
            self.ids[place] = cycle["id"]
        await self.play(self.are_in_place)
        await self.control("paused", "pause")
        await self.play(lambda: self.seen["paused"]["paused"])

    def are_in_place(self) -> bool:
        wanted = {place: place for place in PLACES} | {"paused": "intake"}
        stages = {place: self.seen[place]["stage"] for place in PLACES}
        told = any(letter.template == "concern_raised" for letter in self.mailbox.letters)
        return stages == wanted and self.unhappy and told and self.all_asked()

    def all_asked(self) -> bool:
        """Whether every open round has asked somebody."""
        told = {letter.scope for letter in self.mailbox.letters}
        return {one["id"] for one in self.open_rounds()} <= told

    def open_rounds(self) -> list[dict[str, Any]]:
        return [one for cycle in self.seen.values() for one in cycle["rounds"] if one["state"] == "open"]

    def are_over(self) -> bool:
        return all(cycle["stage"] in FINAL for cycle in self.seen.values())

    async def control(self, place: str, what: str) -> None:
        await self.company.admin._call("POST", f"/v1/cycles/{self.ids[place]}/{what}")

    async def play(self, until: Callable[[], bool]) -> None:
        """Answers and approves what may be, until the condition holds. Raises TimeoutError with what was seen."""
        try:
            async with (
                asyncio.timeout(PATIENCE_SECONDS),
                httpx.AsyncClient(transport=Patient(), timeout=20) as client,
            ):
                while True:
                    await self._step(client)
                    if until():
                        return
                    await asyncio.sleep(0.3)
        except TimeoutError:
            stages = {place: (cycle["stage"], cycle["paused"]) for place, cycle in self.seen.items()}
            raise TimeoutError(f"It never came: {stages}, {len(self._letters)} letters wait") from None

    async def _step(self, client: httpx.AsyncClient) -> None:
        self._letters += [one for one in self.mailbox.new_letters() if one.to.endswith(self.company.domain)]
        for place, cycle_id in self.ids.items():
            self.seen[place] = await self.company.admin.cycle(cycle_id)
        rounds = {one["id"]: (place, one["kind"]) for place, cycle in self.seen.items() for one in cycle["rounds"]}
        for letter in list(self._letters):
            place, kind = rounds.get(letter.scope, ("", ""))
            asks = letter.link is not None and not letter.template.endswith("_reminder")
            if not asks or (place and await self._answer(client, letter, place, kind)):
                self._letters.remove(letter)
        for place in PLACES if self.free else APPROVED:
            for run in await self.company.admin.match_runs(self.ids[place]):
                if run["state"] == "proposed" and run["pairs_count"]:
                    await self.company.admin.approve(run["id"])

    async def _answer(self, client: httpx.AsyncClient, letter: Letter, place: str, kind: str) -> bool:
        """Whether the letter is done with. In the active cycle one person answers the check-in, and is not happy."""
        raises = place == "active" and kind == "check_in" and not self.unhappy
        if not (self.free or kind in ANSWERS[place] or raises):
            return False
        assert letter.link is not None
        page = await client.get(letter.link)
        if page.status_code != 200:
            return page.status_code in (404, 410)
        form = fill(letter, page.text)
        if raises:
            form |= {name: "not_a_fit" for name in form if name.startswith("obstacle_")}
        response = await client.post(letter.link, data=form)
        if raises and response.status_code == 303:
            self.unhappy = True
        return response.status_code in (303, 410)

    def answer_again(self, letters: list[Letter]) -> None:
        """People answer these letters, whose answers are lost, and none that came later."""
        self._letters = [one for one in letters if one.to.endswith(self.company.domain)]

    def letters_by_id(self) -> Counter[str]:
        """How often each message came."""
        self._letters += self.mailbox.new_letters()
        return Counter(letter.message_id for letter in self.mailbox.letters if letter.to.endswith(self.company.domain))
