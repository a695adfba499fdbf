"""Small rules of the console: words for every code, times, the progress line and the cross-site wall."""

from enum import StrEnum

import pytest
from starlette.requests import Request

from services.console.cycles import PROGRESS_STAGES, progress
from services.console.submission import CrossSite, refuse_cross_site
from services.console.words import codes
from services.console.words.failures import failure_of
from shared.contracts.accounts import Role
from shared.contracts.feedback import Obstacle
from shared.contracts.intake import MeetingWindow
from shared.contracts.matching import PairState
from shared.contracts.programs import Direction, Outcome, Stage
from shared.contracts.rounds import CloseReason
from shared.errors import Conflict, DomainError, Gone


@pytest.mark.parametrize(
    ("codes", "words"),
    [
        (Obstacle, codes.OBSTACLES),
        (MeetingWindow, codes.WINDOWS),
        (PairState, codes.PAIRS),
        (Role, codes.ROLES),
        (Direction, codes.DIRECTIONS),
        (Outcome, codes.OUTCOMES),
        (Stage, codes.STAGES),
        (CloseReason, codes.CLOSINGS),
    ],
)
def test_every_code_has_words(codes: type[StrEnum], words: dict[StrEnum, str]) -> None:
    assert set(words) == set(codes)


def test_the_progress_line_splits_at_the_stage() -> None:
    states = {step.stage: step.state for step in progress(Stage.REVIEW)}
    assert states[Stage.MATCHING] == "done"
    assert states[Stage.REVIEW] == "current"
    assert states[Stage.KICKOFF] == "ahead"


def test_every_stage_of_a_completed_cycle_is_done_and_none_of_a_cancelled_one() -> None:
    assert {step.state for step in progress(Stage.COMPLETED)} == {"done"}
    assert {step.state for step in progress(Stage.CANCELLED)} == {"ahead"}
    assert len(PROGRESS_STAGES) == len(Stage) - 1


def _post(**headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": raw, "query_string": b""})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "null"},
        {"origin": "null", "sec_fetch_site": "same-origin"},
        {"origin": "https://upward.acme.example", "host": "10.0.0.1:8080"},
        {"origin": "http://10.0.0.1:8080", "host": "10.0.0.1:8080"},
        {"sec_fetch_site": "none"},
    ],
)
def test_a_form_from_its_own_page_is_taken(headers: dict[str, str]) -> None:
    refuse_cross_site(_post(**headers), "https://upward.acme.example")


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site", "origin": "null"},
        {"origin": "https://evil.example", "host": "upward.acme.example"},
        {"origin": "https://upward.acme.example.evil.example", "host": "upward.acme.example"},
    ],
)
def test_a_form_from_another_site_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(CrossSite):
        refuse_cross_site(_post(**headers), "https://upward.acme.example")


class Odd(DomainError):
    status = 418
    code = "teapot"


@pytest.mark.parametrize(
    ("error", "status", "heading"),
    [
        (Gone("d", code="round_closed"), 410, "This round has closed"),
        (Gone("d", code="link_expired"), 410, "This link is no longer valid"),
        (Conflict("d", code="pair_settled"), 409, "This pair is already settled"),
        (Odd("d"), 418, "This did not work"),
    ],
)
def test_a_failure_is_told_in_words_for_its_code_or_status(error: DomainError, status: int, heading: str) -> None:
    failure = failure_of(error)
    assert (failure.status, failure.heading) == (status, heading)
