"""How fast the console is: `python bench/console.py [--people N] [--pairs N] [--requests N] [--json]`.

Makes a company whose directory has 10,000 people, and a match run of 1,000 pairs that waits for approval. Then the
review is asked for, a hundred pairs a page, and changes of it are previewed. The whole application runs in this process
over a real Postgres, without a network.

| measure | what it is |
|---|---|
| `review_p95_ms` | the p95 of a page of the review: filtered, sorted and paged in turn |
| `preview_p95_ms` | the p95 of a change that is shown before it is kept; the run is computed again for each |
| `page_kb_max` | the largest of the pages with all that it loads, compressed by gzip, in kB |
| `ratio_bare` | pages a second of the review, over those of the bare page |

The bare page (`bench/console_bare.py`) is a FastAPI route that sends the statements of the review again, on one
connection, and shows the same rows in a template of its own. It ends with 1 if a page takes more than 300 ms, a preview
more than 1.5 s, a page has more than 100 kB, or the ratio is below 0.4.
"""

import argparse
import asyncio
import gzip
import re
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.console_bare import bare_application, recorded
from bench.console_company import Company, make_company
from bench.verdict import end
from shared.config import Settings
from shared.contracts.base import Service
from shared.database import Database
from shared.http.application import create_application
from shared.logging import configure_logging
from upward.composition import routers
from upward.embedded import EmbeddedPostgres
from upward.migration import migrate
from upward.process import freeze_started_objects

MOST = {"review_p95_ms": 300.0, "preview_p95_ms": 1500.0, "page_kb_max": 100.0}
LEAST = {"ratio_bare": 0.4}
URL = "http://127.0.0.1:8080"
BELOW = ("", "?sort=score", "?low_fit=yes", "?department=department%201", "?wished=yes", "?level=5", "?q=person%2012")
"""What is asked for of the review, in turn."""


class Options(NamedTuple):
    people: int = 10_000
    pairs: int = 1_000
    requests: int = 60
    previews: int = 15


class Visitor(NamedTuple):
    http: httpx.AsyncClient
    company: Company

    @property
    def review(self) -> str:
        return f"/console/cycles/{self.company.cycle_id}/review"

    async def get(self, address: str) -> httpx.Response:
        answer = await self.http.get(address)
        assert answer.status_code == 200, (address, answer.status_code)
        return answer


@asynccontextmanager
async def standing(folder: Path, options: Options) -> AsyncIterator[tuple[FastAPI, Database, Company]]:
    """The application over a database of its own, with the company."""
    postgres = EmbeddedPostgres(folder / "postgres")
    url = await asyncio.to_thread(postgres.start)
    try:
        await asyncio.to_thread(migrate, url)
        database = Database(url, pool_size=5)
        settings = Settings(database_url=url, public_url=URL, service_token=SecretStr("b" * 32))
        app = create_application(routers(list(Service)), database, settings)
        try:
            yield app, database, await make_company(database, options.people, options.pairs)
        finally:
            await database.engine.dispose()
    finally:
        await asyncio.to_thread(postgres.stop)


async def sign_in(http: httpx.AsyncClient, key: str) -> None:
    form = await http.get("/console/sign-in")
    answer = await http.post("/console/sign-in", data={"form_token": _field(form, "form_token"), "access_key": key})
    assert answer.status_code == 303, answer.text


def _field(page: httpx.Response, name: str) -> str:
    return str(re.findall(rf'name="{name}" value="([^"]+)"', page.text)[-1])


async def timed(work: Callable[[], Awaitable[object]]) -> float:
    """Milliseconds."""
    begun = time.perf_counter()
    await work()
    return (time.perf_counter() - begun) * 1000


async def time_review(visitor: Visitor, requests: int) -> list[float]:
    """The filters in turn, and page after page of the whole list."""
    took, address = [], visitor.review
    for number in range(requests):
        if number % 2:
            wanted = f"{visitor.review}{BELOW[number // 2 % len(BELOW)]}"
            took.append(await timed(lambda wanted=wanted: visitor.get(wanted)))  # type: ignore[misc]
            continue
        begun = time.perf_counter()
        page = await visitor.get(address)
        took.append((time.perf_counter() - begun) * 1000)
        after = re.search(r'href="(\?[^"]+)" rel="next"', page.text)
        address = visitor.review + (after[1].replace("&amp;", "&") if after else "")
    return took


