"""The participants of a cycle that is played. They read their e-mails and answer by the links in them, each in their
own way."""

import asyncio
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import httpx

from upward.demo.mailbox import Letter
from upward.demo.program import TOPICS

CODES = [topic["code"] for topic in TOPICS]
WINDOWS = ["mon-am", "tue-am", "tue-pm", "wed-am", "thu-am", "thu-pm", "fri-am"]
CLOSED, SETTLED = 410, 409
PROMPT, REMINDED, SILENT = "prompt", "reminded", "silent"


@dataclass(frozen=True)
class Manners:
    """How the people of a cycle behave. Shares are from 0 to 1."""

    silent: Mapping[str, float] = field(default_factory=lambda: {"enrolment": 0.10, "check": 0.06, "survey": 0.06})
    """The share of people who never answer, by the first word of what they are asked. Everybody who is offered a
    partner answers, so that acceptance rounds end."""
    hesitant: float = 0.25
    """The share of people who do not answer at once. Those of them who are not silent answer a reminder."""
    joining: tuple[float, float] = (0.88, 0.88)
    """The shares of those who teach and of those who learn that take part, of the people who answer."""
    decliners: int = 1
    """How many people decline their offer."""
    unhappy: int = 1
    """How many people say in check-ins that the pair is not a fit."""
    salt: str = ""
    """Cycles with another salt have other people take part, be silent and so on."""


