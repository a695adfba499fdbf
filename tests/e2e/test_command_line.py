"""`upward …` as its users type it: what it starts, what it refuses and what it leaves behind."""

import asyncio
import gc
import re
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

import httpx
import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from shared.auth import Role, authenticate
from shared.database import SCHEMAS, Database
from shared.keys import Caller
from tests.clusters import cluster
from tests.e2e.processes import Running, processes_of, upward
from tests.patience import PATIENCE_SECONDS
from upward.cli import app
from upward.embedded import EmbeddedPostgres, free_port

TOKEN = "t" * 32
KEY_ARGUMENTS = ("keys", "create", "--organization", "Example Inc", "--role", "viewer")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Short, as it becomes part of a socket's path, and open to the user that Postgres runs as."""
    with tempfile.TemporaryDirectory(prefix="upward-cli-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name).resolve()


class Up(NamedTuple):
    process: Running
    folder: Path
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture(scope="module")
async def up(folder: Path) -> AsyncIterator[Up]:
    """`upward up` in a folder, ready."""
    port = free_port()
    process = Running(folder / "up.log", "up", "--folder", str(folder / "up"), "--port", str(port))
    await process.until_ready(f"http://127.0.0.1:{port}")
    yield Up(process, folder / "up", port)
    process.terminate()


class Interrupted(NamedTuple):
    folder: Path
    code: int
    output: str
    left: list[str]


@pytest.fixture(scope="module")
async def interrupted(up: Up) -> Interrupted:
    """The same after Ctrl-C was pressed: tests of what runs come before those of what has ended."""
    code = await asyncio.to_thread(up.process.interrupt)
    return Interrupted(up.folder, code, up.process.output, processes_of(up.folder))


@pytest.fixture(scope="module")
def database_url(folder: Path) -> Iterator[str]:
    with cluster(folder / "postgres", migrated=False) as url:
        yield url


class Refuse(Protocol):
    def __call__(self, code: int, *arguments: str, **settings: str) -> str: ...


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Refuse:
    """Runs a command in this process, which must end with the code given and one clear text; answers the text."""
    for module in ("upward.cli", "upward.keys.commands"):
        monkeypatch.setattr(f"{module}.configure_logging", lambda *_: None)

    def run(code: int, *arguments: str, **settings: str) -> str:
        result = CliRunner().invoke(app, arguments, env={"COLUMNS": "300", **settings})
        assert result.exit_code == code, result.output
        assert isinstance(result.exception, SystemExit), result.exception
        assert result.stdout == ""
        return result.stderr

    return run


async def caller_of(url: str, key: str) -> Caller:
    database = Database(url, pool_size=1)
    try:
        async with database.transaction() as session:
            return await authenticate(session, key)
    finally:
        await database.close()


async def test_a_key_made_while_the_stack_runs_opens_its_api_at_once(up: Up) -> None:
    made = await asyncio.to_thread(upward, *KEY_ARGUMENTS, "--folder", str(up.folder))
    assert made.returncode == 0, made.stderr
    key = made.stdout.strip()
    async with httpx.AsyncClient(base_url=up.url, headers={"authorization": f"Bearer {key}"}, timeout=60) as client:
        assert (await client.get("/v1/organization")).json()["name"] == "Example Inc"
        assert (await client.post("/v1/programs", json={"name": "x"})).status_code == 403
        assert (await client.get("/readyz")).status_code == 200
    assert key not in up.process.output


async def test_the_address_that_is_printed_signs_the_owner_in_once(up: Up) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (printed := re.search(r"within an hour: (http\S+)", up.process.output)) is None:
            await asyncio.sleep(0.1)
    async with httpx.AsyncClient(timeout=60) as browser:
        page = await browser.get(printed[1])
        (token,) = re.findall(r'name="form_token" value="([^"]+)"', page.text)
        signed_in = await browser.post(printed[1], data={"form_token": token})
        assert (signed_in.status_code, signed_in.headers["location"]) == (303, "/console")
        home = await browser.get(f"{up.url}/console")
        assert (home.status_code, "Owner" in home.text) == (200, True)
        assert (await browser.get(f"{up.url}/console/cycles/x")).status_code == 404
    async with httpx.AsyncClient(timeout=60) as other:
        (token,) = re.findall(r'name="form_token" value="([^"]+)"', (await other.get(printed[1])).text)
        assert (await other.post(printed[1], data={"form_token": token})).status_code == 410
        assert (await other.get(f"{up.url}/console")).status_code == 303


async def test_a_second_stack_on_a_port_that_is_taken_says_so_and_starts_nothing(up: Up, folder: Path) -> None:
    other = folder / "second"
    refused = await asyncio.to_thread(upward, "up", "--folder", str(other), "--port", str(up.port))
    assert refused.returncode == 1
    assert f"Port {up.port} on 127.0.0.1 cannot be used" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert processes_of(other) == []


@pytest.mark.parametrize("command", [("up", "--port", "0"), ("demo",)], ids=["up", "demo"])
async def test_a_second_stack_in_a_folder_that_is_in_use_leaves_the_first_alone(
    up: Up, command: tuple[str, ...]
) -> None:
    before = processes_of(up.folder)
    refused = await asyncio.to_thread(upward, *command, "--folder", str(up.folder))
    assert refused.returncode == 1
    assert f"Another Upward runs in {up.folder}" in refused.stdout + refused.stderr
    assert "Traceback" not in refused.stderr
    assert processes_of(up.folder) == before
    async with httpx.AsyncClient(timeout=60) as client:
        assert (await client.get(f"{up.url}/readyz")).status_code == 200


async def test_ctrl_c_ends_the_stack_cleanly_and_leaves_no_process(interrupted: Interrupted) -> None:
    assert interrupted.code == 0, interrupted.output
    assert "Traceback" not in interrupted.output
    assert interrupted.left == []


async def test_a_key_made_while_the_stack_is_down_is_stored_and_leaves_no_process(interrupted: Interrupted) -> None:
    made = await asyncio.to_thread(upward, *KEY_ARGUMENTS, "--folder", str(interrupted.folder))
    assert made.returncode == 0, made.stderr
    assert processes_of(interrupted.folder) == []
    postgres = EmbeddedPostgres(interrupted.folder / "postgres")
    url = await asyncio.to_thread(postgres.start)
    try:
        assert (await caller_of(url, made.stdout.strip())).role is Role.VIEWER
    finally:
        await asyncio.to_thread(postgres.stop)


async def test_migrate_and_keys_work_on_the_configured_database(database_url: str) -> None:
    for _ in range(2):
        migrated = await asyncio.to_thread(upward, "migrate", UPWARD_DATABASE_URL=database_url)
        assert migrated.returncode == 0, migrated.stderr
    database = Database(database_url, pool_size=1)
    async with database.engine.connect() as connection:
        schemas = set(await connection.scalars(text("select schema_name from information_schema.schemata")))
    await database.close()
    assert schemas >= set(SCHEMAS)
    made = await asyncio.to_thread(upward, *KEY_ARGUMENTS, UPWARD_DATABASE_URL=database_url)
    assert (await caller_of(database_url, made.stdout.strip())).role is Role.VIEWER
    refused = await asyncio.to_thread(
        upward, "keys", "create", "--organization", "two\nlines", UPWARD_DATABASE_URL=database_url
    )
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("The name is not valid")


@pytest.mark.parametrize("command", [("migrate",), KEY_ARGUMENTS], ids=["migrate", "keys"])
def test_a_database_that_is_away_is_said_without_its_password(command: tuple[str, ...], refuse: Refuse) -> None:
    url = f"postgresql://upward:very-secret@127.0.0.1:{free_port()}/upward"
    said = refuse(1, *command, UPWARD_DATABASE_URL=url)
    assert "UPWARD_DATABASE_URL" in said
    assert "very-secret" not in said


def test_a_command_collects_garbage_again_once_it_has_imported_what_it_needs(folder: Path, refuse: Refuse) -> None:
    gc.disable()
    try:
        refuse(1, *KEY_ARGUMENTS, "--folder", str(folder / "nothing"))
        assert gc.isenabled()
    finally:
        gc.enable()


def test_a_key_for_a_folder_without_a_stack_is_refused_and_makes_none(folder: Path, refuse: Refuse) -> None:
    assert "There is no embedded stack in" in refuse(1, *KEY_ARGUMENTS, "--folder", str(folder / "typing-error"))
    assert not (folder / "typing-error").exists()


@pytest.mark.parametrize("part", ["serve", "worker"])
@pytest.mark.parametrize("token", ["", "short"])
def test_parts_of_production_refuse_to_run_without_a_service_token(part: str, token: str, refuse: Refuse) -> None:
    said = refuse(2, part, "programs", UPWARD_SERVICE_TOKEN=token)
    assert "Set UPWARD_SERVICE_TOKEN to a secret of at least 32 characters." in said


@pytest.mark.parametrize("part", ["serve", "worker"])
def test_a_part_that_does_not_exist_is_refused_with_those_that_do(part: str, refuse: Refuse) -> None:
    said = refuse(2, part, "nonsense", UPWARD_SERVICE_TOKEN=TOKEN)
    assert "nonsense" in said
    assert "notifications" in said


def test_serving_on_a_port_that_is_taken_is_refused(refuse: Refuse) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = refuse(1, "serve", "programs", UPWARD_SERVICE_TOKEN=TOKEN, UPWARD_PORT=port)
    assert f"Port {port} on 127.0.0.1 cannot be used" in said


@pytest.mark.parametrize(("name", "value"), [("UPWARD_PORT", "eighty"), ("UPWARD_SERVICE_URLS", "programs")])
def test_a_setting_that_is_not_valid_is_named(name: str, value: str, refuse: Refuse) -> None:
    settings = {"UPWARD_SERVICE_TOKEN": TOKEN, name: value}
    assert name.removeprefix("UPWARD_").lower() in refuse(1, "serve", "programs", **settings).lower()
