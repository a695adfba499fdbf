"""Participants who answer at once, as the bench of pages measures them: over TCP, with the links of their mails."""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from bench.abuse import Stand, standing
from upward.demo.admin import AdminClient
from upward.demo.mailbox import Mailbox
from upward.demo.program import reverse_program

WARMING = 40
"""So many others answer first."""
PATIENCE_SECONDS = 300
HEADER = "employee_id,name,email,job_title,department,level,manager_id,time_zone,language\n"
CALENDAR = {"enrolment": {"length": "PT4H", "reminders": []}, "sending_hours": None}


class Burst(NamedTuple):
    answers_per_s: float
    p99_s: float


def measure_answers(answers: int, runs: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="upward-answers-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        with standing(folder) as stand:
            bursts = asyncio.run(_answer_in_turn(stand, folder, answers, runs))
    return {
        "answers_per_s": round(statistics.median(burst.answers_per_s for burst in bursts), 1),
        "p99_s": round(statistics.median(burst.p99_s for burst in bursts), 2),
    }


async def _answer_in_turn(stand: Stand, folder: Path, answers: int, runs: int) -> list[Burst]:
    links = await _links(stand, folder, WARMING + answers * runs + 2)
    await answer_at_once(links[:WARMING])
    rest = links[WARMING:]
    return [await answer_at_once(rest[run * answers : (run + 1) * answers]) for run in range(runs)]


async def answer_at_once(links: Sequence[str]) -> Burst:
    """Everybody sends their form in the same moment, each on a connection of their own."""
    begun = time.perf_counter()
    took = sorted(await asyncio.gather(*(_answer(link, number) for number, link in enumerate(links))))
    return Burst(len(links) / (time.perf_counter() - begun), took[int(0.99 * (len(took) - 1))])


async def _answer(link: str, number: int) -> float:
    """Seconds. A client that understands more would need the time that the server needs."""
    address = urlsplit(link)
    mentor = {"role": "mentor", "topics_taught": "generative-ai", "taught_level_generative-ai": "2"}
    mentee = {"role": "mentee", "topics_wanted_1": "generative-ai", "topics_wanted_2": "short-video"}
    body = urlencode(mentor if number % 2 else mentee).encode()
    head = (
        f"POST {address.path} HTTP/1.1\r\nhost: {address.netloc}\r\nconnection: close\r\n"
        f"content-type: application/x-www-form-urlencoded\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    begun = time.perf_counter()
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(head.encode() + body)
    answer = await reader.read()
    took = time.perf_counter() - begun
    writer.close()
    if not answer.startswith(b"HTTP/1.1 303"):
        sys.exit(f"An answer was refused: {answer[:300]!r}")
    return took


async def _links(stand: Stand, folder: Path, people: int) -> list[str]:
    """A company of so many people is asked to enrol, and each of them has got a mail."""
    admin = AdminClient(stand.url, stand.good)
    try:
        export = folder / "people.csv"
        export.write_text(HEADER + "".join(_row(number) for number in range(people)))
        await admin.import_people(export, None, skip_invalid=False)
        program = await admin.create_program(reverse_program("Bench", await admin.people(), CALENDAR))
        await admin.trigger_cycle(program["id"])
    finally:
        await admin.close()
    mails, deadline = Mailbox(folder / "mail", skip_old=False), time.monotonic() + PATIENCE_SECONDS
    while len(mails.letters) < people:
        mails.new_letters()
        if time.monotonic() > deadline:
            sys.exit(f"Only {len(mails.letters)} of {people} invitations came.")
        await asyncio.sleep(0.5)
    return [letter.link for letter in mails.letters if letter.link]


def _row(number: int) -> str:
    department = "People" if number == 1 else f"Department {number % 12}"
    who = f"E{number},Person {number},person.{number}@example.com"
    return f"{who},Specialist,{department},{1 + number % 6},,Europe/Berlin,en\n"
