"""A participant's page keeps to itself: no other site can read, frame or send it, and its secret is written nowhere."""

import io
import logging
import re
from collections.abc import Iterator

import httpx
import pytest

from shared.contracts.intake import Colleague, Colleagues
from shared.contracts.rounds import RoundKind
from shared.errors import Gone
from shared.logging import configure_logging
from tests.console_fakes import ENROL, PATHS, TOPICS, FakeServices, fields_of, token_of
from tests.services.every_page.documents import Page
from tests.services.every_page.planting import ATTACK, HOSTILE, faults_of_markup


@pytest.mark.parametrize("headers", [{"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}])
async def test_a_form_that_another_site_sends_is_refused(
    client: httpx.AsyncClient, fakes: FakeServices, headers: dict[str, str]
) -> None:
    response = await client.post(PATHS[RoundKind.ENROLMENT], data=ENROL, headers=headers)
    assert response.status_code == 403
    assert "did not come from our page" in response.text
    assert fakes.calls == []


async def test_every_answer_is_private(client: httpx.AsyncClient, fakes: FakeServices) -> None:
    path = PATHS[RoundKind.ENROLMENT]
    answers = [
        await client.get(path),
        await client.get(f"{path}/done"),
        await client.post(path, data=ENROL),
        await client.post(path, data={}),
        await client.get("/p/short"),
        await client.get("/p/short", headers={"accept": "application/json"}),
    ]
    for response in answers:
        assert response.headers["referrer-policy"] == "no-referrer"
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["x-frame-options"] == "DENY"
        assert "noindex" in response.headers["x-robots-tag"]
        policy = response.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "set-cookie" not in response.headers


@pytest.mark.parametrize("kind", RoundKind)
async def test_pages_need_no_inline_style_or_script_and_hold_no_token(
    client: httpx.AsyncClient, fakes: FakeServices, kind: RoundKind
) -> None:
    pages = [await client.get(PATHS[kind]), await client.get(f"{PATHS[kind]}/done"), await client.post(PATHS[kind])]
    for response in pages:
        assert not re.search(r"<script|<style|\sstyle=|\son[a-z]+=", response.text)
        assert token_of(kind) not in response.text


@pytest.mark.parametrize("kind", RoundKind)
async def test_what_people_write_is_text_and_no_page_is_framed(
    client: httpx.AsyncClient, fakes: FakeServices, kind: RoundKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names of people, programs, organizations and topics, reasons, and what the form or its address says."""
    brief, words = FakeServices._brief, {"name": HOSTILE, "job_title": HOSTILE, "department": HOSTILE}
    hostile: dict[str, object] = dict.fromkeys(("organization_name", "program_name", "period"), HOSTILE)
    hostile["topics"] = tuple(topic.model_copy(update={"label": HOSTILE}) for topic in TOPICS)
    monkeypatch.setattr(FakeServices, "_brief", lambda self: brief(self).model_copy(update=hostile))
    people = {name: getattr(fakes, name) for name in ("me", "partner", "coordinator")}
    for name, one in people.items():
        setattr(fakes, name, one.model_copy(update=words | {"given_name": HOSTILE}))
    fakes.reasons = (HOSTILE,)
    fakes.colleagues = Colleagues(people=(Colleague(**words, email="ana@acme.example"),))
    page = await client.get(PATHS[kind], params={"x": HOSTILE, "done": HOSTILE})
    names = Page(page.text).asked
    typed = dict.fromkeys(names, ATTACK)
    answers = [page, await client.get(f"{PATHS[kind]}/done"), await client.post(PATHS[kind], data=typed)]
    answers.append(await client.post(PATHS[kind], data=typed | {"colleague": HOSTILE, "find": "1"}))
    answers.append(await client.post(PATHS[kind], data=fields_of(fakes)[kind]))
    for answer in answers:
        assert answer.status_code < 500
        assert list(faults_of_markup(answer.text)) == []
        assert "x-upward" in answer.text or answer.status_code == 303, "what was planted is shown"
        assert answer.headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


@pytest.fixture
def logs() -> Iterator[io.StringIO]:
    """The project's own log pipeline, into memory."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    stream = io.StringIO()
    configure_logging("DEBUG", stream=stream)
    yield stream
    root.handlers = handlers
    root.setLevel(level)


async def test_no_token_reaches_the_logs(client: httpx.AsyncClient, fakes: FakeServices, logs: io.StringIO) -> None:
    for kind in RoundKind:
        await client.get(PATHS[kind])
        await client.get(f"{PATHS[kind]}/")
        await client.get(f"{PATHS[kind]}/done")
        await client.post(PATHS[kind], data=fields_of(fakes)[kind])
        await client.post(PATHS[kind], data={})
        await client.put(PATHS[kind])
    fakes.broken = True
    await client.post(PATHS[RoundKind.ENROLMENT], data=ENROL)
    fakes.links[token_of(RoundKind.SURVEY)] = Gone("closed", code="round_closed")
    await client.get(PATHS[RoundKind.SURVEY])
    written = logs.getvalue()
    assert '"route": "/p/{token}"' in written
    assert "service.unavailable" in written
    assert "secret-of-the" not in written
    assert fakes.me.given_name not in written
