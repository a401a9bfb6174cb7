"""The bytes that a Flowtly record refers to, such as an attachment's file. It only ever sends GET, to Flowtly's host.

How Flowtly publishes them is not known: a reference is taken to be an IRI, a path or a whole URL, as the field
``contentUrl`` of API Platform applications holds it. Credentials go along, so no other host is ever asked.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final
from urllib.parse import SplitResult, urlsplit

from syncd.connectors.flowtly.addresses import Addresses, is_segment
from syncd.connectors.http import HttpClient, Request, unreadable
from syncd.errors import BadAnswer, NotFound, Refused
from syncd.ports import ContentSink

_NEVER: Final = frozenset({"send", "clear"})  # as for every other request of a synchronisation
_DISGUISED: Final = ("%2e", "%2f", "%5c", "%00")
_ABSENT: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
_SHOWN: Final = 200
_DEADLINE: Final = 1800.0  # seconds for one file with its retries


class Contents:
    """``ports.ContentSource`` for one tenant. Thread-safe."""

    def __init__(self, client: HttpClient, addresses: Addresses) -> None:
        self._client, self._addresses = client, addresses

    def fetch(self, reference: str, into: ContentSink) -> None:
        """All bytes a reference leads to.

        Raises Refused for a reference to anything but a file of this host, NotFound, Denied, Later, BadAnswer.
        """
        request = Request("GET", self._url(reference), {"accept": "*/*"}, sink=into, deadline=_DEADLINE)
        answer = self._client.ask(request)
        if answer.status in _ABSENT:
            raise self._client.named(NotFound(f"{request.label} was answered {answer.status}"))
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise self._client.trouble(request, answer)
        if answer.status != HTTPStatus.OK:
            raise self._client.named(unreadable(request, f"answered {answer.status}, not 200"))
        if answer.media_type == "application/ld+json":
            raise self._client.named(Refused(f"{request.label} is a record, not a file"))

    def _url(self, reference: str) -> str:
        """Where to fetch it: an IRI below the base URL, any other path at the root of its host. Raises Refused."""
        try:
            parts = urlsplit(reference)
            self._prove_host(parts)
            if not _is_plain(parts):
                raise BadAnswer("it is no plain path")
            prefix = self._addresses.prefix
            if parts.path.startswith(f"{prefix}/"):
                return self._addresses.url(reference)
        except (BadAnswer, ValueError) as error:
            raise self._client.named(Refused(f"{reference[:_SHOWN]!r} is no file of Flowtly: {error}")) from None
        base = urlsplit(self._addresses.base)
        return base._replace(path=parts.path, query=parts.query).geturl()

    def _prove_host(self, parts: SplitResult) -> None:
        """By the one rule for hosts there is. Raises BadAnswer."""
        self._addresses.path(parts._replace(path=f"{self._addresses.prefix}/x", query="", fragment="").geturl())


def _is_plain(parts: SplitResult) -> bool:
    """No empty, dotted or disguised step, and nothing that a synchronisation never calls."""
    root, *steps = parts.path.split("/")
    if root or not steps or steps[-1] in _NEVER or parts.fragment or not parts.query.isprintable():
        return False
    return all(map(is_segment, steps)) and not any(code in parts.path.lower() for code in _DISGUISED)
