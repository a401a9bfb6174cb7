"""The requests that this connector can make: pages and items, a POST to a collection, a merge patch or a DELETE of one.

Sending an invoice or clearing an organization cannot be undone: every request passes ``_send``, which refuses them
whatever a key or a declaration says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from threading import Event
from typing import Any, Final
from urllib.parse import urlsplit

from syncd.connectors.flowtly.addresses import Addresses
from syncd.connectors.flowtly.catalogue import Catalogue, Resource
from syncd.connectors.flowtly.envelope import Envelope, read_envelope
from syncd.connectors.flowtly.records import Records
from syncd.connectors.flowtly.walk import Walk
from syncd.connectors.http import Answer, HttpClient, JsonTrouble, Request, dump_json, unreadable
from syncd.errors import BadAnswer, Refused, SyncdError
from syncd.ports import Page, Record

_ACCEPT: Final = {"accept": "application/ld+json, application/json;q=0.9"}
_LD_JSON: Final = "application/ld+json"
_JSON: Final = "application/json"
_MERGE_PATCH: Final = "application/merge-patch+json"
_NEVER: Final = frozenset({"send", "clear"})


class Calls:
    """Requests to one tenant, their answers read. Thread-safe."""

    def __init__(self, client: HttpClient, addresses: Addresses, page_size: int, catalogue: Catalogue) -> None:
        self._client, self._addresses, self._page_size = client, addresses, page_size
        self._records = {name: Records(resource, addresses, catalogue) for name, resource in catalogue.items()}
        self._post_type = _LD_JSON

    def records(self, resource: Resource) -> Records:
        """The reader of a resource's items."""
        return self._records[resource.name]

    def walk(self, resource: Resource, filters: Mapping[str, str], stop: Event | None = None) -> Iterator[Page]:
        """The pages of a collection to their proven end. Raises BadAnswer, ReadCut, Later, Denied."""

        def fetch(url: str) -> Any:
            request = Request("GET", url, _ACCEPT)
            return self._json(request, self._send(request, stop))

        walk = Walk(fetch, self._addresses, resource.path, self._records[resource.name], self._page_size)
        try:
            yield from walk.pages(filters)
        except SyncdError as error:
            raise self._client.named(error) from None

    def get(self, resource: Resource, key: str, stop: Event | None = None) -> Record:
        """One record. Raises NotFound only where the API itself says so."""
        request = Request("GET", self._item(resource, key), _ACCEPT)
        return self._record(resource, request, self._send(request, stop), key)

    def own(self, path: str) -> Mapping[str, Any] | None:
        """The record that stands for the user, as it came; None where there is no such thing or it is not for us."""
        request = Request("GET", self._addresses.base + path, _ACCEPT)
        answer = self._ask(request)
        if answer.status in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}:
            return None
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise self._client.trouble(request, answer)
        data = self._json(request, answer)
        if not isinstance(data, dict):
            raise self._client.named(unreadable(request, f"a record was expected, not {type(data).__name__}"))
        return data

    def post(self, resource: Resource, payload: Mapping[str, Any]) -> Record:
        """The record of a 201. A server that does not take JSON-LD says 415 and has done nothing: JSON once then."""
        kind = self._post_type
        request = self._create(resource, payload, kind)
        answer = self._ask(request)
        if answer.status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE and kind == _LD_JSON:
            self._post_type = _JSON
            request = self._create(resource, payload, _JSON)
            answer = self._ask(request)
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise self._client.trouble(request, answer)
        if answer.status not in {HTTPStatus.CREATED, HTTPStatus.OK}:
            raise self._client.named(unreadable(request, f"answered {answer.status}, not 201"))
        return self._record(resource, request, answer, None)

    def patch(self, resource: Resource, key: str, payload: Mapping[str, Any]) -> Record:
        """The record as the answer to a merge patch gives it."""
        headers = {**_ACCEPT, "content-type": _MERGE_PATCH}
        request = Request("PATCH", self._item(resource, key), headers, _body(resource, payload))
        answer = self._send(request)
        if answer.status != HTTPStatus.OK:
            raise self._client.named(unreadable(request, f"answered {answer.status}, not 200"))
        return self._record(resource, request, answer, key)

    def delete(self, resource: Resource, key: str) -> None:
        """Delete one record (204, recorded). Raises NotFound only where the API itself says that there is none."""
        self._send(Request("DELETE", self._item(resource, key), _ACCEPT))

    def payload(self, resource: Resource, fields: Mapping[str, Any]) -> dict[str, Any]:
        """What may be sent of ``fields``. Raises Refused."""
        return self._records[resource.name].payload(fields)

    def known(self, resource: Resource, names: Iterable[str]) -> None:
        """Raises Refused for a field that a resource with a published schema does not have."""
        for name in names:
            self._records[resource.name].field(name)

    def glance(self, resource: Resource, *, otherwise: Resource) -> tuple[Resource, Envelope]:
        """One page of ``resource``, or of ``otherwise`` where the first is not there or not for us."""
        looked, request = resource, self._first(resource)
        answer = self._client.ask(request)
        if answer.status in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}:
            looked, request = otherwise, self._first(otherwise)
            answer = self._client.ask(request)
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise self._client.trouble(request, answer)
        try:
            return looked, read_envelope(self._json(request, answer), request.label)
        except BadAnswer as error:
            raise self._client.named(error) from None

    def _first(self, resource: Resource) -> Request:
        return Request("GET", f"{self._addresses.base}{resource.path}?itemsPerPage=1", _ACCEPT)

    def _item(self, resource: Resource, key: str) -> str:
        """Where one record is. Raises Refused for a key that is not one of this resource."""
        self._records[resource.name].must_own(key)
        return self._addresses.url(key)

    def _create(self, resource: Resource, payload: Mapping[str, Any], kind: str) -> Request:
        headers = {**_ACCEPT, "content-type": kind}
        return Request("POST", self._addresses.base + resource.path, headers, _body(resource, payload))

    def _send(self, request: Request, stop: Event | None = None) -> Answer:
        answer = self._ask(request, stop)
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise self._client.trouble(request, answer)
        return answer

    def _ask(self, request: Request, stop: Event | None = None) -> Answer:
        """The one way out to the server."""
        if urlsplit(request.url).path.rpartition("/")[2] in _NEVER:
            raise Refused(f"{request.label} is never called by a synchronisation")
        return self._client.ask(request, stop)

    def _record(self, resource: Resource, request: Request, answer: Answer, key: str | None) -> Record:
        """The record of an item answer. Of a write, one that cannot be read leaves the outcome unknown."""
        data, records = self._json(request, answer), self._records[resource.name]
        try:
            if not isinstance(data, dict):
                raise BadAnswer(f"a record was expected, not {type(data).__name__}")
            record = records.record(data)
            if key is not None and not records.same(record.key, key):
                raise BadAnswer("the answer is another record than the one asked for")
        except BadAnswer as error:
            raise self._client.named(unreadable(request, str(error))) from None
        return record if key is None else Record(key, record.raw, record.changed_at)

    def _json(self, request: Request, answer: Answer) -> Any:
        try:
            return answer.json()
        except JsonTrouble as error:
            raise self._client.named(unreadable(request, f"status {answer.status}, but {error}")) from None


def _body(resource: Resource, payload: Mapping[str, Any]) -> bytes:
    try:
        return dump_json(payload)
    except JsonTrouble as error:
        raise Refused(f"{resource.name}: the record cannot be sent: {error}") from None
