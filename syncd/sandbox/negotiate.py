"""Which media type goes in and out. Must never guess: what is not offered is 406, what is not taken is 415.

Recorded: parameters other than ``q`` do not match (``application/json; charset=utf-8`` in Accept is 406, in
Content-Type it is fine); no Accept and ``*/*`` give ld+json; equal qualities go by the server's order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from syncd.sandbox.errors import ApiError

LINKED: Final = "application/ld+json"
PLAIN: Final = "application/json"
OPENAPI: Final = "application/vnd.openapi+json"
MERGE_PATCH: Final = "application/merge-patch+json"
PROBLEM: Final = "application/problem+json"
HTML: Final = "text/html"

EXTENSIONS: Final = {"jsonld": LINKED, "json": PLAIN, "jsonopenapi": OPENAPI}


def wants_linked(accept: str | None, extension: str = "") -> bool:
    """Whether an error is written in the linked form: everything but a client that asks for plain JSON."""
    if extension in EXTENSIONS:
        return extension == "jsonld"
    return _best(accept, (LINKED, PLAIN, PROBLEM)) not in (PLAIN, PROBLEM)


def respond_with(accept: str | None, extension: str, offered: Sequence[str]) -> str:
    """The media type of the answer. Raises ApiError 404 (unknown extension) or 406."""
    if extension:
        kind = EXTENSIONS.get(extension, "")
        if kind not in offered:
            raise ApiError(404, f'Format "{extension}" is not supported')
        offered = (kind,)
    best = _best(accept, offered)
    if best is None:
        names = ", ".join(f'"{each}"' for each in offered)
        text = f'Requested format "{accept}" is not supported. Supported MIME types are {names}.'
        raise ApiError(406, text)
    return best


def read_as(content_type: str | None, taken: Sequence[str]) -> str:
    """The media type of a request body. Raises ApiError 415."""
    if content_type is None:
        raise ApiError(415, 'The "Content-Type" header must exist.')
    kind = content_type.split(";")[0].strip().lower()
    if kind not in taken:
        names = ", ".join(f'"{each}"' for each in taken)
        raise ApiError(415, f'The content-type "{content_type}" is not supported. Supported MIME types are {names}.')
    return kind


def router_format(accept: str | None) -> str:
    """How a router error is written: by the first JSON type asked for, else as a page."""
    best = _best(accept, (LINKED, PLAIN)) if accept and "*" not in accept else None
    return best or HTML


def _best(accept: str | None, offered: Sequence[str]) -> str | None:
    if not accept or not accept.strip():
        return offered[0]
    scored: list[tuple[float, int, str]] = []
    for part in accept.split(","):
        name, quality = _parse(part)
        if quality <= 0:
            continue
        for place, kind in enumerate(offered):
            if name in (kind, "*/*", f"{kind.split('/', maxsplit=1)[0]}/*"):
                scored.append((-quality, place, kind))
    return min(scored)[2] if scored else None


def _parse(part: str) -> tuple[str, float]:
    """A media type with its other parameters kept in the name, and its quality."""
    name, *parameters = (piece.strip().lower() for piece in part.split(";"))
    quality = 1.0
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            try:
                quality = float(value)
            except ValueError:
                quality = 1.0
        else:
            name = f"{name};{parameter}"
    return name, quality
