"""The admin of a cycle that is played, who acts through the public API and in no other way."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

TRIES = 4
PAUSE_SECONDS = 0.5


class Refused(Exception):
    """The API refused a request. The text is that of its problem document."""

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(problem.get("detail") or problem.get("title"))
        self.code: str = problem.get("code", "")
        self.errors: list[dict[str, Any]] = problem.get("errors", [])


class RetryingTransport(httpx.AsyncHTTPTransport):
    """Sends a request again when its connection failed, because a server may close an idle connection at any moment,
    and when the answer is 503, after the time that the answer names: a server on a slow machine may be busy.

    Everything that is sent may therefore arrive twice. Raises httpx.TransportError after the last try.
    """

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        for _ in range(TRIES - 1):
            try:
                response = await super().handle_async_request(request)
            except httpx.TransportError:
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            if response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                return response
            await response.aclose()
            await asyncio.sleep(float(response.headers.get("retry-after", PAUSE_SECONDS)))
        return await super().handle_async_request(request)


class AdminClient:
    def __init__(self, url: str, key: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        headers = {"authorization": f"Bearer {key}"}
        self._client = httpx.AsyncClient(base_url=url, headers=headers, timeout=60, transport=transport)

    async def close(self) -> None:
        await self._client.aclose()

    async def import_people(self, people: Path, columns: Path | None, skip_invalid: bool) -> dict[str, Any]:
        files = {"file": (people.name, people.read_bytes(), "text/csv")}
        if columns is not None:
            files["columns"] = (columns.name, columns.read_bytes(), "application/toml")
        return await self._call(
            "POST", "/v1/people/import", files=files, params={"skip_invalid": str(skip_invalid).lower()}
        )

    async def people(self) -> list[dict[str, Any]]:
        return await self._all("/v1/people")

    async def create_program(self, body: dict[str, Any]) -> dict[str, Any]:
        return await self._call("POST", "/v1/programs", json=body, headers={"idempotency-key": str(uuid4())})

    async def programs(self) -> list[dict[str, Any]]:
        return await self._all("/v1/programs")

    async def trigger_cycle(
        self, program_id: str, calendar: dict[str, Any] | None = None, period: str = ""
    ) -> dict[str, Any]:
        """Requests a cycle. `calendar` holds the parts of the program's calendar that are different for this cycle, and
        `period` names it otherwise than the API would."""
        key, asked = {"idempotency-key": str(uuid4())}, {"calendar": calendar, "period": period}
        body = {name: value for name, value in asked.items() if value}
        return await self._call("POST", f"/v1/programs/{program_id}/cycles", json=body, headers=key)

    async def cycles(self, program_id: str) -> list[dict[str, Any]]:
        return await self._all(f"/v1/programs/{program_id}/cycles")

    async def cycle(self, cycle_id: str) -> dict[str, Any]:
        return await self._call("GET", f"/v1/cycles/{cycle_id}")

    async def advance(self, cycle_id: str) -> None:
        await self._call("POST", f"/v1/cycles/{cycle_id}/advance")

    async def cancel(self, cycle_id: str) -> None:
        await self._call("POST", f"/v1/cycles/{cycle_id}/cancel")

    async def match_runs(self, cycle_id: str) -> list[dict[str, Any]]:
        return await self._all(f"/v1/cycles/{cycle_id}/match-runs")

    async def match_run(self, run_id: str) -> dict[str, Any]:
        return await self._call("GET", f"/v1/match-runs/{run_id}")

    async def approve(self, run_id: str) -> bool:
        """Approves the match run. False if a newer one took its place since the runs were read, as when somebody left
        or declined meanwhile: the newer one is to be read and approved."""
        try:
            await self._call("POST", f"/v1/match-runs/{run_id}/approve")
        except Refused as refusal:
            if refusal.code != "match_run_superseded":
                raise
            return False
        return True

    async def pairs(self, cycle_id: str) -> list[dict[str, Any]]:
        return await self._all(f"/v1/cycles/{cycle_id}/pairs")

    async def end_pair(self, pair_id: str) -> dict[str, Any]:
        return await self._call("POST", f"/v1/pairs/{pair_id}/end", json={"reason": "not_a_fit"})

    async def concerns(self, cycle_id: str) -> list[dict[str, Any]]:
        return await self._all(f"/v1/cycles/{cycle_id}/concerns")

    async def resolve_concern(self, concern_id: str) -> dict[str, Any]:
        return await self._call("POST", f"/v1/concerns/{concern_id}/resolve")

    async def report(self, cycle_id: str) -> dict[str, Any]:
        return await self._call("GET", f"/v1/cycles/{cycle_id}/report")

    async def messages(self, cycle_id: str) -> dict[str, Any]:
        return await self._call("GET", f"/v1/cycles/{cycle_id}/messages")

    async def events(self, after: int) -> dict[str, Any]:
        return await self._call("GET", "/v1/events", params={"after": after, "limit": 1000})

    async def _all(self, path: str) -> list[dict[str, Any]]:
        """All items of a list that the API returns in pages."""
        items: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            page = await self._call("GET", path, params={"cursor": cursor} if cursor else {})
            items += page["items"]
            if (cursor := page.get("next")) is None:
                return items

    async def _call(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        response = await self._client.request(method, path, **request)
        body: dict[str, Any] = response.json()
        if response.is_error:
            raise Refused(body)
        return body
