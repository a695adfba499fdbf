"""Previews of messages: each template with sample facts, so that nobody's data is needed to see it. Pure."""

from dataclasses import replace

from services.notifications.rules.endpoint_notices import NOTICES
from services.notifications.rules.rendering import EndpointFacts, Facts, Partner, Rendered, render
from shared.contracts.matching import Side
from shared.contracts.notifications import Template
from shared.contracts.round_kinds import DECLARATIONS

PARTNER = Partner(
    name="Lea Stern",
    email="lea.stern@example.com",
    job_title="Head of Research",
    department="Research",
    side=Side.MENTEE,
    topics=("Generative AI", "Short video"),
    meeting="Thursday, 14 January 2027, 10:00 (Europe/Berlin)",
)
MESSAGE = Facts(
    given_name="Ana",
    program_name="Digital Upward",
    organization_name="Example Inc",
    period="2027-Q1",
    console_url="https://upward.example.com/console/cycles/00000000-0000-4000-8000-000000000000",
    staff=False,
    api_url="https://upward.example.com",
    cycle_id="00000000-0000-4000-8000-000000000000",
)
ASKING = replace(
    MESSAGE,
    link="https://upward.example.com/p/sample-of-a-link",
    deadline="Friday, 22 January 2027, 18:00 (Europe/Berlin)",
    number=1,
)
NOTICE = EndpointFacts(
    given_name="Ana",
    endpoint_id="00000000-0000-4000-8000-000000000000",
    address="https://systems.example.com/upward",
    description="Business intelligence",
    disable_reason="failing",
    failing_since="Monday, 11 January 2027, 10:00 (Europe/Berlin)",
    disabled_at="Saturday, 16 January 2027, 10:00 (Europe/Berlin)",
)
ABOUT_A_PAIR = (Template.KICKOFF, Template.PAIR_ENDED, Template.PARTNER_LEFT)
TO_STAFF = ("approval_", "concern_", "people_", "nobody_")
"""How the names of those templates begin that go to coordinators and sponsors."""


def sample_of(template: Template) -> Rendered:
    """The message in sample data."""
    return render(template, _facts_of(template))


def _facts_of(template: Template) -> Facts | EndpointFacts:
    if template in NOTICES:
        return NOTICE
    if any(template in (found.invitation, found.reminder) for found in DECLARATIONS.values()):
        return ASKING
    partners = (PARTNER,) if template in ABOUT_A_PAIR else ()
    return replace(MESSAGE, staff=template.value.startswith(TO_STAFF), partners=partners)
