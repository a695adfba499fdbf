"""The one window in which a message can be sent twice, shown by dying at the steps of a delivery.

A delivery of two messages is killed at its first step, another at a later one, and so on; each is then delivered again.
In `make test` a whole cycle is killed once in this window (`test_kill.py`). A kill doubles a message if and only if it
falls between the mail server's answer and the commit of the message's row; no kill loses one. The deliveries have one
connection to the mail server, so that each takes the same steps; with several, the same holds for each of them.
"""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psutil
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from services.notifications.preparing import prepare_page
from shared.config import Settings
from shared.contracts.notifications import PrepareMessages
from shared.database import Database
from shared.http.internal import Internal
from tests.clusters import copy_cluster
from tests.faults.stack_process import OTHER_SESSIONS, ROOT
from tests.patience import PATIENCE_SECONDS
from tests.services.notifications.world import World
from upward.demo.mailbox import read_letter
from upward.embedded import EmbeddedPostgres, MailCatcher

pytestmark = pytest.mark.long
TOKEN = "a-service-token-of-the-tests-only-0123456789"
TAKEN = "wrote content"
"""The kill comes before the answer is read: whether the server has taken the message by then is the server's doing."""
WINDOW = {"after DATA", "before UPDATE message", "after UPDATE message", "before COMMIT"}


@dataclass
class Death:
    """A delivery that died, and what became of its messages."""

    announcement: dict[str, Any]
    steps: list[str]
    """Those that it took; it died at the last."""
    caught: set[str]
    """Messages that the server had taken while their rows still waited."""
    copies: dict[str, int] = field(default_factory=dict)
    """Of each message, after it was delivered again."""
    states: Counter[str] = field(default_factory=Counter)

    @property
    def lies_in_the_window(self) -> bool:
        """Whether a message was answered for and its row not committed."""
        answered = max((place for place, step in enumerate(self.steps) if step == "after DATA"), default=None)
        return answered is not None and "after COMMIT" not in self.steps[answered:]


class Deliveries:
    """Of two messages each, in processes that die, on a real database and a real mail server."""

    def __init__(
        self, settings: Settings, mail: MailCatcher, database: Database, process: "subprocess.Popen[str]"
    ) -> None:
        self._settings, self._mail, self._database, self._process = settings, mail, database, process

    async def steps(self) -> list[str]:
        """Those of a delivery that nothing kills."""
        steps: list[str] = (await self._deliver([await self._prepare()], die_at=0))["steps"]
        return steps

    async def die_at(self, numbers: Iterable[int]) -> list[Death]:
        deaths: list[Death] = []
        for number in numbers:
            announcement = await self._prepare()
            answer = await self._deliver([announcement], die_at=number)
            assert answer["died"], number
            waiting = {id for id, state in (await self._states(announcement)).items() if state == "waiting"}
            deaths.append(Death(announcement, answer["steps"], waiting & self._copies().keys()))
        return deaths

    async def deliver_again(self, deaths: list[Death]) -> None:
        await self._deliver([death.announcement for death in deaths], die_at=0)
        copies = self._copies()
        for death in deaths:
            states = await self._states(death.announcement)
            death.copies, death.states = {id: copies[id] for id in states}, Counter(states.values())

    async def _deliver(self, announcements: list[dict[str, Any]], *, die_at: int) -> dict[str, Any]:
        """Waits until both servers have dealt with all that the process, dead or not, sent them."""
        answer = await asyncio.to_thread(_ask, self._process, {"announcements": announcements, "die_at": die_at})
        async with asyncio.timeout(PATIENCE_SECONDS), self._database.engine.connect() as connection:
            while await connection.scalar(text(OTHER_SESSIONS)) or _connections(self._mail.port):
                await connection.rollback()
                await asyncio.sleep(0.01)
        return answer

    async def _prepare(self) -> dict[str, Any]:
        world = World(uuid4())
        world.ask("first@people.example", "second@people.example")
        await world.open_round(self._database)
        internal = Internal(self._settings, world.application(self._settings))
        announcement = world.announcement()
        await prepare_page(
            self._database, internal, self._settings.mail_domain, PrepareMessages(announcement=announcement)
        )
        await internal.close()
        return {
            "organization_id": str(world.organization_id),
            "cycle_id": str(world.cycle_id),
            "round_id": str(world.round_id),
            "announcement_id": str(announcement.id),
            "contacts": [contact.model_dump(mode="json") for contact in world.contacts.values()],
        }

    async def _states(self, announcement: dict[str, Any]) -> dict[str, str]:
        query = text("select message_id, state from notifications.message where announcement_id = :id")
        async with self._database.engine.connect() as connection:
            found = await connection.execute(query, {"id": UUID(announcement["announcement_id"])})
            return {row.message_id: row.state for row in found}

    def _copies(self) -> Counter[str]:
        return Counter(read_letter(path).message_id for path in self._mail.folder.glob("*.eml"))


