"""One walk of a watch: what differs from what was last seen becomes events. It writes to no peer, and tells nobody.

New memory and the events of it are one transaction in the store, so a process that dies between two steps neither
loses an event nor has it twice. A walk that ends early teaches what it saw; only complete ones, two of them, say that
a record is gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from threading import Event
from typing import Final

from syncd.core.events import NewEvent, events_of, levels_of
from syncd.core.model import Document
from syncd.engine.context import Events, Limits, Tally
from syncd.engine.lease import LeaseKeeper, RunStop
from syncd.engine.merging import chunked
from syncd.engine.run import Report
from syncd.errors import BadAnswer, Denied, Later, NotFound, ReadCut, Refused, SyncdError
from syncd.mapping.nodes import Node
from syncd.mapping.problems import Problem, did_you_mean
from syncd.mapping.records import Unfit
from syncd.mapping.watched import Sums, Watch, digest_of, usable_key
from syncd.ports import Clock, Connector, Differing, LastSeen, Query, Record, Store, WatchPass

_UNREADABLE: Final = b""  # no document has this digest, so an unreadable record is always looked at again


@dataclass(frozen=True, slots=True)
class Watcher:
    """Walks watches. Holds no state between walks."""

    store: Store
    clock: Clock
    limits: Limits
    events: Events
    owner: str

    def walk(self, watch: Watch, peer: Connector, stop: Event) -> Report:
        """One walk. Raises StoreUnavailable, LeaseLost, and Refused for a watch that its peer cannot serve."""
        started = self.clock.monotonic()
        lease = self.store.acquire(watch.job, self.owner, self.limits.lease)
        if lease is None:
            return Report(watch.job, "busy", None, {})
        requests = peer.requests
        run_stop = RunStop(stop, self.clock, self.limits.run_time)
        try:
            with LeaseKeeper(self.store, lease, self.limits.lease, run_stop):
                _require_fit(watch, peer)
                with closing(self.store.begin_watch(watch.spec.name, watch.fingerprint, lease)) as passing:
                    walk = _Walk(self, watch, passing, run_stop)
                    error = walk.run(peer)
        finally:
            with suppress(SyncdError):  # it expires by itself; trouble here must not hide what ended the walk
                self.store.release(lease)
        counts = {**walk.tally.as_dict(), "requests": peer.requests - requests}
        seconds = round(self.clock.monotonic() - started, 3)
        outcome = "done" if error is None else "incomplete"
        self.events("watch.finished", watch=watch.spec.name, outcome=outcome, **counts, seconds=seconds)
        return Report(watch.job, outcome, None, counts, seconds=seconds, complete=error is None)


@dataclass(slots=True)
class _Walk:
    """One walk that is going on."""

    watcher: Watcher
    watch: Watch
    passing: WatchPass
    stop: RunStop
    tally: Tally = field(default_factory=Tally)
    _unreadable: str = ""

    def run(self, peer: Connector) -> SyncdError | None:
        """Everything; the peer's trouble, if there was any."""
        events, name = self.watcher.events, self.watch.spec.name
        if self.passing.rebased:
            events("watch.rebased", watch=name, detail="it watches other records now, so it begins with a new base")
        sums = None if self.watch.spec.sum is None else Sums(self.watch)
        error = self._walked(peer, sums)
        if self._unreadable:
            events("watch.unreadable", watch=name, records=self.tally.get("unreadable"), detail=self._unreadable)
        if error is not None:
            events("watch.incomplete", watch=name, error=type(error).__name__, detail=str(error))
            return error
        for batch in chunked([] if sums is None else list(sums.documents()), self.watcher.limits.batch):
            self._compare(dict(batch))
        self.passing.conclude()
        self._forget()
        return None

    def _walked(self, peer: Connector, sums: Sums | None) -> SyncdError | None:
        """Every page, compared or added up; the trouble that ended it, if it did not end by itself."""
        try:
            for page in peer.pages(query_of(self.watch), None):
                self.tally.add("read", by=len(page.records))
                records = [record for record in page.records if self.watch.in_scope(record.raw)]
                for batch in chunked(records, self.watcher.limits.batch):
                    self._take(batch, sums)
                if self.stop.is_set():
                    raise ReadCut("stopped on request")
        except (Denied, Later, BadAnswer, ReadCut, Refused, NotFound) as trouble:
            return trouble
        return None

    def _take(self, records: Iterable[Record], sums: Sums | None) -> None:
        by_key = {record.key: record for record in records if self._usable(record.key)}
        if not by_key:
            return
        if sums is None:
            self._compare({key: self._document(record) for key, record in by_key.items()})
            return
        fresh = self.passing.fresh(by_key)  # pages shift: a record may come twice, and counts once
        for key in fresh:
            sums.add(by_key[key].raw)

    def _usable(self, key: str) -> bool:
        if not usable_key(key):
            self._note_unreadable("a key that no database can hold")
            return False
        return True

    def _document(self, record: Record) -> Document | None:
        try:
            return self.watch.document(record.raw)
        except Unfit as unfit:
            self._note_unreadable(f"{record.key}: {unfit.message}")
            return None

    def _note_unreadable(self, detail: str) -> None:
        self.tally.add("unreadable")
        self._unreadable = self._unreadable or detail

    def _compare(self, documents: Mapping[str, Document | None]) -> None:
        """One comparison with what was last seen; what differs is remembered together with its events."""
        digests = {key: _UNREADABLE if one is None else digest_of(one) for key, one in documents.items()}
        differing = self.passing.differing(digests)
        kept: list[LastSeen] = []
        events: list[NewEvent] = []
        for key in documents:
            found, document = differing.get(key), documents[key]
            if found is None or document is None:
                continue
            if found.twice:
                self.watcher.events("watch.duplicate_key", watch=self.watch.spec.name, key=key)
                continue
            before, levels = _last(found)
            kept.append(LastSeen(key, digests[key], document, levels_of(self.watch.rules, before, document, levels)))
            if before is not None or self._tells_new():
                events += events_of(self.watch.rules, self.watch.about(key), before, document, levels)
        if kept:
            self.passing.keep(kept, events)
            self.tally.add("differing", by=len(kept))
            self.tally.add("events", by=len(events))

    def _tells_new(self) -> bool:
        """Before the first complete walk a record that is new to us need not be new."""
        return self.passing.based or self.watch.spec.initial == "emit"

    def _forget(self) -> None:
        """Records that two complete walks did not see."""
        while gone := self.passing.gone(self.watcher.limits.batch):
            events = [
                told
                for one in gone
                for told in events_of(self.watch.rules, self.watch.about(one.key), one.document, None, one.levels)
            ]
            self.passing.drop([one.key for one in gone], events)
            self.tally.add("gone", by=len(gone))
            self.tally.add("events", by=len(events))


