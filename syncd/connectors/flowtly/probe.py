"""Measures a tenant: a bounded number of polite reads per resource, and facts out of their answers.

It never writes. Trouble with one resource makes that resource unknown and nothing else: what was not answered is never
taken for a fact, and running it again measures everything anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from syncd.connectors.flowtly.catalogue import Resource, Verb
from syncd.connectors.flowtly.envelope import Form
from syncd.connectors.flowtly.measured import (
    REAL,
    Access,
    FilterKind,
    MeasuredField,
    MeasuredResource,
    Measurement,
    PageSizes,
    Tenant,
)
from syncd.connectors.flowtly.probe_filters import candidates, descends, judge, nonsense_for, value_for
from syncd.connectors.flowtly.probe_requests import Listed, Requests, Shown
from syncd.connectors.flowtly.probe_rows import Observed, Row, nulls_of, observe, only_in_items
from syncd.connectors.flowtly.probe_schema import Declared, DeclaredField, Document
from syncd.connectors.flowtly.resources import RESOURCES
from syncd.errors import BadAnswer, Later, Refused, SyncdError

Progress = Callable[[str, int, int | None], None]
"""Told the stage, how many resources are done, and of how many."""

ASKED: Final = 250
"""Members asked for on the page that is looked at; a server cuts it to its maximum."""
_FEW: Final = 2
_ITEMS: Final = 3
_ORDERED: Final = 10
_NO_ITEM: Final = {"id": 0}  # the router answers OPTIONS whether or not there is such a record
_MOST_ORGANIZATIONS: Final = 20
_TROUBLE_IN_A_ROW: Final = 2  # then the server is down and not one resource broken


class Probe:
    """Measurements of one tenant. ``known`` names, for a light one, the filters that were real before."""

    def __init__(self, requests: Requests, instance: str | None, now: Callable[[], datetime]) -> None:
        self._requests, self._instance, self._now = requests, instance, now

    @property
    def name(self) -> str:
        """The tenant's name, as ``Tenant.name`` gives it."""
        return Tenant(address=self._requests.address, instance=self._instance).name

    def full(self, resources: Sequence[Resource], progress: Progress) -> Measurement:
        """Everything that can be learnt by reading: up to about 30 requests a resource. Raises Later, Denied."""
        return self._measure(resources, None, progress)

    def light(self, resources: Sequence[Resource], known: Measurement | None) -> Measurement:
        """The document, and a page and an item of each resource: what drift is noticed by. Raises Later, Denied."""
        return self._measure(resources, known.resources if known is not None else {}, lambda *_: None)

    def may_write(self, iri: str) -> Access:
        """Send an empty patch to one record, which changes nothing. Raises Refused, NotFound, UnknownOutcome, Later."""
        return self._requests.patch_nothing(iri)

    def _measure(
        self, resources: Sequence[Resource], known: Mapping[str, MeasuredResource] | None, progress: Progress
    ) -> Measurement:
        tenant = self._tenant()
        document = self._requests.document()
        found: dict[str, MeasuredResource] = {}
        troubled = 0
        for number, resource in enumerate(resources):
            progress("probe", number, len(resources))
            before = None if known is None else known.get(resource.name, MeasuredResource(access=Access.UNKNOWN))
            look = _Look(self._requests, resource, document, before)
            try:
                found[resource.name] = look.measured()
                troubled = 0
            except (BadAnswer, Refused, Later) as error:
                troubled = troubled + 1 if isinstance(error, Later) else 0
                if troubled >= _TROUBLE_IN_A_ROW:
                    raise
                found[resource.name] = MeasuredResource(access=Access.UNKNOWN, detail=_short(error))
        progress("probe", len(resources), len(resources))
        return Measurement(taken=self._now(), tenant=tenant, schema_document=document is not None, resources=found)

    def _tenant(self) -> Tenant:
        """Whose answers these are; without organizations where those are not for this user."""
        try:
            listed = self._requests.page(RESOURCES["organizations"], itemsPerPage=_MOST_ORGANIZATIONS)
        except (BadAnswer, Refused):
            listed = Access.UNKNOWN
        members = listed.envelope.members if isinstance(listed, Listed) else ()
        ids = sorted({text for one in members if (text := str(one.get("id") or "")[:80]) and text.isprintable()})
        return Tenant(
            address=self._requests.address, instance=self._instance, organizations=tuple(ids[:_MOST_ORGANIZATIONS])
        )


