"""What is asked of a peer, and how it is named in messages. It never shows a query: those carry names and numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Request:
    """One request to an absolute ``url``. ``repeatable`` says that an unsafe method may be sent twice (a login)."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    repeatable: bool = False

    @property
    def safe(self) -> bool:
        """True when sending it twice is the same as sending it once."""
        return self.repeatable or self.method in _SAFE

    @property
    def label(self) -> str:
        """Method and path, for messages."""
        return f"{self.method} {urlsplit(self.url).path or '/'}"
