"""Budget links as Flowtly was last seen to hold them, and what a person decided about the unit of their amounts.

A complete walk that finds everything as it was rewrites no row (``store.walked``). A link that is told of while a walk
goes on counts as seen by it: the walk may have passed its place before it was made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import RowMapping, func, select, text
from sqlalchemy.dialects.postgresql import insert

from syncd.core.removal import OURS
from syncd.ports.budget_links import Calibration, SeenLink, Unit
from syncd.store import walked
from syncd.store.allocation_tables import budget_link as table
from syncd.store.allocation_tables import budget_link_walk
from syncd.store.allocation_tables import calibration as decided
from syncd.store.database import Database
from syncd.store.epochs import WITHDRAWN
from syncd.store.tables import link, mapping_state
from syncd.store.values import readable, rowset, unique

# What is known of a transaction stays while the link stays with it: not every answer tells it.
_KEEP: Final = text(
    """
    INSERT INTO budget_link AS known (mapping, iri, transaction_iri, target_iri, employee_iri, amount, on_day, month,
                                      account_iri, total)
    SELECT :mapping, given.iri, given.transaction_iri, given.target_iri, given.employee_iri, given.amount, given.on_day,
           given.month, given.account_iri, given.total
    FROM json_to_recordset(CAST(:rows AS json)) AS given(
        iri text, transaction_iri text, target_iri text, employee_iri text, amount bigint, on_day date, month text,
        account_iri text, total numeric)
    ORDER BY given.iri
    ON CONFLICT (mapping, iri) DO UPDATE SET
        transaction_iri = excluded.transaction_iri, target_iri = excluded.target_iri,
        employee_iri = excluded.employee_iri, amount = excluded.amount,
        (on_day, month, account_iri, total) = (
            SELECT coalesce(excluded.on_day, before.on_day), coalesce(excluded.month, before.month),
                   coalesce(excluded.account_iri, before.account_iri), coalesce(excluded.total, before.total)
            FROM (SELECT 1) AS one
            LEFT JOIN (VALUES (known.on_day, known.month, known.account_iri, known.total))
                AS before(on_day, month, account_iri, total) ON known.transaction_iri = excluded.transaction_iri)
    WHERE (known.transaction_iri, known.target_iri, known.employee_iri, known.amount)
            IS DISTINCT FROM (excluded.transaction_iri, excluded.target_iri, excluded.employee_iri, excluded.amount)
       OR coalesce(excluded.on_day, known.on_day) IS DISTINCT FROM known.on_day
       OR coalesce(excluded.month, known.month) IS DISTINCT FROM known.month
       OR coalesce(excluded.account_iri, known.account_iri) IS DISTINCT FROM known.account_iri
       OR coalesce(excluded.total, known.total) IS DISTINCT FROM known.total
    """
)

_NOT_SEEN: Final = text(
    """
    DELETE FROM budget_link AS known
    WHERE known.mapping = :mapping AND NOT EXISTS (
        SELECT FROM walked WHERE walked.walk = :walk AND walked.number = :number AND walked.key = known.iri)
    """
)


class BudgetLinks(Database):
    """The mirror of Flowtly's links, by the mapping that keeps them."""

    def begin_mirror(self, mapping: str) -> int:
        """The number of a new complete walk. One that has not ended will conclude nothing any more."""
        with self.transaction() as connection:
            number = int(connection.execute(select(budget_link_walk.next_value())).scalar_one())
            walked.begin(connection, _walk(mapping), number)
        return number

    def mirror(self, mapping: str, links: Sequence[SeenLink], walk: int | None = None) -> None:
        """Keep links as they read now; ``walk`` notes that this complete walk saw them.

        Raises BadAnswer for a link that cannot be stored.
        """
        if not links:
            return
        rows = {one.iri: _row(one) for one in links}
        with self.transaction() as connection:
            connection.execute(_KEEP, {"mapping": mapping, "rows": rowset(list(rows.values()))})
            number = walk if walk is not None else walked.current(connection, _walk(mapping))
            if number is not None:
                walked.note(connection, _walk(mapping), number, rows)

    def finish_mirror(self, mapping: str, walk: int) -> None:
        """A complete walk has ended: what it did not see is not there. Another that began since concludes instead."""
        with self.transaction() as connection:
            if walked.current(connection, _walk(mapping)) == walk:
                walked.compare(connection)
                connection.execute(_NOT_SEEN, {"mapping": mapping, "walk": _walk(mapping), "number": walk})
                walked.end(connection, _walk(mapping))

    def unmirror(self, mapping: str, iri: str) -> None:
        """A link is gone."""
        with self.transaction() as connection:
            connection.execute(table.delete().where(table.c.mapping == mapping, table.c.iri == iri))

    def mirrored(self, mapping: str, transactions: Sequence[str]) -> dict[str, list[SeenLink]]:
        """Links by transaction, each in the order of their IRIs."""
        if not transactions:
            return {}
        chosen = select(table).where(
            table.c.mapping == mapping, table.c.transaction_iri == func.any(unique(transactions))
        )
        found: dict[str, list[SeenLink]] = {}
        for row in self.rows(chosen.order_by(table.c.iri)):
            found.setdefault(row["transaction_iri"], []).append(_seen(row))
        return found

    def ours(self, mapping: str, iris: Sequence[str]) -> set[str]:
        """Of these links, those that we made (the origin of their mapping link says so)."""
        if not iris:
            return set()
        made = select(link.c.flowtly_key).where(
            link.c.mapping == mapping, link.c.flowtly_key == func.any(unique(iris)), link.c.origin.in_(sorted(OURS))
        )
        return {row["flowtly_key"] for row in self.rows(made)}

    def calibration(self, mapping: str) -> Calibration | None:
        """What was decided about amounts."""
        rows = self.rows(select(decided).where(decided.c.mapping == mapping))
        if not rows:
            return None
        row = rows[0]
        return Calibration(Unit(row["unit"]), row["sign"], row["evidence"], row["made_by"], row["made_at"])

    def calibrate(self, mapping: str, calibration: Calibration) -> None:
        """Keep a person's decision; it replaces the one before.

        Where that said otherwise the approval of the mapping is withdrawn: every amount would be written anew.
        """
        values = {
            "unit": calibration.unit.value,
            "sign": calibration.sign,
            "evidence": dict(calibration.evidence),
            "made_by": readable(calibration.by),
            "made_at": calibration.at,
        }
        new = insert(decided).values(mapping=mapping, **values)
        otherwise = select(decided.c.mapping).where(
            decided.c.mapping == mapping,
            (decided.c.unit != calibration.unit.value) | (decided.c.sign != calibration.sign),
        )
        withdrawn = mapping_state.update().where(mapping_state.c.mapping.in_(otherwise))
        with self.transaction() as connection:
            connection.execute(withdrawn.values(approved_fingerprint=WITHDRAWN))
            connection.execute(new.on_conflict_do_update(index_elements=[decided.c.mapping], set_=values))


def _walk(mapping: str) -> str:
    return f"links of {mapping}"


def _row(one: SeenLink) -> dict[str, Any]:
    return {
        "iri": one.iri,
        "transaction_iri": one.transaction,
        "target_iri": one.target,
        "employee_iri": one.employee,
        "amount": one.amount,
        "on_day": None if one.day is None else one.day.isoformat(),
        "month": one.month,
        "account_iri": one.account,
        "total": None if one.total is None else str(one.total),
    }


def _seen(row: RowMapping) -> SeenLink:
    return SeenLink(
        iri=row["iri"],
        transaction=row["transaction_iri"],
        target=row["target_iri"],
        employee=row["employee_iri"],
        amount=row["amount"],
        day=row["on_day"],
        month=row["month"],
        account=row["account_iri"],
        total=row["total"],
    )
