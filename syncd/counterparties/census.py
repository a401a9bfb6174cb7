"""What the other records say about two: how common a word is, which names stand on a number. Counts, never decides.

Every answer only grows when a record is added. Decisions use them only as doubts, so another record can take an
automatic merge away and never bring one about.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Final, Protocol

from syncd.counterparties.party import Prepared

# A number on this many names belongs to nobody; a census may stop listing there.
MANY: Final = 24
_NONE: Final[frozenset[str]] = frozenset()


class Census(Protocol):
    """What decisions ask about all records of one system, the two in question included. One indexed query each."""

    def frequency(self, token: str) -> int:
        """The records with this word in their main name."""
        ...

    def names_on(self, kind: str, value: str) -> frozenset[str]:
        """The different stems of main names that carry a value; ``kind`` is tin, account, domain, phone or regno.

        At most ``MANY`` of them.
        """
        ...

    def forms_of(self, name: str) -> frozenset[str]:
        """The legal forms met with a name (``Name.sorted``)."""
        ...

    def tins_of(self, name: str) -> frozenset[str]:
        """The valid tax numbers met with a name (``Name.sorted``)."""
        ...


class _Sets:
    """Sets of texts by a text. Most hold one, which is kept as it is: a set of one takes ten times the memory."""

    __slots__ = ("_by_key",)

    def __init__(self) -> None:
        self._by_key: dict[str, str | set[str]] = {}

    def add(self, key: str, text: str) -> None:
        before = self._by_key.setdefault(key, text)
        if isinstance(before, set):
            before.add(text)
        elif before != text:
            self._by_key[key] = {before, text}

    def get(self, key: str) -> frozenset[str]:
        found = self._by_key.get(key)
        if found is None:
            return _NONE
        return frozenset((found,) if isinstance(found, str) else found)


class Counted:
    """A census in memory."""

    __slots__ = ("_forms_of", "_frequency", "_names_on", "_tins_of")

    def __init__(self, records: Iterable[Prepared] = ()) -> None:
        self._frequency: Counter[str] = Counter()
        self._names_on: defaultdict[str, _Sets] = defaultdict(_Sets)
        self._forms_of = _Sets()
        self._tins_of = _Sets()
        for record in records:
            self._add(record)

    def _add(self, record: Prepared) -> None:
        name = record.name
        if not name.tokens:
            return
        stem, words = name.stem, name.sorted
        self._frequency.update(set(name.tokens))
        for kind, value in marks(record):
            self._names_on[kind].add(value, stem)
        if name.form:
            self._forms_of.add(words, name.form)
        if record.tin.valid:
            self._tins_of.add(words, record.tin.valid)

    def frequency(self, token: str) -> int:
        """See ``Census``."""
        return self._frequency[token]

    def names_on(self, kind: str, value: str) -> frozenset[str]:
        """See ``Census``."""
        found = self._names_on[kind].get(value)
        return frozenset(sorted(found)[:MANY]) if len(found) > MANY else found

    def forms_of(self, name: str) -> frozenset[str]:
        """See ``Census``."""
        return self._forms_of.get(name)

    def tins_of(self, name: str) -> frozenset[str]:
        """See ``Census``."""
        return self._tins_of.get(name)


def count(records: Iterable[Prepared]) -> Counted:
    """Count records in memory, in whatever order they come."""
    return Counted(records)


def marks(record: Prepared) -> list[tuple[str, str]]:
    """The values of a record that tell firms apart only while few names carry them, with their kinds."""
    found = [("account", account) for account in record.accounts]
    found += [
        (kind, value)
        for kind, value in (
            ("tin", record.tin.valid),
            ("domain", record.domain),
            ("phone", record.phone),
            ("regno", record.regno),
        )
        if value
    ]
    return found
