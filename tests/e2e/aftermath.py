"""What the whole system leaves behind after one cycle of a company of canaries (`canaries.py`)."""

import asyncio
import base64
import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.protobuf.json_format import MessageToDict
from sqlalchemy import text
from temporalio.client import Client

from services.accounts.store.keys import create_access_key, find_or_create_organization
from services.intake.rules.applications import check_application
from services.notifications.composing import compose
from shared.auth import Role
from shared.database import Database
from shared.logging import configure_logging
from tests.clusters import copy_cluster
from tests.e2e.canaries import CHECK_IN_SECONDS, PROGRAM, Players, TroublesomeMail, program, write_people
from tests.patience import PATIENCE_SECONDS
from tests.services.wrong_input.public_routes import ROWS
from tests.webhook_receiver import Received, Receiver, Reply, receiving
from upward.demo.admin import AdminClient
from upward.demo.mailbox import Mailbox
from upward.stack import Stack, running_stack

FINAL = {"completed", "cancelled"}


@dataclass
class Aftermath:
    """Everything that was kept, said or answered, as text."""

    tables: dict[str, str] = field(default_factory=dict)
    """Every row of every table."""
    histories: dict[str, str] = field(default_factory=dict)
    """By workflow id: the events, their payloads decoded, memo and search attributes."""
    schedules: str = ""
    problems: list[str] = field(default_factory=list)
    """Every `application/problem+json` that the API answered."""
    feed: str = ""
    logs: dict[str, str] = field(default_factory=dict)
    """By where they were written."""
    temporal_files: bytes = b""
    """Temporal's database, as it lies on the disk."""
    secrets: dict[str, str] = field(default_factory=dict)
    cycle_id: str = ""
    cycle: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, int] = field(default_factory=dict)
    deliveries: int = 0
    """How many webhooks arrived."""
    letters: str = ""
    """All e-mails, decoded."""
    pages: dict[str, str] = field(default_factory=dict)
    """What participants saw, by the kind of round."""
    routes: dict[str, str] = field(default_factory=dict)
    """What each route tells of the cycle once it is over, and its page."""


class Admin(AdminClient):
    async def advance(self, cycle_id: str) -> None:
        await self._call("POST", f"/v1/cycles/{cycle_id}/advance")


async def live_through(folder: Path) -> Aftermath:
    """Plays a cycle on the embedded stack in this process, with all of its output captured."""
    left = Aftermath()
    stacked = folder / "stack"
    with pytest.MonkeyPatch.context() as patch, captured_output(folder / "output.log"):
        patch.setenv("UPWARD_WEBHOOK_DEVELOPMENT_NETWORKS", '["127.0.0.0/8"]')
        patch.setattr("upward.stack.MailCatcher", TroublesomeMail)
        patch.setattr("services.notifications.delivery.compose", stumbling(compose))
        patch.setattr("services.intake.answers.check_application", stumbling(check_application))
        begun = time.monotonic()
        stacked.mkdir()
        copy_cluster(stacked / "postgres", migrated=True)
        async with running_stack(stacked) as stack, receiving() as receiver:
            seconds = max(CHECK_IN_SECONDS, round(time.monotonic() - begun))  # a slow machine needs more
            await play(stack, left, folder, receiver, program(seconds))
            await gather(stack, left)
    left.logs["our own output"] = (folder / "output.log").read_text()
    left.logs["Temporal's log"] = (stacked / "temporal/server.log").read_text()
    left.logs["Postgres's log"] = (stacked / "postgres/log").read_text()
    left.temporal_files = b"".join(path.read_bytes() for path in (stacked / "temporal").glob("temporal.db*"))
    return left


def stumbling(work: Callable[..., Any]) -> Callable[..., Any]:
    """Fails twice with all that it was given in the message, as careless code would, and then works."""
    falls = iter(range(2))

    def stumble(*given: Any) -> Any:
        if next(falls, None) is not None:
            raise RuntimeError(f"wrongscarlet: {given!r}")
        return work(*given)

    return stumble


