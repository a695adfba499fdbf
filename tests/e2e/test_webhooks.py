"""Webhooks on the whole stack, as an integrator sees them: the documented consumer, and secrets rotated under load."""

import asyncio
import json
import os
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from standardwebhooks import WebhookVerificationError

from services.events.webhooks.rules.signing import signed_headers
from shared.contracts.events import CheckInAnswered, ReportCompiledEvent
from shared.contracts.programs import Outcome
from shared.events import emit
from tests.architecture.sources import ROOT
from tests.e2e.company import Company, company
from tests.patience import PATIENCE_SECONDS
from tests.webhook_receiver import Received, receiving
from upward.serving.server import Server, listen
from upward.stack import Stack

CONSUMER = ROOT / "docs/examples/consumer.py"


class Integrator:
    """Somebody at a company who has its systems take events."""

    def __init__(self, acme: Company, stack: Stack, organization_id: UUID) -> None:
        self.acme, self._stack, self._organization_id = acme, stack, organization_id
        self.headers = {"authorization": f"Bearer {acme.key}"}
        self.path = ""
        self._told = 0

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        headers = self.headers | {"idempotency-key": str(uuid4())}
        answer = await self.acme.http.request(method, f"{self.acme.url}{path}", json=body, headers=headers)
        assert answer.is_success, answer.text
        return answer.json()

    async def make_endpoint(self, url: str) -> str:
        """Answers its secret."""
        owner = next(iter(self.acme.people))
        made = await self.call("POST", "/v1/endpoints", {"url": url, "owner_id": owner, "rate_limit": 500})
        self.path = f"/v1/endpoints/{made['id']}"
        return str(made["secret"])

    async def tell(self, count: int) -> None:
        """Facts that move no workflow, of a few subjects."""
        for number in range(count):
            ids = {name: UUID(int=number % 7 + 1) for name in ("check_in_id", "round_id", "cycle_id", "pair_id")}
            told = (
                CheckInAnswered(**ids)
                if number % 2
                else ReportCompiledEvent(cycle_id=uuid4(), outcome=Outcome.COMPLETED)
            )
            async with self._stack.resources.database.transaction() as session:
                await emit(session, self._organization_id, told)
            self._told += 1

    async def head(self) -> int:
        return int((await self.call("GET", "/v1/events/checkpoint"))["sequence"])

    async def sequences_told(self) -> set[int]:
        """Of all that was told, once it is in the log."""

        async def all_of_them() -> set[int] | None:
            kinds = (CheckInAnswered.type, ReportCompiledEvent.type)
            found = [one for one in await self.acme.events() if any(kind in one["type"] for kind in kinds)]
            return {int(one["sequence"]) for one in found} if len(found) == self._told else None

        found: set[int] = await self.acme.until(all_of_them)
        return found

    async def attempts(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.call("GET", f"{self.path}/attempts?limit=200"))["items"]
        return found

    async def until_taken(self, *sequences: int, times: int = 1) -> None:
        """Until each of these events was delivered that often at least."""

        def often(attempts: list[dict[str, Any]]) -> bool:
            taken = Counter(one["sequence"] for one in attempts if one["status"] == 204)
            return all(taken[sequence] >= times for sequence in sequences)

        await self.until(often)

    async def until(self, is_so: Callable[[list[dict[str, Any]]], bool]) -> None:
        async def tried() -> bool:
            return is_so(await self.attempts())

        await self.acme.until(tried)


@pytest.fixture
async def integrator(stack: Stack) -> AsyncIterator[Integrator]:
    async with company(stack.url, stack.resources.database, stack.mail.folder) as acme:
        own = {"authorization": f"Bearer {acme.key}"}
        organization = (await acme.http.get(f"{stack.url}/v1/organization", headers=own)).json()
        yield Integrator(acme, stack, UUID(organization["id"]))


