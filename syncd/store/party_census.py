"""What is counted of all parties of a directory, asked of PostgreSQL; the same answers as the census in memory gives.

What was asked once is remembered for the life of this object, which is one stretch of decisions. Never written to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import text

from syncd.counterparties.census import MANY, marks
from syncd.counterparties.party import Prepared
from syncd.store.database import Database
from syncd.store.values import rowset, unique

_TOKENS: Final = text(
    "SELECT token, parties FROM party_token WHERE directory = :directory AND token = ANY(CAST(:tokens AS text[]))"
)
_NAMES: Final = text(
    """
    SELECT mark.kind, mark.value, found.stem
    FROM json_to_recordset(CAST(:marks AS json)) AS mark(kind text, value text)
    CROSS JOIN LATERAL (
        SELECT DISTINCT fact.stem FROM party_fact AS fact
        WHERE fact.directory = :directory AND fact.kind = mark.kind AND fact.value = mark.value
        ORDER BY fact.stem LIMIT :many
    ) AS found
    """
)
_OF_NAMES: Final = text(
    """
    SELECT DISTINCT name, form, tin FROM party
    WHERE directory = :directory AND name = ANY(CAST(:names AS text[])) AND gone_at IS NULL
    """
)
_REMEMBERED: Final = 200_000


class PostgresCensus:
    """``counterparties.Census`` of one directory. ``load`` asks for many at once; what was not loaded is asked for."""

    def __init__(self, database: Database, directory: str) -> None:
        self._database, self._directory = database, directory
        self._frequency: dict[str, int] = {}
        self._names_on: dict[tuple[str, str], frozenset[str]] = {}
        self._of_name: dict[str, tuple[frozenset[str], frozenset[str]]] = {}
        self._loaded: set[str] = set()

    def load(self, records: Iterable[Prepared]) -> None:
        """Ask for everything that decisions about these may need: three queries at most."""
        tokens: set[str] = set()
        on: set[tuple[str, str]] = set()
        names: set[str] = set()
        for record in records:
            if record.id in self._loaded:
                continue
            self._loaded.add(record.id)
            tokens.update(record.name.tokens)
            on.update(marks(record))
            names.add(record.name.sorted)
        if len(self._names_on) > _REMEMBERED:
            self._frequency, self._names_on, self._of_name, self._loaded = {}, {}, {}, set()
        self._load_tokens(tokens - self._frequency.keys())
        self._load_names(on - self._names_on.keys())
        self._load_of_names(names - self._of_name.keys())

    def frequency(self, token: str) -> int:
        """The records with this word in their main name."""
        if token not in self._frequency:
            self._load_tokens({token})
        return self._frequency[token]

    def names_on(self, kind: str, value: str) -> frozenset[str]:
        """The different stems of main names that carry a value, at most ``MANY`` of them."""
        if (kind, value) not in self._names_on:
            self._load_names({(kind, value)})
        return self._names_on[kind, value]

    def forms_of(self, name: str) -> frozenset[str]:
        """The legal forms met with a name (``Name.sorted``)."""
        return self._of(name)[0]

    def tins_of(self, name: str) -> frozenset[str]:
        """The valid tax numbers met with a name (``Name.sorted``)."""
        return self._of(name)[1]

    def _of(self, name: str) -> tuple[frozenset[str], frozenset[str]]:
        if name not in self._of_name:
            self._load_of_names({name})
        return self._of_name[name]

    def _rows(self, statement: Any, given: Mapping[str, Any]) -> Sequence[Any]:
        return self._database.rows(statement, {"directory": self._directory, **given})

    def _load_tokens(self, tokens: set[str]) -> None:
        if tokens:
            self._frequency.update(dict.fromkeys(tokens, 0))
            for row in self._rows(_TOKENS, {"tokens": unique(tokens)}):
                self._frequency[row["token"]] = row["parties"]

    def _load_names(self, on: set[tuple[str, str]]) -> None:
        if not on:
            return
        found: dict[tuple[str, str], set[str]] = {mark: set() for mark in on}
        rows = rowset([{"kind": kind, "value": value} for kind, value in sorted(on)])
        for row in self._rows(_NAMES, {"marks": rows, "many": MANY}):
            found[row["kind"], row["value"]].add(row["stem"])
        self._names_on.update((mark, frozenset(stems)) for mark, stems in found.items())

    def _load_of_names(self, names: set[str]) -> None:
        if not names:
            return
        found: dict[str, tuple[set[str], set[str]]] = {name: (set(), set()) for name in names}
        for row in self._rows(_OF_NAMES, {"names": unique(names - {""})}):
            forms, tins = found[row["name"]]
            forms.update([row["form"]] if row["form"] else [])
            tins.update([row["tin"]] if row["tin"] else [])
        self._of_name.update((name, (frozenset(forms), frozenset(tins))) for name, (forms, tins) in found.items())
