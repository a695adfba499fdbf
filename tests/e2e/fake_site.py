"""The console on a port of this machine, with fake services behind it (tests/console_fakes.py)."""

import asyncio
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import uvicorn
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.console import main
from services.matching.models import MatchRun
from services.programs.models import CycleRow, ProgramRow
from shared.auth import Role
from shared.config import Settings
from shared.contracts.base import Service
from shared.contracts.matching import MatchRunState
from shared.contracts.programs import Calendar, Direction, MatchingPolicy, Stage
from shared.contracts.rounds import CloseReason, CloseRound, OpenRound, RoundKind
from shared.database import SCHEMAS, Base, Database
from shared.http.application import create_application
from shared.keys import AccessKey, NewKey, OrganizationRow, new_key
from shared.rounds import store
from shared.rounds.recipients import Recipient
from tests.clusters import cluster
from tests.console_fakes import CLOSES_AT, TOPICS, FakeServices, token_of
from tests.services.tables import import_tables
from upward.composition import routers


class Site:
    """The console on a port of this machine."""

    def __init__(self, url: str, fakes: FakeServices, key: NewKey) -> None:
        self.url = url
        self.fakes = fakes
        self.key = key

    def link(self, kind: RoundKind) -> str:
        return f"{self.url}/p/{token_of(kind)}"


@contextmanager
def running_site() -> Iterator[Site]:
    fakes, key = FakeServices(), new_key()
    fakes.partner = fakes.partner.model_copy(update={"name": "Bernd Falk"})
    with tempfile.TemporaryDirectory(prefix="upward-browser-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        with cluster(Path(folder) / "data", migrated=False) as database_url:
            asyncio.run(_store_facts(database_url, fakes, key))
            with _served(database_url, fakes) as url:
                yield Site(url, fakes, key)


@contextmanager
def _served(database_url: str, fakes: FakeServices) -> Iterator[str]:
    """Serves the pages from a thread of its own; the address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        settings = Settings(database_url=database_url, service_token=SecretStr("t" * 40), public_url=url)
        database = Database(database_url)
        everything = routers(list(Service))
        served = [main.router, fakes.router(), *everything]  # the fakes come first, and so stand before the services
        app = create_application(served, database, settings, described=everything)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))

        async def serve() -> None:
            await server.serve([listening])
            await app.state.internal.close()
            await database.close()

        thread = threading.Thread(target=lambda: asyncio.run(serve()))
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.02)
        yield url
        server.should_exit = True
        thread.join()


async def _store_facts(url: str, fakes: FakeServices, key: NewKey) -> None:
    import_tables()
    database = Database(url)
    async with database.engine.begin() as connection:
        for schema in SCHEMAS:
            await connection.execute(text(f"create schema if not exists {schema}"))
        await connection.run_sync(Base.metadata.create_all)
    async with database.transaction() as session:
        session.add(OrganizationRow(id=fakes.organization_id, name="Acme Group"))
        session.add(
            AccessKey(
                id=key.id, organization_id=fakes.organization_id, role=Role.VIEWER, label="t", key_hash=key.key_hash
            )
        )
        await _store_cycle(session, fakes)
        for kind, asked, answered in ((RoundKind.ENROLMENT, 12, 9), (RoundKind.ACCEPTANCE, 8, 3)):
            about = {"organization_id": fakes.organization_id, "round_id": fakes.round_ids[kind]}
            request = OpenRound.model_validate(
                about | {"cycle_id": fakes.cycle_id, "kind": kind, "number": 1, "closes_at": CLOSES_AT}
            )
            people = [uuid4() for _ in range(asked)]
            await store.open_round(session, request, [Recipient(person, fakes.cycle_id) for person in people])
            round_ = await store.lock_open_round(session, fakes.organization_id, request.round_id)
            for person in people[:answered]:
                await store.mark_answered(session, round_, person, [fakes.cycle_id])
            if kind is RoundKind.ENROLMENT:
                await store.close_round(session, CloseRound.model_validate(about | {"reason": CloseReason.DEADLINE}))
    await database.close()


async def _store_cycle(session: AsyncSession, fakes: FakeServices) -> None:
    """A cycle whose matches wait for an approval."""
    await session.flush()
    own: dict[str, Any] = {"organization_id": fakes.organization_id, "program_id": uuid4()}
    plan: dict[str, Any] = {
        "direction": Direction.REVERSE,
        "topics": [topic.model_dump(mode="json") for topic in TOPICS],
        "calendar": Calendar().model_dump(mode="json"),
        "policy": MatchingPolicy().model_dump(mode="json"),
    }
    session.add(
        ProgramRow(
            id=own["program_id"], organization_id=fakes.organization_id, name="Upside Down", time_zone="Europe/Berlin",
            sponsor_id=None, coordinator_ids=[], recurs=False, **plan,
        )
    )  # fmt: skip
    await session.flush()
    session.add(
        CycleRow(
            **own, **plan, id=fakes.cycle_id, period="2027-Q1", stage=Stage.REVIEW, starts_at=datetime.now(UTC),
        )
    )  # fmt: skip
    session.add(
        MatchRun(
            **own, id=uuid4(), cycle_id=fakes.cycle_id, attempt=1, revision=1, state=MatchRunState.PROPOSED,
            direction=Direction.REVERSE, policy={}, steering={}, inputs={"labels": {}, "people": []}, inputs_hash="",
            code_version="1", seed="", certified=True, supply=[], enrolled=9, mentors=4, mentees=5, pairs_count=4,
            unmatched_count=1,
        )
    )  # fmt: skip
