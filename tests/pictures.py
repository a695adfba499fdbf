"""The pictures of the pages that stand in the documents: `make pictures`.

They show the sample company (`upward up --sample`), which is made in a folder of its own unless one is named. A picture
has at most 150 kB.
"""

import asyncio
import sys
import tempfile
from pathlib import Path
from uuid import UUID

from playwright.async_api import Page, async_playwright
from rich.console import Console

from services.accounts.store.codes import issue_code
from shared.contracts.programs import Stage
from tests.browser import ARGUMENTS, find_browser
from upward.demo.admin import AdminClient
from upward.demo.mailbox import Mailbox
from upward.sample.making import Record, make_sample
from upward.stack import Stack, running_stack

PICTURES = Path(__file__).parent.parent / "docs" / "pictures"
MOST_BYTES = 150_000
PAGES = {
    "home": "/console",
    "cycle": "/console/cycles/{active}",
    "review": "/console/cycles/{review}/review",
    "report": "/console/cycles/{completed}/report",
}


async def take_all(folder: Path) -> None:
    PICTURES.mkdir(exist_ok=True)
    async with running_stack(folder) as stack:
        await make_sample(stack, Console(stderr=True), folder=folder)
        record = Record.read(folder / "sample.json")
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=find_browser(), args=list(ARGUMENTS))
            page = await browser.new_page(viewport={"width": 1280, "height": 800}, locale="en-GB")
            await _sign_in(page, stack, record)
            places = await _cycles(stack, record)
            for name, path in PAGES.items():
                await _take(page, name, stack.url + path.format_map(places))
            await page.set_viewport_size({"width": 390, "height": 844})
            await _take_first(page, "enrolment", _invitations(stack))
            await browser.close()


async def _sign_in(page: Page, stack: Stack, record: Record) -> None:
    async with stack.resources.database.transaction() as session:
        code = await issue_code(session, UUID(record.organization_id))
    await page.goto(f"{stack.url}/console/sign-in/{code}")
    await page.get_by_role("button", name="Sign in").click()


async def _cycles(stack: Stack, record: Record) -> dict[str, str]:
    """The ids of the sample's cycles by their stages."""
    admin = AdminClient(stack.url, record.key)
    found = {
        Stage(one["stage"]).value: one["id"] for p in await admin.programs() for one in await admin.cycles(p["id"])
    }
    await admin.close()
    return found


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
            await _take(page, name, address)
            return
    raise SystemExit(f"No page for {name} is open.")


async def _take(page: Page, name: str, address: str) -> None:
    answer = await page.goto(address)
    if answer is None or answer.status != 200:
        raise SystemExit(f"{address} cannot be shown.")
    path = PICTURES / f"{name}.png"
    await page.screenshot(path=path)
    if path.stat().st_size > MOST_BYTES:
        raise SystemExit(f"{path.name} has more than 150 kB.")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="upward-pictures-") as made:
        asyncio.run(take_all(Path(sys.argv[1] if len(sys.argv) > 1 else made)))
