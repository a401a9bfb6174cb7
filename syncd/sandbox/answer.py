"""What is sent back, and the headers every answer of a kind has (recorded). Holds no decisions about content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from syncd.sandbox.config import IRI_PREFIX, Envelope
from syncd.sandbox.declare import Id

Headers: TypeAlias = list[tuple[str, str]]

CACHE: Final = ("Cache-Control", "no-cache, private")
VARY: Final = ("Vary", "Accept")
_SAFE: Final = (("X-Content-Type-Options", "nosniff"), ("X-Frame-Options", "deny"))
_VARY_READ: Final = (VARY, ("Vary", "Content-Type"), ("Vary", "Authorization"), ("Vary", "Origin"))
_DOCS_REL: Final = "http://www.w3.org/ns/hydra/core#apiDocumentation"
_ERROR_LINK: Final = '<http://www.w3.org/ns/hydra/error>; rel="http://www.w3.org/ns/json-ld#error"'


@dataclass(slots=True)
class Answer:
    """One answer. ``created`` names the record a POST made, for faults that hide it from listings.

    ``stream``: the body of a file in pieces, made while it is sent; ``body`` is empty then.
    """

    status: int
    headers: Headers = field(default_factory=list)
    body: bytes = b""
    created: tuple[str, Id] | None = None
    stream: Iterable[bytes] | None = None

    def gather(self) -> None:
        """Turn a stream into a body, for faults that look at the whole of it."""
        if self.stream is not None:
            self.body, self.stream = b"".join(self.stream), None


def read_headers(media_type: str, body: bytes, origin: str) -> Headers:
    """Of a successful GET or HEAD; the ETag is there although nothing compares it (recorded: case 87)."""
    etag = hashlib.blake2b(body, digest_size=8).hexdigest()
    return [
        ("Content-Type", f"{media_type}; charset=utf-8"),
        *_VARY_READ,
        *_SAFE,
        CACHE,
        _docs_link(origin),
        ("ETag", f'"{etag}"'),
    ]


def write_headers(media_type: str | None, origin: str) -> Headers:
    """Of a successful POST, PATCH or DELETE; no media type, no Content-Type."""
    head = [("Content-Type", f"{media_type}; charset=utf-8")] if media_type else []
    return [*head, VARY, *_SAFE, CACHE, _docs_link(origin)]


def problem_headers(status: int, origin: str, envelope: Envelope, *, linked: bool, located: bool) -> Headers:
    """Of a problem+json answer; 3.4 locates all but violations."""
    name, docs = _docs_link(origin)
    headers = [
        ("Content-Type", "application/problem+json; charset=utf-8"),
        VARY,
        *_SAFE,
        CACHE,
        (name, f"{_ERROR_LINK},{docs}" if linked else docs),
    ]
    if envelope == "hydra" and located:
        headers.append(("Content-Location", f"{IRI_PREFIX}/errors/{status}"))
    return headers


def _docs_link(origin: str) -> tuple[str, str]:
    return ("Link", f'<{origin}{IRI_PREFIX}/docs.jsonld>; rel="{_DOCS_REL}"')
