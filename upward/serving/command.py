"""What `upward serve` and `upward worker` do. A container begins here, without the command line (`upward/cli.py`) and
the memory that it takes, unless its arguments need to be explained."""

import asyncio
import sys
from collections.abc import Sequence

from shared.config import Settings
from shared.contracts.base import Service
from shared.logging import configure_logging
from upward.failures import clear_failures

ALL = "all"
WORKERS = ("workflows", "programs", "intake", "matching", "feedback", "notifications", "events", "relay")
SHORTEST_TOKEN = 32


def run_if_clear(arguments: Sequence[str]) -> bool:
    """Runs the command if it is one of these two, and all that follows are names that it knows. Returns whether it
    was."""
    command, names = arguments[:1], arguments[1:]
    if not names:
        return False
    if command == ["serve"] and set(names) <= {ALL, *Service}:
        serve(names)
    elif command == ["worker"] and set(names) <= {ALL, *WORKERS}:
        work(names)
    else:
        return False
    return True


def serve(names: Sequence[str]) -> None:
    """Serves the HTTP side of these services, which are known, until it is told to stop."""
    from upward.process import serve

    with clear_failures():
        asyncio.run(serve(_settings(), [Service(name) for name in _each(names, tuple(Service))]))


def work(names: Sequence[str]) -> None:
    """Runs these workers, which are known, until it is told to stop."""
    from upward.process import work

    with clear_failures():
        asyncio.run(work(_settings(), _each(names, WORKERS)))


def _each(names: Sequence[str], known: Sequence[str]) -> list[str]:
    return list(known if ALL in names else dict.fromkeys(names))


def _settings() -> Settings:
    settings = Settings()
    configure_logging(settings.log_level, settings.log_format)
    if len(settings.service_token.get_secret_value()) < SHORTEST_TOKEN:
        print(f"Set UPWARD_SERVICE_TOKEN to a secret of at least {SHORTEST_TOKEN} characters.", file=sys.stderr)
        raise SystemExit(2)
    return settings
