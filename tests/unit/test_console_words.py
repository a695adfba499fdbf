"""Small rules of the console: words for every code, times, the progress line and the cross-site wall."""

from enum import StrEnum

import pytest
from starlette.requests import Request

from services.console.forms.registry import round_title
from services.console.submission import CrossSite, refuse_cross_site
from services.console.words import codes, cycles
from services.console.words.event_types import ABOUT, WHEN
from services.console.words.failures import failure_of
from shared.contracts.accounts import Role
from shared.contracts.events import CATALOGUE
from shared.contracts.feedback import ConcernReason, Obstacle, Resolution
from shared.contracts.intake import MeetingWindow
from shared.contracts.matching import EndReason, PairState
from shared.contracts.programs import Direction, Outcome, Stage
from shared.contracts.rounds import CloseReason, RoundKind
from shared.errors import Conflict, DomainError, Gone
from shared.language.words import words_of


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
        (EndReason, cycles.END_REASONS),
        (RoundKind, cycles.ROUNDS),
        (ConcernReason, cycles.CONCERNS),
        (Resolution, cycles.RESOLUTIONS),
    ],
)
def test_every_code_has_words(codes: type[StrEnum], words: dict[StrEnum, str]) -> None:
    assert set(words) == set(codes)


def test_every_type_of_event_is_told_as_in_the_catalogue() -> None:
    assert {name: model.__doc__ for name, model in CATALOGUE.items()} == WHEN
    assert {next(iter(model.model_fields)).removesuffix("_id") for model in CATALOGUE.values()} == ABOUT.keys()


def test_a_round_is_called_as_its_own_page_calls_it() -> None:
    assert {kind: round_title(kind) for kind in RoundKind} == cycles.ROUNDS
    assert cycles.round_name("trial", 2, words_of("en")) == "trial 2"


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
