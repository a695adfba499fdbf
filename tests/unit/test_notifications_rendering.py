"""Every template of the contract can be rendered, completely and safely."""

import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from uuid import UUID, uuid4

import pytest
from jinja2 import UndefinedError

from services.notifications.rules import rendering
from services.notifications.rules.console_pages import console_page
from services.notifications.rules.rendering import (
    ENVIRONMENT,
    Ahead,
    AnyFacts,
    EndpointFacts,
    Entry,
    Facts,
    OverviewFacts,
    Partner,
    Rendered,
    one_line,
)
from shared.contracts.matching import Side
from shared.contracts.notifications import Announcement, Audience, Template
from shared.contracts.programs import Direction
from shared.contracts.rounds import RoundKind, round_id_for
from shared.language.words import LANGUAGES, words_of

PARTNER = Partner(
    name="Lea <b>Stern</b>",
    email="lea@acme.example",
    job_title="R&D lead",
    department="Research",
    side=Side.MENTOR,
    topics=("Short video", "AI tools"),
    meeting="Thursday, 8 January 2026, 10:00 (Europe/Berlin)",
)
FACTS = Facts(
    given_name="Ann",
    program_name="Upward",
    organization_name="Acme",
    period="2026-Q1",
    console_url="https://up.example/console/cycles/1",
    staff=False,
)
ENDPOINT = EndpointFacts(
    given_name="Ann",
    endpoint_id="7f3c",
    address="https://hooks.acme.example/<upward>",
    description="Payroll & <i>time",
    disable_reason="failing",
    failing_since="Monday, 5 January 2026, 10:00 (Europe/Berlin)",
    disabled_at="Saturday, 10 January 2026, 10:00 (Europe/Berlin)",
)
WEEK = OverviewFacts(
    given_name="Ann",
    organization_name="Upward Acme",
    console_url="https://up.example/console",
    entries=(Entry("failing", "Upward, 2026-Q1", "Friday, 2 January 2026, 18:00", "https://up.example/console/1"),),
    ahead=(Ahead("Friday, 2 January 2026, 18:00", "failing", "Upward, 2026-Q1"),),
    more=1,
)
ROUND = replace(FACTS, link="https://up.example/p/secret", deadline="Friday, 2 January 2026, 18:00", number=3)
ASKING = [template for template in Template if template.value.endswith(("_invitation", "_reminder"))]
ASKING = [template for template in ASKING if not template.value.startswith(("approval", "concern"))]
NOTICES = [template for template in Template if template.value.startswith("endpoint")]
STAFF = [template for template in Template if template.value.startswith(("approval", "concern", "people"))]
CONCERNS = [template for template in Template if template.value.startswith("concern")]


def render(template: Template, facts: AnyFacts, language: str = "en") -> Rendered:
    return rendering.render(template, facts, words_of(language))


def facts_for(template: Template) -> AnyFacts:
    if template is Template.WEEKLY_OVERVIEW:
        return WEEK
    if template in NOTICES:
        return ENDPOINT
    if template in ASKING:
        return ROUND
    return replace(FACTS, staff=template in STAFF, partners=(PARTNER,) if template is Template.KICKOFF else ())


TAG = re.compile(r"<[^>]+>")
BASES = ("base", "concern_base", "endpoint_base")


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_there_is_a_text_and_an_html_template_for_each_and_no_other() -> None:
    names = {f"{template.value}.{kind}.j2" for template in Template for kind in ("txt", "html")}
    assert set(ENVIRONMENT.list_templates()) == names | {
        f"{base}.{kind}.j2" for base in BASES for kind in ("txt", "html")
    }


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", Template)
def test_every_template_renders_with_a_subject_a_greeting_and_balanced_html(template: Template, language: str) -> None:
    rendered = render(template, facts_for(template), language)
    assert "Upward" in rendered.subject
    assert "\n" not in rendered.subject
    greeting = words_of(language).gettext("Hello %(given_name)s,", given_name="Ann")
    assert rendered.text.startswith(f"{greeting}\n\n")
    assert f'<html lang="{language}" dir="ltr">' in rendered.html
    assert ("7f3c" if template in NOTICES else "2026-Q1") in rendered.text
    assert "{" not in rendered.text + rendered.html.replace("{}", "")
    assert "None" not in rendered.text + rendered.html
    tags = Tags()
    tags.feed(rendered.html)
    assert tags.open == []


LISTING = (Template.KICKOFF, Template.WEEKLY_OVERVIEW)


