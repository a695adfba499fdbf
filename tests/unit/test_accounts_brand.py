"""Sender, colour and logo: a colour that not everybody can read is refused with one that would pass, and a logo is a
picture and nothing else."""

import re
import zlib
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.accounts.resources import BrandDefinition
from services.accounts.rules.colours import DARK, LIGHT, NEEDED, Ground, Theme, contrast, fault_of, palette_of, readable
from services.accounts.rules.pictures import MOST_BYTES, MOST_PIXELS, NotALogo, Wrong, logo_of
from services.console.admin.brand.view import OURS, THEMES
from services.console.look import look_of, sheet_of
from shared.contracts.accounts import Brand, Logo
from tests.architecture.sources import ROOT
from tests.services.pictures import jpeg, part, png
from tests.unit.properties import examples

COLOURS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")
SHEET = (ROOT / "services/console/static/upward.css").read_text()


def of_sheet(name: str) -> list[str]:
    """The values of a variable of our style sheet: in the light theme, and then in the dark one."""
    return re.findall(rf"--{name}: (#[0-9a-f]{{6}});", SHEET)[:2]


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == contrast("#ffffff", "#000000") == 21
    assert contrast("#777777", "#ffffff") == pytest.approx(4.478, abs=0.001)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.542, abs=0.001)


def test_the_colours_around_the_accent_are_those_of_the_style_sheet() -> None:
    assert [theme.page for theme in (LIGHT, DARK)] == [page for _, page, _, _ in THEMES] == of_sheet("paper")
    assert [theme.card for theme in (LIGHT, DARK)] == [card for _, _, card, _ in THEMES] == of_sheet("card")
    assert [text for *_, text in THEMES] == of_sheet("ink")
    assert list(zip(of_sheet("accent"), of_sheet("accent-ink"), of_sheet("tint"), strict=True)) == list(OURS)


def test_a_faint_colour_is_told_with_its_contrast_and_with_one_that_passes() -> None:
    yellow = fault_of("#ffcc00", LIGHT)
    assert yellow == ("light", Ground.PAGE, 1.39, "#876c00")
    assert fault_of("#876c00", LIGHT) is None
    assert fault_of("#1b655f", LIGHT) is None
    dark = fault_of("#1b655f", DARK)
    assert dark is not None
    assert (dark.theme, dark.ratio) == ("dark", 2.16)
    assert palette_of("#1b655f", None) == palette_of("#1b655f", dark.would_pass)


@examples(30)
@given(COLOURS, st.sampled_from([LIGHT, DARK]))
def test_every_colour_has_a_shade_that_can_be_read_everywhere(colour: str, theme: Theme) -> None:
    assert fault_of(readable(colour, theme), theme) is None
    palette = palette_of(readable(colour, LIGHT), None)
    assert palette is not None
    for tone, page, card in ((palette.light, LIGHT.page, LIGHT.card), (palette.dark, DARK.page, DARK.card)):
        assert min(contrast(tone.accent, other) for other in (page, card, tone.tint, tone.ink)) >= NEEDED


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("sender_name", wrong) for wrong in ("", " ", "x" * 61, "a\r\nBcc: all@acme.example", "a\x00", "a\u202eb")),
        *(("sender_name", f"Acme {special} HR") for special in '()<>[]:;@\\,"'),
        ("sender_name", "=?utf-8?q?x?="),
        *(("accent", wrong) for wrong in ("", "red", "#fff", "#12345g", "#1234567", "url(x)", "#1b655f;}")),
    ],
)
def test_what_could_forge_a_header_or_a_style_is_refused(field: str, value: str) -> None:
    with pytest.raises(ValidationError):
        BrandDefinition.model_validate({field: value})


def test_a_colour_is_written_in_one_way() -> None:
    assert BrandDefinition(accent=" #1B655F ").accent == "#1b655f"


def test_a_logo_is_kept_without_what_is_no_picture() -> None:
    plain = png(40, 20)
    hidden = png(40, 20, part(b"tEXt", b"Author\x00Ana"), part(b"eXIf", b"place")) + b"<script>alert(1)</script>"
    found = logo_of(hidden)
    assert (found.content, found.media_type, found.width, found.height) == (plain, "image/png", 40, 20)
    photo = logo_of(jpeg(30, 60, b"\xff\xe1\x00\x08Exif\x00\x00") + b"PK\x03\x04")
    assert (photo.content, photo.media_type, photo.width, photo.height) == (jpeg(30, 60), "image/jpeg", 30, 60)
    assert logo_of(plain).digest == found.digest != photo.digest


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        (b"", Wrong.NO_PICTURE),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", Wrong.NO_PICTURE),
        (b"GIF89a" + b"\x00" * 40, Wrong.NO_PICTURE),
        (png(40, 20)[:-20], Wrong.BROKEN),
        (png(40, 20).replace(b"IDAT", b"IDAX"), Wrong.BROKEN),
        (png(40, 20, pixels=zlib.compress(b"\x00" * 10_000_000)), Wrong.BROKEN),
        (png(40, 20, pixels=b"no stream"), Wrong.BROKEN),
        (png(MOST_PIXELS + 1, 20), Wrong.WRONG_SIZE),
        (png(15, 40), Wrong.WRONG_SIZE),
        (png(2**31, 2**31, pixels=b""), Wrong.WRONG_SIZE),
        (jpeg(40, 20)[:-2], Wrong.BROKEN),
        (jpeg(40, 20)[:30], Wrong.BROKEN),
        (jpeg(40, 5000), Wrong.WRONG_SIZE),
        (b"\xff\xd8\xff\xd9", Wrong.BROKEN),
        (b"\xff\xd8\xff" + b"\xff" * 50, Wrong.BROKEN),
        (png(40, 20) + b"\x00" * MOST_BYTES, Wrong.TOO_LARGE),
    ],
)
def test_what_is_no_small_whole_picture_is_refused(data: bytes, wrong: Wrong) -> None:
    with pytest.raises(NotALogo) as refused:
        logo_of(data)
    assert refused.value.wrong is wrong


@examples(30)
@given(st.sampled_from([png(40, 20), jpeg(40, 20)]), st.integers(0, 400), st.binary(max_size=6))
def test_a_damaged_picture_is_refused_or_is_one(data: bytes, at: int, put: bytes) -> None:
    try:
        logo = logo_of(data[:at] + put + data[at + len(put) :])
    except NotALogo:
        return
    assert logo_of(logo.content).content == logo.content


def test_the_address_of_a_style_sheet_holds_its_colours_and_takes_nothing_else() -> None:
    palette = palette_of("#7a2048", "#ffb3c8")
    address = look_of(Brand(palette=palette), UUID(int=1)).sheet
    name = address.removeprefix("/console/accent/")
    sheet = sheet_of(name)
    assert palette is not None
    assert sheet is not None
    for tone in (palette.light, palette.dark):
        assert f"--accent: {tone.accent}; --accent-ink: {tone.ink}; --tint: {tone.tint};" in sheet
    wrong = ("", "x.css", name[:-4], name.upper(), name.replace("-", ";", 1), f"{name[:6]}{name}", f"\n{name}")
    assert [sheet_of(one) for one in wrong] == [None] * len(wrong)


def test_a_brand_that_has_nothing_looks_like_ours() -> None:
    assert look_of(Brand(), UUID(int=1)) == ("", None, "")
    logo = Logo(digest="a" * 64, media_type="image/jpeg", width=20, height=20, alt="Acme")
    assert look_of(Brand(logo=logo), UUID(int=1)).logo_address == f"/console/logos/{UUID(int=1)}/{'a' * 64}.jpeg"
