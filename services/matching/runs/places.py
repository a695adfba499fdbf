"""Who may compute now. There are few places, and the organizations that wait get them in turn.

An organization that asks for many computations waits for its own ones, and another organization's first computation
comes next. How many may wait is limited, for one organization and in all, so that nobody fills the process with waiting
requests. When all wait that may, an organization with fewer of them takes the place of the one with the most.
"""

import asyncio
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from uuid import UUID

MOST_WAITING = 4
"""How many computations of one organization may wait. Each holds a request or an activity of the process meanwhile."""
MOST_IN_ALL = 8
"""How many may wait in all. A worker runs 20 activities at the same time (`upward/composition.py`), and the others that
matching has, such as opening a round, must find a place among them."""


class TooManyWait(Exception):
    """So many computations wait already that this one is not taken, or no longer kept."""


class Ticket:
    """A place, or a wait for one."""

    def __init__(self, organization_id: UUID | None) -> None:
        self.organization_id = organization_id
        self.granted = False
        self.sent_away = False
        """Whether another organization has the place in the queue now."""
        self._loop = asyncio.get_running_loop()
        self._called = asyncio.Event()

    def call(self) -> bool:
        """Tells who waits that the place is theirs. False if nobody can hear it any more."""
        self.granted = True
        return self._wake()

    def send_away(self) -> None:
        self.sent_away = True
        self._wake()

    def _wake(self) -> bool:
        try:
            self._loop.call_soon_threadsafe(self._called.set)
        except RuntimeError:  # their event loop is closed
            return False
        return True

    async def wait(self, heartbeat: Callable[[], None], seconds: float) -> None:
        """Waits for the place, and calls `heartbeat` every so many seconds. Raises TooManyWait when another
        organization, of which fewer computations wait, has taken its place in the queue."""
        while not self._called.is_set():
            heartbeat()
            waiting = asyncio.ensure_future(self._called.wait())
            try:
                await asyncio.wait({waiting}, timeout=seconds)
            finally:
                waiting.cancel()
        if self.sent_away:
            raise TooManyWait


class Places:
    """`count` places for computations of all organizations. It may be used from any thread."""

    def __init__(self, count: int, most_waiting: int = MOST_WAITING, most_in_all: int = MOST_IN_ALL) -> None:
        self._lock = threading.Lock()
        self._free = count
        self._most_waiting = most_waiting
        self._most_in_all = most_in_all
        self._waiting: OrderedDict[UUID | None, deque[Ticket]] = OrderedDict()
        """Who waits, by organization. The first organization is served next, and is then the last one."""

    def enter(self, organization_id: UUID | None) -> Ticket:
        """Takes a place, or a place in the queue. Call `leave` in any case. Raises TooManyWait."""
        ticket = Ticket(organization_id)
        with self._lock:
            if not self._takes(organization_id):
                raise TooManyWait
            if self._free:
                self._free -= 1
                ticket.call()
                return ticket
            if self._is_full():
                self._longest().pop().send_away()
            self._waiting.setdefault(organization_id, deque()).append(ticket)
        return ticket

    def takes(self, organization_id: UUID | None) -> bool:
        """Whether `enter` would take a computation of the organization just now."""
        with self._lock:
            return self._takes(organization_id)

    def leave(self, ticket: Ticket) -> None:
        """Gives the place to whose turn it is, or gives up waiting for one."""
        with self._lock:
            if ticket.sent_away:
                return
            if not ticket.granted:
                self._remove(ticket)
                return
            while self._waiting:
                if self._next().call():
                    return
            self._free += 1

    def _takes(self, organization_id: UUID | None) -> bool:
        own = len(self._waiting.get(organization_id, ()))
        if self._free:
            return True
        return own < self._most_waiting and (not self._is_full() or len(self._longest()) > own + 1)

    def _is_full(self) -> bool:
        return sum(map(len, self._waiting.values())) >= self._most_in_all

    def _longest(self) -> deque[Ticket]:
        return max(self._waiting.values(), key=len)

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
