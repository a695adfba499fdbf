"""The reverse proxy sends every public route to the service that defines it, and nothing else to anybody."""

import importlib
import re
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import pytest
from fastapi.routing import iter_route_contexts

from shared.contracts.base import Service
from shared.http.internal import IDLE_SECONDS
from upward.serving.connections import KEEP_ALIVE_SECONDS

ROOT = Path(__file__).parents[2]
CADDYFILE = (ROOT / "deploy/Caddyfile").read_text()
ID = UUID(int=7)


class Rule(NamedTuple):
    service: str
    pattern: re.Pattern[str]


def rules() -> list[Rule]:
    """The `path_regexp` of each matcher and the service of its `handle`, in the order in which the proxy tries them."""
    patterns = dict(re.findall(r"^\t@(\w+) path_regexp (\S+)$", CADDYFILE, re.MULTILINE))
    handled = re.findall(
        r"^\thandle @(\w+) \{\n\t\treverse_proxy (\w+):8080 \{\n\t\t\timport upstream\n\t\t\}\n\t\}$",
        CADDYFILE,
        re.MULTILINE,
    )
    assert len(handled) == len(patterns) == CADDYFILE.count("reverse_proxy"), (
        "a rule that this test does not understand"
    )
    return [Rule(service, re.compile(patterns[name])) for name, service in handled]


def test_requests_wait_while_a_process_is_replaced() -> None:
    upstream = CADDYFILE[CADDYFILE.index("(upstream) {") : CADDYFILE.index("\n}\n\n:8080")]
    assert "\tlb_try_duration 30s\n" in upstream


def target(path: str) -> str | None:
    return next((rule.service for rule in rules() if rule.pattern.search(path)), None)


def routes(service: Service) -> set[str]:
    router = importlib.import_module(f"services.{service.value}.main").router
    return {str(context.path) for context in iter_route_contexts(router.routes)}


def example(route: str) -> str:
    return re.sub(r"\{\w+(:path)?\}", str(ID), route)


@pytest.mark.parametrize("service", list(Service))
def test_every_public_route_goes_to_the_service_that_defines_it(service: Service) -> None:
    public = {route for route in routes(service) if not route.startswith("/internal/")}
    assert public, "a service without public routes needs no rule: leave it out of this test then"
    assert {route: target(example(route)) for route in public} == dict.fromkeys(public, service.value)


@pytest.mark.parametrize("service", list(Service))
def test_no_internal_route_is_let_through(service: Service) -> None:
    for route in routes(service):
        if route.startswith("/internal/"):
            assert target(example(route)) is None, route


@pytest.mark.parametrize(
    "path",
    [
        "/internal/",
        "/internal/intake/contacts",
        "/v1",
        "/v1/",
        "/v1/peoples",
        "/readyz",
        "/docsx",
        "/openapi.jsonx",
        "/p",
        "/v2/people",
    ],
)
def test_what_is_no_public_path_goes_nowhere(path: str) -> None:
    assert target(path) is None


@pytest.mark.parametrize("path", ["/", "/docs", "/docs/", "/docs/start.js", "/openapi.json"])
def test_the_console_serves_the_front_page_and_the_description_of_all_services(path: str) -> None:
    assert target(path) == Service.CONSOLE.value


def test_a_path_without_a_rule_is_a_problem_document() -> None:
    fallback = CADDYFILE.index("\thandle {\n\t\terror 404\n\t}")
    assert fallback > CADDYFILE.rindex("reverse_proxy")
    assert "header content-type application/problem+json" in CADDYFILE


@pytest.mark.parametrize("field", ["uri", "headers", "remote_ip", "client_ip"])
def test_logs_of_the_proxy_hold_no_links_and_nobody_s_address(field: str) -> None:
    assert re.search(rf"^\t*request>{field} delete$", CADDYFILE, re.MULTILINE)


def test_idle_connections_are_closed_by_whoever_sends_requests() -> None:
    """A server that closes first may do so while a request is on its way. Twice as long is clearly longer."""
    (proxy,) = re.findall(r"^\t\tkeepalive (\d+)s$", CADDYFILE, re.MULTILINE)
    assert KEEP_ALIVE_SECONDS >= 2 * int(proxy) >= 2 * IDLE_SECONDS
