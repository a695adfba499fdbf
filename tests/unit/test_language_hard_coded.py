"""Every word of a message comes through the catalogues: in a language that only tests speak, no English is left."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from services.notifications.rules.rendering import Facts, render
from shared.contracts.notifications import Template
from shared.language.words import Words
from tests.pseudo import accented, hard_coded, hard_coded_in_page, pseudo_is_spoken
from tests.unit.test_notifications_rendering import ENDPOINT, NOTICES, PARTNER, facts_for

VALUES = (
    *("Ann", "Upward", "Acme", "2026-Q1", "GET", "POST", "failing"),
    *(PARTNER.name, PARTNER.job_title, PARTNER.department, "Short video, AI tools", str(PARTNER.meeting)),
    *(ENDPOINT.endpoint_id, ENDPOINT.description, str(ENDPOINT.failing_since), str(ENDPOINT.disabled_at)),
    "Friday, 2 January 2026, 18:00",
)


@pytest.fixture(scope="module")
def pseudo() -> Iterator[Words]:
    with pseudo_is_spoken() as words:
        yield words


READERS = [(template, False) for template in Template]
READERS += [(template, True) for template in Template if template not in NOTICES]


@pytest.mark.parametrize(("template", "staff"), READERS)
def test_no_word_of_a_message_is_hard_coded(template: Template, staff: bool, pseudo: Words) -> None:
    facts = facts_for(template)
    if isinstance(facts, Facts):
        facts = replace(facts, staff=staff)
    rendered = render(template, facts, pseudo)
    assert hard_coded(rendered.subject, *VALUES) == ""
    assert [found for line in rendered.text.splitlines() if (found := hard_coded(line, *VALUES))] == []
    assert hard_coded_in_page(rendered.html, *VALUES) == []


def test_a_hard_coded_word_is_found() -> None:
    page = f'<p aria-label="Close">{accented("Fine")} Ann</p><img alt="A picture"><code>curl</code>'
    assert hard_coded_in_page(page, "Ann") == ["Close", "A picture"]
    assert hard_coded(f"{accented('Hello')} there") != ""


def test_values_keep_their_places_and_sentences_get_longer() -> None:
    assert accented("Hello %(name)s") == "Ĥééļļöö %(name)s"
