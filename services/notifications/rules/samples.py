"""Previews of messages: each template with sample facts, so that nobody's data is needed to see it. Pure."""

from dataclasses import replace
from datetime import UTC, datetime

from services.notifications.rules.endpoint_notices import NOTICES
from services.notifications.rules.look import look_of
from services.notifications.rules.rendering import (
    Ahead,
    AnyFacts,
    EndpointFacts,
    Entry,
    Facts,
    OverviewFacts,
    OwnWords,
    Partner,
    Rendered,
    render,
)
from services.notifications.rules.wording import (
    ABOUT,
    Placeholder,
    Worded,
    Wording,
    is_for_staff,
    own_words,
    placeholders_of,
)
from shared.contracts.accounts import Brand
from shared.contracts.matching import Side
from shared.contracts.notifications import PageText, Template
from shared.contracts.programs import Direction
from shared.contracts.round_kinds import DECLARATIONS
from shared.language.words import Words

ZONE = "Europe/Berlin"
MEETING, DEADLINE = datetime(2027, 1, 14, 9, 0, tzinfo=UTC), datetime(2027, 1, 22, 17, 0, tzinfo=UTC)
FAILING_SINCE, DISABLED_AT = datetime(2027, 1, 11, 9, 0, tzinfo=UTC), datetime(2027, 1, 16, 9, 0, tzinfo=UTC)

PARTNER = Partner(
    name="Lea Stern",
    email="lea.stern@example.com",
    job_title="Head of Research",
    department="Research",
    side=Side.MENTEE,
    topics=("Generative AI", "Short video"),
    meeting=None,
)
MESSAGE = Facts(
    given_name="Ana",
    program_name="Digital Upward",
    organization_name="Example Inc",
    period="2027-Q1",
    console_url="https://upward.example.com/console/cycles/00000000-0000-4000-8000-000000000000",
    staff=False,
    direction=Direction.REVERSE,
    contact_name="Mara Weiss",
    contact_email="mara.weiss@example.com",
)
ASKING = replace(
    MESSAGE,
    link="https://upward.example.com/p/sample-of-a-link",
    number=1,
)
NOTICE = EndpointFacts(
    given_name="Ana",
    endpoint_id="00000000-0000-4000-8000-000000000000",
    address="https://systems.example.com/upward",
    description="Business intelligence",
    disable_reason="failing",
)
OUR_BRAND = Brand()
LOGO = "cid:logo"
"""What the HTML of a sample names as its logo. Whoever shows it puts the address of the picture there."""
ABOUT_A_PAIR = (Template.KICKOFF, Template.PAIR_ENDED, Template.PARTNER_LEFT)


def sample_of(template: Template, words: Words, wording: Wording | None = None, brand: Brand = OUR_BRAND) -> Rendered:
    """The message in sample data and in the language of the words, with an organization's own wording if it has one,
    and as the organization shows itself."""
    facts = facts_of(template, words)
    return render(template, facts, words, own_words(template, facts, wording), look_of(brand, LOGO))


def page_sample_of(text: PageText, words: Words, wording: Wording) -> OwnWords | None:
    """The text of a page in sample data. None if it cannot be filled."""
    return own_words(text, facts_of(Template.ENROLMENT_INVITATION, words), wording)


def examples_of(template: Worded, words: Words) -> dict[Placeholder, str]:
    """The values that the sample has for the placeholders of a template."""
    facts = facts_of(Template.ENROLMENT_INVITATION if isinstance(template, PageText) else template, words)
    assert isinstance(facts, Facts), "notices about endpoints have no placeholders"
    return {name: ABOUT[name].value(facts) or "" for name in placeholders_of(template)}


def facts_of(template: Template, words: Words) -> AnyFacts:
    if template is Template.WEEKLY_OVERVIEW:
        return _overview(words)
    if template in NOTICES:
        since, disabled = words.moment(FAILING_SINCE, ZONE), words.moment(DISABLED_AT, ZONE)
        return replace(NOTICE, failing_since=since, disabled_at=disabled)
    if any(template in (found.invitation, found.reminder) for found in DECLARATIONS.values()):
        return replace(ASKING, deadline=words.moment(DEADLINE, ZONE))
    met = replace(PARTNER, meeting=words.moment(MEETING, ZONE))
    partners = (met,) if template in ABOUT_A_PAIR else ()
    return replace(MESSAGE, staff=is_for_staff(template), partners=partners)


def _overview(words: Words) -> OverviewFacts:
    about = f"{MESSAGE.program_name}, {MESSAGE.period}"
    concerns = words.ngettext("%(num)s concern is open", "%(num)s concerns are open", 3)
    ahead = words.gettext("The next cycle starts by itself")
    return OverviewFacts(
        given_name=MESSAGE.given_name,
        organization_name=MESSAGE.organization_name,
        console_url="https://upward.example.com/console",
        entries=(
            Entry(words.gettext("Matches wait for approval"), about, "", f"{MESSAGE.console_url}/review"),
            Entry(concerns, about, "", "https://upward.example.com/console/concerns"),
        ),
        ahead=(Ahead(words.short_moment(DEADLINE, ZONE), ahead, MESSAGE.program_name),),
        more=2,
    )
