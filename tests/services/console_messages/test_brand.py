"""The page about sender, colour and logo: tried, saved and reset by admins, and seen on pages and in previews."""

from typing import Any
from urllib.parse import unquote
from uuid import UUID

import httpx
import pytest

from services.console.admin.brand.view import LIGHT_FIRST, errors_of
from services.console.forms.errors import FieldError
from shared.auth import Role
from shared.language.words import words_of
from tests.services.console_messages.conftest import Key, mark_in
from tests.services.pictures import png
from tests.services.test_console_sign_in import key_of, sign_in, token_in

PAGE = "/console/messages/brand"
LOGO, RESET = f"{PAGE}/logo", f"{PAGE}/reset"
TYPED = {"sender_name": "Acme Learning", "accent": "#7a2048", "accent_dark": ""}


async def send(browser: httpx.AsyncClient, path: str = PAGE, **fields: Any) -> httpx.Response:
    page = await browser.get(path)
    return await browser.post(path, data={"form_token": token_in(page), "etag": mark_in(page)} | TYPED | fields)


async def upload(browser: httpx.AsyncClient, data: bytes, do: str = "save", **fields: str) -> httpx.Response:
    page = await browser.get(PAGE)
    sent = {"form_token": token_in(page), "etag": mark_in(page), "do": do} | fields
    return await browser.post(LOGO, data=sent, files={"file": ("logo.svg", data, "image/svg+xml")})


async def test_a_colour_is_tried_saved_and_then_on_every_page_and_in_every_mail(admin: httpx.AsyncClient) -> None:
    first = (await admin.get(PAGE)).text
    assert "So it looks now" in first
    assert "#1b655f" in first
    assert "/console/accent/" not in first
    tried = await send(admin, do="preview")
    assert tried.status_code == 200
    assert "So it would look" in tried.text
    assert 'fill="#7a2048"' in tried.text
    assert "/console/accent/" not in (await admin.get(PAGE)).text
    saved = await send(admin, do="save")
    assert (saved.status_code, saved.headers["location"]) == (303, f"{PAGE}?done=saved")
    page = (await admin.get(saved.headers["location"])).text
    assert "Saved. Pages and messages look like this from now on." in page
    sheet = page.partition('href="/console/accent/')[2].partition('"')[0]
    answer = await admin.get(f"/console/accent/{sheet}")
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert "immutable" in answer.headers["cache-control"]
    assert answer.text.startswith(":root { --accent: #7a2048; --accent-ink: #ffffff;")
    assert f"/console/accent/{sheet}" in (await admin.get("/console")).text
    assert " style=" not in page
    mail = await admin.get("/console/messages/previews/kickoff")
    assert "background:#7a2048" in (await admin.get("/console/messages/previews/survey_invitation")).text
    assert "cid:" not in mail.text
    assert "Acme Learning &lt;programs@upward.example&gt;" in (await admin.get("/console/messages/previews")).text
    asked = (await admin.get(RESET)).text
    assert "Acme Learning" in asked
    assert "#7a2048" in asked
    assert (await send(admin, RESET)).headers["location"] == f"{PAGE}?done=reset"
    assert "/console/accent/" not in (await admin.get(PAGE)).text
    assert (await admin.get(RESET)).status_code == 404


@pytest.mark.parametrize("do", ["preview", "save"])
@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"accent": "#ffcc00"}, "in the light theme: its contrast is 1.39, and 4.5 is needed. #876c00 would pass."),
        ({"accent_dark": "#7a2048"}, "in the dark theme: its contrast is 1.57, and 4.5 is needed."),
        ({"accent": "", "accent_dark": "#ffffff"}, "Write the colour for the light theme first."),
        ({"accent": "red"}, "Write # and six hexadecimal digits, such as #1b655f."),
        ({"sender_name": "HR <ceo@acme.example>"}, "Write one line of at most 60 characters"),
    ],
)
async def test_what_cannot_be_is_told_beside_its_field(
    admin: httpx.AsyncClient, do: str, typed: dict[str, str], said: str
) -> None:
    answer = await send(admin, do=do, **typed)
    assert answer.status_code == 422
    [field] = [name for name in typed if typed[name]]
    assert f'<a href="#{field}">' in answer.text
    assert said in answer.text
    if do == "save":
        assert "So it looks now" in answer.text
        assert RESET not in (await admin.get(PAGE)).text


