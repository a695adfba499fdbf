"""The pages of the console that links lead to: each route once, and once more with each other set of parameters.

A page that is new is found by the links to it.
"""

import re
from collections.abc import Iterable
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlsplit

import httpx
from fastapi import FastAPI

from services.console.main import router
from tests.services.wrong_input.public_routes import routes_of

NOT_IN_THE_SAMPLE = {
    "/console/cycles/{cycle_id}/resume",
    "/console/integrations/{endpoint_id}/deliveries/{sequence}",
    "/console/integrations/{endpoint_id}/enable",
    "/console/messages/brand/logo",
    "/console/messages/brand/reset",
    "/console/messages/previews/{template}",
    "/console/messages/wording/{template}/{language}/reset",
    "/console/people/import/{upload_id}",
    "/console/people/import/{upload_id}/changes",
    "/console/people/import/{upload_id}/done",
    "/console/programs/{program_id}/compare.csv",
}
"""Pages of what the sample company does not have: a cycle that is paused, deliveries, a webhook that is off, words of
its own, a file being imported, two ended cycles of one program. Signing in leads to where a logo is sent."""
WITHOUT_AXE = {"/console/messages/previews/{template}", "/console/programs/{program_id}/compare.csv"}
"""A mail in a frame of its page, where no script runs, not even axe; and a table."""
START = "/console"
APPLICATION = FastAPI(routes=router.routes, openapi_url=None)
NO_PAGES = {
    *("/console/static/{name}", "/console/accent/{name}", "/console/logos/{organization_id}/{name}"),
    "/.well-known/security.txt",
}
UNLINKED = {"/console/sign-in", "/console/sign-in/{code}", "/console/{rest:path}"} | NO_PAGES
"""Pages of whoever is not signed in, of what is not there, and no pages."""
OF_EVERY_CYCLE = ("/console/cycles/{cycle_id}",)
"""Shown for the cycle of each program, as each is in another stage."""


class Links(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found += [value for name, value in attrs if name == "href" and value]


def page_routes() -> set[str]:
    """The paths of the routes that show a page to whoever is signed in."""
    found = {path.rstrip("/") for method, path in routes_of(APPLICATION) if method == "GET"}
    return {path for path in found if path.startswith(START)} - UNLINKED


def unlike(addresses: Iterable[str]) -> set[str]:
    """The paths of the pages for whoever is not signed in that none of these addresses leads to."""
    served = {path.rstrip("/") or "/" for method, path in routes_of(APPLICATION) if method == "GET"}
    paths = [urlsplit(address).path for address in addresses]
    there = served - page_routes() - NO_PAGES - {"/console/{rest:path}"}
    return {route for route in there if not any(_fits(route, path) for path in paths)}


def missing(addresses: list[str]) -> set[str]:
    """The routes that none of these addresses leads to."""
    return page_routes() - NOT_IN_THE_SAMPLE - {route_of(address) for address in addresses}


def route_of(address: str) -> str:
    """The path of the route that this address leads to, the one with the fewest parameters; empty if there is none."""
    path = urlsplit(address).path.rstrip("/")
    fits = [route for route in page_routes() if _fits(route, path)]
    return min(fits, key=lambda route: route.count("{"), default="")


def _fits(route: str, path: str) -> bool:
    return re.fullmatch(re.sub(r"{\w+}", "[^/]+", route), path) is not None


def is_table(address: str) -> bool:
    """Whether a browser keeps what the address leads to as a file."""
    return urlsplit(address).path.endswith(".csv")


def kind_of(address: str) -> tuple[str, ...]:
    """Addresses of one kind show the same page of other things."""
    route, parts = route_of(address), urlsplit(address)
    which = parts.path if route in OF_EVERY_CYCLE else route
    return (which, *sorted({name for name, _ in parse_qsl(parts.query)}))


async def crawl(client: httpx.AsyncClient) -> tuple[list[str], list[str]]:
    """The first address of each kind, from the home page on, and the links that lead nowhere."""
    kinds: dict[tuple[str, ...], str] = {}
    dead: list[str] = []
    waiting = [START]
    while waiting:
        address = waiting.pop(0)
        if not route_of(address) or kind_of(address) in kinds:
            continue
        kinds[kind_of(address)] = address
        response = await client.get(address, headers={"accept": "text/html"})
        if response.status_code != 200:
            dead.append(f"{address} answers {response.status_code}")
        elif response.headers["content-type"].startswith("text/html"):
            waiting += [_joined(address, link) for link in Links(response.text).found]
    return list(kinds.values()), dead


def _joined(address: str, link: str) -> str:
    return re.sub("#.*", "", str(httpx.URL("http://console").join(address).join(link).raw_path.decode()))
