"""`upward deployment`: the versions of the workers of the workflows."""

import asyncio
from typing import Annotated

import typer

from shared.config import Settings
from shared.logging import configure_logging
from upward.failures import clear_failures

deployment = typer.Typer(no_args_is_help=True, help="Versions of the workers of the workflows.")


@deployment.command("status")
def status() -> None:
    """Print the versions, what runs on each, and which workflows fail; exit with 1 if any does."""
    from temporalio.service import RPCError

    from upward.deployment.rollout import open_place, report

    configure_logging("WARNING", "console")

    async def look() -> bool:
        lines, failing = await report(await open_place(Settings()))
        print("\n".join([*lines, *map(str, failing)]))
        return bool(failing)

    with clear_failures(RPCError):
        if asyncio.run(look()):
            raise typer.Exit(1)


@deployment.command("promote")
def promote(
    build_id: Annotated[str | None, typer.Argument(help="The version; by default that of this image.")] = None,
    percent: Annotated[
        float | None, typer.Option(min=0, max=100, help="Only this share of new runs begins on it.")
    ] = None,
    wait: Annotated[float, typer.Option(min=0, help="How many seconds to wait for its workers.")] = 180,
    watch: Annotated[
        float, typer.Option(min=0, help="How many seconds to watch it, and to roll back if workflows fail.")
    ] = 60,
) -> None:
    """Let new runs of workflows begin on a version, watch it, and roll back if workflows fail on it."""
    from temporalio.service import RPCError

    from upward.deployment.rollout import open_place
    from upward.deployment.rollout import promote as run

    configure_logging("WARNING", "console")

    async def act() -> None:
        place = await open_place(Settings())
        await run(place, build_id, percent=percent, wait_seconds=wait, watch_seconds=watch)

    with clear_failures(RPCError):
        asyncio.run(act())


@deployment.command("rollback")
def rollback(
    to: Annotated[str | None, typer.Option(help="The version; by default the one that was current before.")] = None,
    unversioned: Annotated[bool, typer.Option("--unversioned", help="Go back to workers without a version.")] = False,
) -> None:
    """End a ramp, or let new runs begin on the version before; what fails begins its run again there."""
    from temporalio.service import RPCError

    from upward.deployment.rollout import open_place
    from upward.deployment.rollout import rollback as run
    from upward.deployment.routing import UNVERSIONED

    configure_logging("WARNING", "console")

    async def act() -> None:
        await run(await open_place(Settings()), to=UNVERSIONED if unversioned else to)

    with clear_failures(RPCError):
        asyncio.run(act())


@deployment.command("move")
def move(build_id: Annotated[str, typer.Argument(help="An earlier version whose workers you want to stop.")]) -> None:
    """Let what still runs on an earlier version go on with the current one."""
    from temporalio.service import RPCError

    from upward.deployment.rollout import move as run
    from upward.deployment.rollout import open_place

    configure_logging("WARNING", "console")

    async def act() -> None:
        await run(await open_place(Settings()), build_id)

    with clear_failures(RPCError):
        asyncio.run(act())
