"""How fast participants' pages are: `python bench/pages.py [--people N] [--answers N] [--runs N] [--json]`.

| measure | what it is |
|---|---|
| `calls` | requests that one enrolment page makes of other services, while others look at pages of the same cycle |
| `ratio_bare` | enrolment pages a second, over those of the bare page |
| `answers_per_s` | answers a second when 200 participants send their forms at once |
| `p99_s` | how long 99 of 100 of them wait |

For the first two the application runs in this process over a real Postgres, without a network. The bare page
(`bench/pages_bare.py`) is a FastAPI route that sends the statements of the page again, on one connection, and shows the
same fields in a template of its own. For the others `upward up` runs a cycle in a process of its own, and all forms are
sent over TCP with the links of the mails that came; each is measured from its connection to the whole answer, and the
run in the middle counts.

It ends with 1 if a page makes more than two requests, the ratio is below 0.5, there are fewer than 100 answers a
second, or the p99 is above 2 seconds.
"""

import argparse
import asyncio
import re
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch
from uuid import uuid4

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.console import timed
from bench.console_bare import recorded
from bench.pages_answers import measure_answers
from bench.pages_bare import bare_form
from bench.verdict import end
from services.accounts.store.keys import find_or_create_organization
from services.intake.person import PersonRecord
from services.intake.store.links import mint_links
from services.intake.store.people import create_people
from services.programs.models import CycleRow, ProgramRow
from shared.config import Settings
from shared.contracts.base import Service
from shared.contracts.intake import MintLinks
from shared.contracts.programs import Calendar, Direction, MatchingPolicy, Topic
from shared.contracts.rounds import OpenRound, RoundKind
from shared.database import Database
from shared.http.application import create_application
from shared.http.internal import Internal
from shared.logging import configure_logging
from shared.rounds.recipients import Recipient
from shared.rounds.store import open_round
from upward.composition import routers
from upward.demo.program import TOPICS
from upward.embedded import EmbeddedPostgres
from upward.migration import migrate
from upward.process import freeze_started_objects

MOST = {"calls": 2.0, "p99_s": 2.0}
LEAST = {"ratio_bare": 0.5, "answers_per_s": 100.0}
URL = "http://127.0.0.1:8080"
LANGUAGES = ("en", "de", "es", "fr")


class Options(NamedTuple):
    people: int = 2_000
    requests: int = 200
    answers: int = 200
    runs: int = 3


class Intake(NamedTuple):
    """A cycle that asks everybody to enrol."""

    topics: tuple[Topic, ...]
    tokens: tuple[str, ...]


async def make_intake(database: Database, people: int) -> Intake:
    organization_id, cycle_id = uuid4(), uuid4()
    async with database.transaction() as session:
        organization_id = await find_or_create_organization(session, "Bench")
        records = [_person(number) for number in range(people)]
        await create_people(session, organization_id, records)
        topics = tuple(Topic.model_validate(topic) for topic in TOPICS)
        same = {
            "organization_id": organization_id,
            "direction": Direction.REVERSE,
            "topics": [topic.model_dump(mode="json") for topic in topics],
            "calendar": Calendar().model_dump(mode="json"),
            "policy": MatchingPolicy(min_level_gap=1, different_department=True).model_dump(mode="json"),
        }
        program = ProgramRow(
            **same, id=uuid4(), name="Bench", time_zone="Europe/Berlin", coordinator_ids=[records[0].id], recurs=False
        )
        session.add(program)
        await session.flush()
        now = datetime.now(UTC)
        session.add(
            CycleRow(**same, id=cycle_id, program_id=program.id, period="2027-Q1", stage="intake", starts_at=now)
        )
        ids = [record.id for record in records]
        closes = now + timedelta(days=14)
        round_ = OpenRound(
            organization_id=organization_id, cycle_id=cycle_id, round_id=uuid4(), kind=RoundKind.ENROLMENT, number=1,
            closes_at=closes,
        )  # fmt: skip
        await open_round(session, round_, [Recipient(one, cycle_id) for one in ids])
        asked = MintLinks(
            round_id=round_.round_id, kind=RoundKind.ENROLMENT, cycle_id=cycle_id, person_ids=tuple(ids[:100])
        )
        minted = await mint_links(session, organization_id, asked)
    return Intake(topics, tuple(link.token for link in minted.links))