def _connections(port: int) -> int:
    found = psutil.Process().net_connections(kind="tcp")
    return len([one for one in found if one.laddr.port == port and one.status != psutil.CONN_LISTEN])


def _ask(process: "subprocess.Popen[str]", order: dict[str, Any]) -> dict[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(order) + "\n")
    process.stdin.flush()
    answer: dict[str, Any] = json.loads(process.stdout.readline())
    return answer


@contextmanager
def _delivery_process(folder: Path, settings: Settings) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "tests.faults.delivery_process"]
    given = settings.model_dump(mode="json", include={"database_url", "smtp_host", "smtp_port", "smtp_connections"})
    with subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        first = {"settings": given | {"service_token": TOKEN}, "record": str(folder / "steps")}
        process.stdin.write(json.dumps(first) + "\n")
        yield process
        process.stdin.close()


@pytest.fixture(scope="module")
async def deaths(faults_folder: Path) -> list[Death]:
    """One for every step of a delivery."""
    folder = faults_folder / "window"
    folder.mkdir()
    copy_cluster(folder / "postgres", migrated=True, durable=True)
    postgres, mail = EmbeddedPostgres(folder / "postgres"), MailCatcher(folder / "mail")
    url = postgres.start()
    mail.start()
    settings = Settings(database_url=url, service_token=SecretStr(TOKEN), smtp_port=mail.port, smtp_connections=1)
    database = Database(url, pool_size=1)
    try:
        with _delivery_process(folder, settings) as process:
            deliveries = Deliveries(settings, mail, database, process)
            steps = await deliveries.steps()
            deaths = await deliveries.die_at(range(1, len(steps) + 1))
            assert {death.steps[-1] for death in deaths} == set(steps)
            await deliveries.deliver_again(deaths)
        return deaths
    finally:
        await database.close()
        mail.stop()
        postgres.stop()


def test_deliveries_were_killed_at_steps_from_the_first_read_to_the_second_message(deaths: list[Death]) -> None:
    assert len(deaths[0].steps) == 1
    last = deaths[-1].steps
    assert last[: len(deaths[0].steps)] == deaths[0].steps
    assert last.count("after DATA") >= 1
    assert {"after CONNECT", "after MAIL", "after RCPT", "after WITH free", *WINDOW} <= set(last)


def test_a_kill_doubles_a_message_if_and_only_if_it_lies_between_the_answer_and_the_commit(deaths: list[Death]) -> None:
    doubled = [death for death in deaths if max(death.copies.values()) > 1]
    for death in deaths:
        if death.steps[-1] != TAKEN:
            assert bool(death.caught) == death.lies_in_the_window == (death in doubled), death.steps[-3:]
    assert {death.steps[-1] for death in doubled} - {TAKEN} == WINDOW


def test_at_most_the_one_message_in_flight_comes_twice_and_under_the_same_id(deaths: list[Death]) -> None:
    for death in deaths:
        assert len(death.caught) <= 1
        assert len(death.copies) == 2, "one Message-ID a person"
        assert {id: 2 if id in death.caught else 1 for id in death.copies} == death.copies


def test_no_kill_loses_a_message(deaths: list[Death]) -> None:
    for death in deaths:
        assert death.states == Counter(sent=2)
