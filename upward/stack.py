"""The whole of Upward in one process on the embedded servers. All its data is in one folder."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import structlog
from pydantic import SecretStr
from rich.console import Console

from services.accounts.store.codes import issue_code
from services.accounts.store.keys import find_or_create_organization, newest_organization
from shared.config import Settings
from shared.contracts.base import Service
from shared.database import Database
from upward.composition import QUEUES, Resources
from upward.embedded import EmbeddedPostgres, EmbeddedTemporal, MailCatcher, lock_folder
from upward.migration import migrate
from upward.process import (
    assemble,
    freeze_started_objects,
    run_measuring,
    run_relay,
    run_watch,
    run_worker,
    stop_on_signals,
)
from upward.serving.server import listen, serve_http

log = structlog.get_logger(__name__)
LOOK_SECONDS = 2.0
READY_SECONDS = 300
FIRST_ORGANIZATION = "Example Inc"
"""What the organization is called that `upward up` makes in an empty database."""


@dataclass(frozen=True)
class Stack:
    """A running stack."""

    url: str
    settings: Settings
    resources: Resources
    temporal: EmbeddedTemporal
    mail: MailCatcher


@contextlib.asynccontextmanager
async def running_stack(
    folder: Path, *, port: int | None = None, stop: asyncio.Event | None = None
) -> AsyncIterator[Stack]:
    """Starts Postgres, Temporal, the mail catcher, every service and every worker, and stops them in reverse order.

    `stop` is set when the block ends, and when a part fails, whose failure is then raised at the end. The caller may
    set it to end the stack. Raises CannotListen, FolderInUse before anything is started.
    """
    stop = stop or asyncio.Event()
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    postgres, temporal = EmbeddedPostgres(folder / "postgres"), EmbeddedTemporal(folder / "temporal")
    mail = MailCatcher(folder / "mail")
    async with contextlib.AsyncExitStack() as cleanup:
        cleanup.enter_context(lock_folder(folder))
        address = cleanup.enter_context(listen("127.0.0.1", port or 0))
        url = f"http://127.0.0.1:{address.getsockname()[1]}"
        cleanup.callback(postgres.stop)
        cleanup.callback(temporal.stop)
        cleanup.callback(mail.stop)
        # Temporal is started from this thread, because it ends when the thread ends that started it.
        database_url = await asyncio.to_thread(postgres.start)
        temporal.start()
        mail.start()
        settings = Settings(
            database_url=database_url,
            public_url=url,
            service_token=SecretStr(_service_token(folder / "service-token")),
            smtp_host="127.0.0.1",
            smtp_port=mail.port,
            deployment="",  # nobody would promote a version
        )
        await asyncio.to_thread(migrate, settings.database_url)
        app, resources = await cleanup.enter_async_context(
            assemble(settings, list(Service), temporal.address, queues=QUEUES)
        )
        app.state.stopping = stop
        tasks = [asyncio.create_task(serve_http(app, address, stop, settings.trusted_proxies))]
        tasks += [asyncio.create_task(run_worker(queue, resources, stop)) for queue in QUEUES]
        tasks.append(asyncio.create_task(run_relay(resources, stop)))
        tasks.append(asyncio.create_task(run_watch(resources, stop)))
        measuring = asyncio.create_task(run_measuring(app, resources, stop, relay=True))
        cleanup.callback(measuring.cancel)
        tasks.append(asyncio.create_task(_keep_alive(temporal, stop)))
        for task in tasks:
            task.add_done_callback(lambda _: stop.set())
        cleanup.push_async_callback(_end, tasks, stop)
        await _wait_until_ready(url, stop)
        yield Stack(url, settings, resources, temporal, mail)


async def run_until_stopped(
    folder: Path,
    port: int,
    organization: str | None = None,
    first: Callable[[Stack, Console], Awaitable[None]] | None = None,
) -> None:
    """`upward up`: the stack in this folder until Ctrl-C. `first` is done once the stack is up, and Ctrl-C ends it.
    After it an address is printed by which an owner of the organization signs in once."""
    console = Console(stderr=True)
    stop = asyncio.Event()
    stop_on_signals(stop)
    async with running_stack(folder, port=port, stop=stop) as stack:
        if stop.is_set():
            return
        freeze_started_objects()
        console.print(f"Upward is up: API and pages at [bold]{stack.url}[/] (documentation at {stack.url}/docs).")
        console.print(f"E-mails are kept in {stack.mail.folder}; Temporal answers at {stack.temporal.address}.")
        console.print("Make a key with: python -m upward keys create --organization NAME --folder " + str(folder))
        console.print("Ctrl-C stops; the data is kept.")
        if first is not None:
            await do_unless_stopped(first(stack, console), stop)
        if not stop.is_set():
            address = await _sign_in_address(stack.resources.database, stack.url, organization)
            console.print(f"Sign in to the console, once and within an hour: {address}", soft_wrap=True)
        await stop.wait()


async def _sign_in_address(database: Database, url: str, organization: str | None) -> str:
    """A one-time address for an owner of this organization, of the newest one, or of the first one, which is made."""
    async with database.transaction() as session:
        if organization is not None:
            organization_id = await find_or_create_organization(session, organization)
        else:
            found = await newest_organization(session)
            organization_id = found or await find_or_create_organization(session, FIRST_ORGANIZATION)
        return f"{url}/console/sign-in/{await issue_code(session, organization_id)}"


async def do_unless_stopped(work: Awaitable[None], stop: asyncio.Event) -> None:
    """Does the work, which is given up when `stop` is set before its end."""
    doing, stopping = asyncio.ensure_future(work), asyncio.create_task(stop.wait())
    await asyncio.wait([doing, stopping], return_when=asyncio.FIRST_COMPLETED)
    for task in (doing, stopping):
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await doing


async def _keep_alive(temporal: EmbeddedTemporal, stop: asyncio.Event) -> None:
    """Starts Temporal again whenever it has ended, until `stop` is set. It goes on with what is in its database."""
    while not stop.is_set():
        if temporal.revive():
            log.warning("temporal.revived")
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(stop.wait(), LOOK_SECONDS)


async def _end(tasks: list[asyncio.Task[None]], stop: asyncio.Event) -> None:
    """Lets every part finish what it is doing, and raises the failure of a part that ended by itself."""
    stop.set()
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(ended, BaseException):
            raise ended


async def _wait_until_ready(url: str, stop: asyncio.Event) -> None:
    async with httpx.AsyncClient() as client, asyncio.timeout(READY_SECONDS):
        while not stop.is_set():
            with contextlib.suppress(httpx.HTTPError):
                if (await client.get(f"{url}/readyz")).status_code == 200:
                    return
            await asyncio.sleep(0.1)


def _service_token(path: Path) -> str:
    """The credential that the services of this stack use among themselves. It is created once."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(32))
    return path.read_text()
