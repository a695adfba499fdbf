"""Running the matcher beside the event loop: it beats while it works, and stops soon after it is no longer wanted."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from services.matching.engine.computation import Inputs, Result, compute

Found = TypeVar("Found")
BEAT_SECONDS = 3
AT_ONCE = 2
"""Computations of one process at the same time; more would only take each other's processors and memory."""
_threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="matching")


class NotWanted(Exception):
    """Ends a computation whose result nobody waits for any more."""


async def solve(inputs: Inputs, beat: Callable[[], None] = lambda: None) -> Result:
    """The result of these inputs. `beat` is called on the event loop, every few seconds."""
    unwanted = threading.Event()

    def go_on() -> None:
        if unwanted.is_set():
            raise NotWanted

    computing = asyncio.get_running_loop().run_in_executor(_threads, compute, inputs, go_on)
    try:
        while not computing.done():
            beat()
            await asyncio.wait({computing}, timeout=BEAT_SECONDS)
    except BaseException:
        unwanted.set()
        computing.cancel()
        raise
    return computing.result()


async def apart(work: Callable[[], Found]) -> Found:
    """Shorter work on a whole pool, likewise beside the event loop."""
    return await asyncio.get_running_loop().run_in_executor(_threads, work)