class Consumer:
    """The documented consumer, run as its reader would run it."""

    def __init__(self, folder: Path, url: str, key: str) -> None:
        with listen("127.0.0.1", 0) as address:
            self.port = address.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        self._folder = folder
        self._environment = os.environ | {"UPWARD_URL": url, "UPWARD_KEY": key}
        self._process: asyncio.subprocess.Process | None = None
        self.proven = ""

    async def serve(self, secret: str) -> None:
        self._environment |= {"WEBHOOK_SECRET": secret}
        with (self._folder / "served").open("w") as output:
            self._process = await self._start("serve", str(self.port), stdout=output, stderr=asyncio.subprocess.DEVNULL)

    async def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            await self._process.wait()

    async def prove(self) -> tuple[int | None, str]:
        """The exit code, and the last line that was printed."""
        proof = await self._start("prove", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
        async with asyncio.timeout(PATIENCE_SECONDS):
            output, trouble = await proof.communicate()
        *handled, last = (output + trouble).decode().splitlines()
        self.proven += "".join(f"{line}\n" for line in handled)
        return proof.returncode, last

    @property
    def served(self) -> list[int]:
        """The sequences that webhooks brought, as they were handled."""
        return [int(line.split()[0]) for line in (self._folder / "served").read_text().splitlines()]

    @property
    def handled(self) -> list[int]:
        return sorted(self.served + [int(line.split()[0]) for line in self.proven.splitlines()])

    def store(self) -> closing[sqlite3.Connection]:
        return closing(sqlite3.connect(self._folder / "consumer.db", isolation_level=None))

    async def _start(self, *arguments: str, stdout: Any, stderr: Any) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, str(CONSUMER), *arguments),
            cwd=self._folder, env=self._environment, stdout=stdout, stderr=stderr,
        )  # fmt: skip


@pytest.fixture
async def consumer(tmp_path: Path, integrator: Integrator) -> AsyncIterator[Consumer]:
    consumer = Consumer(tmp_path, integrator.acme.url, integrator.acme.key)
    yield consumer
    await consumer.stop()


async def test_the_documented_consumer_handles_each_event_once_and_proves_that_it_has_them_all(
    integrator: Integrator, consumer: Consumer
) -> None:
    await integrator.acme.until(integrator.acme.events)  # what was in the log before does not come to an endpoint
    secret = await integrator.make_endpoint(consumer.url)
    await consumer.serve(secret)
    await integrator.tell(20)
    await integrator.acme.until(_truth(lambda: len(consumer.served) == 20))
    before = set(consumer.served)

    with consumer.store() as store:  # the consumer cannot store what comes, and says 500
        store.execute("begin exclusive")
        await integrator.tell(1)
        await integrator.until(lambda attempts: attempts[0]["status"] == 500)
        store.execute("rollback")
    code, last = await consumer.prove()
    head = int((await integrator.acme.events())[-1]["sequence"])
    assert (code, last) == (0, f"complete up to {head}")
    assert set(consumer.handled) - before >= {1, head}, "what was there before the endpoint, and what it missed"
    await integrator.until_taken(head)

    await integrator.call("POST", f"{integrator.path}/replays", {"what": "all", "from_sequence": 1})
    await integrator.until_taken(*before, head, times=2)
    await integrator.tell(5)
    await integrator.until_taken(*range(1, head + 6))
    assert (await consumer.prove()) == (0, f"complete up to {head + 5}")
    assert consumer.handled == list(range(1, head + 6)), "each once, whatever came twice"


async def test_the_documented_consumer_refuses_what_we_did_not_sign(integrator: Integrator, consumer: Consumer) -> None:
    secret = await integrator.make_endpoint(consumer.url)
    await consumer.serve(secret)
    await integrator.call("POST", f"{integrator.path}/test")
    await integrator.acme.until(_truth(lambda: len(consumer.served) == 1))
    event = {"id": str(uuid4()), "sequence": "0000000000000000099", "type": "a", "subject": "b/1"}
    body, now = json.dumps(event).encode(), datetime.now(UTC)
    right = signed_headers([secret], event["id"], now, body)
    stale = signed_headers([secret], event["id"], now - timedelta(minutes=6), body)
    for headers, content in (
        (right, body.replace(b"99", b"98")),
        (right, b"\xff" + body),
        (right | {"webhook-id": str(uuid4())}, body),
        (right | {"webhook-signature": "v1"}, body),
        (stale, body),
        ({}, body),
    ):
        answer = await integrator.acme.http.post(consumer.url, headers=headers, content=content)
        assert answer.status_code == 400
    assert len(consumer.served) == 1
    assert (await integrator.acme.http.post(consumer.url, headers=right, content=body)).status_code == 204
    assert consumer.served[1:] == [99]