@pytest.mark.parametrize("template", [one for one in Template if one not in (*NOTICES, *LISTING)])
def test_what_is_a_paragraph_in_html_is_one_in_plain_text(template: Template) -> None:
    rendered = render(template, facts_for(template))
    body = re.split(r"<p><a |<footer", rendered.html)[0]
    told = [unescape(TAG.sub("", text)) for text in re.findall(r"<p>(.*?)</p>", body)]
    assert len(told) >= 2
    assert rendered.text.split("\n\n")[: len(told)] == told


@pytest.mark.parametrize("template", ASKING)
def test_a_message_that_asks_says_until_when_and_carries_the_link_alone_in_its_line(template: Template) -> None:
    rendered = render(template, ROUND)
    assert "https://up.example/p/secret" in rendered.text.splitlines()
    assert 'href="https://up.example/p/secret"' in rendered.html
    for text in (rendered.text, rendered.html):
        assert "Friday, 2 January 2026, 18:00" in text
        assert "console" not in text


@pytest.mark.parametrize("template", STAFF)
def test_a_message_to_coordinators_points_to_the_console_and_carries_no_secret(template: Template) -> None:
    rendered = render(template, replace(FACTS, staff=True))
    assert "https://up.example/console/cycles/1" in rendered.text
    assert "/p/" not in rendered.text + rendered.html


@pytest.mark.parametrize("template", CONCERNS)
def test_a_message_about_a_concern_says_how_it_is_resolved(template: Template) -> None:
    rendered = render(template, replace(FACTS, staff=True))
    for text in (rendered.text, rendered.html):
        assert "in the console you see which pairs this is about" in text
        assert "https://up.example/console/cycles/1" in text
        assert "/v1/" not in text
        assert "whoever runs Upward for Acme can do it for you" in text


@pytest.mark.parametrize(
    ("direction", "told"),
    [
        (Direction.REVERSE, "people early in their careers mentor senior colleagues, because"),
        (Direction.TRADITIONAL, "Experienced colleagues mentor others"),
        (Direction.MUTUAL, "Colleagues of different levels meet regularly, and everyone learns"),
    ],
)
def test_an_invitation_says_who_mentors_whom(direction: Direction, told: str) -> None:
    rendered = render(Template.ENROLMENT_INVITATION, replace(ROUND, direction=direction))
    assert told in rendered.text
    assert told in rendered.html


def test_the_page_of_a_message_has_its_subject_as_heading_and_one_button() -> None:
    rendered = render(Template.CHECK_IN_INVITATION, replace(ROUND, program_name="R&D"))
    assert rendered.subject == "R&D: how is it going? (check-in 3)"
    assert ">R&amp;D: how is it going? (check-in 3)</h1>" in rendered.html
    assert rendered.html.count("<a ") == 1


def test_a_pair_without_a_shared_time_is_told_so_and_the_others_their_time() -> None:
    second = replace(PARTNER, name="Max", meeting=None)
    both = render(Template.KICKOFF, replace(FACTS, partners=(PARTNER, second)))
    neither = render(Template.KICKOFF, replace(FACTS, partners=(second,)))
    for told, times in ((both, 1), (neither, 0)):
        for text in (told.text, told.html):
            assert text.count("Proposed first meeting:") == times
            assert text.count("do not overlap") == 1
            assert ("The calendar file attached holds the proposed first meeting;" in text) == bool(times)


@pytest.mark.parametrize("template", NOTICES)
def test_a_notice_to_an_owner_names_the_endpoint_what_happens_next_and_where_to_look(template: Template) -> None:
    rendered = render(template, ENDPOINT)
    assert "  Address: https://hooks.acme.example/<upward>\n  Description: Payroll & <i>time\n" in rendered.text
    assert "https://hooks.acme.example/&lt;upward&gt;" in rendered.html
    assert "Payroll &amp; &lt;i&gt;time" in rendered.html
    for text in (rendered.text, rendered.html):
        assert "GET /v1/endpoints/7f3c/attempts" in text
        assert "Monday, 5 January 2026, 10:00 (Europe/Berlin)" in text
        assert ("until Saturday, 10 January" in text) is (template is not Template.ENDPOINT_DISABLED)
        assert ("about three days" in text) is (template is not Template.ENDPOINT_DISABLED)
        assert ("enable it again" in text) is (template is Template.ENDPOINT_DISABLED)
    assert rendered.text.count("\n\n") == 5, "greeting, what happened, where, what comes next, what to do, the end"


