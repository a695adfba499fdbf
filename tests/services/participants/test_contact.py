"""Participants' pages name whom a reader may ask: the program's first coordinator who has not left."""

import httpx
import pytest

from shared.contracts.rounds import RoundKind
from shared.errors import Conflict, Gone
from tests.console_fakes import PATHS, FakeServices, fields_of, token_of

CONTACT = 'Questions? Ask Mara &lt;i&gt;Weiss&lt;/i&gt;: <a href="mailto:mara@acme.example">mara@acme.example</a>'


@pytest.mark.parametrize("kind", RoundKind)
async def test_every_page_names_whom_the_reader_may_ask(
    client: httpx.AsyncClient, fakes: FakeServices, kind: RoundKind
) -> None:
    shown = [await client.get(PATHS[kind]), await client.get(f"{PATHS[kind]}/done")]
    shown.append(await client.post(PATHS[kind], data={"role": "none at all"}))
    fakes.refusal = Conflict("settled", code="pair_settled")
    shown.append(await client.post(PATHS[kind], data=fields_of(fakes)[kind]))
    fakes.links[token_of(kind)] = Gone("over", code="round_closed")
    shown += [await client.get(PATHS[kind]), await client.get(f"{PATHS[kind]}/done")]
    assert [answer.status_code for answer in shown] == [200, 200, 422, 409, 410, 200]
    assert [answer.text.count(CONTACT) for answer in shown] == [1] * len(shown)


async def test_nobody_is_named_who_has_left_and_to_whoever_has_no_link(
    client: httpx.AsyncClient, fakes: FakeServices
) -> None:
    path = PATHS[RoundKind.ENROLMENT]
    fakes.links[token_of(RoundKind.ENROLMENT)] = Gone("over", code="link_expired")
    refused = [await client.get(path), await client.get("/p/unknown"), await client.get("/p/x%00")]
    fakes.links.clear()
    fakes.coordinator = fakes.coordinator.model_copy(update={"active": False})
    refused += [await client.get(path), await client.get(f"{path}/done")]
    assert [answer.status_code for answer in refused] == [410, 404, 404, 200, 200]
    assert not any("Questions?" in answer.text for answer in refused)
