"""Which records are worth comparing: those that share a key. Keys are plain texts compared for equality, nothing else.

A key that many records share says nothing; whoever looks keys up leaves out blocks beyond ``CAP`` and tells which. The
keys of rare words joined with a place find those records again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from syncd.counterparties.census import Census
from syncd.counterparties.laying import content
from syncd.counterparties.party import Name, Prepared
from syncd.counterparties.tins import PLACEHOLDER

CAP: Final = 100  # records of a block
_RAREST: Final = 2  # words of a name that are keys of their own
_PREFIX: Final = 5  # letters of a rare word beside a place
_SHORTEST_NUMBER: Final = 6
_SHORTEST_NAME: Final = 4


class BlockKey(NamedTuple):
    """A key: what it is made of, and its text."""

    kind: str
    value: str


def keys(one: Prepared, census: Census) -> tuple[BlockKey, ...]:
    """All keys of a record, each once, sorted. ``census`` says which of its words are rare."""
    return tuple(sorted(set(_keys(one, census))))


def _keys(one: Prepared, census: Census) -> Iterator[BlockKey]:
    yield from _numbers(one)
    places = [place for place in (one.postal, one.city) if place]
    if one.house:
        yield from (BlockKey("house", f"{one.house} {place}") for place in places)
    for name in one.names:
        words = content(name.tokens)
        letters = "".join(words)
        if len(letters) >= _SHORTEST_NAME:
            yield BlockKey("name", "".join(sorted(words)))
            yield BlockKey("letters", letters)
        for word in _rarest(name, census):
            yield BlockKey("word", word)
            yield from (BlockKey("start", f"{word[:_PREFIX]} {place}") for place in places)


def _numbers(one: Prepared) -> Iterator[BlockKey]:
    """Numbers and addresses that a firm has of its own."""
    if one.tin.valid or (len(one.tin.digits) >= _SHORTEST_NUMBER and not one.tin.problem.startswith(PLACEHOLDER)):
        yield BlockKey("tin", one.tin.digits)
    yield from (BlockKey("account", account) for account in one.accounts)
    for kind, value in (("regno", one.regno), ("domain", one.domain), ("phone", one.phone)):
        if value:
            yield BlockKey(kind, value)


def _rarest(name: Name, census: Census) -> list[str]:
    """The words of a name that fewest records have; of equally rare ones the longer."""
    words = [word for word in set(content(name.tokens)) if len(word) > 1]
    return sorted(words, key=lambda word: (census.frequency(word), -len(word), word))[:_RAREST]
