"""What is over is deleted by its age, in batches, and what is left still tells what it told."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, select
from structlog.testing import capture_logs

import shared.retention
import shared.rounds.retention
from services.intake.models import Link
from services.matching.models import MatchRun
from services.matching.runs.store.reading import InputsPurged, read_stored_run
from services.notifications.models import AnnouncementRow, MessageRow
from services.notifications.rules.messages import MessageState
from shared.contracts.rounds import RoundKind, RoundState
from shared.database import Base, Database
from shared.http.idempotency import IdempotencyRecord
from shared.retention import Ages
from shared.rounds.models import Round, RoundRecipient
from shared.rounds.store import read_rounds
from upward import purging
from upward.purging import purge_all

KINDS = {
    *("announcements", "idempotency_keys", "links", "match_inputs", "messages", "recipients", "sessions"),
    "sign_in_codes",
}
AGES = Ages(history=timedelta(days=1000))
NOW = datetime.now(UTC)
OLD, YOUNG = NOW - timedelta(days=1001), NOW - timedelta(days=999)


async def put(db: Database, model: type[Base], *rows: dict[str, Any]) -> None:
    async with db.transaction() as session:
        await session.execute(insert(model), list(rows))


async def left(db: Database, column: Any, organization_id: UUID) -> Sequence[Any]:
    async with db.transaction() as session:
        model = column.class_
        return (await session.scalars(select(column).where(model.organization_id == organization_id))).all()


async def test_links_and_answers_of_requests_go_some_time_after_they_are_over(
    db: Database, organization_id: UUID
) -> None:
    def link(expires_at: datetime) -> dict[str, Any]:
        ids = {name: uuid4() for name in ("id", "round_id", "cycle_id", "person_id")}
        times = {"minted_at": OLD, "expires_at": expires_at}
        return {**ids, **times, "organization_id": organization_id, "token_hash": uuid4().hex, "kind": "survey"}

    kept, gone = link(NOW - timedelta(days=29)), link(NOW - timedelta(days=31))
    await put(db, Link, kept, gone)
    answer = {"organization_id": organization_id, "request_hash": "", "status": 201, "body": {}, "headers": {}}
    await put(
        db,
        IdempotencyRecord,
        {**answer, "key_hash": "kept", "created_at": NOW - timedelta(days=29)},
        {**answer, "key_hash": "gone", "created_at": NOW - timedelta(days=31)},
    )
    deleted = await purge_all(db, AGES)
    assert (deleted["links"], deleted["idempotency_keys"]) == (1, 1)
    assert await left(db, Link.id, organization_id) == [kept["id"]]
    assert await left(db, IdempotencyRecord.key_hash, organization_id) == ["kept"]


async def test_old_messages_go_with_their_announcement_unless_they_still_wait(
    db: Database, organization_id: UUID
) -> None:
    def announcement(created_at: datetime) -> dict[str, Any]:
        ids = {"id": uuid4(), "organization_id": organization_id, "scope_id": uuid4()}
        return {**ids, "template": "survey_reminder", "audience": "pending", "occurrence": 1, "created_at": created_at}

    def message(of: dict[str, Any], due_at: datetime, state: MessageState) -> dict[str, Any]:
        ids = {"id": uuid4(), "announcement_id": of["id"], "person_id": uuid4(), "message_id": uuid4().hex}
        own = {name: of[name] for name in ("organization_id", "scope_id", "template", "occurrence")}
        return {**ids, **own, "due_at": due_at, "state": state}

    old, waiting, young = announcement(OLD), announcement(OLD), announcement(YOUNG)
    await put(db, AnnouncementRow, old, waiting, young)
    still = message(waiting, OLD, MessageState.WAITING)
    sent = message(young, YOUNG, MessageState.SENT)
    await put(db, MessageRow, message(old, OLD, MessageState.SENT), message(waiting, OLD, MessageState.FAILED))
    await put(db, MessageRow, still, sent)
    deleted = await purge_all(db, AGES)
    assert (deleted["messages"], deleted["announcements"]) == (2, 1)
    assert set(await left(db, MessageRow.id, organization_id)) == {still["id"], sent["id"]}
    assert set(await left(db, AnnouncementRow.id, organization_id)) == {waiting["id"], young["id"]}


async def test_an_old_round_keeps_its_counts_without_its_recipients(
    db: Database, organization_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared.retention, "BATCH", 2)
    cycle_id = uuid4()

    def round_(number: int, closed_at: datetime) -> dict[str, Any]:
        ids = {"id": uuid4(), "organization_id": organization_id, "cycle_id": cycle_id, "number": number}
        times = {"opened_at": OLD + timedelta(minutes=number), "closes_at": closed_at, "closed_at": closed_at}
        return {**ids, **times, "kind": RoundKind.CHECK_IN, "state": RoundState.CLOSED}

    rounds = [round_(1, OLD), round_(2, YOUNG)]
    await put(db, Round, *rounds)
    for one in rounds:
        asked = [{"answered_at": NOW, "excused_at": None}] * 3 + [{"answered_at": None, "excused_at": None}] * 2
        ids = {"round_id": one["id"], "organization_id": organization_id}
        for person in [*asked, {"answered_at": None, "excused_at": NOW}]:
            await put(db, RoundRecipient, {**ids, **person, "person_id": uuid4(), "subject_id": uuid4()})
    for deleted in (6, 0):  # the second time there is nothing to do
        assert (await purge_all(db, AGES))["recipients"] == deleted
        async with db.transaction() as session:
            read = await read_rounds(session, organization_id, cycle_id)
        assert [(one.recipients, one.answered, one.pending) for one in read] == [(5, 3, 2), (5, 3, 2)]
    assert set(await left(db, RoundRecipient.round_id, organization_id)) == {rounds[1]["id"]}


async def test_however_many_rounds_are_over_all_lose_their_recipients_on_the_same_day(
    db: Database, organization_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a large installation, which closes more of them in a day, would keep them for ever."""
    monkeypatch.setattr(shared.rounds.retention, "ROUNDS_AT_ONCE", 2)
    for number in range(1, 6):
        ids = {"id": uuid4(), "organization_id": organization_id, "cycle_id": uuid4(), "number": number}
        closed = {"closes_at": OLD, "closed_at": OLD, "kind": RoundKind.SURVEY, "state": RoundState.CLOSED}
        await put(db, Round, {**ids, **closed})
        asked = {"round_id": ids["id"], "organization_id": organization_id}
        await put(db, RoundRecipient, {**asked, "person_id": uuid4(), "subject_id": uuid4()})
    assert (await purge_all(db, AGES))["recipients"] == 5
    assert await left(db, RoundRecipient.round_id, organization_id) == []


