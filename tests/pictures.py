"""The pictures of the pages that stand in the documents: `make pictures`.

They show the sample company (`upward up --sample`), which is made in a folder of its own unless one is named, with a
second cycle of the program whose first one has ended. A picture has at most 150 kB.
"""

import asyncio
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import httpx
from playwright.async_api import Page, async_playwright
from rich.console import Console

from services.accounts.store.codes import issue_code
from services.accounts.store.keys import create_access_key
from shared.auth import Role
from shared.contracts.programs import Stage
from tests.browser import ARGUMENTS, find_browser
from upward.demo.admin import AdminClient, RetryingTransport
from upward.demo.mailbox import Mailbox
from upward.demo.people import Participants
from upward.demo.player import Player
from upward.sample.cycles import CALENDAR, CYCLES, FINAL
from upward.sample.making import LOOK_SECONDS, PEOPLE, Record, make_sample
from upward.stack import Stack, running_stack

PICTURES = Path(__file__).parent.parent / "docs" / "pictures"
MOST_BYTES = 150_000
PAGES = {
    "home": "/console",
    "cycle": "/console/cycles/{active}",
    "review": "/console/cycles/{review}/review",
    "report": "/console/cycles/{completed}/report",
    "compare": "/console/programs/{ended}/compare",
    "people": "/console/people",
    "keys": "/console/settings/keys",
}
KEYS = {"Ana, HR Berlin": Role.COORDINATOR, "HR export": Role.ADMIN, "Dashboard": Role.VIEWER}
"""The keys of a person and of two systems, as a company has them."""
EXPORT = PEOPLE.with_name("hris-export.csv")
ENDS = CYCLES[0]
"""The cycle that has ended."""


async def take_all(folder: Path) -> None:
    PICTURES.mkdir(exist_ok=True)
    async with running_stack(folder) as stack:
        await make_sample(stack, Console(stderr=True), folder=folder)
        record = Record.read(folder / "sample.json")
        admin = AdminClient(stack.url, record.key, RetryingTransport())
        places = await _places(stack, admin)
        await admin.close()
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=find_browser(), args=list(ARGUMENTS))
            page = await browser.new_page(viewport={"width": 1280, "height": 800}, locale="en-GB")
            await _sign_in(page, stack, record)
            for name, path in PAGES.items():
                await _take(page, name, stack.url + path.format_map(places))
            await _take_import(page, stack.url)
            await page.set_viewport_size({"width": 390, "height": 844})
            await _take_first(page, "enrolment", _invitations(stack))
            await browser.close()


async def _sign_in(page: Page, stack: Stack, record: Record) -> None:
    """Signs in, and gives the company its keys, unless they are there from another time."""
    organization_id = UUID(record.organization_id)
    async with stack.resources.database.transaction() as session:
        code = await issue_code(session, organization_id)
    await page.goto(f"{stack.url}/console/sign-in/{code}")
    await page.get_by_role("button", name="Sign in").click()
    await page.goto(f"{stack.url}/console/settings/keys")
    for label, role in KEYS.items():
        if not await page.get_by_role("rowheader", name=label).count():
            async with stack.resources.database.transaction() as session:
                await create_access_key(session, organization_id, role, label)


async def _places(stack: Stack, admin: AdminClient) -> dict[str, str]:
    """The ids of the sample's cycles by their stages, and of the program of which two cycles have ended."""
    programs = {program["name"]: program["id"] for program in await admin.programs()}
    cycles = {name: await admin.cycles(id) for name, id in programs.items()}
    if len(cycles[ENDS.program]) == 1:
        await _play_again(stack, admin, programs[ENDS.program])
    found = {Stage(one["stage"]).value: one["id"] for several in cycles.values() for one in several}
    return found | {"ended": programs[ENDS.program]}


async def _play_again(stack: Stack, admin: AdminClient, program_id: str) -> None:
    """A second cycle of the program, in which other people take part."""
    mailbox, client = Mailbox(stack.mail.folder), httpx.AsyncClient(timeout=60, transport=RetryingTransport())
    participants = Participants(await admin.people(), client, replace(ENDS.manners, salt="again"))
    cycle = await admin.trigger_cycle(program_id, CALENDAR | ENDS.calendar, "second")
    player = Player(admin, cycle["id"], participants, lambda text: None)
    while cycle["stage"] not in FINAL:
        letters = mailbox.new_letters()
        cycle = await admin.cycle(player.cycle_id)
        rounds = {found["id"] for found in cycle["rounds"]}
        for letter in letters:
            if letter.scope in rounds and letter.link is not None:
                participants.receive(letter)
        await player.act(cycle)
        await asyncio.sleep(LOOK_SECONDS)
    await participants.leave()
    await client.aclose()


async def _take_import(page: Page, url: str) -> None:
    """The columns of an export that names them in its own way."""
    await page.goto(f"{url}/console/people/import")
    await page.get_by_label("Export of your HR system").set_input_files(EXPORT)
    await page.get_by_role("button", name="Continue").click()
    await page.get_by_role("heading", name="Which column means what?").wait_for()
    await _keep(page, "import")


def _invitations(stack: Stack) -> list[str]:
    """A link to the enrolment of each cycle. The address of the stack may have changed since they were sent."""
    letters = Mailbox(stack.mail.folder, skip_old=False).new_letters()
    links = {one.scope: one.link for one in letters if one.template == "enrolment_invitation" and one.link}
    return [f"{stack.url}/p/{link.rpartition('/')[2]}" for link in links.values()]


async def _take_first(page: Page, name: str, addresses: list[str]) -> None:
    """The first of these pages that is there: the rounds of other cycles are over."""
    for address in addresses:
        answer = await page.goto(address)
        if answer is not None and answer.status == 200:
            await _keep(page, name)
            return
    raise SystemExit(f"No page for {name} is open.")


async def _take(page: Page, name: str, address: str) -> None:
    answer = await page.goto(address)
    if answer is None or answer.status != 200:
        raise SystemExit(f"{address} cannot be shown.")
    await _keep(page, name)


async def _keep(page: Page, name: str) -> None:
    path = PICTURES / f"{name}.png"
    await page.screenshot(path=path)
    if path.stat().st_size > MOST_BYTES:
        raise SystemExit(f"{path.name} has more than 150 kB.")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="upward-pictures-") as made:
        asyncio.run(take_all(Path(sys.argv[1] if len(sys.argv) > 1 else made)))
