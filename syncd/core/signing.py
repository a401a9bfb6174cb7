"""Signatures of webhooks, made and verified. Compares in constant time; never shows a secret or a digest it made.

The default is that of Standard Webhooks (https://github.com/standard-webhooks/standard-webhooks, section "Signature
scheme"): HMAC-SHA256 over ``id.timestamp.body``, in Base64, as ``v1,...``, several separated by spaces.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

ID_HEADER: Final = "webhook-id"
TIMESTAMP_HEADER: Final = "webhook-timestamp"
SIGNATURE_HEADER: Final = "webhook-signature"
_MARK: Final = "whsec_"
_VERSION: Final = "v1,"
_MOST_SIGNATURES: Final = 8  # a sender signs with two secrets while it changes one; more only costs us time
_LONGEST_STAMP: Final = 12


@dataclass(frozen=True, slots=True)
class Scheme:
    """Another sender's way to sign: a header with ``prefix`` and the HMAC of the body, or of ``timestamp.body``.

    ``timestamp`` names the header that holds the seconds since 1970; without one a replay cannot be told.
    """

    header: str
    prefix: str = ""
    algorithm: Literal["sha1", "sha256", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    timestamp: str | None = None


def key_of(secret: str) -> bytes:
    """The bytes of a secret: ``whsec_`` and Base64, or the text itself. Raises ValueError for broken Base64."""
    if not secret.startswith(_MARK):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_MARK), validate=True)
    except binascii.Error:
        raise ValueError("a secret that begins with whsec_ goes on in Base64") from None


def sign(secret: str, identity: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of Standard Webhooks. ``timestamp`` in seconds since 1970."""
    signature = _digest(secret, f"{identity}.{timestamp}.".encode() + body, "sha256", "base64")
    return {
        ID_HEADER: identity,
        TIMESTAMP_HEADER: str(timestamp),
        SIGNATURE_HEADER: _VERSION + signature,
    }


def verify(
    secret: str, headers: Mapping[str, str], body: bytes, now: float, window: float, scheme: Scheme | None = None
) -> bool:
    """Whether these headers (lower-case names) sign this body, not more than ``window`` seconds from ``now``."""
    if scheme is None:
        return _standard(secret, headers, body, now, window)
    signed = body
    if scheme.timestamp is not None:
        stamp = headers.get(scheme.timestamp.lower(), "")
        if not _recent(stamp, now, window):
            return False
        signed = f"{stamp}.".encode() + body
    expected = scheme.prefix + _digest(secret, signed, scheme.algorithm, scheme.encoding)
    return _equal(headers.get(scheme.header.lower(), ""), expected)


def same_token(given: str, secret: str) -> bool:
    """Whether a token is the secret, compared in constant time."""
    return _equal(given, secret)


def _standard(secret: str, headers: Mapping[str, str], body: bytes, now: float, window: float) -> bool:
    identity, stamp = headers.get(ID_HEADER, ""), headers.get(TIMESTAMP_HEADER, "")
    if not identity or not _recent(stamp, now, window):
        return False
    expected = _VERSION + _digest(secret, f"{identity}.{stamp}.".encode() + body, "sha256", "base64")
    given = headers.get(SIGNATURE_HEADER, "").split(" ")[:_MOST_SIGNATURES]
    return any([_equal(one, expected) for one in given])  # noqa: C419 - all are compared, whichever fits


def _recent(stamp: str, now: float, window: float) -> bool:
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= _LONGEST_STAMP):
        return False
    return abs(now - int(stamp)) <= window


def _digest(secret: str, data: bytes, algorithm: str, encoding: str) -> str:
    made = hmac.new(key_of(secret), data, getattr(hashlib, algorithm))
    return made.hexdigest() if encoding == "hex" else base64.b64encode(made.digest()).decode()


def _equal(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())
