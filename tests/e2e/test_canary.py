"""No name, address or free text of a participant, and no secret, is anywhere but where it belongs.

One whole cycle is played with words that occur nowhere else; then everything that was kept is searched for them.
"""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.aftermath import Aftermath, live_through
from tests.e2e.canaries import WORDS

OF_ENDPOINT = {kind for kind in WORDS if kind.startswith("endpoint")}
pytestmark = pytest.mark.long
PERSONAL = {kind for kind in WORDS if kind not in ("note", "comment", "refused input")} - OF_ENDPOINT
ALLOWED = {
    # What people wrote and who they are stays with the service that owns it.
    "intake.person": PERSONAL,
    "feedback.check_in": {"note", "family name"},  # players name themselves in their notes
    "feedback.survey_answer": {"comment", "given name"},
    # The features that a match run was computed from, so that it can be replayed: no name, no address.
    "matching.match_run": {"department", "location"},
    "events.endpoint": {"endpoint url", "endpoint description"},
    "events.attempt": {"endpoint answer"},
    # The answer that a repeated request gets, without the secret.
    "shared.idempotency_key": {"endpoint url", "endpoint description"},
}


@pytest.fixture(scope="module")
async def aftermath() -> AsyncIterator[Aftermath]:
    with tempfile.TemporaryDirectory(prefix="upward-canary-", ignore_cleanup_errors=True) as folder:
        yield await live_through(Path(folder))


def canaries_in(place: str) -> set[str]:
    """The kinds of canaries that occur in a text."""
    lowered = place.lower()
    return {kind for kind, word in WORDS.items() if word in lowered}


def secrets_in(place: str, left: Aftermath) -> set[str]:
    return {kind for kind, secret in left.secrets.items() if secret in place}


def test_the_cycle_really_happened_with_all_its_trouble(aftermath: Aftermath) -> None:
    assert aftermath.cycle["outcome"] == "completed", aftermath.cycle["rounds"]
    feed = aftermath.feed
    for kind in ("pair.declined", "concern.raised", "concern.escalated", "message.failed", "pair.ended"):
        assert f"app.upward.{kind}" in feed, kind
    assert (aftermath.answers["enrolment 503"], aftermath.answers["enrolment 422"]) == (2, 2)
    for kind in ("enrolment", "acceptance", "check", "survey"):
        assert aftermath.answers[f"{kind} 303"] > 3
    assert sum(kind.startswith("link") for kind in aftermath.secrets) > 40
    assert aftermath.deliveries > 10
    assert "endpoint_disabled" in aftermath.tables["notifications.message"], "its owner was told"
    assert len(aftermath.problems) >= 12


def test_the_search_finds_canaries_where_they_are(aftermath: Aftermath) -> None:
    for table, kinds in ALLOWED.items():
        assert canaries_in(aftermath.tables[table]) == kinds, table
    assert secrets_in(f"GET /p/{aftermath.secrets['link 0']}", aftermath) == {"link 0"}


def test_no_table_holds_a_canary_but_those_that_own_it(aftermath: Aftermath) -> None:
    assert len(aftermath.tables) > 25
    found = {name: canaries_in(rows) - ALLOWED.get(name, set()) for name, rows in aftermath.tables.items()}
    assert {name: kinds for name, kinds in found.items() if kinds} == {}


def test_the_event_log_and_its_feed_hold_no_canary(aftermath: Aftermath) -> None:
    assert aftermath.cycle_id in aftermath.tables["events.event"]
    for table in ("events.event", "events.undispatchable", "events.staged_event"):
        assert canaries_in(aftermath.tables[table]) == set(), table
    assert aftermath.cycle_id in aftermath.feed
    assert canaries_in(aftermath.feed) == set()


def test_no_temporal_history_holds_a_canary(aftermath: Aftermath) -> None:
    kinds = {name.partition("-")[0] for name in aftermath.histories}
    assert kinds >= {"cycle", "round", "announcement", "concern", "schedule", "endpoint"}
    joined = "\n".join(aftermath.histories.values())
    for failure in ("MailServerAway", "RuntimeError"):
        assert failure in joined, "the failures of activities are among them"
    assert aftermath.cycle_id in joined
    found = {name: canaries_in(name + history) for name, history in aftermath.histories.items()}
    assert {name: kinds for name, kinds in found.items() if kinds} == {}


def test_temporal_s_own_files_and_schedules_hold_no_canary(aftermath: Aftermath) -> None:
    files = aftermath.temporal_files.decode("latin-1")
    assert aftermath.cycle_id in files
    assert canaries_in(files) == set()
    assert "RecurrenceWorkflow" in aftermath.schedules
    assert canaries_in(aftermath.schedules) == set()
    assert secrets_in(files + aftermath.schedules, aftermath) == set()


def test_no_log_holds_a_canary(aftermath: Aftermath) -> None:
    for happened in ("request.answered", "request.failed", "activity.failed", "message.failed", "delivery.attempted"):
        assert happened in aftermath.logs["our own output"]
    assert '"level": "debug"' in aftermath.logs["our own output"], "from DEBUG on"
    assert {where: canaries_in(lines) for where, lines in aftermath.logs.items() if canaries_in(lines)} == {}


def test_no_problem_repeats_what_was_sent(aftermath: Aftermath) -> None:
    assert [problem for problem in aftermath.problems if canaries_in(problem)] == []


def test_what_people_write_reaches_those_whom_the_form_names_and_nobody_else(aftermath: Aftermath) -> None:
    """The forms say: the partner reads a note, with the next check-in, and nobody reads the comment of the survey."""
    written = {"note", "comment"}
    told = {kind: canaries_in(pages) & written for kind, pages in aftermath.pages.items()}
    assert told == {"enrolment": set(), "acceptance": set(), "check": {"note"}, "survey": set()}
    assert "Coordinators and reports never see it." in aftermath.pages["check"]
    assert "no page, message or report shows it" in aftermath.pages["survey"]
    assert PERSONAL & canaries_in(aftermath.letters), "the search finds what letters may tell"
    assert PERSONAL & canaries_in(aftermath.routes["GET /v1/people"])
    places = {"letters": aftermath.letters} | aftermath.routes
    assert {name: canaries_in(place) & written for name, place in places.items() if canaries_in(place) & written} == {}


@pytest.mark.parametrize("place", ["tables", "histories", "logs", "problems", "feed"])
def test_no_link_and_no_key_is_kept_or_told(aftermath: Aftermath, place: str) -> None:
    kept = getattr(aftermath, place)
    if place == "tables":  # what signs is needed as it is, there and nowhere else
        signing = kept["events.endpoint_secret"]
        assert secrets_in(signing, aftermath) == {"signing secret"}
        kept = {name: rows for name, rows in kept.items() if name != "events.endpoint_secret"}
    texts = [kept] if isinstance(kept, str) else kept.values() if isinstance(kept, dict) else kept
    assert secrets_in("\n".join(texts), aftermath) == set()
