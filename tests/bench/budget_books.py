"""Invented books of one year for config/budgets: postings in three currencies, some with lines, employees, reversals.

The same seed makes the same books. The tables are those of config/budgets/erp.sql, on PostgreSQL or SQLite.
"""

from __future__ import annotations

import random
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import psycopg

EXAMPLE: Final = Path(__file__).parents[2] / "config" / "budgets"
YEAR: Final = 2026
ACCOUNTS: Final = {
    "EUR": "DK0000000000000202",  # the sandbox has this one
    "PLN": "PL0000000000000303",
    "JPY": "JP0000000000000404",
}
"""Currency to bank account. JPY has no decimals."""
EXPONENTS: Final = {"EUR": 2, "PLN": 2, "JPY": 0}
_IN_EUR: Final = {"EUR": Decimal(1), "PLN": Decimal("0.235"), "JPY": Decimal("0.0061")}
CENTRES: Final = ("4100", "4110", "4120", "4130", "5100", "5110", "5120", "5130", "6100", "6110", "6120", "6990")
EMPLOYEES: Final = ("ola@example.com", "ida@example.com", "jan@example.com", "mei@example.com")
_TEXTS: Final = ("Card payment", "Transfer", "Subscription", "Fee", "Search ads", "Social ads", "Spare parts", "Hotel")

POSTING: Final = (
    *("posting_id", "account_no", "booked_on", "operation_no", "booking_text", "amount", "currency_code"),
    *("amount_eur", "kind", "ledger_account", "cost_centre_no", "project_no", "employee_email"),
)
LINE: Final = ("line_id", "posting_id", "amount", "cost_centre_no", "employee_email")
Row = dict[str, Any]


def money(minor: int, currency: str) -> Decimal:
    """An amount in whole currency units."""
    return Decimal(minor).scaleb(-EXPONENTS[currency])


def in_euro(amount: Decimal, currency: str) -> Decimal:
    """What the ERP books in the company's currency."""
    return (amount * _IN_EUR[currency]).quantize(Decimal("0.01"))


@dataclass(frozen=True, slots=True)
class Books:
    """All rows of a year."""

    postings: list[Row]
    lines: list[Row]


