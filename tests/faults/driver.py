"""Playing one cycle from outside: the admin and the participants, who try again while the stack is away."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx

from services.accounts.store.keys import create_access_key, find_or_create_organization
from shared.auth import Role
from shared.database import Database
from tests.faults.company import CHECK_IN, Answered, answers, fill, program, write_people
from upward.demo.admin import AdminClient
from upward.demo.mailbox import Letter, Mailbox

PATIENCE_SECONDS = 1200
"""Of a whole cycle, kills and all. Less than pytest's faulthandler_timeout, which could not tell how far it came."""
FINAL = ("completed", "cancelled")
Watch = Callable[[dict[str, Any]], Awaitable[None]]


class Patient(httpx.AsyncHTTPTransport):
    """Sends a request again, unchanged, until somebody answers it: not a dead server, nor one that could not do it."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        while True:
            try:
                response = await super().handle_async_request(request)
                await response.aread()  # a server can die between the head of its answer and the body
            except httpx.TransportError:
                await asyncio.sleep(0.2)
                continue
            if response.status_code < 500 and "retry-after" not in response.headers:
                return response
            await response.aclose()
            await asyncio.sleep(0.2)


class PatientAdmin(AdminClient):
    def __init__(self, url: str, key: str) -> None:
        self.headers = {"authorization": f"Bearer {key}"}
        self._client = httpx.AsyncClient(base_url=url, headers=self.headers, timeout=20, transport=Patient())

    async def cancel(self, cycle_id: str) -> None:
        await self._call("POST", f"/v1/cycles/{cycle_id}/cancel")


@dataclass
class Played:
    """What was seen from outside."""

    organization_id: UUID
    cycle: dict[str, Any]
    answered: list[Answered] = field(default_factory=list)
    refused: list[tuple[str, int]] = field(default_factory=list)
    """Answers that came too late: template and status."""

    def __str__(self) -> str:
        """How far the cycle had come when it was last seen."""
        lines = [f"Stage {self.cycle['stage']}, {len(self.answered)} answers taken, refused {self.refused}"]
        for found in self.cycle.get("rounds", ()):
            answers = f"{found['answered']} of {found['recipients']} answered"
            lines.append(f"  {found['kind']} {found['number']} {found['state']}, {answers}")
        return "\n".join(lines)


@dataclass(frozen=True)
class Company:
    """An organization with a key, its people imported and one program."""

    organization_id: UUID
    domain: str
    program_id: str
    url: str
    admin: PatientAdmin


async def found_company(url: str, database: Database, folder: Path, check_in: str = CHECK_IN) -> Company:
    """`check_in` is the time from one check-in to the next, and the length of each."""
    domain = f"{uuid4().hex[:8]}.example"
    async with database.transaction() as session:
        organization_id = await find_or_create_organization(session, domain)
        key = await create_access_key(session, organization_id, Role.ADMIN, "faults")
    return await staffed(organization_id, PatientAdmin(url, key), domain, url, folder, check_in)


async def staffed(
    organization_id: UUID, admin: PatientAdmin, domain: str, url: str, folder: Path, check_in: str = CHECK_IN
) -> Company:
    """The organization with its people imported and one program."""
    people = folder / f"{domain}.csv"
    write_people(people, domain)
    await admin.import_people(people, None, False)
    body = program(await admin.people(), check_in)
    return Company(organization_id, domain, (await admin.create_program(body))["id"], url, admin)


async def play_cycle(company: Company, mailbox: Mailbox, watch: Watch | None = None) -> Played:
    """Triggers a cycle, answers every letter, approves what is proposed, until the cycle is over. `watch` is called
    with the cycle at every look. Raises TimeoutError with how far it came."""
    return await play_on(company, mailbox, await company.admin.trigger_cycle(company.program_id), watch)


async def play_on(company: Company, mailbox: Mailbox, cycle: dict[str, Any], watch: Watch | None = None) -> Played:
    played = Played(company.organization_id, cycle)
    try:
        await _play(company, mailbox, played, watch)
    except TimeoutError:
        raise TimeoutError(f"The cycle is not over after {PATIENCE_SECONDS} s.\n{played}") from None
    return played


async def _play(company: Company, mailbox: Mailbox, played: Played, watch: Watch | None) -> None:
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        httpx.AsyncClient(transport=Patient(), timeout=20) as client,
        asyncio.TaskGroup() as replies,
    ):
        while played.cycle["stage"] not in FINAL:
            for letter in mailbox.new_letters():
                if letter.link and letter.to.endswith(company.domain) and answers(letter):
                    replies.create_task(_answer(client, letter, played))
            played.cycle = await company.admin.cycle(played.cycle["id"])
            if watch is not None:
                await watch(played.cycle)
            if played.cycle["stage"] in ("review", "kickoff"):
                await _approve(company.admin, played.cycle["id"])
            await asyncio.sleep(0.4)


async def _answer(client: httpx.AsyncClient, letter: Letter, played: Played) -> None:
    assert letter.link is not None
    page = await client.get(letter.link)
    if page.status_code != 200:
        played.refused.append((letter.template, page.status_code))
        return
    form = fill(letter, page.text)
    response = await client.post(letter.link, data=form)
    if response.status_code == 303:
        played.answered.append(Answered(letter, form))
    else:
        played.refused.append((letter.template, response.status_code))


async def _approve(admin: AdminClient, cycle_id: str) -> None:
    for run in await admin.match_runs(cycle_id):
        if run["state"] == "proposed" and run["pairs_count"]:
            await admin.approve(run["id"])