async def time_previews(visitor: Visitor, previews: int) -> list[float]:
    """Other couples of the first page are forbidden, each in a preview of its own."""
    page = await visitor.get(visitor.review)
    steps = re.findall(r'value="(forbid:[^"]+)"', page.text)
    token, run = _field(page, "form_token"), _field(page, "run_id")

    async def preview(step: str) -> None:
        fields = {"form_token": token, "run_id": run, "step": step}
        answer = await visitor.http.post(f"{visitor.review}/change", data=fields)
        assert answer.status_code == 200, answer.text

    return [await timed(lambda step=step: preview(step)) for step in steps[:previews]]  # type: ignore[misc]


async def largest_page(visitor: Visitor) -> float:
    """The kB of the largest page with style sheets, script and picture, all compressed."""
    sizes = []
    pair = re.findall(r"/review/pairs/[0-9a-f-]+", (await visitor.get(visitor.review)).text)[0]
    for address in (visitor.review, f"{visitor.review}/unmatched", f"{visitor.review}{pair.removeprefix('/review')}"):
        page = await visitor.get(address)
        loaded = dict.fromkeys(re.findall(r'(?:href|src)="(/console/static/[^"]+)"', page.text))
        contents = [page.content, *[(await visitor.get(one)).content for one in loaded]]
        sizes.append(sum(len(gzip.compress(content)) for content in contents) / 1000)
    return max(sizes)


async def compare(app: FastAPI, database: Database, visitor: Visitor, requests: int) -> float:
    """Pages a second of the review over those of the bare page, measured in turns."""
    async with recorded(database) as statements:
        page = await visitor.get(visitor.review)
    rows = page.text.count("data-row")
    bare = bare_application(database, statements)
    ours, theirs = 0.0, 0.0
    async with httpx.AsyncClient(transport=httpx.ASGITransport(bare), base_url=URL) as http:
        assert (await http.get("/")).text.count("<tr>") == rows + 1
        for _ in range(requests):
            theirs += await timed(lambda: http.get("/"))
            ours += await timed(lambda: visitor.get(visitor.review))
    return theirs / ours


def p95(took: Sequence[float]) -> float:
    return sorted(took)[int(0.95 * (len(took) - 1))]


async def measure(options: Options) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="upward-console-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        async with (
            standing(folder, options) as (app, database, company),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=URL, timeout=60) as http,
        ):
            await sign_in(http, company.key)
            visitor = Visitor(http, company)
            await time_review(visitor, len(BELOW) * 2)  # everything is compiled and read once
            freeze_started_objects()  # as each process does before it serves
            return {
                "review_p95_ms": round(p95(await time_review(visitor, options.requests)), 1),
                "preview_p95_ms": round(p95(await time_previews(visitor, options.previews)), 1),
                "page_kb_max": round(await largest_page(visitor), 1),
                "ratio_bare": round(await compare(app, database, visitor, options.requests // 2 or 1), 2),
            }


def main() -> None:
    parser = argparse.ArgumentParser(description="How fast the console answers.")
    parser.add_argument("--people", type=int, default=Options().people, help="people in the directory")
    parser.add_argument("--pairs", type=int, default=Options().pairs, help="pairs of the match run")
    parser.add_argument("--requests", type=int, default=Options().requests, help="pages that are measured")
    parser.add_argument("--previews", type=int, default=Options().previews, help="previews that are measured")
    parser.add_argument("--json", action="store_true", help="print one JSON line")
    given = parser.parse_args()
    configure_logging(level="ERROR")
    found = asyncio.run(measure(Options(given.people, given.pairs, given.requests, given.previews)))
    end(found, f"The console, {given.pairs} pairs", most=MOST, least=LEAST, as_json=given.json)


if __name__ == "__main__":
    main()
