"""IRIs and URLs: the one mapping between them, in both directions. An IRI is never resolved against the base URL.

Answers name records by IRIs under one prefix (``/api/clients/5``) whatever host and path they were asked on
(recorded: "front without prefix"). To fetch, the prefix is cut off and the base URL put before; to write, the IRI goes
as it is. Only the path of an absolute URL is ever used, and only where its host is ours: credentials go nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from syncd.errors import BadAnswer

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class Addresses:
    """``base`` is the URL before ``/clients``, without a slash at its end; ``prefix`` what IRIs begin with."""

    base: str
    prefix: str

    def iri(self, path: str) -> str:
        """The IRI of a path such as ``/clients/5``."""
        return self.prefix + path

    def url(self, iri: str) -> str:
        """Where to fetch an IRI or a link of an answer. Raises BadAnswer when it is not one of this server's."""
        return self.base + self.path(iri)

    def path(self, iri: str) -> str:
        """Path and query below the base URL. Raises BadAnswer when the IRI leads anywhere else."""
        try:
            parts = urlsplit(iri)
            ours = not (parts.scheme or parts.netloc) or self._same_host(parts)
        except ValueError:
            ours, parts = False, SplitResult("", "", "", "", "")
        if not ours:
            raise BadAnswer(f"the answer points to another host: {_shown(iri)}")
        inside = parts.path.removeprefix(self.prefix)
        if not parts.path.startswith(f"{self.prefix}/") or not _is_plain(iri, inside):
            raise BadAnswer(f"the answer holds an IRI that is not under {self.prefix}/: {_shown(iri)} (see iri_prefix)")
        return f"{inside}?{parts.query}" if parts.query else inside

    def _same_host(self, parts: SplitResult) -> bool:
        own = urlsplit(self.base)
        if parts.scheme not in _DEFAULT_PORTS or parts.hostname != own.hostname or parts.username is not None:
            return False
        # A front that ends TLS lets the server behind it believe in http: both default ports are the same front.
        standard = parts.port in {None, _DEFAULT_PORTS[parts.scheme]} and own.port in {None, _DEFAULT_PORTS[own.scheme]}
        return standard or _port(parts) == _port(own)


def is_segment(text: str) -> bool:
    """True for one plain step of a path, such as an id."""
    return bool(text) and text not in {".", ".."} and text.isprintable() and set(text).isdisjoint("/?#\\ ")


def _is_plain(iri: str, path: str) -> bool:
    """No empty, dotted or disguised step: what the path says is what the server will read."""
    if not iri.isprintable() or " " in iri or "\\" in path:
        return False
    disguised = any(code in path.lower() for code in ("%2e", "%2f", "%5c"))
    return not disguised and all(is_segment(step) for step in path[1:].split("/"))


def _port(parts: SplitResult) -> int:
    return parts.port if parts.port is not None else _DEFAULT_PORTS[parts.scheme]


def _shown(iri: str) -> str:
    return repr(iri[:_SHOWN])
