"""`upward events tail`: prints the event feed as lines of JSON, which it reads through the public API."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import httpx

from shared.keys import key_id_of
from upward.failures import CannotRun

WAIT_SECONDS = 25
"""How long the server may wait for the next event before it answers. It allows 30."""
SHORTEST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0

ADVICE = {
    "events_expired": "The events after {after} are not kept any more: go on at the oldest with --after {before}.",
    "epoch_changed": "The log was restored after {after}: events printed here may be lost, and others come in their "
    "place. Compare your checkpoint (docs/events-feed.md), then start again from where it agrees, with --after.",
    "after_not_reached": "The log has no event {after}: it was restored, or this key is another organization's. "
    "Compare your checkpoint (docs/events-feed.md), then start again from where it agrees, with --after.",
}
"""What to do when the log cannot be read on from a sequence, by the code of the problem."""


class Tail(NamedTuple):
    url: str
    key: str
    after: int = 0
    types: str | None = None
    follow: bool = True


class ServerAway(Exception):
    """The server does not answer, or answers that the request should be sent again later. The text says which."""


def read_events(request: Tail, note: Callable[[str], None]) -> Iterator[str]:
    """The events after a sequence, each as one line of JSON. With `follow` there is no end.

    With `follow`, `note` is called once when the server is away, which is asked again until it is back. Without it, a
    server that is away raises CannotRun. So does every failure that asking again cannot change.
    """
    _check(request)
    after, pause = request.after, SHORTEST_PAUSE_SECONDS
    epoch: str | None = None
    with httpx.Client(base_url=request.url, headers={"authorization": f"Bearer {request.key}"}) as client:
        while True:
            try:
                page = _read_page(client, request, after, epoch)
            except ServerAway as error:
                if not request.follow:
                    raise CannotRun(f"{error} Try again later.") from None
                if pause == SHORTEST_PAUSE_SECONDS:
                    note(f"{error} Trying again until it does.")
                time.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
                continue
            pause = SHORTEST_PAUSE_SECONDS
            for event in page["events"]:
                yield json.dumps(event, ensure_ascii=False, separators=(",", ":"))
            after, epoch = page["after"], page["epoch"]
            if not request.follow and not page["more"]:
                return


def _check(request: Tail) -> None:
    try:
        url = httpx.URL(request.url)
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise CannotRun("The URL is not valid: give that of the server, such as http://127.0.0.1:8080.")
    if key_id_of(request.key) is None:
        raise CannotRun("The key is not complete: give an access key as it was printed, upw_….")


def _read_page(client: httpx.Client, request: Tail, after: int, epoch: str | None) -> dict[str, Any]:
    """One page of the feed. Raises ServerAway, CannotRun."""
    wait = WAIT_SECONDS if request.follow else 0
    given = {"after": after, "limit": 1000, "wait": wait, "types": request.types, "epoch": epoch}
    query = {name: value for name, value in given.items() if value is not None}
    try:
        answer = client.get("/v1/events", params=query, timeout=httpx.Timeout(10, read=wait + 15))
    except httpx.TransportError as error:
        raise ServerAway(f"The server does not answer ({type(error).__name__}).") from None
    if answer.status_code == httpx.codes.TOO_MANY_REQUESTS or answer.is_server_error:
        raise ServerAway(f"The server cannot answer just now ({answer.status_code}).")
    try:
        document = answer.json()
        if answer.status_code == httpx.codes.OK:
            return {name: document[name] for name in ("events", "after", "more", "epoch")}
        if document["code"] in ADVICE:
            raise CannotRun(ADVICE[document["code"]].format(after=after, before=document.get("oldest", 1) - 1))
        refusal = "; ".join([document["detail"], *(error["detail"] for error in document.get("errors", ()))])
    except (ValueError, TypeError, KeyError, AttributeError):
        refusal = f"This is no event feed of Upward (status {answer.status_code}): look at the URL."
    raise CannotRun(refusal)
