"""What the other records say about two: how common a word is, which names stand on a number. Counts, never decides.

Every answer only grows when a record is added. Decisions use them only as doubts, so another record can take an
automatic merge away and never bring one about.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
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


@dataclass(slots=True)
class Counted:
    """A census in memory."""

    _frequency: Mapping[str, int] = field(default_factory=dict)
    _names_on: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    _forms_of: Mapping[str, frozenset[str]] = field(default_factory=dict)
    _tins_of: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def frequency(self, token: str) -> int:
        """See ``Census``."""
        return self._frequency.get(token, 0)

    def names_on(self, kind: str, value: str) -> frozenset[str]:
        """See ``Census``."""
        return self._names_on.get((kind, value), _NONE)

    def forms_of(self, name: str) -> frozenset[str]:
        """See ``Census``."""
        return self._forms_of.get(name, _NONE)

    def tins_of(self, name: str) -> frozenset[str]:
        """See ``Census``."""
        return self._tins_of.get(name, _NONE)


def count(records: Iterable[Prepared]) -> Counted:
    """Count records in memory, in whatever order they come."""
    frequency: Counter[str] = Counter()
    names_on: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    forms_of: defaultdict[str, set[str]] = defaultdict(set)
    tins_of: defaultdict[str, set[str]] = defaultdict(set)
    for record in records:
        name = record.name
        frequency.update(set(name.tokens))
        if not name.tokens:
            continue
        for kind, value in marks(record):
            names_on[kind, value].add(name.stem)
        if name.form:
            forms_of[name.sorted].add(name.form)
        if record.tin.valid:
            tins_of[name.sorted].add(record.tin.valid)
    return Counted(
        dict(frequency),
        {key: _few(names) for key, names in names_on.items()},
        {name: frozenset(forms) for name, forms in forms_of.items()},
        {name: frozenset(tins) for name, tins in tins_of.items()},
    )


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


def _few(names: set[str]) -> frozenset[str]:
    """The first ``MANY`` names, in the order of the alphabet."""
    return frozenset(sorted(names)[:MANY] if len(names) > MANY else names)
