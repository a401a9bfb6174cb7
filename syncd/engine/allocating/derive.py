"""The derivation: postings are read, the rules applied, and the parts that are wanted of each are kept in the store.

Nothing is concluded from a reading that is not complete: what it saw counts, everything else stays as it was. A posting
counts as gone only when two complete readings did not see it and the ERP itself says that there is none.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from typing import Any, Final

from syncd.budgets.allocate import Allocator
from syncd.engine.allocating.books import Books, Entry, Place, Sheet
from syncd.engine.allocating.placing import OUTSIDE, Placing
from syncd.engine.allocating.reading import digest_of
from syncd.engine.allocating.words import Allocation
from syncd.engine.context import Context
from syncd.engine.trouble import describe
from syncd.errors import BadAnswer, Denied, Later, NotFound, ReadCut, Refused, SyncdError
from syncd.ports.allocations import Derivation, PostingState

LOOKS: Final = 500
"""Missed postings that are asked for in one run; more of them in later runs."""
_TROUBLE: Final = (Denied, Later, BadAnswer, ReadCut, Refused, NotFound)
_LIVE: Final = tuple(state for state in PostingState if state is not PostingState.GONE)
_OPEN: Final = (PostingState.PARTLY, PostingState.UNASSIGNED)


def derive(ctx: Context, allocation: Allocation, books: Books, allocator: Allocator) -> str:
    """Bring the wanted parts up to date with the ERP; why that is not complete, '' when it is.

    Raises LeaseLost and StoreUnavailable only.
    """
    fence = ctx.store.fence(allocation.of)
    if fence is not None:  # what a restored ERP lacks or shows again is nobody's correction
        reason = f"mapping {allocation.of} is fenced"
        ctx.events("postings.held", allocation=allocation.name, reason=reason)
        return reason
    return _Derivation(ctx, allocation, books, allocator).run()


class _Derivation:
    """One reading of one allocation's postings."""

    def __init__(self, ctx: Context, allocation: Allocation, books: Books, allocator: Allocator) -> None:
        self._ctx = ctx
        self._allocation = allocation
        self._books = books
        self._placing = Placing(ctx, allocation, allocator)
        self._name = allocation.name
        self._full = True
        self._number = 0
        self._read = 0
        self._claimed: int | None = None
        self._digests: dict[str, bytes] = {}
        """What this reading saw so far, to notice a key that comes again with other content."""
        self._doubled: set[str] = set()

    def run(self) -> str:
        """Read, allocate, look for what is missing; see ``derive``."""
        ctx, store = self._ctx, self._ctx.store
        before = store.allocation_counts(self._name)
        known = store.derivation(self._name)
        if known is not None and known.fingerprint != self._allocation.fingerprint:
            known = None
        place = _place(known)
        full = self._full = self._must_be_full(known, place)
        self._number = store.begin_derivation(self._name, self._allocation.fingerprint, ctx.lease)
        reached, error = self._walk(None if full else place)
        live = sum(before.get(state, 0) for state in _LIVE)
        doubts = [describe(error)] if error is not None else self._doubts(place, live) if full else []
        end = Place(reached.postings, reached.lines, len(self._digests) if full else place.seen)
        told = json.dumps(asdict(end), sort_keys=True)
        store.finish_derivation(self._name, self._number, told, full=full, complete=not doubts, lease=ctx.lease)
        if doubts:
            ctx.events("postings.incomplete", allocation=self._name, full=full, detail="; ".join(doubts))
        elif full:
            self._look_for_missed()
        store.sweep_withdrawn(self._name, ctx.name, ctx.lease)
        self._tell_unassigned(before)
        return "; ".join(doubts)

    def _must_be_full(self, known: Derivation | None, place: Place) -> bool:
        """A reading of everything: asked for, or no cursor to trust, or the last one is too old, or other rules."""
        if self._ctx.options.full or known is None or known.full_at is None or place.postings is None:
            return True
        if self._ctx.now() - known.full_at >= self._ctx.mapping.spec.schedule.full:
            return True
        try:
            return not self._books.incremental
        except SyncdError:
            return False  # the reading itself will meet the trouble

    def _walk(self, place: Place | None) -> tuple[Place, SyncdError | None]:
        """Read to the end or to the trouble; where that is, and the trouble."""
        reached = place or Place()
        try:
            with closing(_sheets(self._books, place)) as sheets:
                for sheet in sheets:
                    reached = sheet.place
                    self._claimed = sheet.total if sheet.total is not None else self._claimed
                    for entries in _batches(sheet.entries, self._ctx.limits.batch):
                        self._take(entries)
                    self._ctx.progress("reading postings", self._read, self._claimed)
                    if self._ctx.stop.is_set():
                        raise ReadCut("stopped on request")
        except _TROUBLE as trouble:
            return reached, trouble
        return reached, None

    def _take(self, entries: Sequence[Entry]) -> None:
        """Compare one batch with what is known, allocate what differs, and note all of it in one transaction."""
        latest = {entry.record.key: entry for entry in entries}
        digests = {key: digest_of(self._allocation, one.record, one.lines) for key, one in latest.items()}
        if self._full:
            self._notice_doubles(entries, digests)
        known = self._ctx.store.posting_digests(self._name, list(digests))
        differing = [key for key, digest in digests.items() if known.get(key) != digest or key in self._doubled]
        before = self._ctx.store.postings(self._name, differing)
        news = [self._placing.seen(latest[key], digests[key], before.get(key), self._doubled) for key in differing]
        changed = [one for one in news if one is not None]
        same = [key for key in digests if key in known and known[key] == digests[key] and key not in self._doubled]
        if changed or same:
            self._ctx.store.note_postings(self._name, self._number, changed, same, self._ctx.lease)
        self._read += len(latest)
        self._ctx.tally.add("postings", by=len(latest))
        self._ctx.tally.add("allocated", by=sum(1 for one in changed if one.state is not PostingState.REFUSED))

    def _notice_doubles(self, entries: Iterable[Entry], digests: dict[str, bytes]) -> None:
        """Keys that came before with other content, in this batch or in an earlier one."""
        first: dict[str, Entry] = {}
        for entry in entries:
            key = entry.record.key
            other = first.setdefault(key, entry)
            if other is not entry and digest_of(self._allocation, other.record, other.lines) != digests[key]:
                self._doubled.add(key)
            if self._digests.setdefault(key, digests[key]) != digests[key]:
                self._doubled.add(key)

    def _doubts(self, place: Place, live: int) -> list[str]:
        """Why a reading that reached its end is not believed to be all there is."""
        seen, shrink = len(self._digests), self._ctx.limits.shrink
        doubts = []
        if self._doubled:
            doubts.append(f"several postings under one key: {', '.join(sorted(self._doubled)[:5])}")
        if self._claimed is not None and self._claimed != seen:
            doubts.append(f"the ERP claimed {self._claimed} postings and gave {seen}")
        if seen == 0 and live:
            doubts.append(f"no posting was read while {live} are known")
        elif place.seen and (place.seen - seen) / place.seen > shrink and not self._ctx.options.person:
            doubts.append(
                f"shrank from {place.seen} to {seen} postings, more than the limit of {shrink:.0%}: "
                "if that is right, syncd apply"
            )
        return doubts

    def _look_for_missed(self) -> None:
        """Ask the ERP for what two complete readings did not see; only its own word that there is none counts."""
        ctx = self._ctx
        for key, first in ctx.store.missed(self._name, LOOKS):
            if ctx.stop.is_set():
                return
            try:
                entry = self._books.read(key)
            except NotFound as answer:
                evidence = f"not in the complete readings {first} and {self._number}; looked at: {describe(answer)}"
                ctx.store.lose_posting(self._name, key, evidence, ctx.lease)
                ctx.tally.add("postings_gone")
                ctx.events("posting.gone", allocation=self._name, posting=key, detail=evidence)
            except (Denied, Later, BadAnswer, Refused) as error:
                ctx.events("posting.unread", allocation=self._name, posting=key, detail=describe(error))
                if isinstance(error, Denied | Later):
                    return
            else:
                if self._left(key, entry):
                    continue
                ctx.store.keep_missed(self._name, key, ctx.lease)
                if self._books.in_scope(entry.record):
                    ctx.events("postings.contradicted", allocation=self._name, posting=key)
                    return  # a list that was caught being wrong proves nothing more in this run

    def _left(self, key: str, entry: Entry) -> bool:
        """Note a posting that left both the mapping and ``postings.where``; where only the mapping, nothing follows."""
        if self._books.in_scope(entry.record) or self._allocation.reading.in_scope(entry.record.raw):
            return False
        evidence = f"not in two complete readings; as it reads now, {OUTSIDE}"
        self._ctx.store.lose_posting(self._name, key, evidence, self._ctx.lease)
        self._ctx.events("posting.left", allocation=self._name, posting=key, detail=evidence)
        return True

    def _tell_unassigned(self, before: dict[str, int]) -> None:
        """Say how many postings no rule reaches, when that is news."""
        after = self._ctx.store.allocation_counts(self._name)
        if any(after.get(state, 0) != before.get(state, 0) for state in _OPEN):
            counts: dict[str, Any] = {str(state): after.get(state, 0) for state in _OPEN}
            self._ctx.events("budget.unassigned", allocation=self._name, **counts)


def _place(known: Derivation | None) -> Place:
    """Where the reading before got to."""
    if known is None or known.cursor is None:
        return Place()
    return Place(**json.loads(known.cursor))


def _sheets(books: Books, place: Place | None) -> Generator[Sheet, None, None]:
    yield from books.sheets(place)


def _batches(entries: Sequence[Entry], size: int) -> Iterator[Sequence[Entry]]:
    return (entries[start : start + size] for start in range(0, len(entries), size))
