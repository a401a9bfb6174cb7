"""One request as the handlers see it. Holds values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from syncd.sandbox.declare import Id
from syncd.sandbox.writer import Rewrite, unchanged


@dataclass(frozen=True, slots=True)
class Call:
    """One request.

    ``path`` is without the front's prefix, ``raw_path`` as it came; ``known`` is False outside the prefix. ``origin``
    is ``http://host`` as the client wrote it. Header names are in lower case. ``hidden``: ids to leave out of the
    collection asked for. ``rewrite``: what becomes of the values of a write.
    """

    method: str
    path: str
    known: bool
    raw_path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    origin: str
    hidden: frozenset[Id] = frozenset()
    rewrite: Rewrite = field(default=unchanged)

    @property
    def accept(self) -> str | None:
        """The Accept header."""
        return self.headers.get("accept")

    @property
    def content_type(self) -> str | None:
        """The Content-Type header."""
        return self.headers.get("content-type")

    def with_hidden(self, hidden: frozenset[Id]) -> Call:
        """The same call with records left out."""
        return replace(self, hidden=hidden)

    def with_rewrite(self, rewrite: Rewrite) -> Call:
        """The same call whose values a peer rewrites."""
        return replace(self, rewrite=rewrite)
