"""Postgres or the mail server away for some seconds in the middle of a cycle: it goes on, and nothing is lost."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults import ledger
from tests.faults.driver import Company, Played, Watch, found_company, play_cycle
from upward.demo.mailbox import Letter, Mailbox
from upward.embedded import EmbeddedPostgres
from upward.stack import Stack, running_stack

AWAY_SECONDS = 3


@pytest.fixture(scope="module")
async def stack(faults_folder: Path) -> AsyncIterator[Stack]:
    async with running_stack(faults_folder / "stack") as stack:
        yield stack


@pytest.fixture
async def company(stack: Stack, faults_folder: Path) -> AsyncIterator[Company]:
    company = await found_company(stack.url, stack.resources.database, faults_folder)
    yield company
    await company.admin.close()


async def test_a_cycle_goes_on_after_postgres_was_away_while_people_answered(
    stack: Stack, company: Company, faults_folder: Path
) -> None:
    postgres = EmbeddedPostgres(faults_folder / "stack" / "postgres")
    postgres.start()  # takes over the one that runs

    async def away() -> None:
        await asyncio.to_thread(postgres.stop)
        await asyncio.sleep(AWAY_SECONDS)
        await asyncio.to_thread(postgres.start)

    played, letters = await _play(stack, company, _once_each(away, "intake", "active"))
    await _check(stack, played, letters)


async def test_nothing_is_lost_while_the_mail_server_is_away(stack: Stack, company: Company) -> None:
    async def away() -> None:
        await asyncio.to_thread(stack.mail.stop)
        await asyncio.sleep(AWAY_SECONDS)
        await asyncio.to_thread(stack.mail.start)

    played, letters = await _play(stack, company, _once_each(away, "scheduled", "intake", "review", "kickoff"))
    await _check(stack, played, letters)
    sent = await ledger.message_states(stack.resources.database, company.organization_id)
    assert sent["failed"] == 0
    assert sent["sent"] == len(letters)


def _once_each(away: Any, *stages: str) -> Watch:
    """Takes a server away when each of these stages is first seen."""
    seen: set[str] = set()

    async def watch(cycle: dict[str, Any]) -> None:
        if cycle["stage"] in stages and cycle["stage"] not in seen:
            seen.add(cycle["stage"])
            await away()

    return watch


async def _play(stack: Stack, company: Company, watch: Watch) -> tuple[Played, list[Letter]]:
    mailbox = Mailbox(stack.mail.folder)
    played = await play_cycle(company, mailbox, watch)
    await ledger.settled(stack.resources.database)
    mailbox.new_letters()
    return played, mailbox.letters


async def _check(stack: Stack, played: Played, letters: list[Letter]) -> None:
    database = stack.resources.database
    assert (played.cycle["stage"], played.cycle["outcome"]) == ("completed", "completed")
    assert {answer.kind for answer in played.answered} >= {"enrolment", "acceptance", "survey"}
    for answer in played.answered:
        assert await ledger.stored_answer(database, answer) == ledger.expected_rows(answer)
    ids: dict[tuple[str, str, str], set[str]] = {}
    for letter in letters:
        ids.setdefault((letter.scope, letter.to, letter.template), set()).add(letter.message_id)
    assert all(len(found) == 1 for found in ids.values())
    # A copy more can only be a message that was in hand when its server or the database went.
    assert max(Counter(letter.message_id for letter in letters).values()) <= 2
    log = await ledger.events(database, played.organization_id)
    assert [event["sequence"] for event in log] == list(range(1, len(log) + 1))
    assert not ledger.told_more_than_once(log)