def test_why_a_colour_is_refused_is_told_by_its_code_and_not_by_the_words_of_the_api() -> None:
    refused = {"field": "body.accent_dark", "code": "accent_missing", "detail": "in whatever words"}
    assert errors_of([refused], words_of("en")) == (FieldError("accent_dark", LIGHT_FIRST),)


async def test_a_logo_is_uploaded_shown_with_its_name_and_removed(
    admin: httpx.AsyncClient, organization_id: UUID
) -> None:
    assert (await upload(admin, png(40, 20))).headers["location"] == f"{PAGE}?done=logo"
    page = (await admin.get(PAGE)).text
    address = page.partition('src="/console/logos/')[2].partition('"')[0]
    assert address.startswith(f"{organization_id}/")
    assert f'alt="Company {organization_id}"' in page
    assert f'aria-label="Company {organization_id}, home"' in page
    picture = await admin.get(f"/console/logos/{address}")
    assert (picture.content, picture.headers["content-type"]) == (png(40, 20), "image/png")
    assert picture.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in picture.headers["content-security-policy"]
    framed = await admin.get("/console/messages/previews/kickoff")
    assert f'<img src="/console/logos/{address}" alt="Company {organization_id}" width="40" height="20"' in framed.text
    assert (await upload(admin, b"", "remove")).headers["location"] == f"{PAGE}?done=removed"
    assert (await admin.get(f"/console/logos/{address}")).status_code == 404
    assert "/console/logos/" not in (await admin.get("/console")).text


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "Choose a file."),
        (b"<svg onload='alert(1)'/>", "This is neither a PNG nor a JPEG."),
        (png(40, 20)[:60], "This picture is damaged or not whole."),
        (png(2000, 20), "The sides of the picture must have 16 to 1,200 pixels."),
        (b"\x89PNG" + b"\x00" * 200_000, "This file has more than 100 kB."),
    ],
)
async def test_a_file_that_is_no_logo_is_told_so(admin: httpx.AsyncClient, data: bytes, said: str) -> None:
    answer = await upload(admin, data)
    assert answer.status_code == 422
    assert f'<a href="#file">{said}' in answer.text


async def test_addresses_of_colours_and_logos_are_nothing_else(admin: httpx.AsyncClient, organization_id: UUID) -> None:
    zeros = "0" * 64
    for path in (
        "/console/accent/x.css",
        "/console/accent/7a2048.css",
        f"/console/logos/{organization_id}/{zeros}.png",
        f"/console/logos/{organization_id}/{zeros}.svg",
        f"/console/logos/{organization_id}/..%2F{zeros}.png",
    ):
        assert (await admin.get(path)).status_code == 404, path
    assert (await admin.get(f"/console/logos/x/{zeros}.png")).status_code in (404, 422)


async def test_of_two_admins_the_second_is_told_and_loses_nothing(admin: httpx.AsyncClient) -> None:
    await send(admin, do="save")
    late = await send(admin, do="save", sender_name="Acme HR", etag='"0"')
    assert late.status_code == 412
    assert "Somebody saved something else here while you were writing." in late.text
    assert 'value="Acme HR"' in late.text
    assert (await upload(admin, png(40, 20), etag='"0"')).status_code == 412
    assert (await send(admin, RESET, etag='"0"')).status_code == 412