@contextmanager
def captured_output(path: Path) -> Iterator[None]:
    """All logging, as the processes configure it but from DEBUG on, and whatever else reaches stdout and stderr."""
    root, before, level = logging.getLogger(), logging.getLogger().handlers, logging.getLogger().level
    kept = [os.dup(number) for number in (1, 2)]
    with path.open("w") as output:
        try:
            for number in (1, 2):
                os.dup2(output.fileno(), number)
            configure_logging("DEBUG", stream=output)
            yield
        finally:
            for number, descriptor in zip((1, 2), kept, strict=True):
                os.dup2(descriptor, number)
                os.close(descriptor)
            root.handlers, root.level = before, level


async def play(stack: Stack, left: Aftermath, folder: Path, receiver: Receiver, definition: dict[str, Any]) -> None:
    """One cycle, from the import of the people to its report, with an endpoint that listens."""
    async with stack.resources.database.transaction() as session:
        organization_id = await find_or_create_organization(session, "Quarry")
        key = await create_access_key(session, organization_id, Role.ADMIN, "tests")
    left.secrets |= {"access key": key, "its secret": key.split("_")[2]}
    left.secrets["service token"] = stack.settings.service_token.get_secret_value()
    admin = Admin(stack.url, key)
    async with httpx.AsyncClient(base_url=stack.url, timeout=120) as client:
        players, mailbox = Players(client), Mailbox(stack.mail.folder)
        try:
            await admin.import_people(write_people(folder / "people.csv"), None, False)
            people = sorted(await admin.people(), key=lambda person: str(person["email"]))
            made = await admin.create_program(
                definition | {"sponsor_id": people[0]["id"], "coordinator_ids": [people[1]["id"]]}
            )
            listening = await listen_in(client, key, receiver, str(people[0]["id"]), left)
            left.cycle_id = (await admin.trigger_cycle(made["id"]))["id"]
            left.problems = await provoke(client, key, left.cycle_id, folder)
            async with asyncio.timeout(PATIENCE_SECONDS):
                await _follow(admin, players, mailbox, left)
            await end_listening(client, listening, receiver, mailbox, left)
            left.feed = json.dumps(await admin.events(0))
            left.routes = await read_routes(client, key, left.cycle)
        finally:
            await admin.close()
        left.letters = "\n".join(map(read_text, sorted(stack.mail.folder.glob("*.eml"))))
        left.pages = {kind: "\n".join(pages) for kind, pages in players.pages.items()}
        left.secrets |= {f"link {number}": token for number, token in enumerate(sorted(players.tokens))}
        left.answers = dict(players.statuses)


async def listen_in(
    client: httpx.AsyncClient, key: str, receiver: Receiver, owner_id: str, left: Aftermath
) -> httpx.Request:
    """An endpoint with canaries in its URL, its description and its answers; the request that tests it is answered."""
    receiver.decide = _echo
    url = f"{receiver.url}/Hookteal?token=hookteal"
    body = {"url": url, "owner_id": owner_id, "description": "Plainlavender"}
    headers = {"authorization": f"Bearer {key}", "idempotency-key": "endpoint"}
    made = (await client.post("/v1/endpoints", json=body, headers=headers)).raise_for_status().json()
    left.secrets["signing secret"] = made["secret"]
    return client.build_request("POST", f"/v1/endpoints/{made['id']}/test", headers=headers)


async def _echo(received: Received) -> Reply:
    """Takes everything but the test, to which it says that nobody is there."""
    if received.event.get_type() == "app.upward.endpoint.tested.v1":
        return Reply(410, {}, b"Echomaroon has left")
    return Reply(200, {}, b"Echomaroon: taken")


async def end_listening(
    client: httpx.AsyncClient, test: httpx.Request, receiver: Receiver, mailbox: Mailbox, left: Aftermath
) -> None:
    """The endpoint answers its test by 410, is disabled, and its owner gets a letter."""
    (await client.send(test)).raise_for_status()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not any(letter.template.startswith("endpoint_disabled") for letter in mailbox.new_letters()):
            await asyncio.sleep(0.2)
    left.deliveries = len(receiver.taken)


