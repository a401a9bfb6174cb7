"""What changed at a tenant, and which mappings it stops: declarations, mappings and two measurements compared. Pure.

Nulls are left out of answers, so a field that nobody fills looks like one that is gone. "Lost" is therefore said only
where the tenant's own schema document names the resource and not the field, where nulls are shown and the field is not,
or where many rows had it and a whole page of rows has it no more; each finding says which.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from syncd.connectors.flowtly.catalogue import Resource, Verb
from syncd.connectors.flowtly.drift_use import Use, uses_of
from syncd.connectors.flowtly.measured import (
    REAL,
    Access,
    FilterKind,
    MeasuredField,
    MeasuredResource,
    Measurement,
    Nulls,
    lacks,
)
from syncd.mapping.compiled import CompiledMapping
from syncd.mapping.problems import Problem

_MANY: Final = 10
"""How many values a page must have been expected to show before their absence means anything."""


class Kind(StrEnum):
    """What a finding is about."""

    TENANT = "tenant"
    DENIED = "denied"
    GONE = "gone"
    LOST = "lost"
    NEW = "new"
    TYPE = "type"
    NULLABLE = "nullable"
    REQUIRED = "required"
    VERB = "verb"
    FILTER = "filter"
    ENVELOPE = "envelope"


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference. ``field`` is empty for one of the whole resource; ``mappings`` are those that it touches.

    ``stops`` names those of them that must not run as long as it lasts, each with its place.
    """

    kind: Kind
    resource: str
    field: str
    text: str
    mappings: tuple[str, ...]
    stops: Mapping[str, Problem]


def compare(
    resources: Mapping[str, Resource],
    mappings: Iterable[CompiledMapping],
    fresh: Measurement,
    old: Measurement | None,
) -> list[Finding]:
    """Every difference of ``fresh`` from ``old`` and from what the mappings need.

    What stops a mapping is found each time, as long as it lasts; all else once, as it is then part of what
    ``remembered`` keeps.
    """
    uses = uses_of(mappings)
    before = old.resources if old is not None else {}
    found = list(_tenant(fresh, old))
    for name, now in fresh.resources.items():
        if name in resources:
            found.extend(_Pair(resources[name], now, before.get(name), uses.get(name, Use())).findings())
    return found


def remembered(fresh: Measurement, old: Measurement | None, findings: Iterable[Finding]) -> Measurement:
    """What to compare the next measurement with: the fresh one, and what it could not or did not want to look at.

    A lost field that stops a mapping stays as it was, or its return would not be noticed.
    """
    if old is None:
        return fresh
    held = {(one.resource, one.field) for one in findings if one.stops}
    dropped = {(one.resource, one.field) for one in findings if one.kind is Kind.LOST} - held
    resources = dict(old.resources)
    for name, now in fresh.resources.items():
        known = old.resources.get(name)
        if known is None or known.access is not Access.ALLOWED:
            resources[name] = now if known is None or now.access is not Access.UNKNOWN else known
        elif now.access is Access.ALLOWED:
            fields = {one: told for one, told in known.fields.items() if (name, one) not in dropped}
            fresh_fields = {one: told for one, told in now.fields.items() if (name, one) not in held}
            resources[name] = _merged(now, known, fields | fresh_fields)
        elif now.access is not Access.UNKNOWN:
            resources[name] = known.model_copy(update={"access": now.access})
    offered = fresh.schema_document or old.schema_document
    return fresh.model_copy(update={"resources": resources, "schema_document": offered})


def _merged(now: MeasuredResource, known: MeasuredResource, fields: dict[str, MeasuredField]) -> MeasuredResource:
    """The fresh facts; of those that only a full probe measures, the known ones where there are no fresh ones."""
    return now.model_copy(
        update={
            "fields": fields,
            "filters": {**known.filters, **now.filters},
            "orders": {**known.orders, **now.orders},
            "item_only": tuple(dict.fromkeys((*now.item_only, *known.item_only))),
            "pages": now.pages if now.pages.honoured is not None else known.pages,
            "verbs": known.verbs if now.verbs is None else now.verbs,
            "writes": known.writes if now.writes is None else now.writes,
        }
    )


def _tenant(fresh: Measurement, old: Measurement | None) -> Iterator[Finding]:
    """Other organizations than before: another tenant may answer at this address."""
    now, before = fresh.tenant.organizations, old.tenant.organizations if old is not None else ()
    if now and before and set(now).isdisjoint(before):
        yield Finding(
            Kind.TENANT,
            "organizations",
            "",
            f"the organizations are others than before: {', '.join(now)} instead of {', '.join(before)}; "
            "check flowtly.url, instance and the user before anything is written",
            (),
            {},
        )