@dataclass(slots=True)
class _Look:
    """One resource being measured. ``known`` is None for a full look, else what a light one may rely on."""

    requests: Requests
    resource: Resource
    document: Document | None
    known: MeasuredResource | None
    verbs: dict[str, frozenset[Verb]] = field(default_factory=dict)

    def measured(self) -> MeasuredResource:
        """Everything about it. Raises BadAnswer, Refused, Later, Denied."""
        declared = self.document.resource(self.resource.path) if self.document is not None else None
        listed = self.requests.page(self.resource, itemsPerPage=ASKED)
        if isinstance(listed, Access):
            return MeasuredResource(access=listed)
        rows = listed.envelope.members
        pairs = [(row, item.row) for row in _spread(rows, 1 if self.light else _ITEMS) if (item := self._item(row)).row]
        self._note("collection", listed.verbs)
        if not self.light:
            self._ask_for_verbs()
        told = (*listed.told, *(declared.parameters if declared is not None else ()))
        form = listed.envelope.form
        return MeasuredResource(
            access=Access.ALLOWED,
            envelope=form,
            total=None if form is Form.ARRAY else listed.envelope.total is not None,
            nulls=nulls_of(rows, _listed(declared)),
            declared=declared is not None and declared.readable,
            rows=len(rows),
            full_page=_full(listed),
            pages=self._page_sizes(listed),
            verbs=self._all_verbs(declared),
            filters=dict(self._filters(rows, told)),
            orders=dict(self._orders(rows)),
            item_only=tuple(dict.fromkeys((*_declared_item_only(declared), *only_in_items(rows, pairs)))),
            fields=_fields(declared, observe(rows), observe(item for _, item in pairs), len(rows)),
        )

    @property
    def light(self) -> bool:
        """True when only drift is looked for."""
        return self.known is not None

    # ------------------------------------------------------------------ verbs

    def _item(self, row: Row) -> Shown:
        try:
            shown = self.requests.item(self.resource, row)
        except BadAnswer:
            return Shown(Access.UNKNOWN)
        if shown.access is Access.ALLOWED:
            self._note("item", shown.verbs)
        return shown

    def _note(self, part: str, verbs: frozenset[Verb] | None) -> None:
        if verbs is not None:
            self.verbs[part] = verbs

    def _ask_for_verbs(self) -> None:
        """Servers that say nothing of verbs with a success say it with a refusal (recorded: case 089)."""
        if "collection" not in self.verbs:
            self._note("collection", self.requests.options(self.resource, None))
        if "item" not in self.verbs and self.resource.view_of is None:
            self._note("item", self.requests.options(self.resource, _NO_ITEM))

    def _all_verbs(self, declared: Declared | None) -> tuple[Verb, ...] | None:
        """The document's verbs, else those of both ``Allow`` headers; the list was just read, so it is one.

        A view has those of the records it shows, which it does not tell itself.
        """
        if self.resource.view_of is not None:
            return None
        if declared is not None:
            found = declared.verbs | {Verb.LIST}
        elif self.verbs.keys() >= {"collection", "item"}:
            found = self.verbs["collection"] | self.verbs["item"] | {Verb.LIST}
        else:
            return None
        return tuple(verb for verb in Verb if verb in found)

    # ------------------------------------------------------------------ pages, filters, orders

    def _page_sizes(self, listed: Listed) -> PageSizes:
        seen, more = len(listed.envelope.members), _has_more(listed)
        most = seen if more and seen < ASKED else None
        if self.light or seen <= _FEW:
            return PageSizes(most=most)
        few, plain = self._size(itemsPerPage=_FEW), self._size()
        return PageSizes(
            # A page as large as the whole collection says nothing about the default.
            default=plain if plain is not None and plain < seen else most if plain == seen else None,
            most=most,
            honoured=None if few is None else few == _FEW,
        )

    def _size(self, **query: int) -> int | None:
        found = self.requests.matching(self.resource, **query)
        return None if found is None else len(found)

    def _filters(self, rows: Sequence[Row], told: Iterable[str]) -> Iterable[tuple[str, FilterKind]]:
        """Each candidate with what it does; a light look asks the filters that were real for nonsense, no more."""
        names = candidates(self.resource, told, rows)
        known = {} if self.known is None else self.known.filters
        for name in names:
            value = value_for(name, rows)
            if value is None or (self.light and known.get(name) not in REAL):
                continue
            nothing = self.requests.matching(self.resource, itemsPerPage=_ORDERED, **{name: nonsense_for(value)})
            if self.light:
                yield name, FilterKind.IGNORED if nothing else known[name]
                continue
            found = self.requests.matching(self.resource, itemsPerPage=ASKED, **{name: value})
            kind = judge(name, value, found, nothing)
            if kind is not None:
                yield name, kind

    def _orders(self, rows: Sequence[Row]) -> Iterable[tuple[str, bool]]:
        """``order[id]`` and the order by the change stamp, where the rows can tell."""
        if self.light or len(rows) < _FEW:
            return
        for name in dict.fromkeys(("id", *((self.resource.stamp,) if self.resource.stamp else ()))):
            query = {f"order[{name}]": "desc", "itemsPerPage": _ORDERED}
            ordered = self.requests.matching(self.resource, **query)
            answer = None if ordered is None else descends(name, rows, ordered)
            if answer is not None:
                yield name, answer


