"""The requests of a probe: GET and OPTIONS, and one empty merge patch that a person asked for by name. Nothing else.

An empty patch changes nothing (recorded: case 162); it shows whether this user may write. Every address is a catalogued
resource or one record of it, never one that a peer made up.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from threading import Event
from typing import Any, Final
from urllib.parse import quote, urlencode

from syncd.connectors.flowtly.addresses import Addresses, is_segment
from syncd.connectors.flowtly.catalogue import Resource, Verb
from syncd.connectors.flowtly.envelope import Envelope, read_envelope
from syncd.connectors.flowtly.measured import Access
from syncd.connectors.flowtly.probe_rows import Row
from syncd.connectors.flowtly.probe_schema import NAME, Document
from syncd.connectors.http import (
    Answer,
    HttpClient,
    JsonTrouble,
    Request,
    is_api_error,
    is_router_error,
    unreadable,
)
from syncd.errors import BadAnswer, Refused

_ACCEPT: Final = {"accept": "application/ld+json, application/json;q=0.9"}
_OPENAPI: Final = {"accept": "application/vnd.openapi+json"}
_DOCUMENTS: Final = ("/docs.jsonopenapi", "/docs")
_LATER: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
_VERBS: Final = {
    "collection": {"GET": Verb.LIST, "POST": Verb.CREATE},
    "item": {"GET": Verb.GET, "PATCH": Verb.PATCH, "DELETE": Verb.DELETE},
}


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of a collection. ``told``: parameters that the answer itself offers; ``verbs``: of its ``Allow``."""

    envelope: Envelope
    told: tuple[str, ...] = ()
    verbs: frozenset[Verb] | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """One item, or why there is none. ``verbs``: of its ``Allow``."""

    access: Access
    row: Row = field(default_factory=dict)
    verbs: frozenset[Verb] | None = None