@dataclass(frozen=True, slots=True)
class _Pair:
    """One resource now and before, and what the mappings want of it."""

    resource: Resource
    now: MeasuredResource
    before: MeasuredResource | None
    use: Use

    def findings(self) -> Iterator[Finding]:
        """Everything that is different about it; nothing where there was no usable answer."""
        if self.now.access is Access.UNKNOWN:
            return
        if self.now.access is not Access.ALLOWED:
            yield from self._refused()
            return
        yield from self._fields()
        if self.before is None or self.before.access is not Access.ALLOWED:
            return
        yield from self._verbs(self.before)
        for name, kind in self.now.filters.items():
            if kind not in REAL and self.before.filters.get(name) in REAL:
                yield self._finding(Kind.FILTER, f"the filter {name} is {_words(kind)} now; lookups read more pages")
        if self.before.envelope is not None and self.now.envelope not in {None, self.before.envelope}:
            yield self._finding(
                Kind.ENVELOPE, f"lists come as {self.now.envelope} and no more as {self.before.envelope}; both are read"
            )

    def _refused(self) -> Iterator[Finding]:
        """A resource that this user may not read, or that is not there."""
        denied = self.now.access is Access.DENIED
        kind = Kind.DENIED if denied else Kind.GONE
        text = "may not be read by this user (403)" if denied else "is not there (404)"
        stops = {
            name: mapping.problem("flowtly", f"Flowtly's {self.resource.name} {text}", _stopped(name))
            for name, mapping in self.use.mappings.items()
        }
        known = self.before is not None and self.before.access is not self.now.access
        if stops or known:
            yield Finding(kind, self.resource.name, "", text, tuple(sorted(stops)), stops)

    # ------------------------------------------------------------------ fields

    def _fields(self) -> Iterator[Finding]:
        known = self.before.fields if self.before is not None else {}
        for name in dict.fromkeys((*self.use.fields, *known)):
            if (why := self._lost(name)) is not None:
                yield self._lost_field(name, why)
        for name, one in self.now.fields.items():
            if name in known:
                yield from self._changed(name, one, known[name])
            elif name not in self.resource.by_name and not (self.resource.open and self.before is None):
                kind = f", {one.type}" if one.type is not None else ""
                yield self._finding(Kind.NEW, f"new field {name}{kind}: it can be mapped now", name)

    def _lost(self, name: str) -> str | None:
        """How we know that a field is gone, None where we do not."""
        declared = self.resource.by_name.get(name)
        if name.startswith("@") or (declared is not None and declared.found_in is not None):
            return None  # made by us out of other answers
        before = self.before.fields.get(name) if self.before is not None else None
        if lacks(self.now, name):
            return "certain: the tenant's schema document does not name it"
        now = self.now.fields.get(name)
        if before is None or (now is not None and (now.declared or now.seen)):
            return None
        if self.now.nulls is Nulls.SHOWN and now is None and before.seen and name not in self._item_only():
            return f"certain: nulls are shown, and none of {self.now.rows} rows has it"
        expected = self.now.rows * before.seen // before.of if before.of else 0
        if self.now.full_page and before.seen >= _MANY and expected >= _MANY and name not in self._item_only():
            return (
                f"very likely: {before.seen} of {before.of} rows had it, none of {self.now.rows} on a whole page has "
                "it now; if somebody cleared it everywhere, run syncd probe to say so"
            )
        return None

    def _item_only(self) -> frozenset[str]:
        known = self.before.item_only if self.before is not None else ()
        return self.resource.item_only | {*known, *self.now.item_only}

    def _lost_field(self, name: str, why: str) -> Finding:
        stops = {
            mapping.name: mapping.problem(
                place, f"Flowtly's {self.resource.name} have no field {name!r} ({why})", _stopped(mapping.name)
            )
            for mapping, place in self.use.fields.get(name, ())
        }
        text = f"field {name} is gone ({why})"
        return Finding(Kind.LOST, self.resource.name, name, text, tuple(sorted(stops)), stops)

    def _changed(self, name: str, now: MeasuredField, before: MeasuredField) -> Iterator[Finding]:
        """Differences that two answers of the same source show."""
        if now.declared is not before.declared:
            return
        if None not in {now.type, before.type} and now.type != before.type and (now.declared or now.seen >= _MANY):
            yield self._finding(Kind.TYPE, f"field {name} is {now.type} now and was {before.type}", name)
        if not now.declared:
            return
        if now.nullable is not before.nullable:
            text = "may be empty now" if now.nullable else "must not be empty any more"
            yield self._finding(Kind.NULLABLE, f"field {name} {text}", name)
        if now.required and before.required is False:
            yield self._finding(Kind.REQUIRED, f"field {name} is required for a new record now", name)

    # ------------------------------------------------------------------ verbs

    def _verbs(self, before: MeasuredResource) -> Iterator[Finding]:
        if self.now.verbs is None or before.verbs is None:
            return
        for verb in (verb for verb in Verb if verb in before.verbs and verb not in self.now.verbs):
            yield self._finding(Kind.VERB, f"{verb} is not offered any more")

    def _finding(self, kind: Kind, text: str, field_name: str = "") -> Finding:
        if field_name:
            users = {mapping.name for mapping, _ in self.use.fields.get(field_name, ())}
        else:
            users = set(self.use.mappings)
        return Finding(kind, self.resource.name, field_name, text, tuple(sorted(users)), {})


def _words(kind: FilterKind) -> str:
    return "ignored" if kind is FilterKind.IGNORED else "not usable"


def _stopped(mapping: str) -> str:
    return f"mapping {mapping} is stopped until this is mended"