def _person(number: int) -> PersonRecord:
    return PersonRecord(
        uuid4(), None, f"person.{number}@example.com", f"Person {number} Example", "Person", "Example",
        "Senior specialist", f"department {number % 14}", "Berlin", "Europe/Berlin", LANGUAGES[number % 4], number % 9,
        None, None, True,
    )  # fmt: skip


@asynccontextmanager
async def standing(folder: Path, people: int) -> AsyncIterator[tuple[FastAPI, Database, Intake]]:
    postgres = EmbeddedPostgres(folder / "postgres")
    url = await asyncio.to_thread(postgres.start)
    try:
        await asyncio.to_thread(migrate, url)
        database = Database(url, pool_size=5)
        settings = Settings(database_url=url, public_url=URL, service_token=SecretStr("b" * 32))
        app = create_application(routers(list(Service)), database, settings)
        try:
            yield app, database, await make_intake(database, people)
        finally:
            await database.close()
    finally:
        await asyncio.to_thread(postgres.stop)


@contextmanager
def counted() -> Iterator[list[str]]:
    """What is asked of other services meanwhile, whoever asks."""
    asked: list[str] = []
    exchange = Internal.exchange

    async def noted(self: Internal, service: Service, request: Any, **options: Any) -> Any:
        asked.append(f"{request['method']} {request['url']}")
        return await exchange(self, service, request, **options)

    with patch.object(Internal, "exchange", noted):
        yield asked


async def measure_page(folder: Path, options: Options) -> dict[str, float]:
    async with (
        standing(folder, options.people) as (app, database, intake),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=URL, timeout=60) as http,
    ):

        async def get(number: int) -> httpx.Response:
            answer = await http.get(f"/p/{intake.tokens[number % len(intake.tokens)]}")
            assert answer.status_code == 200, answer.text
            return answer

        for number in range(20):  # everything is compiled and read once
            page = await get(number)
        freeze_started_objects()  # as each process does before it serves
        await get(0)
        with counted() as asked:
            await get(1)
        async with recorded(database) as statements:
            await get(2)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(bare_form(database, statements, intake.topics)), base_url=URL
        ) as bare:
            assert fields_of(await bare.get("/")) == fields_of(page)
            ours, theirs = 0.0, 0.0
            for number in range(options.requests):
                theirs += await timed(lambda: bare.get("/"))
                ours += await timed(partial(get, number))
    return {"calls": len(asked), "ratio_bare": round(theirs / ours, 2)}


def fields_of(page: httpx.Response) -> set[str]:
    return set(re.findall(r'<(?:input|select|textarea)\b[^>]*? name="([^"]+)"', page.text))


def measure(options: Options) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="upward-pages-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        found = asyncio.run(measure_page(folder, options))
    return found | measure_answers(options.answers, options.runs)


def main() -> None:
    parser = argparse.ArgumentParser(description="How fast participants' pages are.")
    parser.add_argument("--people", type=int, default=Options().people, help="people in the directory of the page")
    parser.add_argument("--requests", type=int, default=Options().requests, help="pages that are measured")
    parser.add_argument("--answers", type=int, default=Options().answers, help="participants who answer at once")
    parser.add_argument("--runs", type=int, default=Options().runs, help="how often they do; others each time")
    parser.add_argument("--json", action="store_true", help="print one JSON line")
    given = parser.parse_args()
    configure_logging(level="ERROR")
    found = measure(Options(given.people, given.requests, given.answers, given.runs))
    end(found, "Participants' pages", most=MOST, least=LEAST, as_json=given.json)


if __name__ == "__main__":
    main()
