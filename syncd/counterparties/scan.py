"""All duplicates among many records: count, block, decide each candidate pair once. Never reads or writes anything.

The outcome depends on the records, not on their order, and may be computed in parts: ``decisions`` takes a range of
records, and the parts together are the whole.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from syncd.counterparties import blocking
from syncd.counterparties.blocking import BlockKey
from syncd.counterparties.census import Counted, count
from syncd.counterparties.decide import DEFAULT_TIERS, in_words, notable
from syncd.counterparties.decision import Decision
from syncd.counterparties.party import Prepared


@dataclass(frozen=True, slots=True)
class Skipped:
    """A block with too many records to be looked at."""

    key: BlockKey
    records: int


@dataclass(frozen=True, slots=True)
class Survey:
    """Records by their ids, what was counted over them, and their blocks as positions.

    ``blocks`` are the kinds of keys with the records that share one; ``of`` are the blocks of each record.
    """

    records: Sequence[Prepared]
    census: Counted
    blocks: Sequence[tuple[str, Sequence[int]]]
    of: Sequence[Sequence[int]]
    skipped: tuple[Skipped, ...]

    def candidates(self, position: int) -> dict[int, list[str]]:
        """The later records that share a key with one, with the kinds of the keys."""
        found: defaultdict[int, list[str]] = defaultdict(list)
        for number in self.of[position]:
            kind, members = self.blocks[number]
            for other in members:
                if other > position and kind not in found[other]:
                    found[other].append(kind)
        return found


def survey(records: Iterable[Prepared], *, cap: int = blocking.CAP) -> Survey:
    """Count and block records. Blocks beyond ``cap`` are skipped and told."""
    ordered = sorted(records, key=lambda record: record.id)
    census = count(ordered)
    blocks: list[tuple[str, array[int]]] = []
    of = [array("I") for _ in ordered]
    skipped = []
    for key, members in _shared(ordered, census):
        if len(members) > cap:
            skipped.append(Skipped(key, len(members)))
            continue
        for position in members:
            of[position].append(len(blocks))
        blocks.append((key.kind, members))
    return Survey(ordered, census, blocks, of, tuple(sorted(skipped, key=lambda one: (-one.records, one.key))))


def _shared(ordered: Sequence[Prepared], census: Counted) -> Iterator[tuple[BlockKey, array[int]]]:
    """The keys that more than one record has, with their records. Most keys have one: it needs no list of its own."""
    first: dict[BlockKey, int] = {}
    several: dict[BlockKey, array[int]] = {}
    for position, record in enumerate(ordered):
        for key in blocking.keys(record, census):
            before = first.setdefault(key, position)
            if before != position:
                several.setdefault(key, array("I", (before,))).append(position)
    yield from several.items()


def decisions(
    found: Survey, start: int = 0, stop: int | None = None, *, tiers: frozenset[str] = DEFAULT_TIERS
) -> Iterator[Decision]:
    """Decisions on the pairs whose first record is in a range: all but the plain no without a number in common."""
    for position in range(start, len(found.records) if stop is None else stop):
        one = found.records[position]
        for other, kinds in sorted(found.candidates(position).items()):
            verdict = notable(one, found.records[other], found.census, tiers=tiers)
            if verdict is not None:
                yield in_words(verdict, kinds)


def scan(
    records: Iterable[Prepared], tiers: frozenset[str] = DEFAULT_TIERS, *, cap: int = blocking.CAP
) -> Iterator[Decision]:
    """Everything worth knowing about these records, in the order of their ids."""
    yield from decisions(survey(records, cap=cap), tiers=tiers)
