"""Notices to the owner of an endpoint: whether a notice is still needed, and its facts. Pure.

A notice is composed when it is sent, from the endpoint as it is then. A notice that the mail server has put off for
hours must not warn that the endpoint will be disabled when it is disabled already, or works again.
"""

from datetime import datetime
from urllib.parse import urlsplit, urlunsplit

from services.notifications.rules.rendering import EndpointFacts, one_line
from services.notifications.rules.sending_hours import zone_of
from shared.contracts.endpoints import DISABLED_AFTER, EndpointBrief, EndpointState
from shared.contracts.intake import Contact
from shared.contracts.notifications import Template
from shared.language.words import Words

NOTICES = (Template.ENDPOINT_FAILING, Template.ENDPOINT_DISABLING_SOON, Template.ENDPOINT_DISABLED)


def pointless(notice: Template, endpoint: EndpointBrief | None) -> str | None:
    """Why the notice is not needed any more, as a code; None if it is. The endpoint may have been deleted (`endpoint`
    is None), enabled or disabled since, or it may accept events again. The notice that an event failed is sent even
    then, as the endpoint may accept other events and not that one."""
    if endpoint is None:
        return "endpoint_gone"
    enabled = endpoint.state is EndpointState.ENABLED
    if notice is Template.ENDPOINT_DISABLED:
        return "endpoint_enabled" if enabled else None
    if not enabled:
        return "endpoint_disabled"
    if notice is Template.ENDPOINT_DISABLING_SOON and endpoint.failing_since is None:
        return "endpoint_recovered"
    return None


def endpoint_facts(contact: Contact, endpoint: EndpointBrief, words: Words) -> EndpointFacts:
    """The facts of a notice. Times are in the owner's words and time zone, or in UTC if that is not known."""
    zone, since = zone_of(contact.time_zone), endpoint.failing_since

    def told(moment: datetime | None) -> str | None:
        return words.moment(moment, zone.key) if moment is not None else None

    return EndpointFacts(
        given_name=one_line(contact.given_name) or one_line(contact.name),
        endpoint_id=str(endpoint.endpoint_id),
        address=one_line(shown_address(endpoint.url)),
        description=one_line(endpoint.description),
        disable_reason=endpoint.disable_reason.value if endpoint.disable_reason is not None else None,
        failing_since=told(since),
        disabled_at=told(since + DISABLED_AFTER if since is not None else None),
    )


def shown_address(url: str) -> str:
    """The URL as an e-mail may show it: without user, query and fragment, which often are or contain a secret."""
    parts = urlsplit(url)
    shown = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    return f"{shown}?…" if parts.query else shown