@pytest.mark.parametrize("role", [Role.VIEWER, Role.COORDINATOR])
async def test_whoever_is_no_admin_reads_and_changes_nothing(
    browser: httpx.AsyncClient, access_key: Key, role: Role
) -> None:
    await sign_in(browser, key_of(await access_key(role)))
    page = await browser.get(PAGE)
    assert page.status_code == 200
    assert "An admin of your organization can change this." in page.text
    assert 'name="do"' not in page.text
    assert (await browser.get(RESET)).status_code == 403
    sent = {"form_token": token_in(page), "etag": '"0"'} | TYPED
    for path, do in ((PAGE, "save"), (PAGE, "preview"), (RESET, "")):
        assert (await browser.post(path, data=sent | {"do": do})).status_code == 403
    assert (await upload(browser, png(40, 20))).status_code == 403


async def test_a_file_from_elsewhere_is_not_taken(admin: httpx.AsyncClient) -> None:
    files = {"file": ("logo.png", png(40, 20), "image/png")}
    assert (await admin.post(LOGO, data={"etag": '"0"'}, files=files)).status_code == 403
    page = await admin.get(PAGE)
    sent = {"form_token": token_in(page), "etag": '"0"'}
    elsewhere = {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}
    assert (await admin.post(LOGO, data=sent, files=files, headers=elsewhere)).status_code == 403
    assert "/console/logos/" not in (await admin.get(PAGE)).text


async def test_signing_in_after_a_lost_upload_leads_back_to_the_page(
    browser: httpx.AsyncClient, access_key: Key
) -> None:
    lost = await browser.post(LOGO, data={"do": "save"}, files={"file": ("logo.png", png(40, 20), "image/png")})
    back = unquote(lost.headers["location"].partition("next=")[2])
    await sign_in(browser, key_of(await access_key(Role.ADMIN)))
    page = await browser.get(back)
    assert page.status_code == 200
    assert 'enctype="multipart/form-data"' in page.text


async def test_a_file_from_a_form_of_an_earlier_session_is_asked_for_once_more(
    admin: httpx.AsyncClient, access_key: Key
) -> None:
    page = await admin.get(PAGE)
    sent = {"form_token": token_in(page), "etag": mark_in(page)}
    admin.cookies.clear()
    await sign_in(admin, key_of(await access_key(Role.ADMIN)))
    answer = await admin.post(LOGO, data=sent, files={"file": ("logo.png", png(40, 20), "image/png")})
    assert (answer.status_code, "Choose the file once more." in answer.text) == (403, True)
    assert "/console/logos/" not in answer.text


@pytest.mark.parametrize("charset", ["punycode", "undefined", "idna", "utf-7"])
async def test_the_encoding_that_a_browser_names_is_not_used(admin: httpx.AsyncClient, charset: str) -> None:
    page = await admin.get(PAGE)
    fields = {"form_token": token_in(page), "etag": mark_in(page), "do": "save", "more": "\\N{x}-\x80"}
    body = b"".join(
        b'--x\r\ncontent-disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode(), value.encode("latin-1"))
        for name, value in fields.items()
    )
    body += b'--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n' + png(64, 32) + b"\r\n--x--\r\n"
    kind = {"content-type": f"multipart/form-data; boundary=x; charset={charset}"}
    assert (await admin.post(LOGO, content=body, headers=kind)).status_code == 303


@pytest.mark.parametrize("mark", ["é", "\u2603", "1\r\nx: y", '"999"', "x" * 5000])
async def test_a_form_with_any_mark_is_shown_again(admin: httpx.AsyncClient, mark: str) -> None:
    """The mark is the ETag of what the form was made from, and becomes a header of the call of the API."""
    page = await admin.get(PAGE)
    sent = {"form_token": token_in(page), "etag": mark, "do": "save"} | TYPED
    assert (await admin.post(PAGE, data=sent)).status_code in (400, 412)
    file = {"file": ("logo.png", png(64, 32), "image/png")}
    assert (await admin.post(LOGO, data=sent, files=file)).status_code in (400, 412)
