"""A coordinator who reads, steers and asks about match runs over HTTP."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from shared.contracts.intake import PoolPerson
from tests.services.matching_stand_ins import Matching

Headers = dict[str, str]
AccessKey = Callable[..., Awaitable[Headers]]


class Admin:
    """A coordinator who steers one cycle's runs over HTTP."""

    def __init__(self, matching: Matching, client: httpx.AsyncClient, headers: Headers) -> None:
        self.matching, self.client, self.headers = matching, client, headers
        self.run: dict[str, Any] = {}
        self.etag = ""

    async def read(self, run_id: object) -> dict[str, Any]:
        answer = await self.client.get(f"/v1/match-runs/{run_id}", headers=self.headers)
        assert answer.status_code == 200, answer.text
        self.run, self.etag = answer.json(), answer.headers["etag"]
        return self.run

    async def put(self, body: Any, *, etag: str | None = None, run_id: object = None) -> httpx.Response:
        address = f"/v1/match-runs/{run_id or self.run['id']}/steering"
        return await self.client.put(address, json=body, headers=self.headers | {"if-match": etag or self.etag})

    async def steer(self, **body: Any) -> dict[str, Any]:
        """Steers the run as it was read last; answers the new revision, which is the one read then."""
        answer = await self.put(body)
        assert answer.status_code == 201, answer.text
        self.run, self.etag = answer.json(), answer.headers["etag"]
        return self.run

    async def refused(self, **body: Any) -> dict[str, str]:
        """The fields that are wrong, with what is said about each."""
        answer = await self.put(body)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), answer.text
        return {error["field"]: error["detail"] for error in answer.json()["errors"]}

    @property
    def couples(self) -> set[tuple[str, str]]:
        return {(pair["mentor_id"], pair["mentee_id"]) for pair in self.run["pairs"]}


def couple(mentor: PoolPerson, mentee: PoolPerson, **more: Any) -> dict[str, Any]:
    return {"mentor_id": str(mentor.person_id), "mentee_id": str(mentee.person_id)} | more


def ids(*people: PoolPerson) -> tuple[str, ...]:
    return tuple(str(person.person_id) for person in people)