def test_a_notice_claims_no_more_than_is_known() -> None:
    unknown = replace(ENDPOINT, description="", disable_reason=None, failing_since=None, disabled_at=None)
    failing, disabled = (
        render(template, unknown).text for template in (Template.ENDPOINT_FAILING, Template.ENDPOINT_DISABLED)
    )
    assert "five days is disabled" in failing
    assert "Your endpoint was disabled.\n" in disabled
    assert "None" not in failing + disabled
    assert "Description" not in failing + disabled
    gone = render(Template.ENDPOINT_DISABLED, replace(unknown, disable_reason="gone")).text
    assert "410" in gone
    assert "five days" not in gone


def test_an_overview_lists_the_same_in_both_forms_and_escapes_it() -> None:
    entry = Entry("Matches <i>", "R&D <b>, 2026-Q1", "", "https://up.example/console/1")
    rendered = render(Template.WEEKLY_OVERVIEW, replace(WEEK, entries=(entry,), given_name="<b>Ann"))
    assert "- Matches <i>: R&D <b>, 2026-Q1\n  https://up.example/console/1\n" in rendered.text
    told = '<li><a href="https://up.example/console/1">Matches &lt;i&gt;</a>: R&amp;D &lt;b&gt;, 2026-Q1</li>'
    assert told in rendered.html
    assert "<b>" not in rendered.html
    alone = render(Template.WEEKLY_OVERVIEW, replace(WEEK, ahead=()))
    assert "14 days" in rendered.text + rendered.html
    assert "14 days" not in alone.text + alone.html


OF_A_CYCLE = [one for one in Template if one not in (*NOTICES, Template.WEEKLY_OVERVIEW)]


@pytest.mark.parametrize("template", OF_A_CYCLE)
def test_names_are_escaped_in_html_and_left_alone_in_plain_text(template: Template) -> None:
    facts = facts_for(template)
    assert isinstance(facts, Facts)
    rendered = render(template, replace(facts, given_name="<b>Ann", program_name="R&D <i>"))
    assert "Hello <b>Ann," in rendered.text
    assert "<b>" not in rendered.html
    assert "<i>" not in rendered.html
    assert "&lt;b&gt;Ann" in rendered.html


def test_the_kickoff_introduces_every_partner_with_topics_and_a_proposed_meeting() -> None:
    second = replace(PARTNER, name="Max", email="max@acme.example", job_title="", department="", topics=())
    rendered = render(Template.KICKOFF, replace(FACTS, partners=(PARTNER, second)))
    assert "Your mentor: Lea <b>Stern</b>\n  R&D lead, Research\n  lea@acme.example\n" in rendered.text
    assert "  Topics: Short video, AI tools\n" in rendered.text
    assert "Your mentor: Max\n  max@acme.example\n  Proposed first meeting: Thursday" in rendered.text
    assert "Lea &lt;b&gt;Stern" in rendered.html
    assert rendered.subject == "Upward: it starts! Meet your partners"


def test_a_template_that_asks_for_what_nobody_knows_fails() -> None:
    with pytest.raises(UndefinedError):
        ENVIRONMENT.from_string("{{ salary }}").render(vars(FACTS))


def test_text_of_people_becomes_one_line() -> None:
    assert one_line(" Ann\r\nBcc: all@acme.example\x00\u2028x ") == "Ann Bcc: all@acme.example x"


def test_what_needs_a_human_leads_to_the_page_where_it_is_done() -> None:
    """What a check-in round raised is one matter, and leads to the open concerns of the cycle."""
    cycle, concern = uuid4(), uuid4()
    about = {"organization_id": uuid4(), "cycle_id": cycle, "audience": Audience.COORDINATORS}

    def page(template: Template, scope: UUID) -> str:
        return console_page(Announcement.model_validate(about | {"template": template, "scope_id": scope}), cycle)

    assert page(Template.APPROVAL_NEEDED, uuid4()) == f"/console/cycles/{cycle}/review"
    assert page(Template.CONCERN_RAISED, concern) == f"/console/concerns/{concern}"
    silent = round_id_for(cycle, RoundKind.CHECK_IN, 2)
    assert page(Template.CONCERN_REMINDER, silent) == f"/console/concerns?cycle_id={cycle}"
    assert page(Template.PEOPLE_LEFT, cycle) == f"/console/cycles/{cycle}/pairs"
    assert page(Template.CYCLE_COMPLETED, cycle) == f"/console/cycles/{cycle}"
