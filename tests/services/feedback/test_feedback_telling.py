"""The workflows of open concerns are told what happens to their cycle, and one that takes no word keeps no other from
it."""

from dataclasses import replace
from typing import cast

import pytest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import ActivityEnvironment

from services.feedback import telling
from shared.contracts.feedback import ConcernWord, TellConcerns
from shared.contracts.rounds import RoundKind, round_id_for
from tests.services.faulty_temporal import answer, exhausted, no_namespace
from tests.services.feedback.feedback_cycle import FeedbackCycle, Participants, not_met, run_round


class Signalled:
    """A Temporal client that notes what it signals; one workflow does not run."""

    def __init__(self, missing: str = "") -> None:
        self.told: list[tuple[str, str]] = []
        self._missing = missing

    def get_workflow_handle(self, workflow_id: str) -> "SignalledHandle":
        return SignalledHandle(self, workflow_id)

    def note(self, workflow_id: str, signal: str) -> None:
        self.told.append((workflow_id, signal))
        if workflow_id == self._missing:
            raise RPCError("workflow execution already completed", RPCStatusCode.NOT_FOUND, b"")


class SignalledHandle:
    def __init__(self, client: Signalled, workflow_id: str) -> None:
        self._client, self._id = client, workflow_id

    async def signal(self, name: str) -> None:
        self._client.note(self._id, name)


async def test_open_concerns_are_told_a_page_at_a_time_and_a_round_s_silence_as_one(
    cycle: FeedbackCycle, participants: Participants, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = cycle.pairs[0]
    for number in (1, 2):
        await run_round(cycle, participants, number)
    await participants.check_in(await cycle.open(3), pair.mentee_id, not_met(pair, obstacle="not_a_fit"))
    monkeypatch.setattr(telling, "PAGE", 1)
    raised = {event.data["concern_id"]: event.data["reason"] for event in await cycle.events("concern.raised")}
    unfit = next(f"concern-{id}" for id, reason in raised.items() if reason == "not_a_fit")
    digest = f"digest-{round_id_for(cycle.cycle_id, RoundKind.CHECK_IN, 2)}"
    client, told, after = Signalled(missing=digest), 0, None
    for _ in range(4):
        request = TellConcerns(
            organization_id=cycle.organization_id, cycle_id=cycle.cycle_id, word=ConcernWord.PAUSE, after=after
        )
        answer = await telling.tell_concerns(cycle.db, cast(Client, client), request)
        told, after = told + answer.told, answer.after
    assert after is None
    assert sorted(client.told) == sorted([(digest, "pause")] * 2 + [(unfit, "pause")])
    assert told == 1


class Failing(Signalled):
    """Fails at one workflow, or at every one."""

    def __init__(self, error: RPCError, only: str | None = None) -> None:
        super().__init__()
        self._error, self._only = error, only

    def note(self, workflow_id: str, signal: str) -> None:
        if self._only in (None, workflow_id):
            raise self._error
        super().note(workflow_id, signal)


@pytest.mark.parametrize("error", [answer(RPCStatusCode.UNAVAILABLE), no_namespace()], ids=str)
async def test_a_temporal_that_is_away_is_no_concern_that_is_over(
    cycle: FeedbackCycle, participants: Participants, error: RPCError
) -> None:
    pair = cycle.pairs[0]
    await participants.check_in(await cycle.open(), pair.mentee_id, not_met(pair, obstacle="not_a_fit"))
    request = TellConcerns(organization_id=cycle.organization_id, cycle_id=cycle.cycle_id, word=ConcernWord.PAUSE)
    with pytest.raises(RPCError):
        await telling.tell_concerns(cycle.db, cast(Client, Failing(error)), request)


@pytest.mark.parametrize(
    ("error", "attempt", "told"),
    [
        (answer(RPCStatusCode.INVALID_ARGUMENT), 1, 1),  # such as when it has taken as many signals as it may
        (answer(RPCStatusCode.INTERNAL), 1, None),
        (answer(RPCStatusCode.INTERNAL), telling.ATTEMPTS, 1),
        (exhausted(busy_workflow=True), telling.ATTEMPTS, 1),
        (exhausted(busy_workflow=False), telling.ATTEMPTS, None),
        (answer(RPCStatusCode.UNAVAILABLE), 100, None),
    ],
    ids=str,
)
async def test_one_workflow_that_takes_no_signal_keeps_no_other_from_it(
    cycle: FeedbackCycle, participants: Participants, error: RPCError, attempt: int, told: int | None
) -> None:
    """None: it is raised, so that all are told again. The others have heard it all the same."""
    pair = cycle.pairs[0]
    for number in (1, 2):
        await run_round(cycle, participants, number)
    await participants.check_in(await cycle.open(3), pair.mentee_id, not_met(pair, obstacle="not_a_fit"))
    digest = f"digest-{round_id_for(cycle.cycle_id, RoundKind.CHECK_IN, 2)}"
    client = Failing(error, only=digest)
    request = TellConcerns(organization_id=cycle.organization_id, cycle_id=cycle.cycle_id, word=ConcernWord.PAUSE)
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, attempt=attempt)
    telling_them = environment.run(telling.tell_concerns, cycle.db, cast(Client, client), request)
    if told is None:
        with pytest.raises(RPCError):
            await telling_them
    else:
        assert (await telling_them).told == told
    assert [signal for _, signal in client.told] == ["pause"]