async def read_routes(client: httpx.AsyncClient, key: str, cycle: dict[str, Any]) -> dict[str, str]:
    """The answers of every route that reads, and of the page of the cycle."""
    headers = {"authorization": f"Bearer {key}"}
    ids: dict[str, object] = {"cycle_id": cycle["id"], "program_id": cycle["program_id"]}
    for name, path in (
        ("person_id", "/v1/people"),
        ("match_run_id", f"/v1/cycles/{cycle['id']}/match-runs"),
        ("pair_id", f"/v1/cycles/{cycle['id']}/pairs?state=completed"),
        ("endpoint_id", "/v1/endpoints"),
        ("concern_id", "/v1/concerns"),
    ):
        ids[name] = (await client.get(path, headers=headers)).json()["items"][0]["id"]
    rounds = (await client.get(f"/v1/cycles/{cycle['id']}", headers=headers)).json()["rounds"]
    ids |= {"template": "kickoff", "language": "en"}
    ids["round_id"] = next(one["id"] for one in rounds if one["kind"] == "enrolment")
    pair = (await client.get(f"/v1/pairs/{ids['pair_id']}", headers=headers)).json()
    # Only who was in the pool of a run has candidates in it.
    ids |= {name: pair[name] for name in ("mentor_id", "mentee_id", "match_run_id")} | {"person_id": pair["mentor_id"]}
    deliveries = await client.get(f"/v1/endpoints/{ids['endpoint_id']}/deliveries", headers=headers)
    ids["sequence"] = deliveries.json()["items"][0]["sequence"]
    found = {"page": await client.get(f"/console/cycles/{cycle['id']}", headers=headers)}
    for row in ROWS:
        # Nobody has uploaded a file, and the keys are for owners.
        if row.method == "GET" and "{upload_id}" not in row.path and row.role is not Role.OWNER:
            params = {name: str(ids[name]) for name in row.params}
            found[str(row)] = await client.get(row.address(ids), params=params, headers=headers)
    # It has no logo, and nobody is away.
    empty = {f"GET /v1/{rest}" for rest in ("brand/logo", "people/{person_id}/absence")}
    wrong = {name: answer.text for name, answer in found.items() if answer.status_code != 200 and name not in empty}
    assert wrong == {}, wrong
    return {name: answer.text for name, answer in found.items()}


def read_text(path: Path) -> str:
    """Everything that somebody can read of an e-mail."""
    message = message_from_bytes(path.read_bytes(), policy=policy.default)
    parts = [part.get_content() for part in message.walk() if part.get_content_maintype() == "text"]
    return "\n".join([*map(str, message.values()), *parts])


async def _follow(admin: Admin, players: Players, mailbox: Mailbox, left: Aftermath) -> None:
    """Answers letters, approves matches and sees to concerns until the cycle is over."""
    advanced = False
    while left.cycle.get("stage") not in FINAL:
        for letter in mailbox.new_letters():
            await players.answer(letter)
        left.cycle = await admin.cycle(left.cycle_id)
        for run in await admin.match_runs(left.cycle_id):
            if run["state"] == "proposed" and run["pairs_count"] and left.cycle["stage"] in ("review", "kickoff"):
                await admin.approve(run["id"])
        for concern in await admin.concerns(left.cycle_id):
            if concern["state"] == "open" and concern["rung"] == "sponsor" and left.cycle["stage"] == "active":
                await admin.end_pair(concern["pair_id"])
                await admin.resolve_concern(concern["id"])
        for found in left.cycle["rounds"]:
            if found["kind"] == "enrolment" and found["state"] == "open" and found["pending"] == 1 and not advanced:
                advanced = True  # only the one whom no mail reaches is missing
                await admin.advance(left.cycle_id)
        await asyncio.sleep(0.2)


