"""`/`: people are told what this is, and programs are led to the description of the API."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from services.console.pages import PageRoute, page, reader_words

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.api_route("/", methods=["GET", "HEAD"])
async def show_front(request: Request) -> Response:
    """A browser names HTML in `Accept`; most programs do not."""
    people = "text/html" in request.headers.get("accept", "").lower()
    response = page("front.html", reader_words(request)) if people else RedirectResponse("/docs")
    response.headers["vary"] = "accept, accept-language"
    return response
