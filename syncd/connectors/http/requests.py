"""What is asked of a peer, and how it is named in messages. It never shows a query: those carry names and numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol
from urllib.parse import urlsplit

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Sink(Protocol):
    """Takes the body of a successful answer in pieces, so that it need not fit into memory."""

    @property
    def limit(self) -> int:
        """Bytes that may come; one more makes the answer unreadable."""

    def begin(self, total: int | None) -> None:
        """A body starts at its first byte, whatever came before. ``total`` in bytes where the peer says it."""

    def write(self, piece: bytes) -> None:
        """Take the next bytes."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request to an absolute ``url``. ``repeatable`` says that an unsafe method may be sent twice (a login).

    A ``body`` in pieces is gone through anew for every attempt; its headers say how long it is. With a ``sink`` the
    body of an answer below 300 goes there and ``Answer.body`` is empty. ``deadline``: seconds for this call with its
    retries, where it is not the client's.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | Iterable[bytes] | None = field(default=None, repr=False)
    repeatable: bool = False
    sink: Sink | None = field(default=None, repr=False)
    deadline: float | None = None

    @property
    def safe(self) -> bool:
        """True when sending it twice is the same as sending it once."""
        return self.repeatable or self.method in _SAFE

    @property
    def label(self) -> str:
        """Method and path, for messages."""
        return f"{self.method} {urlsplit(self.url).path or '/'}"
