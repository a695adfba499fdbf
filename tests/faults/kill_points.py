"""Where a stack can be made to die: one exact place in the code each, at which the process kills itself with SIGKILL.

A kill point wraps one function of the product. It strikes once in the life of a folder: before it kills, it leaves a
mark there, by which the next start of the stack knows to run through.
"""

import importlib
import os
import signal
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import partial, wraps
from pathlib import Path
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.contracts.programs import Stage
from shared.contracts.rounds import RoundKind

MARKS = "kill-points"
Function = Callable[..., Awaitable[Any]]


class Moment(Enum):
    """When to die, seen from the wrapped function."""

    BEFORE = "before"
    AFTER = "after"
    """Its transaction, if it has one, has not been committed."""
    COMMITTED = "committed"
    """The transaction of the session that it was given has just been committed."""


@dataclass(frozen=True)
class Call:
    """One call of the wrapped function; `result` is None before it."""

    arguments: tuple[Any, ...]
    result: Any = None


async def _always(call: Call) -> bool:
    return True


@dataclass(frozen=True)
class KillPoint:
    target: str
    """`module:function` or `module:Class.method`, as its caller looks it up."""
    moment: Moment
    when: Callable[[Call], Awaitable[bool]] = _always
    note: Callable[[Call], str] = lambda call: ""
    """What the mark says about the call."""


def _kind(kind: RoundKind) -> Callable[[Call], Awaitable[bool]]:
    async def is_kind(call: Call) -> bool:
        return bool(call.arguments[1].kind == kind)

    return is_kind


def _stage(stage: Stage) -> Callable[[Call], Awaitable[bool]]:
    async def is_stage(call: Call) -> bool:
        return bool(call.arguments[1].stage is stage)

    return is_stage


async def _sequenced_the_request(call: Call) -> bool:
    session: AsyncSession = call.arguments[0]
    found = await session.scalar(text("select count(*) from events.event where type = 'cycle.requested'"))
    return bool(call.result) and bool(found)


async def _started_the_cycle(call: Call) -> bool:
    return bool(call.arguments[2].workflow == "CycleWorkflow")


async def _claimed(call: Call) -> bool:
    return bool(call.result)


def _claimed_id(call: Call) -> str:
    return str(call.result[0].message_id)


def _marked_id(call: Call) -> str:
    return str(call.arguments[1][0].message_id)


WINDOW = "message_taken_row_unmarked"
"""The one kill point that lies between the mail server's answer and the commit of the message's row."""

MESSAGES = "services.notifications.store.delivering"

POINTS: dict[str, KillPoint] = {
    "trigger_committed_response_unsent": KillPoint("services.programs.store.cycles:request_cycle", Moment.COMMITTED),
    "request_sequenced": KillPoint(
        "services.events.log.sequencer:sequence_batch", Moment.COMMITTED, _sequenced_the_request
    ),
    "cycle_started_cursor_unmoved": KillPoint(
        "services.events.log.dispatcher:Dispatcher._start", Moment.AFTER, _started_the_cycle
    ),
    "enrolment_round_opened": KillPoint("shared.rounds.store:open_round", Moment.COMMITTED, _kind(RoundKind.ENROLMENT)),
    "message_claimed_unsent": KillPoint(f"{MESSAGES}:claim", Moment.AFTER, _claimed, note=_claimed_id),
    WINDOW: KillPoint(f"{MESSAGES}:mark_sent", Moment.BEFORE, note=_marked_id),
    "message_row_committed": KillPoint(f"{MESSAGES}:mark_sent", Moment.COMMITTED, note=_marked_id),
    "enrolment_committed_response_unsent": KillPoint(
        "services.intake.store.enrolments:save_enrolment", Moment.COMMITTED
    ),
    "matches_stored": KillPoint("services.matching.runs.store.runs:store_run", Moment.COMMITTED),
    "approval_committed_response_unsent": KillPoint(
        "services.matching.runs.store.decisions:approve_run", Moment.COMMITTED
    ),
    "decision_committed_response_unsent": KillPoint(
        "services.matching.pairs.answers:record_decisions", Moment.COMMITTED
    ),
    "active_stage_recorded": KillPoint(
        "services.programs.store.cycles:record_stage", Moment.COMMITTED, _stage(Stage.ACTIVE)
    ),
    "check_in_committed_response_unsent": KillPoint("services.feedback.answers:record_check_in", Moment.COMMITTED),
    "check_in_round_closed": KillPoint("services.feedback.closing:close_round", Moment.COMMITTED),
    "report_compiled": KillPoint("services.feedback.closing:conclude", Moment.COMMITTED),
}


def install(folder: Path, names: Iterable[str], points: Mapping[str, KillPoint] = POINTS) -> None:
    """Arms these points of the stack in the folder, but for those that have struck. `+postgres` after a name kills
    Postgres too."""
    assert os.getpgrp() == os.getpid(), "a point kills its process group: give it one of its own"
    for name in names:
        bare = name.removesuffix("+postgres")
        if not (folder / MARKS / bare).exists():
            _wrap(points[bare], partial(_die, folder, name))


def struck(folder: Path) -> dict[str, str]:
    """The points that have struck in this folder, with what they noted."""
    return {mark.name: mark.read_text() for mark in (folder / MARKS).glob("*")}


def kill_postgres(folder: Path) -> None:
    os.kill(int((folder / "postgres" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)


def _die(folder: Path, name: str, note: str) -> None:
    bare = name.removesuffix("+postgres")
    (folder / MARKS).mkdir(exist_ok=True)
    (folder / MARKS / bare).write_text(note)
    if bare != name:
        kill_postgres(folder)
    os.killpg(0, signal.SIGKILL)


def _wrap(point: KillPoint, die: Callable[[str], None]) -> None:
    module, _, path = point.target.partition(":")
    owner: Any = importlib.import_module(module)
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    original: Function = getattr(owner, name)

    @wraps(original)
    async def deadly(*arguments: Any, **keywords: Any) -> Any:
        before = Call(arguments)
        if point.moment is Moment.BEFORE and await point.when(before):
            die(point.note(before))
        result = await original(*arguments, **keywords)
        call = Call(arguments, result)
        if point.moment is Moment.AFTER and await point.when(call):
            die(point.note(call))
        if point.moment is Moment.COMMITTED and await point.when(call):
            session: AsyncSession = arguments[0]
            event.listen(session.sync_session, "after_commit", lambda _: die(point.note(call)), once=True)
        return result

    setattr(owner, name, deadly)
