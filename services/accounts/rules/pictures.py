"""The picture of a logo: PNG or JPEG, recognised by its content, small, and without what is no picture. Pure.

There is no SVG, because it can hold script. What a picture needs in order to be shown is kept; comments, places, times
and other hidden parts, and whatever stands behind the picture, are not. So a file that is a picture and something else
at once is only a picture afterwards. PNG: https://www.w3.org/TR/png-3/. JPEG: ITU-T T.81, annex B.
"""

import hashlib
import zlib
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from shared.contracts.accounts import LogoFile

MOST_BYTES = 100_000
MOST_PIXELS = 1_200
"""The longest side."""
LEAST_PIXELS = 16
"""The shortest side."""
PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
PNG_PARTS = {b"IHDR", b"PLTE", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"IDAT", b"IEND"}
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""How many values a pixel has, by the colour type of a PNG."""
FRAMES = {0xC0, 0xC1, 0xC2}
"""The JPEG markers of frames that every browser and mail program shows: baseline, extended, progressive."""
SCAN, END = 0xDA, 0xD9
JPEG_PARTS = FRAMES | {0xDB, 0xC4, 0xDD, SCAN, 0xE0, 0xE2, 0xEE}
"""Frames, tables, scans, and the segments that say how colours are meant (JFIF, ICC, Adobe)."""


class Wrong(StrEnum):
    """Why a file cannot be a logo."""

    NO_PICTURE = "no_picture"
    """It is neither PNG nor JPEG."""
    BROKEN = "broken_picture"
    TOO_LARGE = "picture_too_large"
    """It has too many bytes."""
    WRONG_SIZE = "picture_size"
    """It has too many or too few pixels."""


class NotALogo(Exception):
    def __init__(self, wrong: Wrong) -> None:
        super().__init__(wrong.value)
        self.wrong = wrong


class Size(NamedTuple):
    width: int
    height: int


def logo_of(data: bytes) -> LogoFile:
    """The picture, as it is kept. Raises NotALogo."""
    if len(data) > MOST_BYTES:
        raise NotALogo(Wrong.TOO_LARGE)
    if data.startswith(PNG):
        media_type, (size, kept) = "image/png", _png(data)
    elif data.startswith(JPEG):
        media_type, (size, kept) = "image/jpeg", _jpeg(data)
    else:
        raise NotALogo(Wrong.NO_PICTURE)
    digest = hashlib.sha256(kept).hexdigest()
    return LogoFile(digest=digest, media_type=media_type, width=size.width, height=size.height, content=kept)


def _png(data: bytes) -> tuple[Size, bytes]:
    parts = list(_png_parts(data))
    if not parts or parts[0][0] != b"IHDR" or len(parts[0][1]) != 13 or parts[-1][0] != b"IEND":
        raise NotALogo(Wrong.BROKEN)
    header = parts[0][1]
    size = _checked(int.from_bytes(header[:4]), int.from_bytes(header[4:8]))
    depth, colour = header[8], header[9]
    if colour not in CHANNELS or depth not in (1, 2, 4, 8, 16):
        raise NotALogo(Wrong.BROKEN)
    # An interlaced picture has up to seven passes, each with rows of its own.
    row = (size.width * CHANNELS[colour] * depth + 7) // 8 + 1
    _check_inflates(b"".join(body for name, body in parts if name == b"IDAT"), 2 * row * size.height + 64)
    return size, PNG + b"".join(_png_part(name, body) for name, body in parts)


def _png_parts(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The parts of the file that are kept, up to its end. Raises NotALogo."""
    start = len(PNG)
    while True:
        length, name = int.from_bytes(data[start : start + 4]), data[start + 4 : start + 8]
        end = start + 8 + length
        body, sum_ = data[start + 8 : end], data[end : end + 4]
        if len(sum_) < 4 or int.from_bytes(sum_) != zlib.crc32(name + body):
            raise NotALogo(Wrong.BROKEN)
        if name in PNG_PARTS:
            yield name, body
        if name == b"IEND":
            return
        start = end + 4


def _png_part(name: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4) + name + body + zlib.crc32(name + body).to_bytes(4)


def _check_inflates(packed: bytes, most: int) -> None:
    """Raises NotALogo unless this is one whole stream of at most so many bytes."""
    stream = zlib.decompressobj()
    try:
        found = stream.decompress(packed, most + 1)
    except zlib.error:
        raise NotALogo(Wrong.BROKEN) from None
    if not found or len(found) > most or not stream.eof:
        raise NotALogo(Wrong.BROKEN)


def _jpeg(data: bytes) -> tuple[Size, bytes]:
    size: Size | None = None
    kept, at, scanned = data[:2], 2, False
    while True:
        marker, start = _next_marker(data, at)
        if marker == END:
            if size is None or not scanned:
                raise NotALogo(Wrong.BROKEN)
            return size, kept + b"\xff\xd9"
        length = int.from_bytes(data[start : start + 2])
        at = start + length
        if length < 2 or at > len(data):
            raise NotALogo(Wrong.BROKEN)
        if marker in FRAMES and length >= 8:
            size = _checked(int.from_bytes(data[start + 5 : start + 7]), int.from_bytes(data[start + 3 : start + 5]))
        if marker == SCAN:
            at, scanned = _end_of_scan(data, at), True
        if marker in JPEG_PARTS:
            kept += bytes((0xFF, marker)) + data[start:at]


def _next_marker(data: bytes, at: int) -> tuple[int, int]:
    """The marker that stands here, and where its segment begins. Raises NotALogo."""
    if data[at : at + 1] != b"\xff":
        raise NotALogo(Wrong.BROKEN)
    while data[at : at + 1] == b"\xff":  # any number of them may stand before a marker
        at += 1
    if at >= len(data) or data[at] == 0:
        raise NotALogo(Wrong.BROKEN)
    return data[at], at + 1


def _end_of_scan(data: bytes, at: int) -> int:
    """Where the next marker stands: pixels hold 0xFF only before 0 and before restart markers. Raises NotALogo."""
    while (at := data.find(b"\xff", at)) >= 0 and at + 1 < len(data):
        if data[at + 1] != 0 and not 0xD0 <= data[at + 1] <= 0xD7:
            return at
        at += 2
    raise NotALogo(Wrong.BROKEN)


def _checked(width: int, height: int) -> Size:
    if max(width, height) > MOST_PIXELS or min(width, height) < LEAST_PIXELS:
        raise NotALogo(Wrong.WRONG_SIZE)
    return Size(width, height)
