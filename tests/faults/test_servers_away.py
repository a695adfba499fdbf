"""Postgres and the mail server away for some seconds in the middle of a cycle: it goes on, and nothing is lost."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.faults import ledger
from tests.faults.driver import Company, Played, play_cycle
from upward.demo.mailbox import Letter, Mailbox
from upward.embedded import EmbeddedPostgres
from upward.stack import Stack

pytestmark = pytest.mark.long
AWAY_SECONDS = 3
AWAY = {"scheduled": "mail", "intake": "postgres", "review": "mail", "active": "postgres"}
"""Which server goes away when a stage is first seen: mail before invitations and offers, Postgres while people answer
and while the check-in is due."""


@pytest.fixture(scope="module")
async def played(stack: Stack, company: Company, faults_folder: Path) -> tuple[Played, list[Letter]]:
    """One cycle with its letters, played to its end."""
    postgres = EmbeddedPostgres(faults_folder / "stack" / "postgres")
    postgres.start()  # takes over the one that runs
    servers: dict[str, Any] = {"postgres": postgres, "mail": stack.mail}
    left = dict(AWAY)

    async def take_away(cycle: dict[str, Any]) -> None:
        if (name := left.pop(cycle["stage"], None)) is not None:
            await asyncio.to_thread(servers[name].stop)
            await asyncio.sleep(AWAY_SECONDS)
            await asyncio.to_thread(servers[name].start)

    mailbox = Mailbox(stack.mail.folder)
    played = await play_cycle(company, mailbox, take_away)
    await ledger.settled(stack.resources.database)
    mailbox.new_letters()
    assert set(left) <= {"scheduled"}, "a cycle may leave this stage before it is seen"
    return played, [letter for letter in mailbox.letters if letter.to.endswith(company.domain)]


async def test_the_cycle_goes_on_when_servers_are_back(played: tuple[Played, list[Letter]]) -> None:
    assert (played[0].cycle["stage"], played[0].cycle["outcome"]) == ("completed", "completed")


async def test_no_answer_that_was_taken_is_lost(stack: Stack, played: tuple[Played, list[Letter]]) -> None:
    answered = played[0].answered
    assert {answer.kind for answer in answered} >= {"enrolment", "acceptance", "survey"}
    for answer in answered:
        assert await ledger.stored_answer(stack.resources.database, answer) == ledger.expected_rows(answer)


async def test_no_message_is_lost_and_none_has_two_message_ids(
    stack: Stack, played: tuple[Played, list[Letter]]
) -> None:
    ids: dict[tuple[str, str, str], set[str]] = {}
    for letter in played[1]:
        ids.setdefault((letter.scope, letter.to, letter.template), set()).add(letter.message_id)
    assert all(len(found) == 1 for found in ids.values())
    states = await ledger.message_states(stack.resources.database, played[0].organization_id)
    assert set(states.values()) <= {"sent", "dropped"}
    arrived = {letter.message_id for letter in played[1]}
    assert {message_id for message_id, state in states.items() if state == "sent"} <= arrived
    # Taken by the server as Postgres went, and of no use when it was due again: its reader had answered.
    assert len(arrived) - list(states.values()).count("sent") <= len(AWAY) * stack.settings.smtp_connections


async def test_a_message_comes_twice_only_when_it_was_in_hand_as_a_server_went(
    stack: Stack, played: tuple[Played, list[Letter]]
) -> None:
    copies = Counter(letter.message_id for letter in played[1])
    assert max(copies.values()) <= 2
    # Of each connection to the mail server at most the one message that it was sending.
    assert len([times for times in copies.values() if times > 1]) <= len(AWAY) * stack.settings.smtp_connections


async def test_the_event_log_has_no_gap_and_tells_no_fact_twice(
    stack: Stack, played: tuple[Played, list[Letter]]
) -> None:
    log = await ledger.events(stack.resources.database, played[0].organization_id)
    assert [event["sequence"] for event in log] == list(range(1, len(log) + 1))
    assert not ledger.told_more_than_once(log)
