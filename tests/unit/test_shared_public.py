"""The client of the public API: what it sends, and what it makes of answers."""

from enum import StrEnum
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import SecretStr, ValidationError

from shared.config import Settings
from shared.contracts.accounts import Organization
from shared.contracts.base import Contract, Service
from shared.errors import DomainError, Forbidden, Invalid, PreconditionFailed, Unauthorized
from shared.http.internal import Internal
from shared.http.problems import problem
from shared.http.public import PublicApi

ID = UUID(int=7)
FOUND = {"id": str(ID), "name": "Acme"}
SERVICE_TOKEN = "s" * 40


class Api:
    """An API that answers as it is told, and keeps what was sent."""

    def __init__(self) -> None:
        self.requests: list[tuple[Request, bytes]] = []
        self.answer: Any = JSONResponse(FOUND, headers={"etag": '"3"', "set-cookie": "a=b"})
        app = FastAPI()

        @app.api_route("/v1/thing", methods=["GET", "POST", "PUT", "DELETE"])
        async def thing(request: Request) -> Any:
            self.requests.append((request, await request.body()))
            return self.answer

        self.public = PublicApi(Internal(Settings(service_token=SecretStr(SERVICE_TOKEN)), app))


@pytest.fixture
def api() -> Api:
    return Api()


async def test_it_calls_as_the_person_and_never_with_the_services_credential(api: Api) -> None:
    body = Organization(id=ID, name="x")
    person = api.public.acting_as("ups_person")
    await person.get(Service.ACCOUNTS, "/thing", Organization, {"limit": 2})
    await person.post(Service.ACCOUNTS, "/thing", Organization, body, {"idempotency-key": "k"})
    await api.public.acting_as("upw_other").put(Service.ACCOUNTS, "/thing", Organization, body, '"3"')
    await api.public.delete(Service.ACCOUNTS, "/thing")
    sent = [request.headers for request, _ in api.requests]
    assert [headers.get("authorization") for headers in sent] == [
        *("Bearer ups_person", "Bearer ups_person", "Bearer upw_other"),
        None,
    ]
    assert not any(SERVICE_TOKEN in str(headers) or "upward-organization" in headers for headers in sent)
    assert [request.url.query for request, _ in api.requests] == ["limit=2", "", "", ""]
    assert (sent[1]["idempotency-key"], sent[2]["if-match"]) == ("k", '"3"')
    assert [content for _, content in api.requests][1] == body.model_dump_json().encode()


async def test_what_can_be_edited_is_read_with_its_etag(api: Api) -> None:
    found = await api.public.get_versioned(Service.ACCOUNTS, "/thing", Organization)
    assert (found.value, found.etag) == (Organization(id=ID, name="Acme"), '"3"')


@pytest.mark.parametrize("credential", ["é", "a\r\nx-injected: 1", "", " ", "a b", "\x00"])
async def test_what_a_header_cannot_hold_is_no_credential(api: Api, credential: str) -> None:
    with pytest.raises(Unauthorized):
        await api.public.acting_as(credential).get(Service.ACCOUNTS, "/thing", Organization)
    assert api.requests == []


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, Unauthorized), (403, Forbidden), (412, PreconditionFailed), (422, Invalid), (429, DomainError)],
)
async def test_a_refusal_is_raised_as_it_was_answered(api: Api, status: int, kind: type[DomainError]) -> None:
    api.answer = problem(status, "told", "What to do.", errors=[{"field": "body.name", "detail": "d"}])
    with pytest.raises(kind) as caught:
        await api.public.get(Service.ACCOUNTS, "/thing", Organization)
    assert (caught.value.status, caught.value.code, caught.value.detail) == (status, "told", "What to do.")
    assert caught.value.extra["errors"] == [{"field": "body.name", "detail": "d"}]


@pytest.mark.parametrize(
    "answer",
    [problem(503, "not_available"), problem(404, "not_found"), JSONResponse({}, 502), JSONResponse({"code": "x"}, 400)],
    ids=["busy", "previous version", "proxy", "another server"],
)
async def test_a_service_that_is_away_or_does_not_serve_the_address_is_no_refusal(
    api: Api, answer: JSONResponse
) -> None:
    api.answer = answer
    with pytest.raises(httpx.HTTPStatusError):
        await api.public.get(Service.ACCOUNTS, "/thing", Organization)


class Colour(StrEnum):
    RED = "red"


class Thing(Contract):
    colour: Colour
    tints: tuple[Colour, ...] = ()


class Things(Contract):
    items: tuple[Thing, ...]


async def test_of_a_list_of_the_next_release_what_is_not_known_is_left_out(api: Api) -> None:
    known = {"colour": "red"}
    tinted = {"colour": "red", "tints": ["blue", "red", "green"]}
    api.answer = JSONResponse({"items": [known, {"colour": "blue"}, tinted, {"colour": "green"}]})
    found = await api.public.get(Service.ACCOUNTS, "/thing", Things)
    assert found == Things(items=(Thing(colour=Colour.RED), Thing(colour=Colour.RED, tints=(Colour.RED,))))


@pytest.mark.parametrize("wrong", [{"items": [{"colour": 1}, {}]}, {"items": "none"}, {"colour": "blue"}])
async def test_any_other_answer_that_is_wrong_is_a_bug(api: Api, wrong: dict[str, Any]) -> None:
    api.answer = JSONResponse(wrong)
    with pytest.raises(ValidationError):
        await api.public.get(Service.ACCOUNTS, "/thing", Thing if "colour" in wrong else Things)


async def test_what_one_person_is_answered_is_kept_for_nobody_else(api: Api) -> None:
    """The clients are shared, so that a cookie in an answer must not go along with the next request."""
    await api.public.acting_as("ups_one").get(Service.ACCOUNTS, "/thing", Organization)
    await api.public.acting_as("ups_two").get(Service.ACCOUNTS, "/thing", Organization)
    assert [request.headers.get("cookie") for request, _ in api.requests] == [None, None]
