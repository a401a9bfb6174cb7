"""Signatures, against those of others: the published vector of Standard Webhooks, and an HMAC made by hand."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from syncd.core.signing import Scheme, key_of, same_token, sign, verify

# The example of the Standard Webhooks specification, "Signature scheme".
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
IDENTITY, STAMP = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330
BODY = b'{"test": 2432232314}'
VECTOR = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_published_vector() -> None:
    headers = sign(SECRET, IDENTITY, STAMP, BODY)
    assert headers == {"webhook-id": IDENTITY, "webhook-timestamp": str(STAMP), "webhook-signature": VECTOR}
    assert verify(SECRET, headers, BODY, STAMP, 300)


@pytest.mark.parametrize(
    ("changed", "now"),
    [
        ({"webhook-id": "msg_other"}, STAMP),
        ({"webhook-id": ""}, STAMP),
        ({"webhook-timestamp": str(STAMP + 1)}, STAMP),
        ({"webhook-timestamp": "soon"}, STAMP),
        ({"webhook-timestamp": "١٢٣"}, STAMP),
        ({"webhook-signature": ""}, STAMP),
        ({"webhook-signature": VECTOR.replace("v1,", "v2,")}, STAMP),
        ({"webhook-signature": "v1,é"}, STAMP),
        ({}, STAMP + 301),
        ({}, STAMP - 301),
    ],
)
def test_what_does_not_fit(changed: dict[str, str], now: int) -> None:
    assert not verify(SECRET, {**sign(SECRET, IDENTITY, STAMP, BODY), **changed}, BODY, now, 300)


def test_another_body_or_secret_does_not_fit_and_one_of_several_signatures_does() -> None:
    headers = sign(SECRET, IDENTITY, STAMP, BODY)
    assert not verify(SECRET, headers, BODY + b" ", STAMP, 300)
    assert not verify("other", headers, BODY, STAMP, 300)
    both = {**headers, "webhook-signature": f"v1,bm8= {VECTOR}"}
    assert verify(SECRET, both, BODY, STAMP, 300)
    many = {**headers, "webhook-signature": " ".join(["v1,bm8="] * 8 + [VECTOR])}
    assert not verify(SECRET, many, BODY, STAMP, 300)


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
@pytest.mark.parametrize("encoding", ["hex", "base64"])
def test_other_ways_to_sign(algorithm: str, encoding: str) -> None:
    digest = hmac.new(b"s3cret", b"1614265330." + BODY, getattr(hashlib, algorithm))
    written = digest.hexdigest() if encoding == "hex" else base64.b64encode(digest.digest()).decode()
    scheme = Scheme("X-Signature", "sig=", algorithm, encoding, "X-Time")  # type: ignore[arg-type]
    headers = {"x-signature": f"sig={written}", "x-time": "1614265330"}
    assert verify("s3cret", headers, BODY, STAMP, 300, scheme)
    assert not verify("s3cret", headers, BODY, STAMP + 1000, 300, scheme)
    assert not verify("s3cret", {**headers, "x-signature": written}, BODY, STAMP, 300, scheme)
    assert not verify("s3cret", {**headers, "x-time": "1614265331"}, BODY, STAMP, 300, scheme)
    assert not verify("s3cret", {}, BODY, STAMP, 300, scheme)


def test_a_body_signed_without_a_timestamp() -> None:
    digest = hmac.new(b"s3cret", BODY, hashlib.sha256).hexdigest()
    scheme = Scheme("X-Hub-Signature-256", "sha256=")
    assert verify("s3cret", {"x-hub-signature-256": f"sha256={digest}"}, BODY, 0, 1, scheme)
    assert not verify("s3cret", {"x-hub-signature-256": f"sha256={digest}"}, b"", 0, 1, scheme)


def test_tokens_and_keys() -> None:
    assert same_token("abc", "abc")
    assert not same_token("", "abc")
    assert not same_token("abcd", "abc")
    assert key_of("plain") == b"plain"
    with pytest.raises(ValueError, match="Base64"):
        key_of("whsec_!!")
