"""A form with a file: its parts are kept byte for byte, whatever the form says about how it is encoded."""

import contextlib

import pytest
from fastapi import Request
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message

from services.intake.api.upload import read_upload
from shared.errors import BadRequest, DomainError
from tests.unit.properties import examples

FILE = "name,email\nZoë Ødegård,zoe@x.example\n".encode("cp1252") + b"\xff\xfe+2AA-\\ud800\\N{DEGREE SIGN}"


async def read(content_type: str, body: bytes) -> bytes:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"content-type", content_type.encode("latin-1"))]
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": headers}
    return (await read_upload(Request(scope, receive))).file


def form(file: bytes, boundary: bytes = b"B", filename: bytes = b"") -> bytes:
    head = b'--%s\r\nContent-Disposition: form-data; name="file"%s\r\n\r\n' % (boundary, filename)
    return head + file + b"\r\n--%s--\r\n" % boundary


@pytest.mark.parametrize("filename", [b"", b'; filename="people.csv"'])
@pytest.mark.parametrize(
    "charset",
    [
        "undefined",
        "punycode",
        "idna",
        "utf-7",
        "unicode_escape",
        "raw_unicode_escape",
        "utf-16",
        "hex",
        "none",
        "utf-8",
    ],
)
async def test_the_encoding_that_a_form_names_changes_nothing(charset: str, filename: bytes) -> None:
    assert await read(f"multipart/form-data; charset={charset}; boundary=B", form(FILE, filename=filename)) == FILE
    assert await read(f"multipart/form-data; boundary=B; charset={charset}", form(FILE, filename=filename)) == FILE


@pytest.mark.parametrize(
    "boundary", ["", "=", "=;", '="', '=" "', '="B', "=\xe9", '=B"', "=B\\", '="a\\"; charset=punycode; x=\\"b"']
)
async def test_a_boundary_that_no_form_has_is_refused(boundary: str) -> None:
    with pytest.raises(BadRequest) as caught:
        await read(f"multipart/form-data; charset=punycode; boundary{boundary}", form(FILE))
    assert caught.value.code == "bad_form"


@pytest.mark.parametrize("boundary", ["B", "--a.b/c'd(e)+_,:=?", "a b", "x" * 70])
async def test_every_boundary_of_the_standard_is_taken(boundary: str) -> None:
    assert await read(f'multipart/form-data; boundary="{boundary}"', form(FILE, boundary.encode())) == FILE


@examples(60)
@given(st.text(alphabet='aB=";\\ charset-', max_size=40), st.binary(max_size=80))
async def test_any_form_is_read_or_refused(parameters: str, body: bytes) -> None:
    with contextlib.suppress(DomainError):
        await read(f"multipart/form-data; {parameters}; boundary=B", form(body) + body)
