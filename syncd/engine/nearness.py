"""Who else may be the same company as some strangers: found by what is cheap to compare. Decides and changes nothing.

Every record of the mapping is looked at once, as text; only those that share a number, two words or a rare word with
one of the strangers in question are prepared for a real comparison. So a run with one new record stays short however
many links there are, and a run without one does not come here at all.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final, TypeAlias

from syncd.counterparties import census
from syncd.counterparties.folding import fold
from syncd.counterparties.normalise import prepare
from syncd.counterparties.party import Prepared
from syncd.engine.kin import Kin, party_of, texts
from syncd.mapping.evidence import EvidenceSpec

Probe: TypeAlias = tuple[str, str]

_CAP: Final = 120  # records that share a probe; beyond it the probe brings nobody together
_FEW: Final = 20  # records that share a word so rare that it is always followed
_RARE_WORDS: Final = 2
_PAIRED_WORDS: Final = 3
_MOST_WORDS: Final = 24  # of a name, that are paired: a text of thousands of words would make millions of pairs
_TAILS: Final = {"tin": 7, "regno": 6, "phone": 7, "accounts": 10}
_SHORTEST_NUMBER: Final = 5
_SHORTEST_WORD: Final = 3
_WORD: Final = re.compile(r"[^\W_]+")
_NOT_PLAIN: Final = re.compile(r"[^0-9A-Z]+")


class Around:
    """The census of a search: words are counted on every record, all else on those that came near a stranger."""

    def __init__(self, words: Mapping[str, int], near: Iterable[Prepared]) -> None:
        self._words = words
        self._near = census.count(near)

    def frequency(self, token: str) -> int:
        """See ``Census``."""
        return max(self._words.get(token, 0), self._near.frequency(token))

    def names_on(self, kind: str, value: str) -> frozenset[str]:
        """See ``Census``."""
        return self._near.names_on(kind, value)

    def forms_of(self, name: str) -> frozenset[str]:
        """See ``Census``."""
        return self._near.forms_of(name)

    def tins_of(self, name: str) -> frozenset[str]:
        """See ``Census``."""
        return self._near.tins_of(name)


@dataclass(frozen=True, slots=True)
class Near:
    """Strangers with those that came near them, prepared; and what all records together say."""

    pairs: tuple[tuple[Kin, Kin], ...]
    prepared: Mapping[str, Prepared]
    census: Around


def near(spec: EvidenceSpec, asking: Sequence[Kin], everyone: Iterable[Kin]) -> Near:
    """Those who share a probe with one of the strangers that ask, these included, each in a fixed order."""
    search = _Search(spec, asking)
    for one in everyone:
        search.look_at(one)
    kept = search.found()
    prepared = {name: prepare(party_of(spec, kept[name])) for name in sorted(kept)}
    return Near(tuple(search.pairs()), prepared, Around(search.words, prepared.values()))


class _Search:
    """What some strangers look for, and who has it."""

    def __init__(self, spec: EvidenceSpec, asking: Sequence[Kin]) -> None:
        self.words: Counter[str] = Counter()
        self.blocks: defaultdict[Probe, list[Kin]] = defaultdict(list)
        self._names = (*spec.name, *spec.display)
        self._numbers = tuple(_numbers(spec))
        self._asking = {one.id: (one, self._probes(one)) for one in asking}
        wanted = {probe for _, probes in self._asking.values() for probe in probes}
        self._wanted_words = {text for kind, text in wanted if kind == "word"}
        self._wanted = wanted - {("word", word) for word in self._wanted_words}
        # A number that no stranger has is not read of anybody.
        self._numbers = tuple(one for one in self._numbers if any(kind == one[0] for kind, _ in wanted))

    def look_at(self, one: Kin) -> None:
        """Note a record under every probe that a stranger has as well."""
        words = self._words_of(one)
        self.words.update(words)
        shared = words & self._wanted_words
        probes = [("word", word) for word in shared]
        if len(shared) > 1:
            probes += [pair for pair in _pairs(shared) if pair in self._wanted]
        probes += [probe for probe in self._numbers_of(one) if probe in self._wanted]
        for probe in probes:
            if len(block := self.blocks[probe]) <= _CAP:
                block.append(one)

    def found(self) -> dict[str, Kin]:
        """The strangers, and whoever shares with them what tells records apart, too many of them as well."""
        around = [
            other for one, probes in self._asking.values() for block in self._near(one, probes) for other in block
        ]
        return {one.id: one for one in [*around, *(one for one, _ in self._asking.values())]}

    def pairs(self) -> Iterator[tuple[Kin, Kin]]:
        """Every two that came near each other, once. What too many share brings nobody together."""
        told: set[frozenset[str]] = set()
        for name, (one, probes) in self._asking.items():
            for other in (other for block in self._near(one, probes) if len(block) <= _CAP for other in block):
                both = frozenset((name, other.id))
                if len(both) > 1 and both not in told:
                    told.add(both)
                    yield one, other

    def _near(self, one: Kin, probes: Iterable[Probe]) -> Iterator[list[Kin]]:
        """Whoever shares a number or a place, one of the rarest words, or two of the rarer ones."""
        ranked = sorted(self._words_of(one), key=lambda word: (self.words[word], word))
        useless = {("word", word) for word in ranked[_RARE_WORDS:]}
        useless |= set(_pairs(ranked)) - set(_pairs(ranked[:_PAIRED_WORDS]))
        found = (probe for probe in probes if probe in self.blocks)
        yield from (self.blocks[probe] for probe in found if probe not in useless or len(self.blocks[probe]) <= _FEW)

    def _probes(self, one: Kin) -> tuple[Probe, ...]:
        words = self._words_of(one)
        return (*self._numbers_of(one), *(("word", word) for word in sorted(words)), *_pairs(words))

    def _words_of(self, one: Kin) -> frozenset[str]:
        """The words of its names, short ones only where there are no others."""
        found = [
            word
            for text in dict.fromkeys(text for document in one.documents for text in texts(document, self._names))
            for word in _WORD.findall(fold(text))
        ]
        return frozenset(word for word in found if len(word) >= _SHORTEST_WORD) or frozenset(found)

    def _numbers_of(self, one: Kin) -> list[Probe]:
        found = {
            (kind, text): None
            for kind, names, read in self._numbers
            for document in one.documents
            for text in read([texts(document, of) for of in names])
        }
        return list(found)


def _pairs(words: Iterable[str]) -> list[Probe]:
    return [("words", f"{one} {other}") for one, other in combinations(sorted(words)[:_MOST_WORDS], 2)]


_Read: TypeAlias = Callable[[list[list[str]]], Iterator[str]]


def _numbers(spec: EvidenceSpec) -> Iterator[tuple[str, tuple[tuple[str, ...], ...], _Read]]:
    """What tells records apart beside words: the ends of numbers, the host of mail and web, house and postal code."""
    for kind, size in _TAILS.items():
        if names := getattr(spec, kind):
            yield kind, (names,), _tails(size)
    if spec.website or spec.email:
        yield "host", (spec.website, spec.email), _hosts
    if spec.street and spec.postal:
        yield "house", (spec.street, spec.postal), _houses


def _tails(size: int) -> _Read:
    def read(said: list[list[str]]) -> Iterator[str]:
        for text in said[0]:
            if len(plain := _NOT_PLAIN.sub("", text.upper())) >= _SHORTEST_NUMBER:
                yield plain[-size:]

    return read


def _hosts(said: list[list[str]]) -> Iterator[str]:
    for text in (text for some in said for text in some):
        if host := text.rpartition("@")[2].rpartition("//")[2].partition("/")[0].lower().removeprefix("www."):
            yield host


def _houses(said: list[list[str]]) -> Iterator[str]:
    house = next((word for text in said[0] for word in _WORD.findall(text) if word[0].isdigit()), "")
    if house and said[1]:
        yield f"{house.upper()} {_NOT_PLAIN.sub('', said[1][0].upper())}"
