"""Notices a service that asks another one while it holds a transaction.

The other one may be slow or away, and a connection to Postgres and its locks would be held until it answers. In one
process the other service also needs a connection of its own from the same pool: with as many such requests at once as
the pool has connections, all of them would wait for each other.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from unittest.mock import patch
from weakref import WeakSet

from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction

from shared.database import _reading
from shared.http.internal import Internal

_open = WeakSet[Session]()
"""The sessions that have a connection now."""
_begun: ContextVar[tuple[Session, ...]] = ContextVar("begun", default=())
"""Those that were begun by the task that runs, or by the task that started it."""


@contextmanager
def watched() -> Iterator[list[str]]:
    """What was asked of another service, as long as the block lasts, by a task with an open transaction."""
    found = list[str]()
    exchange = Internal.exchange  # by which the public API is called too

    async def noted(self: Internal, service: Any, request: Any, **options: Any) -> Any:
        if any(session in _open and session is not _kept() for session in _begun.get()):
            found.append(f"{request['method']} {request['url']}")
        outside = _begun.set(())  # the service that is asked begins its own
        try:
            return await exchange(self, service, request, **options)
        finally:
            _begun.reset(outside)

    with patch.object(Internal, "exchange", noted):
        yield found


def _kept() -> Session | None:
    """What the request has kept for its next statement, which may be one of the service that is asked. It is in the way
    of nobody: the service takes it, or it is let go before anything is waited for."""
    reading = _reading.get()
    return reading.kept.sync_session if reading is not None and reading.kept is not None else None


@event.listens_for(Session, "after_begin")
def _note_begin(session: Session, _: SessionTransaction, __: object) -> None:
    _open.add(session)
    _begun.set((*(one for one in _begun.get() if one in _open and one is not session), session))


@event.listens_for(Session, "after_transaction_end")
def _note_end(session: Session, ended: SessionTransaction) -> None:
    if ended.parent is None:
        _open.discard(session)