def _spread(rows: Sequence[Row], count: int) -> list[Row]:
    """Some rows from the beginning, the middle and the end."""
    if len(rows) <= count:
        return list(rows)
    return [rows[number * (len(rows) - 1) // max(count - 1, 1)] for number in range(count)]


def _has_more(listed: Listed) -> bool:
    """Whether the collection goes on behind this page, as far as the answer says."""
    envelope = listed.envelope
    return envelope.next is not None or (envelope.total or 0) > len(envelope.members)


def _full(listed: Listed) -> bool:
    """The page is a whole one, or the whole collection, and says so: a bare array never does."""
    envelope, seen = listed.envelope, len(listed.envelope.members)
    return envelope.form is not Form.ARRAY and (envelope.next is not None or envelope.total == seen) and seen > 0


def _declared_item_only(declared: Declared | None) -> tuple[str, ...]:
    return () if declared is None else declared.item_only


def _listed(declared: Declared | None) -> tuple[str, ...]:
    return () if declared is None else tuple(name for name, one in declared.fields.items() if one.listed)


def _fields(
    declared: Declared | None, listed: Mapping[str, Observed], shown: Mapping[str, Observed], rows: int
) -> dict[str, MeasuredField]:
    """Fields of the document and of the rows put together, in alphabetical order; ``seen`` counts rows of the list."""
    told = {} if declared is None else declared.fields
    return {
        name: _field(told.get(name), listed.get(name), shown.get(name), rows)
        for name in sorted({*told, *listed, *shown})
    }


def _field(told: DeclaredField | None, listed: Observed | None, shown: Observed | None, rows: int) -> MeasuredField:
    seen = listed or shown
    kind = seen.type if seen is not None else None
    words = dict(sorted(listed.words.items())) if listed is not None else {}
    counted = {"seen": listed.seen if listed is not None else 0, "of": rows, "values": words}
    if told is None:
        return MeasuredField(type=kind, **counted)
    return MeasuredField(
        type=told.type or kind,
        nullable=told.nullable,
        writable=told.writable,
        required=told.required,
        max_length=told.max_length,
        choices=told.choices,
        declared=True,
        **counted,
    )


def _short(error: SyncdError) -> str:
    """An error for the file: one line without control characters."""
    return "".join(one if one.isprintable() else " " for one in f"{type(error).__name__}: {error}")[:300]
