"""Reading a form that a browser posts. It must be small, come from our own page, and be encoded as plain forms are."""

from collections.abc import AsyncGenerator
from urllib.parse import parse_qsl, urlsplit

from starlette.datastructures import FormData
from starlette.requests import Request

from shared.errors import BadRequest, DomainError, Forbidden
from shared.http.receiving import read_multipart

MOST_BYTES = 64 * 1024
MOST_FIELDS = 1000
OWN_SITE = {"same-origin", "none"}


class CrossSite(Forbidden):
    code = "cross_site"


class FormTooLarge(DomainError):
    status = 413
    code = "form_too_large"


class NotAForm(DomainError):
    status = 415
    code = "not_a_form"


def refuse_cross_site(request: Request, public_url: str) -> None:
    """Raises CrossSite when the browser says that another site sent the form.

    The secret in the address is what protects the answer; this check is an additional one. Our pages send no referrer,
    so that browsers write `Origin: null` for our own forms. Then `Sec-Fetch-Site` alone decides.
    """
    refused = CrossSite("Send the form from its own page.")
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in OWN_SITE:
        raise refused
    origin = request.headers.get("origin", "null")
    if origin == "null" or site is not None:
        return
    if urlsplit(origin).netloc not in {request.headers.get("host", ""), urlsplit(public_url).netloc}:
        raise refused


def check_is_form(request: Request) -> None:
    """Raises NotAForm (415) unless the headers say that the body is a URL-encoded form."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/x-www-form-urlencoded":
        raise NotAForm("Send the fields as application/x-www-form-urlencoded.")


async def read_with_file(request: Request, most_bytes: int) -> FormData:
    """The fields of a form with one file. Close it after use. Raises NotAForm, FormTooLarge (413), BadRequest."""

    async def stream() -> AsyncGenerator[bytes, None]:
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > most_bytes:
                raise FormTooLarge("The file is too large.")
            yield chunk

    kind = request.headers.get("content-type", "")
    if kind.partition(";")[0].strip().lower() != "multipart/form-data":
        raise NotAForm("Send the file as multipart/form-data.")
    try:
        return await read_multipart(kind, stream(), files=1, fields=5, part_bytes=MOST_BYTES)
    except ValueError:
        raise BadRequest("The form could not be read.", code="bad_form") from None


async def read_typed(request: Request) -> FormData:
    """The fields of a URL-encoded form. Raises FormTooLarge (413), BadRequest."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise FormTooLarge("The form must not be larger than 64 kB.")
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise BadRequest("The form could not be read.", code="bad_form") from None
    return FormData([(name, value) for name, value in fields])
