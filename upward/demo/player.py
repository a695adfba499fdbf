"""One cycle as it is played: its people answer what they are asked, and its admin does what the cycle waits for.

Both act through the public API and the links in e-mails alone. The demo plays one cycle to its end; the sample company
plays several, each until it has come far enough.
"""

import contextlib
from collections.abc import Callable
from typing import Any

from upward.demo.admin import AdminClient, Refused
from upward.demo.display import round_name
from upward.demo.people import Participants


class Player:
    """The admin of one cycle, and its people."""

    def __init__(
        self,
        admin: AdminClient,
        cycle_id: str,
        participants: Participants,
        say: Callable[[str], None],
        *,
        show_run: Callable[[dict[str, Any]], None] | None = None,
        ends: int = 1,
    ) -> None:
        """`show_run` shows a match run before it is approved. The admin ends at most `ends` pairs of which somebody
        says that they are not a fit, and leaves what else is said to a human."""
        self.cycle_id, self.participants = cycle_id, participants
        self.approved = 0
        """How many match runs the admin approved."""
        self._admin, self._say, self._show_run, self._ends = admin, say, show_run, ends
        self._ended: set[str] = set()
        self._closed_early: set[str] = set()

    async def act(self, cycle: dict[str, Any]) -> None:
        """Approves what is proposed, acts on concerns, and closes rounds in which nobody else will answer."""
        if cycle["stage"] in ("review", "kickoff"):
            await self._approve()
        if cycle["stage"] == "active":
            await self._act_on_concerns()
        for found in cycle["rounds"]:
            if self.lacks_only_the_silent(found) and found["id"] not in self._closed_early:
                await self._close_early(found)

    def lacks_only_the_silent(self, found: dict[str, Any]) -> bool:
        """Whether the round is open, and only the answers of people who will never answer are missing."""
        pending: int = found["pending"]
        return found["state"] == "open" and 0 < pending <= self.participants.silent(found["id"])

    async def _close_early(self, found: dict[str, Any]) -> None:
        self._closed_early.add(found["id"])
        with contextlib.suppress(Refused):  # the round has reached its deadline
            await self._admin.advance(self.cycle_id)
            self._say(f"The admin closes {round_name(found)} early, as {found['pending']} will not answer.")

    async def _approve(self) -> None:
        for summary in await self._admin.match_runs(self.cycle_id):
            if summary["state"] != "proposed" or not summary["pairs_count"]:
                continue
            run = await self._admin.match_run(summary["id"])
            if self._show_run is not None:
                self._show_run(run)
            if await self._admin.approve(run["id"]):
                self.approved += 1
                self._say(f"The admin approved {len(run['pairs'])} pairs of match run {run['attempt']}.")

    async def _act_on_concerns(self) -> None:
        """Does the work of the coordinator: ends a pair that is not a fit, and resolves the concern about it."""
        if len(self._ended) >= self._ends:
            return
        for concern in await self._admin.concerns(self.cycle_id):
            if concern["state"] == "open" and concern["reason"] == "not_a_fit" and len(self._ended) < self._ends:
                self._ended.add(concern["pair_id"])
                await self._admin.end_pair(concern["pair_id"])
                await self._admin.resolve_concern(concern["id"])
                self._say("A check-in said that a pair is not a fit: the admin ended it early.")
