"""The links of another mapping, as references need them: from a key of one side to that of the other. Reads no store.

Who knows the links implements ``LinkTable``; nothing here guesses a key that is not linked.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Final

from syncd.core.model import Side

_MARK: Final = "@"
TABLE_KEY: Final = "@key"


def table_of(mapping: str) -> tuple[str, str]:
    """Under which name the links of a mapping stand among the lookups."""
    return (_MARK + mapping, TABLE_KEY)


def waits_for(mapping: str, side: Side, key: str) -> str:
    """What a record waits for whose reference is not linked yet: ``@clients:external=1042``."""
    return f"{_MARK}{mapping}:{side}={key}"


def awaited(reference: str) -> str:
    """The mapping whose link a record waits for."""
    return reference.removeprefix(_MARK).partition(":")[0]


def shown(reference: str) -> str:
    """What a record waits for, for people: ``clients 1042``, ``clients /api/clients/5``."""
    return f"{awaited(reference)} {reference.partition('=')[2]}"


def waits_for_link(reference: str | None) -> bool:
    """True when what a record waits for is a link of another mapping, not an entry of a list."""
    return reference is not None and reference.startswith(_MARK)


class LinkTable(ABC):
    """The links of one mapping."""

    @abstractmethod
    def other(self, side: Side, key: str) -> str | None:
        """The key on the other side of the record that ``side`` knows by ``key``; None when it is not linked."""

    def primary(self, key: str) -> str:
        """The external key by which a record goes here: its own, or that of the record it is an alias of."""
        return key


class FixedLinks(LinkTable):
    """Links that were looked up before, with whoever knows the rest.

    ``known`` maps (side, key) to the other side's key, or to None where it is certain that there is no link.
    """

    def __init__(self, known: Mapping[tuple[Side, str], str | None], rest: LinkTable | None = None) -> None:
        self._known = known
        self._rest = rest

    def other(self, side: Side, key: str) -> str | None:
        """From what is known, else from the rest."""
        if (side, key) in self._known:
            return self._known[side, key]
        return self._rest.other(side, key) if self._rest is not None else None

    def primary(self, key: str) -> str:
        """As the rest knows it."""
        return key if self._rest is None else self._rest.primary(key)

    def keys(self, side: Side) -> tuple[str, ...]:
        """Every key of a side that is linked, in order; for examples."""
        return tuple(sorted(key for (where, key), other in self._known.items() if where is side and other is not None))


def fixed_links(pairs: Mapping[str, str]) -> FixedLinks:
    """A table from external keys to Flowtly keys."""
    known: dict[tuple[Side, str], str | None] = {}
    for external, flowtly in pairs.items():
        known[Side.EXTERNAL, external] = flowtly
        known[Side.FLOWTLY, flowtly] = external
    return FixedLinks(known)