class Requests:
    """What a probe may ask of one tenant, through the connector's own client and so under its limits."""

    def __init__(self, client: HttpClient, addresses: Addresses, stop: Event | None = None) -> None:
        self._client, self._addresses, self._stop = client, addresses, stop

    @property
    def address(self) -> str:
        """Where the tenant answers."""
        return self._addresses.base

    def document(self) -> Document | None:
        """The tenant's OpenAPI document, None where it offers none. Raises Later, which is not the same."""
        for path in _DOCUMENTS:
            request = Request("GET", self._addresses.base + path, _OPENAPI)
            answer = self._client.ask(request, self._stop)
            if answer.status in _LATER or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise self._client.trouble(request, answer)
            if answer.status != HTTPStatus.OK:
                continue
            try:
                document = Document(answer.json(), self._addresses.prefix)
            except JsonTrouble:
                continue
            if document.usable:
                return document
        return None

    def page(self, resource: Resource, **query: Any) -> Listed | Access:
        """One page, or why there is none. Raises BadAnswer for what is no page, Later, Denied for a refused login."""
        link = f"{self._addresses.base}{resource.path}"
        request = Request("GET", f"{link}?{urlencode(query, quote_via=quote)}" if query else link, _ACCEPT)
        answer = self._client.ask(request, self._stop)
        if answer.status != HTTPStatus.OK:
            return self._access(request, answer)
        data = self._json(request, answer)
        return Listed(read_envelope(data, request.label), _searchable(data), _allowed(answer, "collection"))

    def matching(self, resource: Resource, **query: Any) -> list[dict[str, Any]] | None:
        """The rows of a page for a filter, None where the server refuses the value (4xx)."""
        try:
            found = self.page(resource, **query)
        except Refused:
            return None
        return list(found.envelope.members) if isinstance(found, Listed) else None

    def item(self, resource: Resource, row: Row) -> Shown:
        """The item of a row of the list. Raises as ``page``, and BadAnswer for a row without identity."""
        request = Request("GET", self._addresses.base + self._path(resource, row), _ACCEPT)
        answer = self._client.ask(request, self._stop)
        if answer.status != HTTPStatus.OK:
            return Shown(self._access(request, answer))
        data = self._json(request, answer)
        if not isinstance(data, dict):
            raise BadAnswer(f"{request.label}: a record was expected, not {type(data).__name__}")
        return Shown(Access.ALLOWED, data, _allowed(answer, "item"))

    def options(self, resource: Resource, row: Row | None) -> frozenset[Verb] | None:
        """The verbs that OPTIONS tells in ``Allow``, usually with a 405 (recorded: case 089); None when it does not.

        Without ``row`` those of the collection; the item of a row need not exist.
        """
        part = "collection" if row is None else "item"
        path = resource.path if row is None else self._path(resource, row)
        request = Request("OPTIONS", self._addresses.base + path, _ACCEPT)
        return _allowed(self._client.ask(request, self._stop), part)

    def patch_nothing(self, iri: str) -> Access:
        """Send ``{}`` to one record. Raises Refused for an IRI that is none, NotFound, UnknownOutcome, Later."""
        try:
            path = self._addresses.path(iri)
        except BadAnswer:
            path = ""
        parts = path.split("/")
        if len(parts) != 3 or not all(is_segment(part) for part in parts[1:]):  # noqa: PLR2004 - /clients/5
            raise Refused(f"{iri[:200]!r} is not the IRI of a record, such as {self._addresses.iri('/clients/5')}")
        headers = {**_ACCEPT, "content-type": "application/merge-patch+json"}
        request = Request("PATCH", self._addresses.base + path, headers, b"{}")
        answer = self._client.ask(request)
        if answer.status == HTTPStatus.OK:
            return Access.ALLOWED
        if answer.status == HTTPStatus.FORBIDDEN:
            return Access.DENIED
        if answer.status == HTTPStatus.METHOD_NOT_ALLOWED:
            return Access.ABSENT
        raise self._client.trouble(request, answer)

    def _access(self, request: Request, answer: Answer) -> Access:
        """What a refusal says about the resource. Raises for everything that says nothing about it, a proxy's too."""
        ours = is_api_error(answer) or is_router_error(answer)
        if answer.status == HTTPStatus.FORBIDDEN:
            if ours:
                return Access.DENIED
            raise self._client.named(unreadable(request, "answered 403, but not by the API"))
        if answer.status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE, HTTPStatus.METHOD_NOT_ALLOWED} and ours:
            return Access.ABSENT
        raise self._client.trouble(request, answer)

    def _path(self, resource: Resource, row: Row) -> str:
        """Where the item of a row is: below the resource's own path for items, and nowhere else."""
        home = resource.items
        iri = row.get("@id")
        if isinstance(iri, str):
            head, _, last = self._addresses.path(iri).rpartition("/")
            if head == home and is_segment(last):
                return f"{home}/{last}"
        number = row.get("id")
        if isinstance(number, int | str) and not isinstance(number, bool) and is_segment(str(number)):
            return f"{home}/{number}"
        raise BadAnswer(f"GET {resource.path}: a record came without a usable @id or id")

    def _json(self, request: Request, answer: Answer) -> Any:
        try:
            return answer.json()
        except JsonTrouble as error:
            raise self._client.named(unreadable(request, f"status {answer.status}, but {error}")) from None


def _allowed(answer: Answer, part: str) -> frozenset[Verb] | None:
    """The verbs of an ``Allow`` header; None without one, and in an answer that is not the application's."""
    allow = answer.headers.get("allow")
    if not allow or answer.status not in {HTTPStatus.OK, HTTPStatus.NO_CONTENT, HTTPStatus.METHOD_NOT_ALLOWED}:
        return None
    known = _VERBS[part]
    return frozenset(known[word] for text in allow.split(",") if (word := text.strip().upper()) in known)


def _searchable(data: Any) -> tuple[str, ...]:
    """Plain parameters that the search part of an envelope offers; nothing for any other shape."""
    search = data.get("hydra:search", data.get("search")) if isinstance(data, dict) else None
    if not isinstance(search, dict):
        return ()
    mapping = search.get("hydra:mapping", search.get("mapping"))
    names = [one.get("variable") for one in mapping if isinstance(one, dict)] if isinstance(mapping, list) else []
    return tuple(dict.fromkeys(name for name in names if isinstance(name, str) and NAME.fullmatch(name)))
