"""Duplicates in files: given pairs scored, or all of a file's records searched. Never touches a database or a peer.

The same files give the same bytes, on however many cores.
"""

from __future__ import annotations

import csv
import gc
import multiprocessing
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from rich.markup import escape

from syncd.cli.common import Exit, Shown, out, progress
from syncd.cli.dedupe_csv import harmless
from syncd.cli.dedupe_records import Given, read_pairs, read_records
from syncd.counterparties.census import count
from syncd.counterparties.decide import decide
from syncd.counterparties.decision import TIERS, Band
from syncd.counterparties.normalise import prepare
from syncd.counterparties.party import Party, Prepared
from syncd.counterparties.scan import Survey, decisions, survey
from syncd.errors import ConfigError, Problem
from syncd.mapping.problems import did_you_mean

DEFAULT_TIERS: Final = "T1,T2,T2b"
SCORED: Final = ("left_id", "right_id", "band", "score", "tier", "why")
FOUND: Final = (*SCORED, "left_name", "right_name")
_CHUNK: Final = 500  # records a process takes at a time
_ALONE: Final = 4_000  # records up to which starting processes costs more than it brings
_BANDS: Final = tuple(Band)

Part = TypeVar("Part")


@dataclass(frozen=True, slots=True)
class _Found:
    """One decision on its way into the file."""

    left: str
    right: str
    band: Band
    bits: float
    tier: str
    why: str

    @property
    def cells(self) -> tuple[str, ...]:
        return (self.left, self.right, self.band.value, f"{self.bits:.1f}", self.tier, self.why)

    @property
    def rank(self) -> tuple[int, float, str, str]:
        """By band, then the strongest first."""
        return (_BANDS.index(self.band), -self.bits, self.left, self.right)


def score(records: Path, pairs: Path, output: Path, tiers: str) -> int:
    """Decide the pairs of a file, in its order."""
    allowed = tiers_of(tiers)
    not_over(output, records, pairs)
    given = read_records(records)
    wanted = read_pairs(pairs, given)
    with progress() as shown:
        prepared = _prepared([one.party for one in given.values()], shown)
        counts = {name: count(prepared[one] for one in ids) for name, ids in _by_set(given).items()}
        bands: Counter[Band] = Counter()
        with output.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(SCORED)
            for number, (left, right) in enumerate(wanted):
                census = counts[given[left].set]
                found = decide(prepared[left], prepared[right], census, tiers=allowed)
                bands[found.band] += 1
                writer.writerow((left, right, found.band.value, f"{found.bits:.1f}", found.tier, found.why))
                shown("deciding", number, len(wanted))
    _tell(f"{len(wanted)} pairs", bands, output)
    return Exit.DONE


def scan(records: Path, output: Path, tiers: str) -> int:
    """Find the duplicates among a file's records; those of different sets are never compared."""
    allowed = tiers_of(tiers)
    not_over(output, records)
    given = read_records(records)
    sets = _by_set(given)
    with progress() as shown:
        prepared = _prepared([one.party for one in given.values()], shown)
        del given  # the text of a large file, no longer needed
        found: list[_Found] = []
        skipped = 0
        for ids in sets.values():
            surveyed = survey(prepared[one] for one in ids)
            skipped += len(surveyed.skipped)
            found += _decided(surveyed, allowed, shown)
    found.sort(key=lambda one: one.rank)
    with output.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(FOUND)
        for one in found:
            writer.writerow((*one.cells, *(harmless(prepared[side].name.raw) for side in (one.left, one.right))))
    _tell(f"{len(prepared)} records", Counter(one.band for one in found), output)
    if skipped:
        out.print(f"{skipped} keys were left out because too many records share them.")
    return Exit.DONE


def not_over(output: Path, *given: Path) -> None:
    """Raises ConfigError where the result would be written over a file that it is made from."""
    if any(output.exists() and one.exists() and output.samefile(one) for one in given):
        raise ConfigError([Problem("--output", 0, 0, f"{output} is one of the files to be read", "name another file")])


def tiers_of(text: str) -> frozenset[str]:
    """The tiers of a list with commas, or all. Raises ConfigError for an unknown one."""
    if text.strip() == "all":
        return frozenset(TIERS)
    named = [one.strip() for one in text.split(",") if one.strip()]
    unknown = [one for one in named if one not in TIERS]
    if unknown:
        hint = did_you_mean(unknown[0], (*TIERS, "all")) or f"known are {', '.join(TIERS)} and all"
        raise ConfigError([Problem("--tiers", 0, 0, f"there is no tier {unknown[0]!r}", hint)])
    return frozenset(named)


def _by_set(given: Mapping[str, Given]) -> dict[str, list[str]]:
    """The ids of each set."""
    sets: defaultdict[str, list[str]] = defaultdict(list)
    for name, one in given.items():
        sets[one.set].append(name)
    return dict(sets)


def _prepared(parties: Sequence[Party], shown: Shown) -> dict[str, Prepared]:
    """Every party prepared, by id."""
    found: dict[str, Prepared] = {}
    chunks = [parties[start : start + _CHUNK] for start in range(0, len(parties), _CHUNK)]
    for part in _in_parts(_prepare, chunks, len(parties)):
        found.update((one.id, one) for one in part)
        shown("reading", len(found), len(parties))
    return found


def _prepare(parties: Sequence[Party]) -> list[Prepared]:
    return [prepare(one) for one in parties]


_surveyed: list[
    tuple[Survey, frozenset[str]]
] = []  # what a forked process decides from; set right before it is started


def _decided(surveyed: Survey, tiers: frozenset[str], shown: Shown) -> list[_Found]:
    """All decisions worth keeping."""
    size = len(surveyed.records)
    _surveyed.append((surveyed, tiers))
    gc.collect()
    gc.freeze()  # what a collection does not look at stays shared with the forked processes
    found: list[_Found] = []
    try:
        starts = range(0, size, _CHUNK)
        for number, part in enumerate(_in_parts(_decide, starts, size)):
            found += part
            shown("comparing", min(size, (number + 1) * _CHUNK), size)
    finally:
        _surveyed.clear()
        gc.unfreeze()
    return found


def _decide(start: int) -> list[_Found]:
    surveyed, tiers = _surveyed[0]
    return [
        _Found(one.left, one.right, one.band, one.bits, one.tier, one.why)
        for one in decisions(surveyed, start, min(start + _CHUNK, len(surveyed.records)), tiers=tiers)
    ]


Given_ = TypeVar("Given_")


def _in_parts(work: Callable[[Given_], Part], chunks: Sequence[Given_], records: int) -> Iterator[Part]:
    """The work on each chunk, in their order; on all cores when there is enough of it and processes can be forked."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    if records <= _ALONE or cores == 1 or "fork" not in multiprocessing.get_all_start_methods():
        yield from map(work, chunks)
        return
    with ProcessPoolExecutor(cores, mp_context=multiprocessing.get_context("fork")) as pool:
        yield from pool.map(work, chunks)


def _tell(what: str, bands: Mapping[Band, int], output: Path) -> None:
    told = ", ".join(f"{bands.get(band, 0)} {band.value}" for band in _BANDS)
    out.print(f"{what}: {told}. Written to {escape(str(output))}.")
