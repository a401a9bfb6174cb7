"""What people do to the books of ``budget_books``: one function for each kind of edit, drawn by a seeded generator."""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal

from tests.bench.budget_books import CENTRES, EMPLOYEES, LINE, POSTING, Books, Ledger, Row, in_euro, lines_of, money


class Bookkeeper:
    """Edits random postings. Every method does one edit and says which posting it was."""

    def __init__(self, ledger: Ledger, seed: int) -> None:
        self._ledger = ledger
        self._rng = random.Random(f"{seed}:edits")
        self._made = 0

    @property
    def edits(self) -> tuple[Callable[[], str], ...]:
        """Every kind of edit."""
        return self.amount, self.reverse, self.split, self.unsplit, self.move, self.hand_over, self.move_line, self.late

    def work(self, count: int) -> list[str]:
        """Random edits; what was done, in words."""
        kinds = [self._rng.choice(self.edits) for _ in range(count)]
        return [f"{kind.__name__} {kind()}" for kind in kinds]

    def amount(self) -> str:
        """Correct an amount; of an invoice its first line takes the difference, or all lines are written anew."""
        posting = self._any()
        currency = posting["currency_code"]
        sign = -1 if posting["amount"] < 0 else 1
        posting["amount"] = money(sign * self._rng.randint(1, 400_000), currency)
        self._ledger.run(
            "UPDATE postings SET amount = %s, amount_eur = %s WHERE posting_id = %s",
            *(posting["amount"], in_euro(posting["amount"], currency), posting["posting_id"]),
        )
        if posting["kind"] == "invoice":
            self._new_lines(posting)
        return str(posting["posting_id"])

    def reverse(self) -> str:
        """Book the opposite of a posting, in the same way."""
        posting = self._any()
        self._made += 1
        key = f"{posting['posting_id']}R{self._made}"
        lines = self._lines(posting["posting_id"])
        again = posting | {
            "posting_id": key,
            "operation_no": f"OP{key}",
            "booking_text": f"{posting['booking_text']}, reversed",
        }
        turned = [line | {"line_id": f"{key}/{n}", "posting_id": key} for n, line in enumerate(lines, 1)]
        for row in (again, *turned):
            row["amount"] = -row["amount"]
        again["amount_eur"] = -again["amount_eur"]
        self._ledger.fill(Books([again], turned))
        return key

    def split(self) -> str:
        """A payment turns out to be an invoice with lines."""
        posting = self._any("kind = 'bank'")
        self._ledger.run("UPDATE postings SET kind = 'invoice' WHERE posting_id = %s", posting["posting_id"])
        self._new_lines(posting)
        return str(posting["posting_id"])

    def unsplit(self) -> str:
        """An invoice turns out to be one cost centre's."""
        posting = self._any("kind = 'invoice'")
        self._ledger.run("DELETE FROM posting_lines WHERE posting_id = %s", posting["posting_id"])
        self._ledger.run(
            "UPDATE postings SET kind = 'bank', cost_centre_no = %s WHERE posting_id = %s",
            *(self._rng.choice(CENTRES), posting["posting_id"]),
        )
        return str(posting["posting_id"])

    def move(self) -> str:
        """Another cost centre."""
        posting = self._any("cost_centre_no IS NOT NULL")
        self._ledger.run(
            "UPDATE postings SET cost_centre_no = %s WHERE posting_id = %s",
            *(self._rng.choice(CENTRES), posting["posting_id"]),
        )
        return str(posting["posting_id"])

    def hand_over(self) -> str:
        """Another employee's expense."""
        posting = self._any("kind = 'expense'")
        self._ledger.run(
            "UPDATE postings SET employee_email = %s WHERE posting_id = %s",
            *(self._rng.choice(EMPLOYEES), posting["posting_id"]),
        )
        return str(posting["posting_id"])

    def move_line(self) -> str:
        """Another cost centre of one line; its posting itself does not change."""
        line = self._rng.choice(self._ledger.table("posting_lines", LINE))
        self._ledger.run(
            "UPDATE posting_lines SET cost_centre_no = %s WHERE line_id = %s",
            *(self._rng.choice(CENTRES), line["line_id"]),
        )
        return str(line["line_id"])

    def late(self) -> str:
        """A posting that comes after the others."""
        self._made += 1
        key = f"L{self._made}"
        posting = self._any() | {"posting_id": key, "operation_no": f"OP{key}"}
        self._ledger.fill(
            Books(
                [posting],
                [
                    row | {"posting_id": key, "line_id": f"{key}/{n}"}
                    for n, row in enumerate(lines_of(self._rng, posting, 2))
                ]
                if posting["kind"] == "invoice"
                else [],
            )
        )
        return key

    def _any(self, where: str = "1 = 1") -> Row:
        keys = [key for (key,) in self._ledger.rows(f"SELECT posting_id FROM postings WHERE {where} ORDER BY 1")]
        key = self._rng.choice(keys)
        (row,) = self._ledger.rows(f"SELECT {', '.join(POSTING)} FROM postings WHERE posting_id = %s", key)
        found = dict(zip(POSTING, row, strict=True))
        return found | {name: Decimal(str(found[name])) for name in ("amount", "amount_eur")}

    def _lines(self, key: str) -> list[Row]:
        return [row for row in self._ledger.table("posting_lines", LINE) if row["posting_id"] == key]

    def _new_lines(self, posting: Row) -> None:
        self._ledger.run("DELETE FROM posting_lines WHERE posting_id = %s", posting["posting_id"])
        self._ledger.fill(Books([], lines_of(self._rng, posting, self._rng.randint(1, 4))))