async def provoke(client: httpx.AsyncClient, key: str, cycle_id: str, folder: Path) -> list[str]:
    """Requests with canaries where they do not belong; answers the problems that came back."""
    signed = {"authorization": f"Bearer {key}"}
    once = signed | {"idempotency-key": "wrongscarlet"}
    broken = write_people(folder / "broken.csv", broken=True).read_bytes()
    wrong: dict[str, Any] = {"name": "wrongscarlet", "direction": "wrongscarlet", "time_zone": "wrongscarlet"}
    upload = ("wrongscarlet.csv", broken, "text/csv")
    answers = [
        await client.post("/v1/people/import", headers=signed, files={"file": upload}),
        await client.post("/v1/programs", headers=once, json=wrong | {"sponsor_id": "wrongscarlet"}),
        await client.post("/v1/programs", headers=once, json={**PROGRAM, "calendar": {"survey": "wrongscarlet"}}),
        await client.post("/v1/programs", headers=once, content="wrongscarlet"),
        await client.get("/v1/cycles/wrongscarlet", headers=signed),
        await client.get("/v1/events?after=wrongscarlet", headers=signed),
        await client.get("/v1/people?cursor=wrongscarlet", headers=signed),
        await client.get(f"/v1/cycles/{cycle_id}/pairs?state=wrongscarlet", headers=signed),
        await client.get("/v1/wrongscarlet/quillfeather00", headers=signed),
        await client.get("/v1/people", headers={"authorization": "Bearer upw_wrongscarlet"}),
        await client.post(f"/v1/pairs/{cycle_id}/end", headers=signed, json={"reason": "wrongscarlet"}),
        await client.post("/internal/intake/links/resolve", headers=signed, json={"token": "wrongscarlet" * 4}),
        await client.post("/v1/endpoints", headers=once, json={"url": "https://wrongscarlet/", "owner_id": cycle_id}),
        await client.post("/v1/endpoints", headers=once, json={"url": "wrongscarlet", "description": "wrongscarlet\n"}),
        await client.get("/v1/endpoints?cursor=wrongscarlet", headers=signed),
        await client.get("/p/" + "wrongscarlet" * 4, headers={"accept": "application/json"}),
    ]
    assert [answer.request.url.path for answer in answers if answer.status_code < 400] == []
    assert [answer.request.url.path for answer in answers if answer.status_code >= 500] == []
    problems = [answer for answer in answers if answer.headers["content-type"] == "application/problem+json"]
    return [answer.text for answer in problems]


async def gather(stack: Stack, left: Aftermath) -> None:
    left.tables = await read_tables(stack.resources.database)
    client = stack.resources.temporal
    left.histories = await read_histories(client)
    async for schedule in await client.list_schedules():
        described = await client.get_schedule_handle(schedule.id).describe()
        left.schedules += readable(MessageToDict(described.raw_description))


async def read_tables(database: Database) -> dict[str, str]:
    own = "schemaname not in ('pg_catalog', 'information_schema')"
    async with database.transaction() as session:
        found = await session.execute(text(f"select schemaname, tablename from pg_tables where {own}"))
        names = sorted(f"{schema}.{table}" for schema, table in found)
        rows = {name: await session.scalars(text(f"select found::text from {name} as found")) for name in names}
    return {name: "\n".join(lines) for name, lines in rows.items()}


async def read_histories(client: Client) -> dict[str, str]:
    found = {}
    async for execution in client.list_workflows():
        history = await client.get_workflow_handle(execution.id, run_id=execution.run_id).fetch_history()
        told = MessageToDict(execution.raw_info)
        found[f"{execution.id} {execution.run_id}"] = readable(history.to_json_dict()) + readable(told)
    return found


def readable(document: Any) -> str:
    """The document as JSON, and after it every payload within, decoded."""
    return "\n".join([json.dumps(document), *payloads(document), ""])


def payloads(document: Any) -> Iterator[str]:
    if isinstance(document, list):
        for item in document:
            yield from payloads(item)
    elif isinstance(document, dict):
        if isinstance(document.get("data"), str):
            yield base64.b64decode(document["data"]).decode(errors="replace")
        for item in document.values():
            yield from payloads(item)