async def test_an_old_run_says_that_its_inputs_are_no_longer_kept(db: Database, organization_id: UUID) -> None:
    def run(attempt: int, created_at: datetime) -> dict[str, Any]:
        ids = {"id": uuid4(), "organization_id": organization_id, "cycle_id": cycle_id, "attempt": attempt}
        counts = dict.fromkeys(("enrolled", "mentors", "mentees", "pairs_count", "unmatched_count"), 0)
        texts = {"state": "approved", "direction": "reverse", "inputs_hash": "", "code_version": "", "seed": ""}
        documents: dict[str, Any] = {"policy": {}, "inputs": {"people": []}}
        return {**ids, **counts, **texts, **documents, "certified": True, "created_at": created_at}

    cycle_id = uuid4()
    old, young = run(1, OLD), run(2, YOUNG)
    await put(db, MatchRun, old, young)
    assert (await purge_all(db, AGES))["match_inputs"] == 1
    assert (await purge_all(db, AGES))["match_inputs"] == 0
    async with db.transaction() as session:
        assert (await read_stored_run(session, organization_id, young["id"])).stored_inputs.inputs == {"people": []}
        with pytest.raises(InputsPurged):
            await read_stored_run(session, organization_id, old["id"])


async def test_a_kind_that_fails_keeps_no_other_from_its_turn(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: Any) -> dict[str, int]:
        raise OSError

    monkeypatch.setattr(purging, "PURGES", (fail, *purging.PURGES))
    with capture_logs() as told:
        assert set(await purge_all(db, AGES)) == KINDS
    assert [one["event"] for one in told] == ["purge.failed"]
