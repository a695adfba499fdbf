"""Lets new runs of workflows begin on another version, watches it, and goes back."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from shared.config import Settings
from shared.temporal import connect
from upward.deployment.build import version_of
from upward.deployment.health import Failing, count_running, find_failing, running_on
from upward.deployment.moving import begin_again, follow_current
from upward.deployment.routing import UNVERSIONED, State, make_current, ramp, read_routing
from upward.failures import CannotRun

LOOK_SECONDS = 2.0
WITHOUT = "workers without a version"
NOT_THERE = (RPCStatusCode.FAILED_PRECONDITION, RPCStatusCode.NOT_FOUND)
Say = Callable[[str], None]


class NoDeployment(CannotRun):
    """Workers have no versions."""


class NoTemporal(CannotRun):
    """Temporal cannot be reached."""


class NotThere(CannotRun):
    """The version has no workers, or never was there."""


class Withdrawn(CannotRun):
    """The version was promoted, workflows failed on it, and it was rolled back."""


class Place(NamedTuple):
    """A Worker Deployment."""

    client: Client
    deployment: str
    own: str
    """The build id of this image."""


async def open_place(settings: Settings) -> Place:
    """Raises NoDeployment, NoTemporal."""
    version = version_of(settings)
    if version is None:
        raise NoDeployment("Workers have no versions: set UPWARD_DEPLOYMENT to a name, such as upward.")
    try:
        return Place(await connect(lazy=False), version.deployment_name, version.build_id)
    except (RPCError, RuntimeError) as error:
        raise NoTemporal(f"Temporal cannot be used ({type(error).__name__}): look at TEMPORAL_ADDRESS.") from error


async def report(place: Place) -> tuple[list[str], list[Failing]]:
    """A line for each version, the newest first, and the workflows that fail."""
    client, deployment = place.client, place.deployment
    routing = await read_routing(client, deployment)
    lines = [f"{'image':<10}{place.own}"]
    if routing.current == UNVERSIONED:
        lines.append(f"{State.CURRENT:<10}{WITHOUT}")
    for version in routing.versions:
        running = await count_running(client, deployment, version.build_id)
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(running.items())) or "nothing"
        share = f"  {routing.percent:g} %" if version.state is State.RAMPING else ""
        free = version.state is State.DRAINED and not running
        advice = "; its workers may be stopped" if free else ""
        lines.append(f"{version.state:<10}{version.build_id}{share}  runs {kinds}{advice}")
    return lines, await find_failing(client, deployment, [found.build_id for found in routing.versions])


async def promote(
    place: Place,
    build_id: str | None = None,
    *,
    percent: float | None = None,
    wait_seconds: float = 0,
    watch_seconds: float = 0,
    say: Say = print,
) -> None:
    """Lets new runs, or a share of them, begin on this version, by default that of this image, as soon as its workers
    are there. Then watches, and rolls back if workflows fail on it. Raises NotThere, Withdrawn."""
    client, deployment = place.client, place.deployment
    wanted = build_id or place.own
    before = await read_routing(client, deployment)
    if percent is None and before.current == wanted and before.ramping is None:
        say(f"{wanted} is the current version already.")
        return
    failed_before = {one.run_id for one in await _failing_on(place, wanted)}
    if percent is None:
        await _once_there(place, wanted, wait_seconds, lambda: make_current(client, deployment, wanted))
        say(f"New runs begin on {wanted}.")
    else:
        share = percent
        await _once_there(place, wanted, wait_seconds, lambda: ramp(client, deployment, wanted, share))
        say(f"{percent:g} % of new runs begin on {wanted}.")
    until = time.monotonic() + watch_seconds
    while time.monotonic() < until:
        await asyncio.sleep(min(LOOK_SECONDS, watch_seconds))
        failing = [one for one in await _failing_on(place, wanted) if one.run_id not in failed_before]
        if failing:
            for one in failing:
                say(str(one))
            await rollback(place, to=before.current, say=say)
            raise Withdrawn(f"{wanted} was rolled back, because workflows fail on it: {len(failing)}.")


async def rollback(place: Place, *, to: str | None = None, say: Say = print) -> None:
    """Ends the ramp, or, if there is none, lets new runs begin on `to`, by default the version that was current before.
    What fails on the version that was left begins its run again. Raises NotThere."""
    client, deployment = place.client, place.deployment
    routing = await read_routing(client, deployment)
    left = routing.ramping or routing.current
    if routing.ramping is not None:
        await ramp(client, deployment, UNVERSIONED, 0)
        say(f"The ramp to {left} is over.")
    else:
        target = routing.earlier() if to is None else to
        if target is None:
            raise NotThere("No older version was the current one. Name one (--to), or use --unversioned.")
        await _once_there(place, target, 0, lambda: make_current(client, deployment, target))
        say(f"New runs begin on {target or WITHOUT}.")
    for one in await find_failing(client, deployment, [left], most=None):
        if one.build_id == left and await begin_again(client, one.workflow_id, one.run_id):
            say(f"{one.workflow_id} begins its run again.")


async def move(place: Place, build_id: str, *, say: Say = print) -> None:
    """Lets what still runs on this version go on with the current one, from its next task on. Raises NotThere."""
    client, deployment = place.client, place.deployment
    routing = await read_routing(client, deployment)
    if routing.version(build_id) is None or build_id == routing.current:
        raise NotThere(f"{build_id} is no earlier version of {deployment}.")
    ids = await running_on(client, deployment, build_id)
    moved = [workflow_id for workflow_id in ids if await follow_current(client, workflow_id)]
    say(f"Workflows that go on with {routing.current or WITHOUT}: {len(moved)}.")


async def _failing_on(place: Place, build_id: str) -> list[Failing]:
    """What fails and could be the doing of this version: it stays with it, or with none yet."""
    found = await find_failing(place.client, place.deployment, [build_id])
    return [one for one in found if one.build_id in (build_id, UNVERSIONED)]


async def _once_there(place: Place, build_id: str, seconds: float, change: Callable[[], Awaitable[None]]) -> None:
    """Changes the routing as soon as the version has workers. Raises NotThere if it has none for so long."""
    until = time.monotonic() + seconds
    while True:
        try:
            return await change()
        except RPCError as error:
            if error.status not in NOT_THERE:
                raise
            if time.monotonic() >= until:
                asked = f"Do workers of the workflows run with UPWARD_DEPLOYMENT={place.deployment}?"
                raise NotThere(f"{build_id or WITHOUT} cannot take over ({error.message}). {asked}") from error
        await asyncio.sleep(min(LOOK_SECONDS, max(until - time.monotonic(), 0)))