class PageFields(HTMLParser):
    """The names of the form fields on a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("input", "select", "textarea") and (name := dict(attrs).get("name")):
            self.names.add(name)

    def ids_after(self, prefix: str) -> list[str]:
        return sorted(name.removeprefix(prefix) for name in self.names if name.startswith(prefix))


def senior_from(levels: Iterable[int]) -> int | None:
    """The level from which people learn in the demo, while those below it teach.

    It is the level above the lowest one that comes closest to a third of the people learning. So there is always
    somebody on each side. None if all people have the same level, because then nobody is junior to anybody.
    """
    found = sorted(levels)
    above_lowest = sorted({level for level in found if level > found[0]})
    return min(
        above_lowest,
        key=lambda level: (abs(3 * sum(1 for other in found if other >= level) - len(found)), level),
        default=None,
    )


def why_no_pairs(directory: Sequence[dict[str, Any]]) -> str | None:
    """Why nobody can be matched in the demo's program, whatever they answer. None if somebody can.

    The program is one of reverse mentoring, in which the mentor is junior to the mentee.
    """
    if senior_from(person["level"] for person in directory if person["active"]) is not None:
        return None
    return (
        "No pairs are possible: everybody has the same level, so nobody is junior to anybody. Give the people file a "
        "column of levels, or of managers from whom levels follow."
    )


class Participants:
    """Everyone in the directory.

    What each person does depends only on their address and the manners, so that every demo is the same.
    """

    def __init__(
        self, directory: Iterable[dict[str, Any]], client: httpx.AsyncClient, manners: Manners | None = None
    ) -> None:
        self._people = {person["email"]: person for person in directory}
        self._client = client
        self._manners = manners or Manners()
        self._senior_from = senior_from(person["level"] for person in self._people.values() if person["active"])
        self._tasks: list[asyncio.Task[None]] = []
        self._silent: dict[str, set[str]] = {}
        self.answered: dict[str, int] = {}
        """The number of answers by the template of the e-mail that asked for them."""
        self.refused: list[str] = []
        """The answers that were not accepted, each as the template and the status, or the error of the connection."""
        self.too_late = 0
        """The number of e-mails whose question had been decided when their recipient came to it."""
        self._decliners: set[str] = set()
        """The addresses of those who declined an offer."""
        self._unhappy: set[str] = set()
        """The addresses of those who say in check-ins that the pair is not a fit."""

    def receive(self, letter: Letter) -> None:
        """Reads an e-mail and answers it or not. Some people answer only after a reminder."""
        if letter.link is None or letter.to not in self._people:
            return
        manner = self._manner(letter)
        if manner == SILENT:
            self._silent.setdefault(letter.scope, set()).add(letter.to)
        elif (manner == REMINDED) == ("_reminder" in letter.template):
            self._tasks.append(asyncio.create_task(self._answer(letter)))

    def silent(self, round_id: str) -> int:
        """How many of the people who were asked so far will not answer in this round any more."""
        return len(self._silent.get(round_id, ()))

    async def settled(self) -> None:
        """Waits until every answer that has begun is sent."""
        await asyncio.gather(*self._tasks)

    async def leave(self) -> None:
        """Gives up the answers that have begun."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _manner(self, letter: Letter) -> str:
        kind = letter.template.split("_")[0]
        chance = self._chance(letter.to, "manner", kind)
        if chance < self._manners.silent.get(kind, 0):
            return SILENT
        return REMINDED if chance < self._manners.hesitant else PROMPT

    async def _answer(self, letter: Letter) -> None:
        await asyncio.sleep(self._chance(letter.to, letter.scope) * 2)
        try:
            await self._follow_link(letter)
        except httpx.HTTPError as error:
            self._give_up(letter, type(error).__name__)

    def _give_up(self, letter: Letter, why: str) -> None:
        """Notes an answer that was not accepted. Nobody waits for it any longer, so that the demo comes to its end."""
        self.refused.append(f"{letter.template} {why}")
        self._silent.setdefault(letter.scope, set()).add(letter.to)

    async def _follow_link(self, letter: Letter) -> None:
        assert letter.link is not None
        page = await self._client.get(letter.link)
        if page.status_code == CLOSED:
            self.too_late += 1
            return
        form = self._fill(letter, PageFields(page.text)) if page.status_code == 200 else {}
        if page.status_code == 200 and not form:
            self.too_late += 1  # the partner declined, or the pair has ended
            return
        answer = await self._client.post(letter.link, data=form) if form else page
        if answer.status_code in (200, 303):
            self.answered[letter.template] = self.answered.get(letter.template, 0) + 1
        elif answer.status_code in (CLOSED, SETTLED):
            self.too_late += 1
            # Somebody else plays their part then.
            self._decliners.discard(letter.to)
            self._unhappy.discard(letter.to)
        else:
            self._give_up(letter, str(answer.status_code))

    def _fill(self, letter: Letter, fields: PageFields) -> dict[str, Any]:
        kind = letter.template.split("_")[0]
        if kind == "enrolment":
            return self._enrol(letter.to)
        if kind == "acceptance":
            return self._decide(letter.to, fields)
        if kind == "survey":
            return self._look_back(letter.to, fields)
        return self._check_in(letter.to, fields)

    def _enrol(self, email: str) -> dict[str, Any]:
        person = self._people[email]
        learns = self._senior_from is not None and person["level"] >= self._senior_from
        if self._chance(email, "wants") < 1 - self._manners.joining[learns]:
            return {"role": "none"}
        windows = [window for window in WINDOWS if self._chance(email, window) < 0.6] or WINDOWS[:2]
        topics = sorted(CODES, key=lambda code: self._chance(email, code))
        form: dict[str, Any] = {"languages": sorted({person["language"], "en"}), "meeting_windows": windows}
        if learns:
            wanted = {f"topics_wanted_{rank}": code for rank, code in enumerate(topics[:3], start=1)}
            return form | wanted | {"role": "mentee", "mentee_capacity": "1"}
        return form | {"role": "mentor", "topics_taught": topics[:3], "mentor_capacity": "1"}

    def _decide(self, email: str, fields: PageFields) -> dict[str, Any]:
        decision = "accept"
        if len(self._decliners) < self._manners.decliners:
            self._decliners.add(email)
            decision = "decline"
        return {f"decision_{pair_id}": decision for pair_id in fields.ids_after("decision_")}

    def _check_in(self, email: str, fields: PageFields) -> dict[str, Any]:
        if len(self._unhappy) < self._manners.unhappy:
            self._unhappy.add(email)
        form: dict[str, Any] = {}
        for pair_id in fields.ids_after("met_"):
            met = self._chance(email, pair_id) < 0.85
            obstacle = "not_a_fit" if email in self._unhappy else "none" if met else "no_time"
            form |= {f"met_{pair_id}": "yes" if met else "no", f"obstacle_{pair_id}": obstacle}
            form[f"note_{pair_id}"] = "Talked about what changed since last time."
            if met:
                form[f"usefulness_{pair_id}"] = str(3 + round(self._chance(email, "useful") * 2))
        return form

    def _look_back(self, email: str, fields: PageFields) -> dict[str, Any]:
        form: dict[str, Any] = {}
        for pair_id in fields.ids_after("usefulness_"):
            form[f"usefulness_{pair_id}"] = str(3 + round(self._chance(email, "useful") * 2))
            form[f"would_repeat_{pair_id}"] = "yes" if self._chance(email, "repeat") < 0.8 else "no"
        return form

    def _chance(self, *parts: str) -> float:
        return _chance(*parts, self._manners.salt) if self._manners.salt else _chance(*parts)


def _chance(*parts: str) -> float:
    """A number from 0 to 1, without 1, that is the same for the same words."""
    return int.from_bytes(hashlib.sha256(":".join(parts).encode()).digest()[:6], "big") / 2**48
