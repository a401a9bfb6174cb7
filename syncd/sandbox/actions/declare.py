"""The shape of an action: where it is served, who may call it, which body it takes, what it does. Holds no action.

An action is judged like every other request (see ``handlers``): route, method, token, media types, record, role,
body; then its function runs under the state's lock. Paths are the published ones; bodies and answers of all but the
merge are modelled, since Flowtly publishes neither.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import quote

from syncd.sandbox import negotiate
from syncd.sandbox.actions.jobs import Branding
from syncd.sandbox.actions.outbox import Outbox
from syncd.sandbox.answer import Answer, write_headers
from syncd.sandbox.call import Call
from syncd.sandbox.config import IRI_PREFIX, SandboxConfig
from syncd.sandbox.declare import Resource, Row
from syncd.sandbox.envelope import page_request
from syncd.sandbox.phpjson import encode
from syncd.sandbox.query import parse
from syncd.sandbox.replies import BOTH, Replies
from syncd.sandbox.state import State
from syncd.sandbox.writer import Writer

MULTIPART: Final = "multipart/form-data"
CSV: Final = "text/csv"


@dataclass(frozen=True, slots=True)
class Kit:
    """What the actions of one sandbox share."""

    config: SandboxConfig
    state: State
    writer: Writer
    replies: Replies
    outbox: Outbox
    branding: Branding


@dataclass(frozen=True, slots=True)
class Ask:
    """One request to an action.

    ``iri`` is the path as answers spell it, ``methods`` those of the path, ``params`` the parts of the path by name.
    ``data`` is the decoded body: JSON data (an empty object where none was sent), a ``Form``, or the bytes of a CSV.
    ``row`` is the record ``{id}`` names.
    """

    kit: Kit
    call: Call
    iri: str
    methods: Sequence[str]
    params: Mapping[str, str]
    media: str
    data: Any
    resource: Resource
    row: Row

    @property
    def fields(self) -> Mapping[str, Any]:
        """The body as an object; a list is read as an empty one (recorded: case 108)."""
        return self.data if isinstance(self.data, dict) else {}

    @property
    def linked(self) -> bool:
        """Whether the answer is ld+json."""
        return self.media == negotiate.LINKED

    def changed(self) -> Answer:
        """200 with the record as it is now."""
        row = self.kit.state.table(self.resource.name).rows[self.row["id"]]
        return self.kit.replies.changed(self.call, self.methods, self.media, self.resource, row)

    def made(self, row: Row) -> Answer:
        """201 with a new record."""
        return self.kit.replies.made(self.call, self.methods, self.media, self.resource, row)

    def told(self, kind: str, fields: Mapping[str, Any], status: int = 200) -> Answer:
        """An answer that is no record: its ``@id`` is the path asked, ``kind`` its ``@type``."""
        head = {"@context": f"{IRI_PREFIX}/contexts/{kind}", "@id": self.iri, "@type": kind} if self.linked else {}
        body = encode({**head, **fields}, linked=self.linked)
        if self.call.method in ("GET", "HEAD"):
            return self.kit.replies.read(self.call, self.methods, self.iri, self.media, body)
        headers = [*write_headers(self.media, self.call.origin), *self.kit.replies.allow(self.methods)]
        return Answer(status, headers, body)

    def listed(self, kind: str, entries: Sequence[Mapping[str, Any]]) -> Answer:
        """A collection of things that are no records, each with an ``id`` under the path asked."""
        query = parse(self.call.query)
        page = page_request(query, self.kit.config.page_size, self.kit.config.max_page_size)
        shown = entries[page.offset : page.offset + page.size]
        members = [encode({**self._head(kind, entry), **entry}, linked=self.linked) for entry in shown]
        listed = Resource(path=kind, name=kind, fields=(), groups="")
        return self.kit.replies.page(
            self.call, self.methods, self.iri, self.media, listed, members, len(entries), page, query
        )

    def file(self, name: str, media: str, pieces: Iterable[bytes]) -> Answer:
        """A file to keep; a name beyond ASCII is told in RFC 6266's second form."""
        plain = re.sub(r"[^ !#-\[\]-~]", "_", name)
        named = f'attachment; filename="{plain}"'
        if plain != name:
            named += f"; filename*=UTF-8''{quote(name, safe='')}"
        headers = [*write_headers(None, self.call.origin), *self.kit.replies.allow(self.methods)]
        return Answer(200, [("Content-Type", media), *headers, ("Content-Disposition", named)], stream=pieces)

    def _head(self, kind: str, entry: Mapping[str, Any]) -> dict[str, str]:
        return {"@id": f"{self.iri}/{entry['id']}", "@type": kind} if self.linked else {}


Act: TypeAlias = Callable[[Ask], Answer]


@dataclass(frozen=True, slots=True)
class Action:
    """One action.

    ``path`` is a template such as ``/invoices/{id}/send``; ``{id}`` names a record of ``resource``. ``role``: who may
    call it. ``takes``: media types of the body, none for an action without one; with ``optional`` the body may be
    missing. ``gives``: media types the client may ask for; the first one is what no Accept gives.
    """

    method: Literal["GET", "POST"]
    path: str
    resource: str
    act: Act
    role: Literal["reader", "writer"] = "writer"
    takes: tuple[str, ...] = ()
    optional: bool = False
    gives: tuple[str, ...] = BOTH

    @property
    def segments(self) -> tuple[str, ...]:
        """The parts of the path."""
        return tuple(self.path.removeprefix("/").split("/"))

    def params(self, segments: Sequence[str]) -> dict[str, str] | None:
        """The parts of a path that fill the template's names, None when it does not fit."""
        own = self.segments
        if len(own) != len(segments):
            return None
        pairs = list(zip(own, segments, strict=True))
        if not all(given if name.startswith("{") else name == given for name, given in pairs):
            return None
        return {name[1:-1]: given for name, given in pairs if name.startswith("{")}
