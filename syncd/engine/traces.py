"""What counterparties and clients have that tells who became of them: accounts, client, supplier, tax number.

Reads; changes nothing anywhere. What cannot be read is left out, never guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from syncd.core.following import Mark, Suspect
from syncd.core.model import Absent as NoValue
from syncd.core.model import Document, Side, Value
from syncd.counterparties.accounts import accounts
from syncd.counterparties.tins import placeholder
from syncd.engine.context import Context
from syncd.engine.merging import chunked
from syncd.mapping.compiled import RecordProblem
from syncd.mapping.directories import KNOWN_FIELDS, PartyFields
from syncd.ports import Link, Query, Raw
from syncd.ports.parties import CaseState, StoredParty

_KINDS: Final = {"account": "accounts", "client": "client", "supplier": "supplier", "tin": "tin"}
_SHORTEST: Final = 8
"""Characters of an account that is no IBAN; what is shorter tells nobody apart."""
_CASES: Final = (CaseState.OPEN, CaseState.YES, CaseState.MERGED, CaseState.GONE)


def marks_of(fields: PartyFields, raw: Raw) -> frozenset[Mark]:
    """The marks of a raw record."""
    return frozenset(
        (kind, value)
        for kind, name in _KINDS.items()
        for path in getattr(fields, name)
        for value in _values(kind, raw.get(path))
    )


def _values(kind: str, value: Any) -> Iterator[str]:
    texts = [text for text in _texts(value) if text.strip()]
    if kind in {"client", "supplier"}:
        yield from (text.strip() for text in texts)
    elif kind == "account":
        for text in texts:
            plain = _plain(text)
            yield from accounts([text]) or ([plain] if len(plain) >= _SHORTEST else [])
    else:
        for text in texts:
            plain = _plain(text)
            number = plain[2:] if plain[:2].isalpha() and plain[2:].isdigit() else plain
            if number and not placeholder(number):
                yield number


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, int) and not isinstance(value, bool):
        yield str(value)
    elif isinstance(value, Mapping):
        yield from _texts(value.get("@id"))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)


def _plain(text: str) -> str:
    return "".join(sign for sign in text.upper() if sign.isalnum())


class Traces:
    """The marks of one mapping's Flowtly records, as they are and as they were."""

    def __init__(self, ctx: Context, fields: PartyFields) -> None:
        self._ctx = ctx
        self._fields = fields
        self._resource = ctx.mapping.resource(Side.FLOWTLY)
        self._names = ctx.around.directories.get(self._resource, ())
        self._now: dict[str, Raw] | None = None

    @classmethod
    def of(cls, ctx: Context) -> Traces | None:
        """None for a resource whose records are no companies."""
        fields = KNOWN_FIELDS.get(ctx.mapping.resource(Side.FLOWTLY))
        return None if fields is None else cls(ctx, fields)

    def raw(self, key: str) -> Raw | None:
        """A record as the walk of this run saw it."""
        return self._walked().get(key)

    def had(self, link: Link) -> frozenset[Mark]:
        """What a record that is gone was last known to have."""
        documents = [link.base.flowtly]
        seen = self._ctx.store.observation(self._ctx.name, Side.FLOWTLY, link.flowtly_key)
        if seen is not None and seen.document is not None:
            documents.append(seen.document)
        marks = [self._of_document(one)[0] for one in documents]
        marks += [_of_party(one) for one in self._stored([link.flowtly_key]).values()]
        return frozenset().union(*marks)

    def suspects(self, lost: str, had: frozenset[Mark], certificate: int) -> list[Suspect]:
        """Every record that has something of the lost one, with what it had before; raises what a walk raises."""
        cases = self._cases(lost)
        if not had and not cases:
            return []
        now = {
            key: marks
            for key, raw in self._walked().items()
            if key != lost and ((marks := marks_of(self._fields, raw)) & had or key in cases)
        }
        return [
            Suspect(key, now[key], before, known, key in cases)
            for key, (before, known) in self._before(sorted(now), lost, certificate).items()
        ]

    def _walked(self) -> dict[str, Raw]:
        """All records, whether in the mapping's scope or not. One walk, and only when something is gone."""
        if self._now is None:
            wanted = [path for name in _KINDS.values() for path in getattr(self._fields, name)]
            query = Query(self._resource, fields=(*wanted, *self._ctx.mapping.where(Side.FLOWTLY)))
            found: dict[str, Raw] = {}
            for page in self._ctx.peers[Side.FLOWTLY].pages(query, None):
                found.update({record.key: record.raw for record in page.records})
                self._ctx.progress("looking for survivors", len(found), page.total)
            self._now = found
        return self._now

    def _before(
        self, keys: Sequence[str], lost: str, certificate: int
    ) -> dict[str, tuple[frozenset[Mark], frozenset[str]]]:
        """What records had while the lost one was there, and the kinds of which that is known.

        The mapping knows it of its links: their base, before the edits that were seen since. Of other kinds and of
        records without a link, the search for duplicates knows it, if it read both.
        """
        mapped = self._mapped_before(keys, certificate)
        stored = self._stored([lost, *keys])
        read = {key: _of_party(one) for key, one in stored.items()} if lost in stored else {}
        told = frozenset(kind for kind, name in _KINDS.items() if getattr(self._fields, name))
        found = {}
        for key in keys:
            marks, known = mapped.get(key, (frozenset(), frozenset()))
            if key in read:
                marks |= {mark for mark in read[key] if mark[0] not in known}
                known |= told
            found[key] = (marks, known)
        return found

    def _mapped_before(
        self, keys: Sequence[str], certificate: int
    ) -> dict[str, tuple[frozenset[Mark], frozenset[str]]]:
        ctx, found = self._ctx, {}
        for chunk in chunked(keys, ctx.limits.batch):
            links = ctx.store.links_by_key(ctx.name, Side.FLOWTLY, chunk)
            edits = ctx.store.read_before(ctx.name, certificate, list(links))
            for key, link in links.items():
                earlier = edits.get(key, {})
                document: dict[str, Value] = dict(link.base.flowtly)
                for name, (value, hidden) in earlier.items():
                    document.pop(name, None)
                    if not hidden and not isinstance(value, NoValue):
                        document[name] = value
                found[key] = self._of_document(document)
        return found

    def _of_document(self, document: Document) -> tuple[frozenset[Mark], frozenset[str]]:
        """The marks of a document in raw form, and the kinds that its fields tell."""
        projection = self._ctx.mapping.projection(Side.FLOWTLY)
        marks: set[Mark] = set()
        known: set[str] = set()
        for name, chain in projection.chains.items():
            kinds = [kind for kind, field in _KINDS.items() if set(getattr(self._fields, field)) & set(chain.names)]
            if not kinds or name not in document:
                continue
            try:
                raw = chain.write(document[name], self._ctx.lookups, None)
            except RecordProblem:
                continue
            marks |= {mark for mark in marks_of(self._fields, raw) if mark[0] in kinds}
            known.update(kinds)
        return frozenset(marks), frozenset(known)

    def _stored(self, keys: Iterable[str]) -> dict[str, StoredParty]:
        parties, wanted = self._ctx.around.parties, list(keys)
        found: dict[str, StoredParty] = {}
        for name in self._names if parties is not None else ():
            found |= parties.last_known(name, wanted) if parties is not None else {}
        return found

    def _cases(self, lost: str) -> frozenset[str]:
        parties = self._ctx.around.parties
        if parties is None:
            return frozenset()
        rows = [row for name in self._names for row in parties.cases(name, _CASES, about=lost)]
        return frozenset(key for row in rows for key in (row.left, row.right) if key != lost)


def _of_party(stored: StoredParty) -> frozenset[Mark]:
    one = stored.party
    told = {"account": one.accounts, "client": one.client, "supplier": one.supplier}
    marks = {(kind, value) for kind, given in told.items() for value in _values(kind, given)}
    numbers = {
        ("tin", value) for number in (one.tin, one.client_tin, one.supplier_tin) for value in _values("tin", number)
    }
    return frozenset(marks | numbers)
