"""One search of a directory for duplicates: read it, keep what changed, decide the pairs of that. Writes to no peer.

What was read and not decided yet stays due in the store, so a process that dies is taken up where it was. A reading
that was cut, shrank or does not add up still teaches what it saw, and closes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event
from typing import Final, Protocol

from syncd.counterparties.normalise import VERSION, inputs_hash, prepare
from syncd.counterparties.party import Party
from syncd.engine.context import Events, Limits, Progress
from syncd.engine.dedupe.deciding import Deciding, Facts
from syncd.engine.dedupe.reading import Reader
from syncd.engine.lease import LeaseKeeper, RunStop, elapsed
from syncd.errors import BadAnswer, Denied, Later, NotFound, ReadCut, Refused, SyncdError
from syncd.mapping.directories import DirectorySpec
from syncd.mapping.watched import usable_key
from syncd.ports import Clock, Connector, Lease, Query, Record, Store
from syncd.ports.parties import PartyStore, StoredParty

PREFIX: Final = "dedupe:"
"""What the lease of a directory is called by, before its name."""


class DirectoryStore(Store, PartyStore, Protocol):
    """A store that knows leases and parties."""


@dataclass(frozen=True, slots=True)
class ScanReport:
    """What a scan found. ``opened`` and ``closed`` are cases that people are asked now, and are not asked any more.

    ``outcome``: ``done``; ``incomplete`` (the peer was in trouble: nothing was closed for what was not seen);
    ``stopped`` (the rest is decided by the next scan); ``busy`` (another process scans this directory).
    """

    directory: str
    outcome: str
    read: int = 0
    changed: int = 0
    gone: tuple[str, ...] = ()
    pairs: int = 0
    opened: int = 0
    closed: int = 0
    capped: int = 0
    whole: bool = False
    reason: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Scanner:
    """Searches directories. Holds no state between scans. ``facts``: what registers say, where they may be asked."""

    store: DirectoryStore
    clock: Clock
    limits: Limits
    events: Events
    progress: Progress
    owner: str
    facts: Facts | None = None

    def scan(
        self,
        name: str,
        spec: DirectorySpec,
        peer: Connector,
        stop: Event,
        *,
        whole: bool = False,
        shrunk_is_right: bool = False,
    ) -> ScanReport:
        """One scan. ``whole``: all pairs are decided anew; ``shrunk_is_right``: a person says that so many are gone.

        Raises StoreUnavailable, LeaseLost, and Refused for a directory that its peer cannot serve.
        """
        started, asked = self.clock.monotonic(), elapsed()
        lease = self.store.acquire(PREFIX + name, self.owner, self.limits.lease)
        if lease is None:
            return ScanReport(name, "busy")
        run_stop = RunStop(stop, self.clock, self.limits.run_time)
        try:
            with LeaseKeeper(self.store, lease, self.limits.lease, run_stop, asked):
                reading = _Reading(self, name, spec, lease, run_stop.is_set, shrunk_is_right)
                error = reading.run(peer)
                deciding = Deciding(self.store, name, spec, lease, self.events, self.progress, run_stop.is_set)
                deciding.facts = self.facts
                deciding.run(whole=whole)
        finally:
            with suppress(SyncdError):  # it expires by itself; trouble here must not hide what ended the scan
                self.store.release(lease)
        outcome = "incomplete" if error is not None else "stopped" if deciding.stopped else "done"
        report = ScanReport(
            name,
            outcome,
            read=len(reading.seen),
            changed=reading.changed,
            gone=tuple(reading.gone),
            pairs=deciding.pairs,
            opened=deciding.opened,
            closed=deciding.closed,
            capped=deciding.capped,
            whole=deciding.whole,
            reason="" if error is None else f"{type(error).__name__}: {error}",
            seconds=round(self.clock.monotonic() - started, 3),
        )
        self._tell(report)
        return report

    def _tell(self, report: ScanReport) -> None:
        self.events(
            "dedupe.scanned",
            directory=report.directory,
            outcome=report.outcome,
            read=report.read,
            changed=report.changed,
            gone=len(report.gone),
            pairs=report.pairs,
            opened=report.opened,
            closed=report.closed,
            capped=report.capped,
            whole=report.whole,
            seconds=report.seconds,
        )


@dataclass(slots=True)
class _Reading:
    """The walk of a directory that is going on."""

    scanner: Scanner
    name: str
    spec: DirectorySpec
    lease: Lease
    stopped: Callable[[], bool]
    shrunk_is_right: bool
    changed: int = 0
    gone: list[str] = field(default_factory=list)
    seen: dict[str, str] = field(default_factory=dict)
    _waiting: dict[str, Party] = field(default_factory=dict)
    _total: int | None = None
    _doubts: list[str] = field(default_factory=list)

    def run(self, peer: Connector) -> SyncdError | None:
        """Everything; the trouble that ended it, if it did not end by itself."""
        reader = Reader(self.spec, peer)
        query = reader.fit()
        self.scanner.store.begin_directory(self.name, source_of(self.spec), self.lease)
        before = self.scanner.store.party_count(self.name)
        trouble: SyncdError | None = None
        try:
            reader.read_references()
            self._walk(peer, reader, query)
        except (Denied, Later, BadAnswer, ReadCut, Refused, NotFound) as error:
            trouble = error
            self._say("dedupe.incomplete", error=type(error).__name__, detail=str(error))
        self._keep()
        if trouble is not None:
            return trouble
        self._doubt(before)
        if self._doubts:
            self._say("dedupe.uncertified", seen=len(self.seen), reason="; ".join(self._doubts))
            return None
        self.gone = self.scanner.store.forget_parties(self.name, self.seen, self.lease)
        for key in self.gone:
            self._say("dedupe.gone", key=key)
        return None

    def _walk(self, peer: Connector, reader: Reader, query: Query) -> None:
        read = 0
        for page in peer.pages(query, None):
            self._total = page.total if page.total is not None and not self.spec.where else self._total
            read += len(page.records)
            for record in page.records:
                party = self._party(reader, record)
                if party is not None:
                    self._waiting[party.id] = party
                if len(self._waiting) >= self.scanner.limits.batch:
                    self._keep()
            self.scanner.progress(f"reading {self.name}", read, page.total)
            if self.stopped():
                raise ReadCut("stopped on request")

    def _party(self, reader: Reader, record: Record) -> Party | None:
        """The record as a party; None for one that is none of ours, is unusable, or came before."""
        if not reader.in_scope(record.raw):
            return None
        if not usable_key(record.key):
            self._doubts.append("a key that no database can hold")
            return None
        party = reader.party(record.key, record.raw)
        inputs = inputs_hash(party)
        before = self.seen.setdefault(record.key, inputs)
        if before != inputs:
            self._doubts.append(f"duplicate key {record.key!r}")
            self._say("dedupe.duplicate_key", key=record.key)
            return None
        return party

    def _keep(self) -> None:
        """Store what was read and is not stored as it is."""
        store, parties = self.scanner.store, self._waiting
        self._waiting = {}
        given = {key: self.seen[key] for key in parties}
        known = store.unchanged(self.name, given, VERSION) if given else set()
        news = [StoredParty(party, prepare(party)) for key, party in parties.items() if key not in known]
        if news:
            store.keep_parties(self.name, news, self.lease)
            self.changed += len(news)

    def _doubt(self, before: int) -> None:
        """Why what was not seen may be there all the same, although the walk came to its end."""
        seen = len(self.seen)
        if self._total is not None and self._total != seen:
            self._doubts.append(f"claimed {self._total}, saw {seen}")
        if seen < before * (1 - self.scanner.limits.shrink) and not self.shrunk_is_right:
            self._doubts.append(f"saw {seen} where {before} were known")

    def _say(self, event: str, **fields: object) -> None:
        self.scanner.events(event, directory=self.name, **fields)


def source_of(spec: DirectorySpec) -> str:
    """Whose records a directory has, and under which keys."""
    return f"{spec.system} {spec.resource}" + (f" by {spec.key}" if spec.key else "")
