"""What leaves a service at its edges: which failures are final and which are tried again, and nothing private."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import SecretStr
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from structlog.contextvars import bind_contextvars, bound_contextvars, get_contextvars, merge_contextvars
from structlog.testing import capture_logs
from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from shared.config import Settings
from shared.contracts.base import PersonPage, Service
from shared.database import Database
from shared.errors import Conflict, NotFound, Unauthorized
from shared.http.application import create_application, install_problem_handlers
from shared.http.internal import Internal
from shared.http.problems import problem
from shared.temporal import ExpectedFailures


class Failing(ActivityInboundInterceptor):
    """An activity that fails."""

    def __init__(self, failure: Exception) -> None:
        self._failure = failure

    async def execute_activity(self, input: ExecuteActivityInput) -> object:
        raise self._failure


async def leaves_as(failure: Exception) -> ApplicationError:
    edge = ExpectedFailures().intercept_activity(Failing(failure))

    async def work() -> None:
        await edge.execute_activity(ExecuteActivityInput(fn=lambda: None, args=[], executor=None, headers={}))

    with pytest.raises(ApplicationError) as raised:
        await ActivityEnvironment().run(activity.defn(work))
    return raised.value


async def test_an_expected_failure_leaves_an_activity_with_its_code_and_is_final() -> None:
    error = await leaves_as(Conflict("It exists.", code="period_exists"))
    assert (error.type, error.non_retryable) == ("period_exists", True)


async def test_a_refused_service_credential_is_waited_out() -> None:
    error = await leaves_as(Unauthorized("This address is for Upward's own services.", code="service_only"))
    assert (error.type, error.non_retryable) == ("service_only", False)


async def test_of_any_other_failure_only_the_kind_leaves() -> None:
    error = await leaves_as(ValueError("anna@company.example is taken"))
    assert (error.type, error.non_retryable) == ("ValueError", False)
    assert "anna" not in str(error)
    assert error.__cause__ is None


async def ask(app: FastAPI) -> None:
    internal = Internal(Settings(service_token=SecretStr("a" * 32)), app)
    try:
        await internal.get(Service.MATCHING, "/page", PersonPage, uuid4())
    finally:
        await internal.close()


def answering(answer: Response) -> FastAPI:
    app = FastAPI()

    @app.get("/internal/matching/page")
    async def read_page() -> Response:
        return answer

    return app


async def test_a_problem_of_the_service_is_raised_as_the_same_failure() -> None:
    with pytest.raises(NotFound) as raised:
        await ask(answering(problem(404, "cycle_not_found", "There is no such cycle.")))
    assert (raised.value.code, raised.value.detail) == ("cycle_not_found", "There is no such cycle.")


async def test_an_address_that_is_not_served_is_a_passing_fault() -> None:
    app = FastAPI()
    install_problem_handlers(app)
    with pytest.raises(httpx.HTTPStatusError):
        await ask(app)


@pytest.mark.parametrize("status", [401, 403, 404, 409, 410])
async def test_what_a_proxy_answers_in_the_services_place_is_a_passing_fault(status: int) -> None:
    for answer in (HTMLResponse("<h1>No</h1>", status), JSONResponse({"message": "no"}, status)):
        with pytest.raises(httpx.HTTPStatusError):
            await ask(answering(answer))


async def test_a_call_inside_the_process_leaves_the_callers_log_context_alone() -> None:
    """Of a request that reads from another service, and of an activity."""
    settings, router = Settings(service_token=SecretStr("a" * 32)), APIRouter()
    seen: list[dict[str, str]] = []

    @router.get("/internal/matching/page")
    async def read_page() -> PersonPage:
        seen.append(get_contextvars())
        return PersonPage(person_ids=())

    app = create_application([router], Database("postgresql://nobody@127.0.0.1:1/none"), settings)
    with bound_contextvars(activity="propose_matches", request_id="request-1", cycle_id="c"):
        before = get_contextvars()
        await app.state.internal.get(Service.MATCHING, "/page", PersonPage, uuid4())
        assert get_contextvars() == before
    await app.state.internal.close()
    assert seen[0]["request_id"] == "request-1", "it is one request, also for the service that is asked"


async def entries_of(request: Callable[[httpx.AsyncClient], Awaitable[httpx.Response]], router: APIRouter) -> list[Any]:
    """What is logged while a request is answered, with what was bound."""
    settings = Settings(service_token=SecretStr("a" * 32))
    app = create_application([router], Database("postgresql://nobody@127.0.0.1:1/none"), settings)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://upward.test") as client:
        with capture_logs(processors=[merge_contextvars]) as entries:
            await request(client)
    await app.state.internal.close()
    return entries


async def test_the_entry_of_a_request_has_what_its_handler_bound_and_nothing_remains() -> None:
    router = APIRouter()

    @router.get("/mine")
    async def read_mine() -> dict[str, str]:
        bind_contextvars(organization_id="o", key_id="k")
        return {}

    before = get_contextvars()
    [entry] = await entries_of(lambda client: client.get("/mine"), router)
    assert (entry["event"], entry["organization_id"], entry["key_id"]) == ("request.answered", "o", "k")
    assert (entry["route"], entry["status"], entry["method"]) == ("/mine", 200, "GET")
    assert entry["request_id"]
    assert get_contextvars() == before


async def test_an_unexpected_failure_is_a_problem_and_its_place_is_logged() -> None:
    router = APIRouter()

    @router.get("/broken")
    async def read_broken() -> None:
        bind_contextvars(organization_id="o")
        raise ValueError("anna@company.example is taken")

    answers: list[httpx.Response] = []

    async def ask(client: httpx.AsyncClient) -> httpx.Response:
        answers.append(await client.get("/broken"))
        return answers[0]

    [entry] = await entries_of(ask, router)
    assert (answers[0].status_code, answers[0].json()["code"]) == (500, "internal_error")
    assert answers[0].headers["cache-control"] == "no-store"
    assert (entry["event"], entry["error"], entry["organization_id"]) == ("request.failed", "ValueError", "o")
    assert entry["where"][-1].endswith(" read_broken")
    assert "anna" not in str(entry)


async def test_a_failed_activity_is_logged_with_its_place() -> None:
    with capture_logs() as entries:
        await leaves_as(ValueError("anna@company.example is taken"))
    [entry] = entries
    assert (entry["event"], entry["error"]) == ("activity.failed", "ValueError")
    assert entry["where"][-1].endswith(" execute_activity")
    assert "anna" not in str(entry)


async def test_a_service_or_a_database_that_is_busy_is_503() -> None:
    router = APIRouter()

    class Ended(Exception):
        def __init__(self, sqlstate: str) -> None:
            self.sqlstate = sqlstate

    def ended(state: str) -> OperationalError:
        return OperationalError("", {}, Ended(state))

    failures: dict[str, Exception] = {
        "service": httpx.ConnectError("x"),
        "pool": NoConnectionFree(),
        "lock": ended("55P03"),
        "deadlock": ended("40P01"),
        "serialization": ended("40001"),
        "disk full": ended("53100"),
        "memory full": ended("53200"),
        "too many connections": ended("53300"),
        "disk broken": ended("58030"),
        "stopping": ended("57P01"),
        "no writes": DBAPIError("", {}, Ended("25006")),
        "nobody there": OperationalError("", {}, Exception()),
        "connection closed": InterfaceError("", {}, Exception()),
        "connection lost": DBAPIError("", {}, Exception(), connection_invalidated=True),
    }

    @router.get("/{name}")
    async def read(name: str) -> None:
        raise failures[name]

    async def ask(client: httpx.AsyncClient) -> httpx.Response:
        for name in failures:
            answer = await client.get(f"/{name}")
            assert (answer.status_code, answer.json()["code"]) == (503, "not_available"), name
            assert answer.headers["retry-after"]
        return answer

    entries = await entries_of(ask, router)
    assert [entry["event"] for entry in entries[::2]] == [
        "service.unavailable",
        *["database.busy"] * (len(failures) - 1),
    ]
