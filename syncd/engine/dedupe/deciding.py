"""Which pairs of a directory are due, and what is decided about them. It asks no peer, and what is decided it keeps.

Words become common and rare as records come and go. The keys that parties are found by are made from the counts at the
time a party changed. All are made anew, and all pairs decided, when the directory has grown or shrunk by a fifth since,
or when the rules changed. In between a party that changes has all its pairs decided, and whoever shares a number, a
name or a contact with it has its cases decided.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

import syncd
from syncd.counterparties import blocking, weights
from syncd.counterparties.decide import RegisterFact, Verdict, in_words, weigh
from syncd.counterparties.decision import Band
from syncd.counterparties.normalise import VERSION
from syncd.counterparties.party import Prepared
from syncd.engine.context import Events, Progress
from syncd.engine.merging import chunked
from syncd.mapping.directories import DirectorySpec
from syncd.ports import Lease
from syncd.ports.parties import Decided, Keying, LoadingCensus, Pair, PartyStore

Facts = Callable[[Sequence[Prepared]], Mapping[str, RegisterFact]]
"""What registers say of the valid tax numbers of these parties; nothing for those that could not be asked."""

_BATCH: Final = 2000
_REMEMBERED: Final = 60_000
_DRIFT: Final = 0.2
_TOLD: Final = 50
_PRIVATE: Final = frozenset({"account", "phone", "tin"})


@dataclass(slots=True)
class Deciding:
    """The decisions of one scan. ``stopped`` is True when it was told to stop before its end."""

    store: PartyStore
    name: str
    spec: DirectorySpec
    lease: Lease
    events: Events
    progress: Progress
    stop: Callable[[], bool]
    facts: Facts | None = None
    whole: bool = False
    stopped: bool = False
    pairs: int = 0
    opened: int = 0
    closed: int = 0
    capped: int = 0
    _census: LoadingCensus = field(init=False)
    _parties: OrderedDict[str, Prepared] = field(default_factory=OrderedDict)
    _known: set[tuple[str, str]] = field(default_factory=set)

    def run(self, *, whole: bool = False) -> None:
        """Decide what is due, or everything. Raises LeaseLost, StoreUnavailable."""
        records = self.store.party_count(self.name)
        keying = Keying(records, version_of(self.spec))
        why = "asked for" if whole else self._outdated(keying)
        due = self.store.due_parties(self.name)
        self.whole = bool(why) and records > 0
        if not self.whole and not due.changed and not due.around:
            return
        self._census = self.store.census(self.name)
        if self.whole:
            self.events("dedupe.rekeyed", directory=self.name, records=records, reason=why)
        self._key(self.store.party_keys(self.name) if self.whole else iter(due.changed))
        if not self.stopped:
            self._decide(None if self.whole else due.changed, None if self.whole else (*due.changed, *due.around))
        if self.stopped:
            return
        self._tell_capped(None if self.whole else due.changed)
        self.store.settle_parties(self.name, None if self.whole else (*due.changed, *due.around), self.lease)
        if self.whole:
            self.store.keep_keying(self.name, keying, self.lease)

    def _outdated(self, keying: Keying) -> str:
        """Why everything is to be decided anew; empty when nothing says so."""
        last = self.store.keying(self.name)
        if last is None:
            return "the first time"
        if last.version != keying.version:
            return "the rules changed"
        if abs(keying.records - last.records) > _DRIFT * last.records:
            return f"{last.records} parties have become {keying.records}"
        return ""

    def _key(self, parties: Iterable[str]) -> None:
        """Block keys by the counts as they are now."""
        done = 0
        for batch in chunked(parties, _BATCH):
            found = self._prepared(batch)
            self._census.load(found.values())
            keys = {key: [text_of(one) for one in blocking.keys(party, self._census)] for key, party in found.items()}
            self.store.key_parties(self.name, keys, self.lease)
            done += len(batch)
            self.progress(f"keys of {self.name}", done, None)
            if self._must_stop():
                return

    def _decide(self, keys: Sequence[str] | None, cases_of: Sequence[str] | None) -> None:
        """Every pair that shares a key, and every case that has none any more."""
        cap = self.spec.block_cap
        cases = list(self.store.case_pairs(self.name, cases_of, cap))
        self._known = {(pair.left, pair.right) for pair in cases}
        chosen = frozenset(keys or ())
        others = (one for one in cases if not one.blocks or not (keys is None or {one.left, one.right} & chosen))
        for batch in chunked(chain(self.store.pairs(self.name, keys, cap), others), _BATCH):
            self._decide_batch(batch)
            self.pairs += len(batch)
            self.progress(f"pairs of {self.name}", self.pairs, None)
            if self._must_stop():
                return

    def _decide_batch(self, pairs: Sequence[Pair]) -> None:
        parties = self._prepared(dict.fromkeys(key for pair in pairs for key in (pair.left, pair.right)))
        self._census.load(parties.values())
        decided = []
        for pair, verdict in self._asked(list(self._weighed(pairs, parties)), parties):
            if verdict.worth_keeping or (pair.left, pair.right) in self._known:
                decision = in_words(verdict, {block.partition("=")[0] for block in pair.blocks})
                decided.append(Decided(decision, verdict.left.inputs, verdict.right.inputs))
        if not decided:
            return
        kept = self.store.keep_decisions(self.name, decided, self.lease)
        for one in kept.opened[: max(0, _TOLD - self.opened)]:
            fields = {"left": one.left, "right": one.right, "band": one.band.value, "tier": one.tier, "bits": one.bits}
            self.events("dedupe.case_opened", directory=self.name, **fields)
        self.opened += len(kept.opened)
        self.closed += kept.closed

    def _weighed(self, pairs: Iterable[Pair], parties: Mapping[str, Prepared]) -> Iterator[tuple[Pair, Verdict]]:
        tiers = tiers_of(self.spec)
        for pair in pairs:
            left, right = parties.get(pair.left), parties.get(pair.right)
            if left is not None and right is not None:  # neither has gone meanwhile
                yield pair, weigh(left, right, self._census, tiers=tiers)

    def _asked(
        self, weighed: Sequence[tuple[Pair, Verdict]], parties: Mapping[str, Prepared]
    ) -> Iterable[tuple[Pair, Verdict]]:
        """The same with what registers say; they are asked only about pairs that somebody would look at."""
        doubted = [pair for pair, verdict in weighed if verdict.band is not Band.NO]
        if self.facts is None or not doubted:
            return weighed
        of = dict.fromkeys(key for pair in doubted for key in (pair.left, pair.right))
        facts = self.facts([parties[key] for key in of])
        if not facts:
            return weighed
        tiers = tiers_of(self.spec)
        return [
            (pair, verdict)
            if verdict.band is Band.NO
            else (pair, weigh(verdict.left, verdict.right, self._census, tiers=tiers, registers=facts))
            for pair, verdict in weighed
        ]

    def _prepared(self, keys: Iterable[str]) -> dict[str, Prepared]:
        """Parties by key; the most recently used ones are remembered."""
        wanted = list(keys)
        missing = [key for key in wanted if key not in self._parties]
        for key, one in self.store.parties(self.name, missing).items() if missing else ():
            self._parties[key] = one.prepared
        found = {}
        for key in wanted:
            if key in self._parties:
                self._parties.move_to_end(key)
                found[key] = self._parties[key]
        while len(self._parties) > _REMEMBERED:
            self._parties.popitem(last=False)
        return found

    def _tell_capped(self, keys: Sequence[str] | None) -> None:
        capped = self.store.capped(self.name, keys, self.spec.block_cap)
        self.capped = len(capped)
        for block, members in list(capped.items())[:_TOLD]:
            self.events("dedupe.block_capped", directory=self.name, block=_named(block), members=members)

    def _must_stop(self) -> bool:
        self.stopped = self.stopped or self.stop()
        return self.stopped


def _named(block: str) -> str:
    """A block key for the log: an account, a phone or a tax number by its last four characters only."""
    kind, _, value = block.partition("=")
    return f"{kind}=...{value[-4:]}" if kind in _PRIVATE else block


def tiers_of(spec: DirectorySpec) -> frozenset[str]:
    """The tiers whose pairs may go into a merge plan, with or without a person."""
    return frozenset((*spec.proposed, *spec.automatic))


def version_of(spec: DirectorySpec) -> str:
    """What block keys and bands depend on besides the records: with another one all is decided anew."""
    tiers = ",".join(sorted(tiers_of(spec)))
    return (
        f"syncd {syncd.__version__}, parties {VERSION}, weights {weights.VERSION}, tiers {tiers}, cap {spec.block_cap}"
    )


def text_of(key: blocking.BlockKey) -> str:
    """A block key as it is stored."""
    return f"{key.kind}={key.value}"