def query_of(watch: Watch) -> Query:
    """How a watch asks its peer."""
    spec = watch.spec
    return Query(spec.resource, fields=watch.inputs, where=watch.where, key=spec.key, options=spec.options)


def watch_obstacles(watch: Watch, peer: Connector) -> Iterator[Problem]:
    """What the peer of a watch does not have: the resource, or fields of it. Raises Later, Denied, BadAnswer."""
    query, node = query_of(watch), watch.node
    try:
        peer.capabilities(query)
        shape = peer.shape(query)
    except Refused as refused:
        yield node.at("resource").problem(f"watch {watch.spec.name}: {refused}")
        return
    for name in watch.inputs:
        if shape is not None and not shape.open and name not in shape.fields:
            hint = did_you_mean(name, shape.fields)
            place = _place(watch, name)
            yield place.problem(f"watch {watch.spec.name}: {shape.resource} has no field {name!r}", hint)


def _require_fit(watch: Watch, peer: Connector) -> None:
    """A field that does not exist would look like one that never changes. Raises Refused."""
    problems = list(watch_obstacles(watch, peer))
    if problems:
        raise Refused("; ".join(str(problem) for problem in problems))


def _place(watch: Watch, name: str) -> Node:
    """Where a raw field is named."""
    spec, node = watch.spec, watch.node
    if name in spec.fields:
        return node.at("fields", spec.fields.index(name))
    if name in spec.where:
        return node.at("where").key_node(name) or node
    return node.at("sum", "by" if spec.sum is not None and spec.sum.by == name else "of")


def _last(found: Differing) -> tuple[Document | None, frozenset[str]]:
    return (None, frozenset()) if found.last is None else (found.last.document, found.last.levels)
