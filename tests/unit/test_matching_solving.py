"""What solving changes of the process (garbage collection, threads of BLAS) is restored when the last run ends."""

import gc
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

import pytest
from threadpoolctl import ThreadpoolController

from services.matching.engine.computation import Result
from services.matching.runs.solving import solve_here
from tests.unit.matching_pools import inputs, juniors, seniors

RUN = inputs([*juniors(2), *seniors(2)])


class GaveUp(Exception):
    pass


class Solving:
    """A computation in a thread of its own, which is held at its first heartbeat."""

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        self._begun, self._may_go_on, self._gives_up = Event(), Event(), False
        self.future: Future[Result] = threads.submit(solve_here, RUN, self._heartbeat)
        assert self._begun.wait(30)

    def finish(self) -> Result:
        self._may_go_on.set()
        return self.future.result(30)

    def give_up(self) -> None:
        self._gives_up = True
        with pytest.raises(GaveUp):
            self.finish()

    def _heartbeat(self) -> None:
        self._begun.set()
        assert self._may_go_on.wait(30)
        if self._gives_up:
            raise GaveUp


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as executor:
        yield executor


def blas_threads() -> list[int]:
    found = ThreadpoolController().select(user_api="blas").info()
    assert found, "numpy brings a BLAS with it"
    return [library["num_threads"] for library in found]


@pytest.fixture
def usual() -> Iterator[list[int]]:
    """The number of threads of each BLAS outside of any computation."""
    before = blas_threads()
    assert gc.isenabled()
    yield before
    assert (gc.isenabled(), blas_threads()) == (True, before)


def paused() -> bool:
    return not gc.isenabled() and set(blas_threads()) == {1}


def test_solving_pauses_the_process_and_restores_it(threads: ThreadPoolExecutor, usual: list[int]) -> None:
    one = Solving(threads)
    assert paused()
    assert one.finish().certified
    assert (gc.isenabled(), blas_threads()) == (True, usual)


def test_the_last_of_two_overlapping_computations_restores_the_process(
    threads: ThreadPoolExecutor, usual: list[int]
) -> None:
    first, second = Solving(threads), Solving(threads)
    first.finish()
    assert paused(), "the second computation still needs it"
    second.finish()
    assert (gc.isenabled(), blas_threads()) == (True, usual)


@pytest.mark.parametrize("raises_first", [True, False])
def test_a_computation_that_raises_beside_another_leaves_nothing_behind(
    threads: ThreadPoolExecutor, usual: list[int], raises_first: bool
) -> None:
    first, second = Solving(threads), Solving(threads)
    if raises_first:
        first.give_up()
        assert paused(), "the second computation still needs it"
        second.finish()
    else:
        first.finish()
        assert paused(), "the second computation still needs it"
        second.give_up()
    assert (gc.isenabled(), blas_threads()) == (True, usual)


def test_a_process_that_collects_no_garbage_is_left_like_that(threads: ThreadPoolExecutor) -> None:
    gc.disable()
    try:
        Solving(threads).finish()
        assert not gc.isenabled()
    finally:
        gc.enable()
