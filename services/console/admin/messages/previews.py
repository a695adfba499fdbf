"""Every message as its readers get it, in sample data and in each language.

The HTML of a mail has styles of its own, which the pages of the console may not have. So it is a document of its own,
shown in a frame that may do nothing: no script, no form, no other address.
"""

from collections.abc import Mapping

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse

from services.console.admin.layout import HEADERS, admin_page
from services.console.admin.messages.view import LIST
from services.console.admin.routes import AdminRoute
from services.console.admin.visit import CurrentVisit, Visit
from services.console.look import look_of
from services.console.words.messages import GROUPS, TEMPLATES
from shared.contracts.base import Contract, Service
from shared.contracts.notifications import Template
from shared.language.words import LANGUAGES

PREVIEWS = f"{LIST}/previews"
DOCUMENT = f"{PREVIEWS}/{{template}}"
LOGO = 'src="cid:logo"'


class Preview(Contract):
    sender: str = ""
    subject: str
    text: str
    html: str


class Previews(Contract):
    items: tuple[Preview, ...]


class FramedRoute(AdminRoute):
    """A route whose answer is shown in a frame of the console and does nothing there."""

    headers: Mapping[str, str] = dict(HEADERS) | {
        "content-security-policy": (
            "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; form-action 'none'; base-uri 'none'; "
            "frame-ancestors 'self'; sandbox"
        ),
        "x-frame-options": "SAMEORIGIN",
    }


router = APIRouter(route_class=AdminRoute, include_in_schema=False)
framed = APIRouter(route_class=FramedRoute, include_in_schema=False)


@router.api_route(PREVIEWS, methods=["GET", "HEAD"])
async def show_previews(visit: CurrentVisit) -> Response:
    asked = visit.query.get("template", "")
    template = Template(asked) if asked in set(Template) else Template.ENROLMENT_INVITATION
    language = _language(visit)
    preview = await _read(visit, template, language)
    return admin_page(
        visit,
        "message_previews.html",
        preview=preview,
        shown=template,
        language=language,
        languages=LANGUAGES,
        groups=GROUPS,
        titles=TEMPLATES,
        document=f"{PREVIEWS}/{template.value}?language={language}",
    )


@framed.api_route(DOCUMENT, methods=["GET", "HEAD"])
async def show_document(template: Template, visit: CurrentVisit) -> Response:
    """The HTML of the message alone. In a mail the logo is attached; here it has an address."""
    html = (await _read(visit, template, _language(visit))).html
    look = look_of(visit.who.brand, visit.who.organization.id)
    return HTMLResponse(html.replace(LOGO, f'src="{look.logo_address}"'))


def _language(visit: Visit) -> str:
    """The language that the address asks for, or else the visitor's."""
    asked = visit.query.get("language", "")
    return asked if asked in LANGUAGES else visit.words.language


async def _read(visit: Visit, template: Template, language: str) -> Preview:
    asked = {"template": template.value, "language": language}
    return (await visit.api.get(Service.NOTIFICATIONS, "/messages/preview", Previews, asked)).items[0]