def books(seed: int, count: int) -> Books:
    """The first ``count`` postings of a seed, evenly over the year."""
    made = Books([], [])
    for number in range(1, count + 1):
        rng = random.Random(f"{seed}:{number}")
        day = date(YEAR, 1, 1) + timedelta(days=(number - 1) * 365 // count)
        posting = _posting(rng, number, day)
        made.postings.append(posting)
        if posting["kind"] == "invoice":
            made.lines.extend(lines_of(rng, posting, rng.randint(1, 5)))
    return made


def _posting(rng: random.Random, number: int, day: date) -> Row:
    currency = rng.choices(("EUR", "PLN", "JPY"), (60, 25, 15))[0]
    minor = -rng.randint(1, 400_000)
    if rng.random() < 0.06:  # money that comes back
        minor = -minor
    posting: Row = dict.fromkeys(POSTING)
    posting |= {"posting_id": f"P{number}", "account_no": ACCOUNTS[currency], "booked_on": day.isoformat()}
    posting |= {"operation_no": f"OP{number}", "booking_text": rng.choice(_TEXTS), "kind": "bank"}
    posting |= priced(currency, money(minor, currency))
    return posting | _account(rng)


def _account(rng: random.Random) -> Row:
    """How a bookkeeper filed it."""
    drawn, centre = rng.random(), rng.choice(CENTRES)
    if drawn < 0.04:
        return {"kind": "transfer"}
    if drawn < 0.24:
        return {"kind": "invoice"}
    if drawn < 0.30:
        return {"ledger_account": "6000"}
    if drawn < 0.36:
        return {"cost_centre_no": rng.choice(("9000", "9100"))}
    if drawn < 0.46:
        return {"kind": "expense", "cost_centre_no": centre, "employee_email": rng.choice(EMPLOYEES)}
    if drawn < 0.52:
        return {"cost_centre_no": centre, "project_no": f"PR{rng.randint(1, 9)}"}
    return {"cost_centre_no": centre if drawn < 0.93 else None}


def priced(currency: str, amount: Decimal) -> Row:
    """The columns that tell an amount."""
    return {"currency_code": currency, "amount": amount, "amount_eur": in_euro(amount, currency)}


def lines_of(rng: random.Random, posting: Row, count: int) -> list[Row]:
    """Lines that add up to their posting; two may name the same cost centre."""
    exponent = EXPONENTS[posting["currency_code"]]
    total = int(Decimal(posting["amount"]).scaleb(exponent))
    count = min(count, abs(total)) or 1
    cuts = sorted(rng.sample(range(1, abs(total)), count - 1)) if count > 1 else []
    sign = -1 if total < 0 else 1
    sizes = [after - before for before, after in zip([0, *cuts], [*cuts, abs(total)], strict=True)]
    return [
        {
            "line_id": f"{posting['posting_id']}/{place}",
            "posting_id": posting["posting_id"],
            "amount": money(sign * size, posting["currency_code"]),
            "cost_centre_no": rng.choice(CENTRES),
            "employee_email": rng.choice(EMPLOYEES) if rng.random() < 0.3 else None,
        }
        for place, size in enumerate(sizes, 1)
    ]


class Ledger:
    """The ERP's tables. ``url``: ``sqlite:///FILE`` or a PostgreSQL one."""

    def __init__(self, url: str) -> None:
        self.url = url.replace("postgresql+psycopg://", "postgresql://")
        self._file = self.url.removeprefix("sqlite:///") if self.url.startswith("sqlite:") else None

    def create(self, *, postings: bool = False) -> None:
        """Make the tables with the cost centres, the year and the plan of the example, and its postings if asked."""
        script = (EXAMPLE / "erp.sql").read_text()
        if not postings:
            script = script[: script.index("INSERT INTO postings ")]
        if self._file is None:
            self.run(script)
            return
        with closing(sqlite3.connect(self._file)) as connection:
            connection.executescript(_for_sqlite(script))

    def fill(self, made: Books) -> None:
        """Write books in one transaction."""
        with self._cursor() as cursor:
            for table, columns, rows in (("postings", POSTING, made.postings), ("posting_lines", LINE, made.lines)):
                cursor.executemany(
                    self._marks(
                        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))})"
                    ),
                    [tuple(self._value(row[name]) for name in columns) for row in rows],
                )

    def run(self, statement: str, *values: Any) -> None:
        """One statement, or several without values."""
        with self._cursor() as cursor:
            cursor.execute(self._marks(statement), *self._values(values))

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """What a query finds."""
        with self._cursor() as cursor:
            cursor.execute(self._marks(statement), *self._values(values))
            found: list[tuple[Any, ...]] = cursor.fetchall()
            return found

    def table(self, name: str, columns: Sequence[str]) -> list[Row]:
        """All rows of a table in the order of their first column; amounts are exact."""
        found = self.rows(f"SELECT {', '.join(columns)} FROM {name} ORDER BY 1")
        return [
            {
                column: Decimal(str(value)) if "amount" in column else value
                for column, value in zip(columns, row, strict=True)
            }
            for row in found
        ]

    @contextmanager
    def _cursor(self) -> Iterator[Any]:
        connection: Any = psycopg.connect(self.url) if self._file is None else sqlite3.connect(self._file)
        with closing(connection), connection:
            yield connection.cursor()

    def _marks(self, statement: str) -> str:
        return statement if self._file is None else statement.replace("%s", "?")

    def _values(self, values: Sequence[Any]) -> tuple[tuple[Any, ...], ...]:
        """Nothing at all without values, so that several statements may be sent at once."""
        return (tuple(map(self._value, values)),) if values else ()

    def _value(self, value: Any) -> Any:
        return str(value) if self._file is not None and isinstance(value, Decimal) else value


def _for_sqlite(script: str) -> str:
    """The same tables where there are no functions: the stamp is text, and a trigger of SQLite's moves it."""
    script = re.sub(r"CREATE FUNCTION .*?\$\$;\n", "", script, flags=re.DOTALL)
    script = re.sub(
        r"CREATE TRIGGER touch BEFORE UPDATE ON (\w+) [^;]*;",
        r"CREATE TRIGGER touch_\1 AFTER UPDATE ON \1 BEGIN UPDATE \1 SET changed_at = "
        r"strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now') WHERE rowid = NEW.rowid; END;",
        script,
    )
    script = script.replace("CREATE INDEX ON posting_lines", "CREATE INDEX posting_lines_of ON posting_lines")
    stamp = "text NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now'))"
    return script.replace("timestamptz NOT NULL DEFAULT clock_timestamp()", stamp)
