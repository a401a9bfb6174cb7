"""How fast rules are applied: ``python -m tests.bench.allocate``. 100,000 made postings, 20 rules, 12 cost centres.

``postings`` and ``rules`` are for tests as well: the same seed gives the same postings on every machine.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random
from time import perf_counter, process_time

from syncd.budgets.allocate import prepared
from syncd.budgets.coverage import coverage
from syncd.budgets.model import (
    ByLines,
    ByTable,
    Line,
    Mode,
    Piece,
    Pieces,
    Posting,
    Rule,
    RuleSet,
    Target,
    Test,
    Window,
)

CENTRES = tuple(str(4100 + 10 * at) for at in range(12))
CURRENCIES = ("EUR", "EUR", "EUR", "PLN", "JPY")
ACCOUNTS = ("6000", "6100", "6200", "6300", "6400")
TEXTS = ("Google Ads invoice", "Office rent", "Cloud hosting", "Travel: rail", "Consulting fee", "Print ads")
PER_EURO = {"EUR": 100, "PLN": 430, "JPY": 160}
"""About how many minor units one euro is."""


def postings(n: int, seed: int) -> Iterator[Posting]:
    """Postings of the year 2026: one in eight is a reversal, one in ten has lines, some have no cost centre."""
    rng = Random(seed)
    for at in range(n):
        currency = rng.choice(CURRENCIES)
        euros = Decimal(rng.randrange(100, 1_000_000)) / 100
        amount = max(1, int(euros * PER_EURO[currency])) * (-1 if rng.random() < 1 / 8 else 1)
        key = f"P{at + 1:06}"
        lines = _lines(rng, key, amount) if rng.random() < 1 / 10 else ()
        base = int(euros * 100) * (1 if amount > 0 else -1)
        on = date(2026, 1, 1) + timedelta(days=rng.randrange(365))
        yield Posting(key, amount, currency, on, _fields(rng, bool(lines)), lines, base, "EUR")


def _fields(rng: Random, lines: bool) -> Mapping[str, object]:
    return {
        "cost_centre": rng.choice(CENTRES) if rng.random() < 0.95 else None,
        "account": rng.choice(ACCOUNTS),
        "text": rng.choice(TEXTS),
        "kind": "invoice" if lines else "payment",
        "counterparty": f"C{rng.randrange(500):04}",
        "employee_no": f"E{rng.randrange(40):03}" if rng.random() < 0.3 else None,
        "project": f"PR{rng.randrange(9)}" if rng.random() < 0.2 else "",
    }


def _lines(rng: Random, key: str, amount: int) -> tuple[Line, ...]:
    """Two to five lines that add up to the amount, all of its sign."""
    cuts = sorted(rng.randrange(abs(amount) + 1) for _ in range(rng.randrange(1, 5)))
    sign = 1 if amount > 0 else -1
    ends = zip([0, *cuts], [*cuts, abs(amount)], strict=True)
    return tuple(
        Line(f"{key}-{at}", sign * (end - start), {"cost_centre": rng.choice(CENTRES)})
        for at, (start, end) in enumerate(ends, 1)
    )


def rules() -> RuleSet:
    """20 rules as a controller writes them: lines, a table, shares, fixed amounts, texts, ranges, windows."""
    own = Target("{cost_centre}:{year}", "{employee_no}")
    pieces = Pieces((Piece(own, rest=True),))
    year = Window(date(2026, 1, 1), date(2026, 12, 31))
    thirds = Pieces(tuple(Piece(Target(f"{centre}:{{year}}"), share=Fraction(1, 3)) for centre in CENTRES[:3]))
    rent = Pieces(
        (
            Piece(Target("4100:{year}"), share=Fraction(2, 5)),
            Piece(Target("4110:{year}"), amount=Decimal(50)),
            Piece(Target("4120:{year}"), rest=True),
        )
    )
    table = {
        centre: (Piece(own, share=Fraction(3, 5)), Piece(Target("OVERHEAD:{year}"), rest=True))
        for centre in CENTRES[3:]
    }
    made = [
        Rule("invoices", {"kind": Test(frozenset({"invoice"}))}, ByLines(Target("{line.cost_centre}:{year}"))),
        Rule("internal", {"counterparty": Test(frozenset({"C0001", "C0002"}))}, None),
        Rule("ads", {"text": Test(like=("*ads*",)), "account": Test(frozenset({"6000"}))}, thirds),
        Rule("rent", {"text": Test(like=("office rent",)), "amount": Test(least=Decimal(500))}, rent),
        Rule("shared", {"account": Test(frozenset({"6200"}))}, ByTable("overhead", "cost_centre"), year),
        Rule("projects", {"project": Test(empty=False), "account": Test(frozenset({"6300"}))}, thirds),
        Rule(
            "spring",
            {"date": Test(window=Window(date(2026, 3, 1), date(2026, 5, 31))), "text": Test(like=("*rail",))},
            pieces,
        ),
        Rule("large", {"amount": Test(least=Decimal(9500)), "account": Test(frozenset({"6100"}))}, rent),
        *(Rule(f"centre {centre}", {"cost_centre": Test(frozenset({centre}))}, pieces, year) for centre in CENTRES),
    ]
    return RuleSet(tuple(made), Mode.FIRST, Target("9999:{year}"), {"overhead": table})


def main(n: int = 100_000) -> int:
    """Apply the rules to all postings once and print what that took."""
    made = list(postings(n, 20261))
    ready = prepared(rules())
    gc.collect()
    gc.freeze()  # a run reads postings page by page; the heap of all that are made here is not what is measured
    began, used, parts = perf_counter(), process_time(), 0
    for posting in made:
        # As in a run, nothing is kept: what is wanted of a page goes to the store.
        parts += len(ready.allocate(posting).parts)
    used, took = process_time() - used, perf_counter() - began
    told = coverage((posting.currency, posting.amount, ready.allocate(posting)) for posting in made)
    print(f"{n:,} postings, {len(ready.compiled)} rules: {used:.2f} s of one core ({took:.2f} s in all)")
    print(f"{n / used:,.0f} postings/s per core, {parts:,} parts")
    for currency, reach in sorted(told.currencies.items()):
        print(
            f"{currency}: rules reach {float(reach.of_count):.1%} of postings, {float(reach.of_amount):.1%} of the amount"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:2])))
