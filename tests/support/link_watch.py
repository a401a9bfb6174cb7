"""Looks at every write to Flowtly's budget links when it reaches the sandbox, also those of processes that die in it.

None may give a transaction a second link for one budget and employee, and none may take more of it than there is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from syncd.sandbox.state import State

Row = dict[str, Any]
Key = tuple[str, str, str | None]


class LinkWatch:
    """What was wrong with any write since it was made, but for those of people. Called after each change of the sandbox."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.made: Counter[Key] = Counter()
        """How many links were made for each transaction, budget and employee."""
        self.wrong: list[str] = []
        self._before = self._now()
        state.changed = self

    @contextmanager
    def people(self) -> Iterator[None]:
        """What is written inside the block is written by people."""
        self._state.changed = None
        try:
            yield
        finally:
            self._before = self._now()
            self._state.changed = self

    def __call__(self) -> None:
        before, now = self._before, self._now()
        self._before = now
        for iri in [one for one, row in now.items() if before.get(one) is not row]:
            self._look(before, now, iri)

    def _look(self, before: dict[Any, Row], now: dict[Any, Row], iri: Any) -> None:
        row, old = now[iri], before.get(iri)
        key = key_of(row)
        if old is None:
            self.made[key] += 1
        if (old is None or key_of(old) != key) and sum(key_of(one) == key for one in now.values()) > 1:
            self.wrong.append(f"a second link for {key}")
        whole = round(-100 * (self._state.lookup(row["transaction"]) or {})["amount"])
        was, taken = (abs(_sum(rows, row["transaction"], whole)) for rows in (before, now))
        if taken > max(was, abs(whole)):  # what was too much before it, a person's change perhaps, may become less
            self.wrong.append(f"{taken} of {whole} were linked to {row['transaction']}, after {was}")

    def _now(self) -> dict[Any, Row]:
        return dict(self._state.table("BudgetTransaction").rows)


def key_of(row: Row) -> Key:
    """Whose link it is."""
    return row["transaction"], row["budget"], row.get("employee")


def _sum(rows: dict[Any, Row], transaction: str, whole: int) -> int:
    amounts = [row.get("amount") for row in rows.values() if row["transaction"] == transaction]
    return sum(whole if one is None else one for one in amounts)
