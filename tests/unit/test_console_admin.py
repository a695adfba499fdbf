"""Small rules of the console for those who run programs: cookies, form tokens, the menu, and where signing in leads."""

import re
from http.cookies import SimpleCookie

import pytest
from starlette.responses import Response

from services.console.admin.cookies import SESSION, cookies_at, is_kept
from services.console.admin.form_tokens import is_form_token, new_form_token
from services.console.admin.navigation import Entry, entries_for
from services.console.admin.sign_in.page import own_address
from services.console.pages import STATIC
from services.console.words.admin_failures import OTHERWISE, words_for
from shared.contracts.accounts import Role
from shared.errors import Conflict, DomainError, Forbidden, PreconditionFailed

LOOPBACK = ["http://127.0.0.1:8080", "http://localhost:8080", "http://[::1]", "http://upward.localhost"]
NETWORK = ["http://upward.acme.example", "http://10.0.0.1:8080", "http://127.0.0.1.evil.example", "http://"]


def cookie_set(public_url: str) -> tuple[str, dict[str, str]]:
    """The name of the session's cookie, and its attributes."""
    response = Response()
    cookies_at(public_url).keep(response, SESSION, "value")
    ((name, found),) = SimpleCookie(response.headers["set-cookie"]).items()
    assert found.value == "value"
    return name, {key: str(value) for key, value in found.items() if value}


@pytest.mark.parametrize("url", ["https://upward.acme.example", "https://127.0.0.1", *NETWORK])
def test_outside_this_computer_a_cookie_is_of_this_host_and_of_tls_alone(url: str) -> None:
    name, attributes = cookie_set(url)
    assert name == "__Host-upward-session"
    assert attributes == {"path": "/", "secure": "True", "httponly": "True", "samesite": "lax"}


@pytest.mark.parametrize("url", LOOPBACK)
def test_at_a_loopback_address_a_cookie_is_one_that_browsers_keep_without_tls(url: str) -> None:
    name, attributes = cookie_set(url)
    assert name == "upward-session"
    assert attributes == {"path": "/", "httponly": "True", "samesite": "lax"}


def test_a_cookie_is_dropped_as_it_was_set() -> None:
    """Browsers do not drop a `__Host-` cookie otherwise."""
    response = Response()
    cookies_at("https://upward.acme.example").drop(response, SESSION)
    ((name, found),) = SimpleCookie(response.headers["set-cookie"]).items()
    assert (name, found["path"], found["secure"], found["max-age"]) == ("__Host-upward-session", "/", True, "0")


def test_signing_in_needs_an_address_at_which_browsers_keep_cookies() -> None:
    assert all(map(is_kept, [*LOOPBACK, "https://upward.acme.example"]))
    assert not any(map(is_kept, NETWORK))


def test_the_token_of_a_form_is_of_one_session_and_of_one_page() -> None:
    one, other = new_form_token("ups_one"), new_form_token("ups_one")
    assert one != other
    assert is_form_token(one, "ups_one")
    assert is_form_token(other, "ups_one")
    assert not is_form_token(one, "ups_two")


def test_another_token_is_none() -> None:
    for token in ("", ".", "x", "x.y", "é.é", new_form_token("ups_two"), new_form_token("")):
        assert not is_form_token(token, "ups_one"), token
        assert not is_form_token(token, ""), token


@pytest.mark.parametrize(
    "address", ["/console", "/console/", "/console?a=b", "/console/cycles/7?after=8", "/console/people?q=a%20b&x=1"]
)
def test_signing_in_leads_back_to_a_page_of_the_console(address: str) -> None:
    assert own_address(address) == address


@pytest.mark.parametrize(
    "address",
    [
        *("", "/", "//evil.example", "https://evil.example/console", "/console\\evil", "/\\evil.example/console"),
        *(
            "javascript:alert(1)",
            "/consolex",
            "/console/\r\nset-cookie: a=b",
            "/console/ x",
            "/console\n",
            "/console/x\n",
            "console",
            "/p/secret",
        ),
        *("/console/sign-in", "/console/sign-in/upo_x", "/console@evil.example", "//evil.example/console/"),
    ],
)
def test_signing_in_leads_nowhere_else(address: str) -> None:
    assert own_address(address) == "/console"


def test_the_menu_shows_what_the_role_may_see_and_where_one_is() -> None:
    entries = (
        Entry("Home", "/console"),
        Entry("People", "/console/people"),
        Entry("Keys", "/console/keys", Role.OWNER),
    )
    shown = entries_for(Role.ADMIN, "/console/people/7", entries)
    assert [(entry.label, entry.current) for entry in shown] == [("Home", ""), ("People", "true")]
    assert [entry.current for entry in entries_for(Role.OWNER, "/console/keys", entries)] == ["", "", "page"]
    assert [entry.current for entry in entries_for(Role.OWNER, "/console/", entries)] == ["page", "", ""]


@pytest.mark.parametrize(
    ("error", "heading"),
    [
        (Forbidden("d", code="role_too_low"), "Your role does not allow this"),
        (PreconditionFailed("d", code="stale_version"), "Somebody changed this in the meantime"),
        (Conflict("d", code="cycle_ended"), "This was settled in the meantime"),
        (DomainError("d"), "This could not be read"),
    ],
)
def test_a_failure_is_told_in_words_for_its_code_or_status(error: DomainError, heading: str) -> None:
    assert words_for(error).heading == heading


def test_an_unknown_failure_has_words_too() -> None:
    error = DomainError("d")
    error.status = 418
    assert words_for(error) == OTHERWISE


def test_a_style_sheet_closes_every_block_that_it_opens() -> None:
    """Without one brace, everything after it would only count on small screens."""
    for name in ("admin.css", "review.css", "upward.css"):
        depth, sheet = 0, STATIC[name][0].decode()
        for sign in re.sub(r"/\*.*?\*/", "", sheet, flags=re.DOTALL):
            depth += (sign == "{") - (sign == "}")
            assert 0 <= depth <= 2, name
        assert depth == 0, name
