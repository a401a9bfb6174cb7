"""A directory's raw records as parties: which raw fields say what, and what stands in records that they refer to.

Reads references whole, once a scan. A reference that cannot be read ends the scan: a party without its name would look
like another party.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from syncd.core.canon import canonical, same
from syncd.counterparties.party import Party
from syncd.counterparties.tins import at_home
from syncd.errors import Refused
from syncd.mapping.directories import DirectorySpec, PartyFields
from syncd.mapping.problems import did_you_mean
from syncd.mapping.records import Unfit, clean
from syncd.ports import Connector, Query, Raw, Shape

_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
_IN_OBJECT: Final = ("iban", "number", "accountNumber", "account")
_OTHERWISE: Final = frozenset({"name", "display", "accounts", "street"})
_SINGLE: Final = tuple(name for name in PartyFields.model_fields if name not in _OTHERWISE)
_TINS: Final = ("tin", "client_tin", "supplier_tin")
_DEEPEST: Final = 3
_LONGEST: Final = 250  # letters of a text; names and places are keys of an index


@dataclass(frozen=True, slots=True)
class Step:
    """One path: a raw field, and where it is a reference the resource it leads to and the path from there."""

    field: str
    resource: str | None = None
    then: Step | None = None


@dataclass(slots=True)
class Reader:
    """Makes parties of one directory's raw records: ``fit``, then ``read_references``, then ``party`` for each."""

    spec: DirectorySpec
    peer: Connector
    _steps: dict[str, tuple[Step, ...]] = field(default_factory=dict)
    _tables: dict[str, dict[str, Raw]] = field(default_factory=dict)

    def fit(self) -> Query:
        """Look at what the peer has, and say how the directory is to be asked. Raises Refused for unknown fields."""
        spec, query = self.spec, Query(self.spec.resource, key=self.spec.key)
        self.peer.capabilities(query)
        shape = self.peer.shape(query)
        for name in PartyFields.model_fields:
            paths: tuple[str, ...] = getattr(spec.party_fields, name)
            self._steps[name] = tuple(self._step(path, path, spec.resource, shape, _DEEPEST) for path in paths)
        steps = [step for found in self._steps.values() for step in found]
        where = {name: values[0] if len(values) == 1 else list(values) for name, values in spec.where.items()}
        wanted = dict.fromkeys([*(step.field for step in steps), *spec.where])
        for name in spec.where:
            _require(name, name, spec.resource, shape)
        return Query(spec.resource, fields=tuple(wanted), where=where, key=spec.key)

    def in_scope(self, raw: Raw) -> bool:
        """Whether a record is one of the directory; the peer may have ignored the filter."""
        return all(_is_one_of(raw.get(name), values) for name, values in self.spec.where.items())

    def party(self, key: str, raw: Raw) -> Party:
        """The record as a party."""
        given: dict[str, Any] = {name: self._first(name, raw) for name in _SINGLE}
        if self.spec.country and not given["country"]:
            # Only the numbers: a country that nobody said must not be compared with one that somebody did.
            given |= {name: at_home(given[name], self.spec.country) for name in _TINS}
        legal, shown = self._first("name", raw), self._first("display", raw)
        return Party(
            key,
            name=legal or shown,
            display=bool(shown) and not legal,
            accounts=tuple(dict.fromkeys(_texts(self._values("accounts", raw)))),
            street=_joined(_texts(self._values("street", raw))),
            **given,
        )

    def _first(self, name: str, raw: Raw) -> str:
        return next(_texts(self._values(name, raw)), "")

    def _values(self, name: str, raw: Raw) -> Iterator[Any]:
        return (self._value(step, raw) for step in self._steps[name])

    def _value(self, step: Step, raw: Raw) -> Any:
        value = raw.get(step.field)
        if step.then is None or step.resource is None or value is None:
            return value
        # A peer may answer the record itself in place of a reference to it.
        referred = value if isinstance(value, Mapping) else self._tables[step.resource].get(str(value))
        return None if referred is None else self._value(step.then, referred)

    def _step(self, path: str, whole: str, resource: str, shape: Shape | None, depth: int) -> Step:
        """A path taken apart. A field may have a dot in its own name; that one counts first."""
        head, _, rest = path.partition(".")
        if not rest or shape is None or path in shape.fields:
            _require(path, whole, resource, shape)
            return Step(path)
        target = shape.fields[head].reference if head in shape.fields else None
        if target is None or depth == 1:
            if shape.open and head not in shape.fields:
                return Step(path)
            raise Refused(f"{whole}: {resource} has no field {head!r} that refers to other records")
        query = Query(target)
        self.peer.capabilities(query)
        return Step(head, target, self._step(rest, whole, target, self.peer.shape(query), depth - 1))

    def read_references(self) -> None:
        """Every resource that is referred to, with the fields that are needed of it. Raises what a walk raises."""
        wanted: dict[str, dict[str, None]] = {}
        for one in (step for found in self._steps.values() for step in found):
            step: Step | None = one
            while step is not None and step.resource is not None and step.then is not None:
                wanted.setdefault(step.resource, {})[step.then.field] = None
                step = step.then
        for resource, fields in wanted.items():
            table = self._tables[resource] = {}
            for page in self.peer.pages(Query(resource, fields=tuple(fields)), None):
                for record in page.records:
                    table[record.key] = {name: record.raw.get(name) for name in fields}

    def read_references_of(self, raws: Iterable[Raw]) -> None:
        """Only what these records refer to, a request each. Raises NotFound for a reference that leads nowhere."""
        for raw in raws:
            for step in (step for found in self._steps.values() for step in found):
                self._read_step(step, raw)

    def _read_step(self, step: Step, raw: Raw) -> None:
        key = raw.get(step.field)
        if step.resource is None or step.then is None or not isinstance(key, str):
            return
        table = self._tables.setdefault(step.resource, {})
        if key not in table:
            table[key] = self.peer.read(Query(step.resource), key).raw
        self._read_step(step.then, table[key])


def _require(name: str, whole: str, resource: str, shape: Shape | None) -> None:
    """A field that does not exist would look like one that is always empty. Raises Refused."""
    if shape is not None and not shape.open and name not in shape.fields:
        hint = did_you_mean(name, shape.fields)
        raise Refused(f"{whole}: {resource} has no field {name!r}" + (f" ({hint})" if hint else ""))


def _is_one_of(raw: Any, values: Iterable[Any]) -> bool:
    try:
        value = canonical(clean(raw))
    except Unfit:
        return False
    return any(same(value, canonical(clean(one))) for one in values)


def _texts(values: Iterable[Any]) -> Iterator[str]:
    """Texts that say something, out of whatever a raw field holds: text, number, list, an object that has a number."""
    for value in values:
        if isinstance(value, Mapping):
            yield from _texts([next((value[name] for name in _IN_OBJECT if value.get(name)), None)])
        elif isinstance(value, list | tuple):
            yield from _texts(value)
        elif value is not None and not isinstance(value, bool):
            text = _UNSTORABLE.sub("\ufffd", str(value)).strip()[:_LONGEST]
            if text:
                yield text


def _joined(parts: Iterable[str]) -> str:
    """A street with its number; a number that stands at its end already is not said twice."""
    whole = ""
    for part in parts:
        if not whole.casefold().endswith(f" {part.casefold()}"):
            whole = f"{whole} {part}".strip()
    return whole
