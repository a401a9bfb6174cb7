"""A watch made ready: raw records to the documents that are compared, and sums of them. Reads nothing, tells nobody."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from syncd.core.canon import canonical, digest, document_to_json, same
from syncd.core.events import About, EventRule, number_of
from syncd.core.model import Document, Value
from syncd.mapping.events import event_problems, rules_of
from syncd.mapping.nodes import Node
from syncd.mapping.problems import Problem
from syncd.mapping.records import Unfit, clean
from syncd.mapping.watches import COUNT, EMPTY, TOTAL, WatchSpec

PREFIX: Final = "watch:"
LONGEST_KEY: Final = 2000
"""Bytes of a key; the index of the last-seen documents takes about 2700."""


@dataclass(frozen=True, slots=True)
class Watch:
    """One watch. ``node`` is where it is written."""

    spec: WatchSpec
    rules: tuple[EventRule, ...]
    node: Node = field(repr=False)

    @property
    def job(self) -> str:
        """How it is called among the jobs, the leases and the sources of events."""
        return PREFIX + self.spec.name

    @property
    def fingerprint(self) -> str:
        """What the last-seen documents are documents of. Further fields are no reason to begin anew."""
        spec = self.spec
        of = [spec.system, spec.resource, spec.key, {name: list(v) for name, v in spec.where.items()}, spec.options]
        return digest([*of, None if spec.sum is None else [spec.sum.by, spec.sum.of]]).hex()

    @property
    def where(self) -> dict[str, Any]:
        """The filter for the connector: raw field to a value, or to a list of values."""
        return {name: values[0] if len(values) == 1 else list(values) for name, values in self.spec.where.items()}

    @property
    def inputs(self) -> tuple[str, ...]:
        """The raw fields that are read."""
        read = self.spec.fields if self.spec.sum is None else (self.spec.sum.by, self.spec.sum.of)
        return tuple(dict.fromkeys((*read, *self.spec.where)))

    def about(self, key: str) -> About:
        """How events call a record."""
        spec = self.spec
        return About(self.job, key, {"system": spec.system, "resource": spec.resource, "key": key})

    def in_scope(self, raw: Mapping[str, Any]) -> bool:
        """Whether a record passes ``where``; the peer may have ignored it."""
        for name, values in self.spec.where.items():
            try:
                value = canonical(clean(raw.get(name)))
            except Unfit:
                return False
            if not any(same(value, canonical(clean(one))) for one in values):
                return False
        return True

    def document(self, raw: Mapping[str, Any]) -> Document:
        """The watched fields; nested data as JSON text. Raises Unfit."""
        return {name: _value(raw[name]) for name in self.spec.fields if name in raw}


@dataclass(slots=True)
class Sums:
    """Totals while a walk goes on: one small entry for each value of the field that they are made by."""

    watch: Watch
    _found: dict[str, list[Decimal | int]] = field(default_factory=dict)

    def add(self, raw: Mapping[str, Any]) -> None:
        """Add one record. One that belongs to no sum is left out; one without a number counts as such."""
        spec = self.watch.spec.sum
        if spec is None:
            return
        try:
            by, number = clean(raw.get(spec.by)), number_of(canonical(clean(raw.get(spec.of))))
        except Unfit:
            return
        if by is None or isinstance(by, tuple):
            return
        entry = self._found.setdefault(str(by), [Decimal(0), 0, 0])
        entry[0] += Decimal(0) if number is None else number
        entry[1] += 1
        entry[2] += number is None

    def documents(self) -> Iterator[tuple[str, Document]]:
        """Every sum under its key."""
        spec = self.watch.spec.sum
        for key, (total, count, empty) in self._found.items():
            if spec is not None:
                yield key, {spec.by: key, TOTAL: canonical(Decimal(total)), COUNT: int(count), EMPTY: int(empty)}


def watch_of(spec: WatchSpec, node: Node, targets: Collection[str]) -> Watch:
    """A watch made ready; ``targets`` are the names of all targets."""
    return Watch(spec, rules_of(spec.emit, targets), node)


def watch_problems(watch: Watch, targets: Collection[str]) -> Iterator[Problem]:
    """Fields and targets that the watch names and that do not exist in the configuration."""
    yield from event_problems(watch.spec.emit, watch.node.at("emit"), watch.spec.known, targets, memory=True)


def digest_of(document: Document) -> bytes:
    """What tells two documents apart."""
    return digest(document_to_json(document))


def usable_key(key: str) -> bool:
    """Whether a record can be remembered by this key."""
    try:
        return 0 < len(key.encode()) <= LONGEST_KEY and "\0" not in key
    except UnicodeEncodeError:
        return False


def _value(raw: Any) -> Value:
    """A raw value as it is compared. Raises Unfit."""
    try:
        return canonical(clean(raw))
    except Unfit:
        if isinstance(raw, Mapping | list | tuple):
            return clean(json.dumps(raw, sort_keys=True, default=str))
        raise
