"""Who may compute now. There are few places, and the organizations that wait get them in turn.

An organization that asks for many computations waits for its own ones, and another organization's first computation
comes next. How many may wait is limited, so that nobody fills the process with waiting requests.
"""

import asyncio
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from uuid import UUID

MOST_WAITING = 4
"""How many computations of one organization may wait. Each holds a request or an activity of the process meanwhile."""


class TooManyWait(Exception):
    """So many computations of the organization wait already that no other one is taken."""


class Ticket:
    """A place, or a wait for one."""

    def __init__(self, organization_id: UUID | None) -> None:
        self.organization_id = organization_id
        self.granted = False
        self._loop = asyncio.get_running_loop()
        self._called = asyncio.Event()

    def call(self) -> bool:
        """Tells who waits that the place is theirs. False if nobody can hear it any more."""
        self.granted = True
        try:
            self._loop.call_soon_threadsafe(self._called.set)
        except RuntimeError:  # their event loop is closed
            return False
        return True

    async def wait(self, heartbeat: Callable[[], None], seconds: float) -> None:
        """Waits for the place, and calls `heartbeat` every so many seconds."""
        while not self._called.is_set():
            heartbeat()
            waiting = asyncio.ensure_future(self._called.wait())
            try:
                await asyncio.wait({waiting}, timeout=seconds)
            finally:
                waiting.cancel()


class Places:
    """`count` places for computations of all organizations. It may be used from any thread."""

    def __init__(self, count: int, most_waiting: int = MOST_WAITING) -> None:
        self._lock = threading.Lock()
        self._free = count
        self._most_waiting = most_waiting
        self._waiting: OrderedDict[UUID | None, deque[Ticket]] = OrderedDict()
        """Who waits, by organization. The first organization is served next, and is then the last one."""

    def enter(self, organization_id: UUID | None) -> Ticket:
        """Takes a place, or a place in the queue. Call `leave` in any case. Raises TooManyWait."""
        ticket = Ticket(organization_id)
        with self._lock:
            queue = self._waiting.get(organization_id, deque())
            if self._free:
                self._free -= 1
                ticket.call()
            elif len(queue) >= self._most_waiting:
                raise TooManyWait
            else:
                queue.append(ticket)
                self._waiting[organization_id] = queue
        return ticket

    def leave(self, ticket: Ticket) -> None:
        """Gives the place to whose turn it is, or gives up waiting for one."""
        with self._lock:
            if not ticket.granted:
                self._remove(ticket)
                return
            while self._waiting:
                if self._next().call():
                    return
            self._free += 1

    def _next(self) -> Ticket:
        organization_id, queue = self._waiting.popitem(last=False)
        ticket = queue.popleft()
        if queue:
            self._waiting[organization_id] = queue
        return ticket

    def _remove(self, ticket: Ticket) -> None:
        queue = self._waiting[ticket.organization_id]
        queue.remove(ticket)
        if not queue:
            del self._waiting[ticket.organization_id]
