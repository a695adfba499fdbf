"""Small pictures, made byte by byte."""

import zlib


def part(name: bytes, body: bytes) -> bytes:
    """One part of a PNG."""
    return len(body).to_bytes(4) + name + body + zlib.crc32(name + body).to_bytes(4)


def png(width: int, height: int, *more: bytes, pixels: bytes | None = None) -> bytes:
    """A grey picture. `pixels` stands for its compressed rows, `more` are further parts."""
    header = part(b"IHDR", width.to_bytes(4) + height.to_bytes(4) + bytes((8, 0, 0, 0, 0)))
    rows = zlib.compress((b"\x00" + b"\x80" * width) * height) if pixels is None else pixels
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(more) + part(b"IDAT", rows) + part(b"IEND", b"")


def jpeg(width: int, height: int, *more: bytes) -> bytes:
    """The frame of a picture with one scan. Nothing here decodes what the scan holds."""
    frame = b"\xff\xc0\x00\x0b\x08" + height.to_bytes(2) + width.to_bytes(2) + b"\x01\x01\x11\x00"
    scan = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + b"\x12\xff\x00\x34\xff\xd0\x56"
    return b"\xff\xd8" + b"".join(more) + frame + scan + b"\xff\xd9"
