"""What is compared when all is quiet: both peers' own data and what the store remembers. Decides nothing.

Keys that a peer gave differ from time to time, so every record is called by its name (or its text), also where another
record refers to it. Two records of one name are two in the list: a duplicate shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from tests.crash.world import CrashWorld

_TABLES: Final = {"customers": ("customer_no", "company_name"), "activities": ("id", "text")}
_RESOURCES: Final = {
    "Client": ("/api/clients/", "name"),
    "ClientNote": ("/api/client-notes/", "note"),
    "Counterparty": ("/api/counterparties/", "displayName"),
    "Transaction": ("/api/transactions/", "operationNumber"),
    "BudgetEmployee": ("/api/budget-employees/", "employee"),
    "BudgetTransaction": ("/api/budget-transactions/", "transaction"),
}
_OF_THE_PEER: Final = {"id", "createdAt", "updatedAt", "changed_at", "customer_no"}
_WRITTEN: Final = ("overwritten", "patched")

_LINKS = "SELECT mapping, external_key, flowtly_key, base FROM link"
_PENDING = "SELECT mapping, side, key, status FROM observation"
_OPERATIONS = "SELECT mapping, kind, side, source_key, state FROM operation"
_CONFLICTS = """
    SELECT mapping, kind, field, external_key, flowtly_key, base_external, base_flowtly, external, flowtly
    FROM conflict WHERE resolved_at IS NULL
"""
_APPROVED = "SELECT mapping, approved_fingerprint FROM mapping_state"
_ABSENCES = "SELECT mapping, side, key FROM absence"
_MERGES = "SELECT state, survivor, loser FROM merge_operation"
_REDIRECTS = "SELECT survivor, loser, by FROM redirect"
_ALIASES = "SELECT mapping, external_key, primary_key FROM alias"
_PARTS = "SELECT posting, slot, target, employee, amount, withdrawn FROM allocated_part"
_INCIDENTS = "SELECT allocation, kind, scope, targets FROM incident WHERE cleared_at IS NULL"
_LEDGER = "SELECT event, external_key, flowtly_key, side, field, before, after FROM ledger"


class End:
    """How a world ended. ``seen`` is compared; ``overwritten`` has to be in the ledger of every other end as well."""

    def __init__(self, world: CrashWorld) -> None:
        self._world = world
        self._rows = dict(self._peers())
        names = {
            (side, key): str(row[label]) for (side, _), (label, rows) in self._rows.items() for key, row in rows.items()
        }
        # What is called by a record that it belongs to is called as that one is.
        self._names = {(side, key): names.get((side, name), name) for (side, key), name in names.items()}
        look = world.databases.rows
        self._operations = look(_OPERATIONS)
        self._conflicts = look(_CONFLICTS)
        self.seen: dict[str, list[Any]] = {
            **{f"{side} {name}": self._records(side, rows) for (side, name), (_, rows) in self._rows.items()},
            "links": self._sorted(
                (name, self._name("external", one), self._name("flowtly", other), self._plain(base))
                for name, one, other, base in look(_LINKS)
            ),
            "pending": self._sorted(
                (name, side, self._name(side, key), how) for name, side, key, how in look(_PENDING)
            ),
            "questions": self._sorted(
                (name, kind, field, self._name("external", one), self._name("flowtly", other), self._plain(values))
                for name, kind, field, one, other, *values in self._conflicts
            ),
            "approved": self._sorted(look(_APPROVED)),
            "merges": self._sorted(
                (how, self._name("flowtly", one), self._name("flowtly", other)) for how, one, other in look(_MERGES)
            ),
            "redirects": self._sorted(
                (self._name("flowtly", one), self._name("flowtly", other), by) for one, other, by in look(_REDIRECTS)
            ),
            "aliases": self._sorted(
                (name, self._name("external", one), self._name("external", other))
                for name, one, other in look(_ALIASES)
            ),
            "parts": self._sorted(look(_PARTS)),
            "incidents": self._sorted(look(_INCIDENTS)),
            "absent": self._sorted((name, side, self._name(side, key)) for name, side, key in look(_ABSENCES)),
        }
        self.overwritten = {
            (side, self._name(side, one if side == "external" else other), field, str(before))
            for event, one, other, side, field, before, _ in look(_LEDGER)
            if event in _WRITTEN and before is not None
        }

    def differs(self, other: End) -> list[str]:
        """How this end is not the other, undisturbed one."""
        found = []
        for name, wanted in other.seen.items():
            mine = self.seen[name]
            if mine != wanted:
                more, less = _without(mine, wanted), _without(wanted, mine)
                found.append(f"{name}: has {more or 'nothing else'}, lacks {less or 'nothing'}")
        if lost := other.overwritten - self.overwritten:
            found.append(f"ledger: does not have the overwritten {sorted(lost)}")
        return [*found, *self.unfinished()]

    def unfinished(self) -> Iterator[str]:
        """Intents without an end: in no state at all, or in doubt without a question about them."""
        asked = {(row[0], key) for row in self._conflicts for key in row[3:5]}
        for mapping, kind, side, source, state in self._operations:
            quiet = state in {"done", "dropped", "refused", "rejected"}
            if not quiet and not (state == "quarantined" and (mapping, source) in asked):
                yield f"operation: the {kind} at {side} for {source} is {state}"

    def _peers(self) -> Iterator[tuple[tuple[str, str], tuple[str, dict[str, dict[str, Any]]]]]:
        world = self._world
        if world.crm is not None:
            yield from self._sandbox("external", world.crm)
        else:
            for table, (key, label) in _TABLES.items():
                cursor = world.databases.erp.execute(f"SELECT * FROM {table}")  # type: ignore[call-overload]
                columns = [one.name for one in cursor.description]
                rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
                yield ("external", table), (label, {str(row[key]): row for row in rows})
        yield from self._sandbox("flowtly", world.flowtly)

    def _sandbox(self, side: str, sandbox: Any) -> Iterator[tuple[tuple[str, str], tuple[str, dict[str, Any]]]]:
        for name, (path, label) in _RESOURCES.items():
            yield (side, name), (label, {f"{path}{row['id']}": row for row in sandbox.state.rows(name)})

    def _records(self, side: str, rows: dict[str, dict[str, Any]]) -> list[str]:
        refer = {"customer_no"} if any("text" in row for row in rows.values()) else set()
        return self._sorted(
            {
                field: self._names.get((side, value), value) if isinstance(value, str) else value
                for field, value in row.items()
                if field not in _OF_THE_PEER - refer and value is not None
            }
            for row in rows.values()
        )

    def _name(self, side: str, key: str | None) -> str:
        return "-" if key is None else self._names.get((side, key), f"no record {key}")

    def _plain(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._plain(part) for name, part in sorted(value.items())}
        if isinstance(value, list | tuple):
            return [self._plain(part) for part in value]
        known = {key: name for (_, key), name in self._names.items()}
        return known.get(value, value) if isinstance(value, str) else value

    @staticmethod
    def _sorted(found: Any) -> list[str]:
        return sorted(str(sorted(one.items()) if isinstance(one, dict) else one) for one in found)


def _without(some: list[str], others: list[str]) -> list[str]:
    left = list(some)
    for one in others:
        if one in left:
            left.remove(one)
    return left