async def test_the_documented_consumer_notices_when_the_log_is_not_the_one_it_read(
    integrator: Integrator, consumer: Consumer
) -> None:
    await integrator.tell(3)

    async def three() -> bool:
        return len(await integrator.acme.events()) >= 3

    await integrator.acme.until(three)
    code, _ = await consumer.prove()
    assert code == 0
    with consumer.store() as store:
        store.execute("update proven set digest = ?", ["00" * 32])
    code, last = await consumer.prove()
    assert code == 1
    assert last.endswith("are not those that happened")


@pytest.mark.parametrize("status", [409, 410])
async def test_the_documented_consumer_starts_anew_at_the_checkpoint_when_the_feed_says_so(
    tmp_path: Path, status: int
) -> None:
    digest, feed, log = "5d" * 32, FastAPI(), {"epoch": "a", "start": "00" * 32, "head": 0}

    @feed.get("/v1/events")
    async def read_events(after: int, epoch: str) -> JSONResponse:
        known = epoch == log["epoch"]
        return JSONResponse({"events": [], "after": after, "more": False} if known else {}, 200 if known else status)

    @feed.get("/v1/events/checkpoint")
    async def read_checkpoint(at: int | None = None) -> dict[str, Any]:
        sequence = log["head"] if at is None else at
        return {"sequence": sequence, "digest": digest if sequence == 7 else log["start"], "epoch": log["epoch"]}

    with listen("127.0.0.1", 0) as address:
        server = Server(uvicorn.Config(feed, log_config=None, access_log=False, lifespan="off"))
        serving = asyncio.create_task(server.serve(sockets=[address]))
        consumer = Consumer(tmp_path, f"http://127.0.0.1:{address.getsockname()[1]}", "key")
        try:
            assert await consumer.prove() == (0, "complete up to 0")
            log |= {"epoch": "b"}  # a restore that lost nothing of what it has
            assert await consumer.prove() == (0, "complete up to 0")
            log |= {"epoch": "c", "start": "11" * 32, "head": 7}  # another log than the one that it followed
            assert await consumer.prove() == (0, "resync: events go on after 7")
            with consumer.store() as store:
                assert store.execute("select sequence, digest from proven").fetchall() == [(7, digest)]
            assert await consumer.prove() == (0, "complete up to 7")
        finally:
            server.should_exit = True
            await serving


def _truth(condition: Callable[[], bool]) -> Callable[[], Any]:
    async def look() -> bool:
        return condition()

    return look


async def test_rotations_under_load_fail_no_verification(integrator: Integrator) -> None:
    """A receiver with the secret of before verifies everything; so does one with a new secret, of all events that are
    told after that was answered."""
    async with receiving() as receiver:
        secrets = [await integrator.make_endpoint(receiver.url)]
        known: list[tuple[int, str]] = [(0, secrets[0])]
        rotated = asyncio.Event()

        async def write() -> None:
            while not rotated.is_set():
                await integrator.tell(20)

        writing = asyncio.create_task(write())
        for _ in range(4):
            await receiver.until(lambda: len(receiver.received) > 40 * len(known), PATIENCE_SECONDS)
            made = await integrator.call("POST", f"{integrator.path}/secrets", {})
            known.append((await integrator.head(), made["secret"]))
        rotated.set()
        await writing
        await integrator.tell(20)
        told = await integrator.sequences_told()
        await receiver.until(lambda: told <= set(receiver.sequences), PATIENCE_SECONDS)
        signatures = {len(one.headers["webhook-signature"].split()) for one in receiver.taken}
        assert signatures == {1, 2, 3, 4, 5}
        for since, secret in known:
            for one in receiver.received:
                if one.sequence > since:
                    one.verify(secret)
        first = min(receiver.received, key=lambda one: one.sequence)
        with pytest.raises(WebhookVerificationError):
            first.verify(known[-1][1])
        with pytest.raises(WebhookVerificationError):
            Received(first.headers, first.body.replace(b"check_in", b"checked_in") + b" ").verify(known[0][1])
