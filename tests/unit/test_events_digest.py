"""The running digest. Consumers can compute it as docs/events-feed.md says."""

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.events.log.rules.cloudevents import CloudEvent, cloud_event
from services.events.log.rules.digest import genesis
from shared.contracts.events import EventRecord
from tests.architecture.documents import BLOCK, TEXTS
from tests.digests import link_event

ORGANIZATION = UUID(int=7)
GUIDE = TEXTS["docs/events-feed.md"]
PROGRAM, EXAMPLE, _ = BLOCK.findall(GUIDE)


def record(sequence: int, data: dict[str, Any]) -> EventRecord:
    return EventRecord(
        id=UUID(int=sequence),
        organization_id=ORGANIZATION,
        sequence=sequence,
        type="cycle.paused",
        version=1,
        subject="cycle/1",
        time=datetime(2026, 1, 5, tzinfo=UTC) + timedelta(microseconds=sequence - 1),
        data=data,
    )


RECORDS = [
    record(1, {}),
    record(2, {"b": 1, "a": {"z": None, "é": [True, 'ü\n"\\/']}}),
    record(3, {"n": -(2**70), "e": "\u2028😀", "": ""}),
]


def digest_after(records: list[EventRecord]) -> str:
    digest = genesis(ORGANIZATION)
    for one in records:
        digest = link_event(digest, cloud_event(one))
    return digest.hex()


@pytest.fixture
def guide() -> dict[str, Any]:
    """The names that the program in the guide defines."""
    names: dict[str, Any] = {}
    exec(PROGRAM, names)
    return names


@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_program_in_the_guide_computes_the_same_digest_from_the_feed(guide: dict[str, Any], number: int) -> None:
    told = [json.loads(cloud_event(one).model_dump_json()) for one in RECORDS[:number]]
    assert guide["digest_of"](told) == digest_after(RECORDS[:number])


def test_the_digest_of_the_example_in_the_guide_is_right_and_stays_what_it_is(guide: dict[str, Any]) -> None:
    event = CloudEvent.model_validate_json(EXAMPLE)
    digest = link_event(genesis(UUID(event.source.rsplit(":", 1)[1])), event).hex()
    assert digest == "41623e9643050c01aacea7ff666ef91265250a451275ad3b8fc7b003765fc322", "it can never be changed"
    assert guide["digest_of"]([json.loads(EXAMPLE)]) == digest
    assert re.findall(r"`([0-9a-f]{64})`", GUIDE) == [digest]


@pytest.mark.parametrize(
    "change", [{"id": UUID(int=9)}, {"subject": "cycle/2"}, {"type": "cycle.resumed"}, {"version": 2},
               {"data": {"a": 1}}, {"time": datetime(2026, 1, 5, 1, tzinfo=UTC)}, {"sequence": 2},
               {"organization_id": UUID(int=8)}],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_every_member_of_an_event_is_in_its_digest(change: dict[str, Any]) -> None:
    changed = RECORDS[0].model_copy(update=change)
    digests = {link_event(genesis(one.organization_id), cloud_event(one)) for one in (RECORDS[0], changed)}
    assert len(digests) == 2


@pytest.mark.parametrize("one", RECORDS, ids=lambda one: str(one.sequence))
def test_the_text_that_is_hashed_is_the_feed_s_own_json_with_its_keys_sorted(one: EventRecord) -> None:
    told = json.loads(cloud_event(one).model_dump_json())
    text = json.dumps(
        {name: told[name] for name in ("id", "sequence", "type", "subject", "time", "data")},
        sort_keys=True, separators=(",", ":"), ensure_ascii=False,
    )  # fmt: skip
    assert link_event(b"before", cloud_event(one)) == hashlib.sha256(b"before" + text.encode()).digest()


def test_an_event_that_is_left_out_or_moved_changes_the_digest() -> None:
    first, second, third = RECORDS
    assert len({digest_after(some) for some in ([first, second, third], [first, third], [second, first, third])}) == 3
