"""Successful answers about records, with the recorded headers. Must never decide whether one succeeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from syncd.sandbox import negotiate
from syncd.sandbox.answer import Answer, Headers, read_headers, write_headers
from syncd.sandbox.call import Call
from syncd.sandbox.config import SandboxConfig
from syncd.sandbox.declare import Resource, Row
from syncd.sandbox.envelope import PageRequest, collection
from syncd.sandbox.items import Items
from syncd.sandbox.query import Parameters

BOTH: Final = (negotiate.LINKED, negotiate.PLAIN)
"""The two forms every record comes in."""


class Replies:
    """The answers of one sandbox; ``methods`` are always those of the route, for ``Allow``."""

    def __init__(self, config: SandboxConfig, items: Items) -> None:
        self._config = config
        self._items = items

    def page(
        self,
        call: Call,
        methods: Sequence[str],
        iri: str,
        media: str,
        resource: Resource,
        members: Sequence[bytes],
        total: int,
        page: PageRequest,
        query: Parameters,
    ) -> Answer:
        """One page of a collection; ``iri`` is what it was asked under."""
        if media == negotiate.LINKED:
            body = collection(resource, iri, members, total, page, query, self._config.envelope)
        else:
            body = b"[" + b",".join(members) + b"]"
        return self.read(call, methods, iri, media, body)

    def read(self, call: Call, methods: Sequence[str], iri: str, media: str, body: bytes) -> Answer:
        """A body that is not one record's."""
        headers = [*read_headers(media, body, call.origin), *self.allow(methods)]
        return Answer(200, self.head_location(headers, call, iri, media), body)

    def shown(
        self, call: Call, methods: Sequence[str], iri: str, media: str, resource: Resource, row: Row, *, aliased: bool
    ) -> Answer:
        """One record; ``aliased`` where the path is not the record's own."""
        linked = media == negotiate.LINKED
        body = self._items.item(resource, row, linked=linked, iri=iri if aliased else None)
        headers = [*read_headers(media, body, call.origin), *self.allow(methods), *self.accept_patch(resource)]
        if self._config.envelope == "hydra":
            headers.append(("Content-Location", resource.iri(row["id"])))
        return Answer(200, self.head_location(headers, call, iri, media), body)

    def made(self, call: Call, methods: Sequence[str], media: str, resource: Resource, row: Row) -> Answer:
        """201 with the record a POST made."""
        iri = resource.iri(row["id"])
        headers = [*write_headers(media, call.origin), *self.allow(methods), ("Location", iri)]
        headers += [*self.accept_patch(resource), ("Content-Location", self._located(iri, media))]
        body = self._items.item(resource, row, linked=media == negotiate.LINKED)
        return Answer(201, headers, body, created=(resource.name, row["id"]))

    def changed(self, call: Call, methods: Sequence[str], media: str, resource: Resource, row: Row) -> Answer:
        """200 with the record as a write left it."""
        headers = [*write_headers(media, call.origin), *self.allow(methods), *self.accept_patch(resource)]
        headers.append(("Content-Location", self._located(resource.iri(row["id"]), media)))
        return Answer(200, headers, self._items.item(resource, row, linked=media == negotiate.LINKED))

    def allow(self, methods: Sequence[str]) -> Headers:
        """``Allow`` and ``Accept-Post`` on success: 4.3 only."""
        if self._config.envelope == "hydra":
            return []
        headers = [("Allow", ", ".join(("OPTIONS", "HEAD", *methods)))]
        return [*headers, ("Accept-Post", ", ".join(BOTH))] if "POST" in methods else headers

    @staticmethod
    def accept_patch(resource: Resource) -> Headers:
        """``Accept-Patch`` where the record can be patched."""
        return [("Accept-Patch", negotiate.MERGE_PATCH)] if "PATCH" in resource.item else []

    def head_location(self, headers: Headers, call: Call, iri: str, media: str) -> Headers:
        """4.3 tells a HEAD, and only a HEAD, where the content is (recorded: cases 47, 88)."""
        if call.method == "HEAD" and self._config.envelope == "plain":
            query = f"?{call.query}" if call.query else ""
            headers.append(("Content-Location", f"{self._located(iri, media)}{query}"))
        return headers

    def _located(self, iri: str, media: str) -> str:
        if self._config.envelope == "hydra":
            return iri
        return f"{iri}.{'jsonld' if media == negotiate.LINKED else 'json'}"
