"""The one request that merges two counterparties, and the look at what became of them. Must never send it twice.

Flowtly publishes the address and not the body, so the body is the administrator's. Nothing else is ever sent from
here: the address is made from a counterparty's own IRI and the one word ``merge``.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from syncd.connectors.flowtly.addresses import Addresses
from syncd.connectors.flowtly.catalogue import Catalogue, Resource
from syncd.connectors.flowtly.records import Records
from syncd.connectors.http import Answer, HttpClient, JsonTrouble, Request, dump_json
from syncd.errors import BadAnswer, NotFound, Refused, UnknownOutcome

MERGED: Final = "counterparties"
"""The only resource with a merge."""

_ACCEPT: Final = {"accept": "application/ld+json, application/json;q=0.9"}
_LD_JSON: Final = "application/ld+json"
_MOVED: Final = frozenset(
    {HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.FOUND, HTTPStatus.TEMPORARY_REDIRECT, HTTPStatus.PERMANENT_REDIRECT}
)
_DONE: Final = frozenset({HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.NO_CONTENT})


class FlowtlyMerger:
    """``ports.merger.Merger`` for Flowtly. Thread-safe."""

    def __init__(self, client: HttpClient, addresses: Addresses, catalogue: Catalogue) -> None:
        self._client, self._addresses, self._catalogue = client, addresses, catalogue

    def merge(self, resource: str, survivor: str, body: Mapping[str, Any]) -> None:
        """Send the one request. A 401 is met with one renewal of the token, as nothing was done then.

        An answer that does not say that it is done (202, another record, none at all) leaves the outcome unknown.
        """
        records = Records(self._resource(resource), self._addresses, self._catalogue)
        records.must_own(survivor)
        try:
            content = dump_json(dict(body))
        except JsonTrouble as error:
            raise Refused(f"{survivor}: the configured body cannot be sent: {error}") from None
        headers = {**_ACCEPT, "content-type": _LD_JSON}
        request = Request("POST", f"{self._addresses.url(survivor)}/merge", headers, content)
        answer = self._client.ask(request)
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise self._client.trouble(request, answer)
        if answer.status not in _DONE or not self._is_about(records, survivor, answer):
            said = f"{request.label} was answered {answer.status}, and not with the survivor: look at both records"
            raise self._client.named(UnknownOutcome(said))

    def where(self, resource: str, key: str) -> str | None:
        """The key under which a record answers now: its own, or that of the record it became; None when it is gone."""
        found = self._resource(resource)
        records = Records(found, self._addresses, self._catalogue)
        records.must_own(key)
        request = Request("GET", self._addresses.url(key), _ACCEPT)
        answer = self._client.ask(request)
        if answer.status in _MOVED:
            return self._iri(records, request, answer.headers.get("location", ""))
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            error = self._client.trouble(request, answer)
            if isinstance(error, NotFound):
                return None
            raise error
        other = records.key(self._item(request, answer))
        return key if records.same(other, key) else other

    def _is_about(self, records: Records, survivor: str, answer: Answer) -> bool:
        """True for no content, and for a record that is the survivor: what Flowtly answers is not published."""
        if not answer.body:
            return True
        try:
            data = answer.json()
            return isinstance(data, dict) and ("@id" not in data or records.same(records.key(data), survivor))
        except (JsonTrouble, BadAnswer):
            return False

    def _resource(self, name: str) -> Resource:
        if name != MERGED:
            raise Refused(f"Flowtly merges {MERGED} only, not {name}")
        return self._catalogue.named(name)

    def _iri(self, records: Records, request: Request, location: str) -> str:
        """The record that a redirect leads to, as an IRI: the address of a redirect is where it is fetched."""
        base, prefix = self._addresses.base, self._addresses.prefix
        iri = prefix + location.removeprefix(base) if location.startswith(base + "/") else location
        if not records.owns(iri):
            raise self._client.named(BadAnswer(f"{request.label} leads to {location[:200]!r}, which is no record"))
        return iri

    def _item(self, request: Request, answer: Answer) -> Mapping[str, Any]:
        try:
            data = answer.json()
        except JsonTrouble as error:
            raise self._client.named(BadAnswer(f"{request.label}: {error}")) from None
        if not isinstance(data, dict):
            raise self._client.named(BadAnswer(f"{request.label}: a record was expected"))
        return data
