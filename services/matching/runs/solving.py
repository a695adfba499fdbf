"""The one place that solves: beside the event loop for the service, in the calling thread for the command line.

Computations of all organizations share a few places, which organizations get in turn (`places.py`). Who waits for a
place heartbeats meanwhile.

Solving changes two settings of the whole process, which is why the engine leaves them alone: the garbage collector is
paused, and libraries for linear algebra (BLAS) use one thread each. Computations may overlap, so they are counted: the
first one changes the settings and the last one restores them, also when it raises.
"""

import asyncio
import gc
import threading
from asyncio import Future
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import TypeVar
from uuid import UUID

from threadpoolctl import ThreadpoolController

from services.matching.engine.computation import Result, compute
from services.matching.engine.inputs import Inputs
from services.matching.runs.places import Places, TooManyWait

Found = TypeVar("Found")
HEARTBEAT_SECONDS = 3
AT_ONCE = 2
"""Computations of one process at the same time; more would only take each other's processors and memory."""
_places = Places(AT_ONCE)
_threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="matching")
_short = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="matching-short")
"""Shorter work has its own threads, so that it does not wait for computations of minutes."""


class NotWanted(Exception):
    """Ends a computation whose result nobody waits for any more."""


def check_room(organization_id: UUID | None) -> None:
    """Raises TooManyWait if `solve` would just now. It saves the work that comes before."""
    if not _places.takes(organization_id):
        raise TooManyWait


async def solve(
    inputs: Inputs, heartbeat: Callable[[], None] = lambda: None, *, organization_id: UUID | None = None
) -> Result:
    """The result of these inputs, computed when it is the organization's turn; see `in_turn`."""
    return await in_turn(lambda go_on: solve_here(inputs, go_on), heartbeat, organization_id=organization_id)


async def in_turn(
    work: Callable[[Callable[[], None]], Found],
    heartbeat: Callable[[], None] = lambda: None,
    *,
    organization_id: UUID | None = None,
) -> Found:
    """What `work` computes beside the event loop when it is the organization's turn. `heartbeat` is called on the event
    loop, every few seconds, also while it waits for its turn. When the caller is cancelled, what `work` was given
    raises at its next call, so that the computation stops soon after. Raises TooManyWait."""
    unwanted = threading.Event()

    def go_on() -> None:
        if unwanted.is_set():
            raise NotWanted

    place = _places.enter(organization_id)
    try:
        await place.wait(heartbeat, HEARTBEAT_SECONDS)
        computing = _threads.submit(work, go_on)
    except BaseException:
        _places.leave(place)
        raise
    # A computation that nobody wants any more keeps its place until it has stopped.
    computing.add_done_callback(lambda _: _places.leave(place))
    try:
        return await _watched(asyncio.wrap_future(computing), heartbeat)
    except BaseException:
        unwanted.set()
        raise


async def _watched(work: "Future[Found]", heartbeat: Callable[[], None]) -> Found:
    """The result of the work. `heartbeat` is called every few seconds; what it raises cancels the work."""
    try:
        while not work.done():
            heartbeat()
            await asyncio.wait({work}, timeout=HEARTBEAT_SECONDS)
    except BaseException:
        work.cancel()
        raise
    return work.result()


def solve_here(inputs: Inputs, heartbeat: Callable[[], None] = lambda: None) -> Result:
    """The result of these inputs, computed in the calling thread. `heartbeat` is called between the steps; what it
    raises ends the computation."""
    with undisturbed():
        return compute(inputs, heartbeat)


async def in_thread(work: Callable[[], Found], heartbeat: Callable[[], None] = lambda: None) -> Found:
    """Shorter work on a whole pool, which would also hold up the event loop. `heartbeat` is called meanwhile."""
    return await _watched(asyncio.get_running_loop().run_in_executor(_short, work), heartbeat)


@contextmanager
def undisturbed() -> Iterator[None]:
    """While any thread is in here, the process collects no garbage and BLAS starts no threads of its own."""
    _settings.change()
    try:
        yield
    finally:
        _settings.restore()


class _Settings:
    """The changed settings of the process, with the number of computations that rely on them.

    One thread does all changes: since version 3.8 threadpoolctl lets only the thread that set a limit change it again,
    and silently ignores every other thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="matching-settings")
        self._running = 0
        self._changed = ExitStack()

    def change(self) -> None:
        with self._lock:
            if self._running == 0:
                self._thread.submit(self._enter).result()
            self._running += 1

    def restore(self) -> None:
        with self._lock:
            self._running -= 1
            if self._running == 0:
                self._thread.submit(self._changed.close).result()

    def _enter(self) -> None:
        with ExitStack() as changed:
            changed.enter_context(_without_collecting())
            changed.enter_context(_libraries().limit(limits=1, user_api="blas"))
            self._changed = changed.pop_all()


_settings = _Settings()


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Stops the search for reference cycles, which the engine makes none of: with many objects alive, and thousands of
    reasons made, the search would take a fifth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@cache
def _libraries() -> ThreadpoolController:
    """The libraries that would spread each product over all processors, which are busy with other blocks already."""
    return ThreadpoolController()
