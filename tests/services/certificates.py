"""Certificates for tests of TLS, made anew in each run: no library or program of ours makes any, and keys do not belong
into a repository. X.509 v3 (RFC 5280) with ECDSA over P-256 (FIPS 186-5), as plain as it can be. Not for real use: the
arithmetic is open to timing attacks."""

import base64
import hashlib
import secrets
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

PRIME = 2**256 - 2**224 + 2**192 + 2**96 - 1
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
BASE = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
Point = tuple[int, int] | None

EC_PUBLIC_KEY, P256, ECDSA_SHA256 = "2a8648ce3d0201", "2a8648ce3d030107", "2a8648ce3d040302"
COMMON_NAME, SUBJECT_KEY, KEY_USAGE, NAMES, CONSTRAINTS, ISSUER_KEY = (
    *("550403", "551d0e", "551d0f"),
    *("551d11", "551d13", "551d23"),
)


class Authority(NamedTuple):
    """A certificate authority of one test run."""

    secret: int
    certificate: bytes

    def trust(self) -> ssl.SSLContext:
        """What a client needs that trusts this authority alone."""
        return ssl.create_default_context(cadata=_pem("CERTIFICATE", self.certificate))

    def server(self, name: str, folder: Path) -> ssl.SSLContext:
        """What a server needs that proves to be `name`."""
        secret = _new_secret()
        names = _extension(NAMES, _der(0x30, _der(0x82, name.encode())))
        key = _der(0x30, _integer(1), _der(0x04, secret.to_bytes(32, "big")), _der(0xA0, _oid(P256)))
        file = folder / f"{name}.pem"
        file.write_text(
            _pem("EC PRIVATE KEY", key) + _pem("CERTIFICATE", _certificate(self.secret, secret, name, [names]))
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


def new_authority() -> Authority:
    secret = _new_secret()
    signs = _extension(KEY_USAGE, _der(0x03, b"\x02\x04"), critical=True)
    is_authority = _extension(CONSTRAINTS, _der(0x30, _der(0x01, b"\xff")), critical=True)
    return Authority(secret, _certificate(secret, secret, "Test authority", [signs, is_authority]))


def _certificate(issuer: int, subject: int, name: str, extensions: list[bytes]) -> bytes:
    """A certificate of the holder of the secret `subject`, signed with the secret `issuer`."""
    now = datetime.now(UTC)
    validity = [_der(0x18, at.strftime("%Y%m%d%H%M%SZ").encode()) for at in (now - timedelta(1), now + timedelta(1))]
    issuer_name = "Test authority"
    keys = [
        _extension(SUBJECT_KEY, _der(0x04, _key_id(subject))),
        _extension(ISSUER_KEY, _der(0x30, _der(0x80, _key_id(issuer)))),
    ]
    algorithm = _der(0x30, _oid(ECDSA_SHA256))
    public_key = _der(0x30, _der(0x30, _oid(EC_PUBLIC_KEY), _oid(P256)), _der(0x03, b"\0" + _public(subject)))
    content = _der(
        0x30,
        *(_der(0xA0, _integer(2)), _integer(secrets.randbits(64)), algorithm, _name(issuer_name)),
        *(_der(0x30, *validity), _name(name), public_key, _der(0xA3, _der(0x30, *extensions, *keys))),
    )
    return _der(0x30, content, algorithm, _der(0x03, b"\0" + _signature(issuer, content)))


def _signature(secret: int, content: bytes) -> bytes:
    once = _new_secret()
    point = _times(once, BASE)
    assert point is not None
    digest = int.from_bytes(hashlib.sha256(content).digest(), "big")
    left = point[0] % ORDER
    return _der(0x30, _integer(left), _integer(pow(once, -1, ORDER) * (digest + left * secret) % ORDER))


def _new_secret() -> int:
    return secrets.randbelow(ORDER - 1) + 1


def _public(secret: int) -> bytes:
    point = _times(secret, BASE)
    assert point is not None
    return b"\x04" + point[0].to_bytes(32, "big") + point[1].to_bytes(32, "big")


def _key_id(secret: int) -> bytes:
    return hashlib.sha256(_public(secret)).digest()[:20]


def _times(number: int, point: Point) -> Point:
    result: Point = None
    while number:
        if number & 1:
            result = _plus(result, point)
        point = _plus(point, point)
        number >>= 1
    return result


def _plus(one: Point, other: Point) -> Point:
    if one is None or other is None:
        return one or other
    if one[0] == other[0] and (one[1] + other[1]) % PRIME == 0:
        return None
    if one == other:
        slope = (3 * one[0] ** 2 - 3) * pow(2 * one[1], -1, PRIME)
    else:
        slope = (other[1] - one[1]) * pow(other[0] - one[0], -1, PRIME)
    x = (slope**2 - one[0] - other[0]) % PRIME
    return x, (slope * (one[0] - x) - one[1]) % PRIME


def _der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    length = len(content)
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, length] if length < 128 else [tag, 0x80 | len(size), *size]) + content


def _integer(number: int) -> bytes:
    return _der(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def _oid(hexadecimal: str) -> bytes:
    return _der(0x06, bytes.fromhex(hexadecimal))


def _name(text: str) -> bytes:
    return _der(0x30, _der(0x31, _der(0x30, _oid(COMMON_NAME), _der(0x0C, text.encode()))))


def _extension(kind: str, value: bytes, *, critical: bool = False) -> bytes:
    return _der(0x30, _oid(kind), *([_der(0x01, b"\xff")] if critical else []), _der(0x04, value))


def _pem(label: str, content: bytes) -> str:
    return f"-----BEGIN {label}-----\n{base64.encodebytes(content).decode()}-----END {label}-----\n"
