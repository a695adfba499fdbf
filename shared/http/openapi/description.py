"""The OpenAPI document: what FastAPI cannot tell by itself of how requests fail, and of what their bodies look like.

A route names the statuses of its own refusals by `responses=refusals(...)`. Those that follow from its key, its
parameters and its body are added here. Every refusal is a problem document.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from shared.http.problems import DESCRIBED, TITLES, Problem

PROBLEM = "ProblemDocument"
"""The name of the schema. `Problem` is a line of an import's report."""
METHODS = ("get", "put", "post", "delete", "patch")
SAYS = {
    400: "Bad request: something that comes before the content is wrong, such as a cursor or a missing header.",
    401: "Not authenticated: the access key is missing, not valid, or has expired.",
    403: "Not allowed: the role of the access key is too low, or the key is not taken from your network.",
    404: "Not found: the organization has nothing with this id.",
    409: "Conflict: the state of what exists does not allow this; `code` says why.",
    410: "Gone: it existed and is no longer kept.",
    412: "Precondition failed: it has changed since it was read.",
    413: "Too large: the body is larger than what is taken.",
    415: "Unsupported media type: the content type is not one that is taken.",
    422: "Invalid: `errors` names each field that is wrong, and why.",
    428: "Precondition required: `If-Match` is missing.",
    429: "Too many requests: try again after the time in `Retry-After`.",
    503: "Not available: try again in a moment.",
}
"""What the document says about each status of a refusal."""
NEEDED = {"header idempotency-key": "7f3c2a9e-request-1", "header if-match": '"1"'}
"""Headers that a route which takes them insists on, with an example. The routes read them as optional, so that the
problem document of a missing one can say what to do."""


class Described(FastAPI):
    """An application whose OpenAPI document tells how each request can fail and shows an example of each body."""

    def __init__(self, *, described: Iterable[APIRouter], called: Iterable[APIRouter], **settings: Any) -> None:
        """`described` has the routes that the document describes, of which the application may serve a part; `called`
        has the webhooks. Neither is iterated before the document is made."""
        super().__init__(**settings)
        self._described, self._called = described, called

    def openapi(self) -> dict[str, Any]:
        """The document, which is made when it is asked for first."""
        if self.openapi_schema is None:
            whole = FastAPI(responses=DESCRIBED, generate_unique_id_function=operation_id)
            for router in self._described:
                whole.include_router(router)
            self.openapi_schema = get_openapi(
                title=self.title,
                version=self.version,
                description=self.description,
                routes=whole.routes,
                webhooks=[route for router in self._called for route in router.routes],
            )
            complete(self.openapi_schema)
        return self.openapi_schema


def operation_id(route: APIRoute) -> str:
    """The name of the function. Generated clients name their methods by it, so that it is not changed any more."""
    return route.name


def complete(document: dict[str, Any]) -> None:
    """Adds the statuses of refusals, the schema of problem documents and the examples of bodies."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for schema in schemas.values():
        for field in schema.get("properties", {}).values():
            _tell_default(field)
    schemas[PROBLEM] = Problem.model_json_schema() | {"title": PROBLEM}
    for operation in _operations(document):
        responses = operation["responses"]
        for parameter in operation.get("parameters", ()):
            if (example := NEEDED.get(_place(parameter))) is not None:
                _insist(parameter, example)
        for status in _statuses(operation):
            responses.setdefault(str(status), {})
        for status, response in responses.items():
            if status[0] in "45":
                _describe(status, response)
        operation["responses"] = dict(sorted(responses.items()))
        for content in operation.get("requestBody", {}).get("content", {}).values():
            if (example := _example(content["schema"], schemas)) is not None:
                content.setdefault("example", example)


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        yield from (path[method] for method in METHODS if method in path)


def _tell_default(field: dict[str, Any]) -> None:
    """Generators give up at an object that is the default of what may be null, so it becomes an example."""
    if "anyOf" in field and isinstance(field.get("default"), dict):
        field["examples"] = [field.pop("default")]


def _place(parameter: dict[str, Any]) -> str:
    return f"{parameter['in']} {parameter['name'].lower()}"


def _insist(parameter: dict[str, Any], example: str) -> None:
    schema = parameter["schema"]
    text = next((one for one in schema.get("anyOf", ()) if one.get("type") == "string"), {"type": "string"})
    parameter["schema"] = {**text, "minLength": 1}
    parameter["required"] = True
    parameter["example"] = example


def _statuses(operation: dict[str, Any]) -> set[int]:
    """The statuses of the refusals that follow from the key, the parameters and the body of an operation."""
    taken = {_place(parameter) for parameter in operation.get("parameters", ())}
    found = {401, 403} if "security" in operation else set()
    if "query cursor" in taken:
        found.add(400)
    if "header idempotency-key" in taken:
        found |= {400, 409}
    if "header if-match" in taken:
        found |= {412, 428}
    if "requestBody" in operation:
        found |= {400, 413}  # 400: what is no text in UTF-8
    if taken or "requestBody" in operation:
        found.add(422)
    return found


def _describe(status: str, response: dict[str, Any]) -> None:
    known = int(status) if status.isdigit() else 0
    if known in SAYS and response.get("description") in (None, TITLES.get(known)):
        response["description"] = SAYS[known]
    schema = {"$ref": f"#/components/schemas/{PROBLEM}"}
    response["content"] = {"application/problem+json": {"schema": schema}}


def _example(schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    """The first example of the schema, or of the one that it refers to. None if there is none."""
    if "examples" in schema:
        return schema["examples"][0]
    for one in (schema, *schema.get("anyOf", ())):
        if "$ref" in one:
            return next(iter(schemas[one["$ref"].rpartition("/")[2]].get("examples", ())), None)
    return None
