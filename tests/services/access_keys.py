"""Access keys that tests make by the API."""

from typing import Any
from uuid import uuid4

import httpx

from tests.services.programs_examples import once


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


async def make(http: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    body = {"role": "viewer", "label": "dashboard"} | fields
    answer = await http.post("/v1/keys", json=body, headers=once({}, str(uuid4())))
    assert answer.status_code == 201, answer.text
    return dict(answer.json())
