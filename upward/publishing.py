"""`upward events publish`: publishes the event log to the NATS JetStream of a company, in a process of its own.

The process needs the database and the broker. No other part of Upward needs this process.
"""

import asyncio
import importlib.util
import re
import signal
from pathlib import Path
from urllib.parse import urlsplit

from services.events.broker.jetstream import Target
from services.events.broker.publisher import Publisher
from shared.config import Settings
from shared.database import Database
from upward.failures import CannotRun

STREAM_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
MARKS = ("BEGIN NATS USER JWT", "BEGIN USER NKEY SEED")


def parse_target(servers: str, stream: str, credentials: Path | None) -> Target:
    """Where to publish to.

    Raises CannotRun, whose text never repeats the addresses, because they may contain a password.
    """
    addresses = tuple(part.strip() for part in servers.split(","))
    if not all(_is_address(address) for address in addresses):
        raise CannotRun(
            "The NATS URL is not valid: give nats://HOST:PORT or tls://HOST:PORT, several separated by commas."
        )
    if len({address.partition(":")[0] for address in addresses}) > 1:
        raise CannotRun("The NATS URLs differ: give all with nats:// or all with tls://.")
    if not STREAM_NAME.fullmatch(stream):
        raise CannotRun("The stream's name is not valid: letters, digits, _ and - only.")
    if credentials is not None:
        _check_credentials(credentials)
    return Target(addresses, stream, credentials)


async def publish_events(settings: Settings, target: Target) -> None:
    """Publishes events until SIGTERM or Ctrl-C."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    database = Database(settings.database_url, pool_size=1)
    try:
        await Publisher(database, target).run(stop)
    finally:
        await database.close()


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("nats", "tls") and bool(parts.hostname) and parts.port != 0 and not parts.query
    except ValueError:
        return False


def _check_credentials(file: Path) -> None:
    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError):
        raise CannotRun("The credentials file cannot be read.") from None
    if not all(mark in text for mark in MARKS):
        raise CannotRun("This is no credentials file of NATS: it holds a user's JWT and the seed of its key.")
    if importlib.util.find_spec("nkeys") is None:
        raise CannotRun("Credentials files need one more package: pip install nkeys.")
