"""A small company on a running stack: its admin on the public API, its people behind the links in their e-mails."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from services.accounts.store.keys import create_access_key, find_or_create_organization
from shared.auth import Role
from shared.database import Database
from tests.patience import PATIENCE_SECONDS
from upward.demo.admin import AdminClient
from upward.demo.mailbox import Letter, read_letter
from upward.demo.people import PageFields

HEADER = "employee_id,name,email,department,level,manager_id"
CALENDAR: dict[str, Any] = {
    "enrolment": {"length": "PT1H"},
    "acceptance": {"length": "PT1H"},
    "check_in": {"length": "PT2S"},
    "check_ins": 1,
    "check_in_every": "PT2S",
    "survey": {"length": "PT1H"},
    "sending_hours": None,
}
"""Rounds end as soon as everybody has answered; only a check-in ends by its deadline."""
Found = dict[str, Any]


class Company:
    """A head who stays out, three seniors who want to learn and three juniors who teach them."""

    def __init__(self, url: str, key: str, domain: str, mail: Path) -> None:
        self.url, self.key, self.domain = url, key, domain
        self.admin = AdminClient(url, key)
        self.http = httpx.AsyncClient(timeout=120)
        self._mail = mail
        self._read: dict[str, Letter] = {}
        self._answered: set[str] = set()
        self.people: dict[str, Found] = {}
        """Everybody by id."""

    async def close(self) -> None:
        await self.admin.close()
        await self.http.aclose()

    async def start_cycle(self, **calendar: Any) -> str:
        """A new program with this calendar and its first cycle; answers the cycle's id."""
        return str((await self.admin.trigger_cycle(await self.add_program(**calendar)))["id"])

    async def add_program(self, recurs: bool = False, time_zone: str = "UTC", **calendar: Any) -> str:
        head = next(id for id, person in self.people.items() if person["level"] == 5)
        body = {
            "name": "Upward at work",
            "topics": [{"code": "ai", "label": "AI"}],
            "policy": {"same_manager": False},
            "time_zone": time_zone,
            "calendar": CALENDAR | calendar,
            "sponsor_id": head,
            "coordinator_ids": [head],
            "recurs": recurs,
        }
        return str((await self.admin.create_program(body))["id"])

    async def hire(self, *sides: str) -> None:
        """Imports these people, each a senior or a junior, besides everybody who is there."""
        await self.take([_row(side, number, self.domain) for number, side in enumerate(sides, start=len(self.people))])

    async def leave(self, person_id: str) -> None:
        """An import says that this person has left."""
        gone = self.people[person_id]
        row = f"{gone['external_id']},{gone['name']},{gone['email']},Terminated"
        await self.take([row], "employee_id,name,email,status")

    async def take(self, rows: Iterable[str], header: str = HEADER) -> None:
        """Imports these rows and reads who is there now."""
        headers = {"authorization": f"Bearer {self.key}", "content-type": "text/csv"}
        content = "\n".join([header, *rows])
        imported = await self.http.post(f"{self.url}/v1/people/import", content=content, headers=headers)
        assert imported.status_code == 200, imported.text
        self.people = {person["id"]: person for person in await self.admin.people()}

    async def control(self, cycle_id: str, order: str) -> Found:
        """Pauses, resumes, cancels or advances."""
        headers = {"authorization": f"Bearer {self.key}"}
        answer = await self.http.post(f"{self.url}/v1/cycles/{cycle_id}/{order}", headers=headers)
        assert answer.status_code == 202, answer.text
        found: Found = answer.json()
        return found

    async def events(self, page: int = 1000) -> list[Found]:
        """The whole feed of the organization, a page at a time."""
        found: list[Found] = []
        headers, after = {"authorization": f"Bearer {self.key}"}, 0
        while True:
            params = {"after": after, "limit": page}
            answer = (await self.http.get(f"{self.url}/v1/events", params=params, headers=headers)).json()
            found += answer["events"]
            after = answer["after"]
            if not answer["more"]:
                return found

    def letters(self, template: str = "", to: str = "") -> list[Letter]:
        """What has arrived, of this template and for this address if told."""
        for path in sorted(self._mail.glob("*.eml")):
            if path.name not in self._read:
                self._read[path.name] = read_letter(path)
        mine = [letter for letter in self._read.values() if letter.to.endswith(f"@{self.domain}")]
        return [letter for letter in mine if template in ("", letter.template) and to in ("", letter.to)]

    async def answer(self, letters: Iterable[Letter]) -> None:
        """Their readers open the links and send the forms, each once."""
        await asyncio.gather(*(self._answer(letter) for letter in letters if letter.link))

    async def answer_new(self) -> None:
        """Everybody answers what has arrived since the last time."""
        await self.answer(letter for letter in self.letters() if letter.message_id not in self._answered)

    async def until(self, is_so: Callable[[], Awaitable[Any]]) -> Any:
        """Looks again and again until it is so; answers what was found."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                if found := await is_so():
                    return found
                await asyncio.sleep(0.1)

    async def until_letters(self, template: str, count: int) -> list[Letter]:
        async def arrived() -> list[Letter] | None:
            letters = self.letters(template)
            return letters if len(letters) >= count else None

        found: list[Letter] = await self.until(arrived)
        return found

    async def play(self, cycle_id: str, is_enough: Callable[[Found], bool], *, answering: bool = True) -> Found:
        """Everybody answers everything, unless told otherwise, and the admin approves, until the cycle has come far
        enough."""

        async def come_far_enough() -> Found | None:
            cycle = await self.admin.cycle(cycle_id)
            if is_enough(cycle):
                return cycle
            if cycle["stage"] in ("review", "kickoff"):
                for run in await self.admin.match_runs(cycle_id):
                    if run["state"] == "proposed" and run["pairs_count"]:
                        await self.admin.approve(run["id"])
            if answering:
                await self.answer_new()
            return None

        found: Found = await self.until(come_far_enough)
        return found

    async def _answer(self, letter: Letter) -> None:
        assert letter.link is not None
        self._answered.add(letter.message_id)
        page = await self.http.get(letter.link)
        if page.status_code == 200 and (form := self._fill(letter, page.text)):
            answer = await self.http.post(letter.link, data=form)
            assert answer.status_code in (303, 410), (letter.template, answer.status_code, answer.text)

    def _fill(self, letter: Letter, page: str) -> Found:
        fields = PageFields(page)
        if letter.template.startswith("enrolment"):
            return enrolment(letter.to)
        form: Found = {f"decision_{pair}": "accept" for pair in fields.ids_after("decision_")}
        for pair in fields.ids_after("usefulness_"):
            form |= {f"usefulness_{pair}": "4", f"would_repeat_{pair}": "yes"}
            form |= {f"met_{pair}": "yes", f"obstacle_{pair}": "none"}
        return form


def enrolment(address: str) -> Found:
    form: Found = {"languages": ["en"], "meeting_windows": ["mon-am"]}
    if address.startswith("senior"):
        return form | {"role": "mentee", "topics_wanted_1": "ai", "mentee_capacity": "1"}
    if address.startswith("junior"):
        return form | {"role": "mentor", "topics_taught": ["ai"], "mentor_capacity": "1"}
    return {"role": "none"}


def _row(side: str, number: int, domain: str) -> str:
    level = {"senior": 4, "junior": 1}[side]
    return f"{number},{side.title()} Example,{side}{number}@{domain},Unit {number},{level},0"


def open_round(cycle: Found, kind: str, number: int = 1) -> bool:
    return any((one["kind"], one["number"], one["state"]) == (kind, number, "open") for one in cycle["rounds"])


def round_of(cycle: Found, kind: str, number: int = 1) -> Found:
    return next(one for one in cycle["rounds"] if (one["kind"], one["number"]) == (kind, number))


@asynccontextmanager
async def company(url: str, database: Database, mail: Path) -> AsyncIterator[Company]:
    """A new organization with its people imported."""
    domain = f"{uuid4().hex[:10]}.example"
    async with database.transaction() as session:
        organization_id = await find_or_create_organization(session, domain)
        key = await create_access_key(session, organization_id, Role.ADMIN, "test")
    async with at_company(url, key, domain, mail) as found:
        yield found


@asynccontextmanager
async def at_company(url: str, key: str, domain: str, mail: Path) -> AsyncIterator[Company]:
    """The same for an organization that has its key."""
    rows = [f"0,Head Example,head@{domain},Board,5,"]
    rows += [_row(side, number, domain) for number, side in enumerate(["senior"] * 3 + ["junior"] * 3, start=1)]
    found = Company(url, key, domain, mail)
    try:
        await found.take(rows)
        yield found
    finally:
        await found.close()
