"""How coverage looks to a person, and as JSON. Decides nothing; text from the ERP is never read as markup."""

from __future__ import annotations

from typing import Any, Final

from rich.markup import escape
from rich.table import Table

from syncd.budgets.coverage import Coverage, Reach
from syncd.budgets.money import told
from syncd.cli.budgets_covered import Covered
from syncd.cli.common import out
from syncd.engine.allocating.compiling import doubts

_SHOWN: Final = 10


def covered_json(one: Covered) -> dict[str, Any]:
    """For a script; amounts are decimals as text, in whole currency units."""
    return {
        "allocation": one.allocation.name,
        "year": one.year,
        "postings": one.seen.postings,
        "currencies": {
            currency: {
                "postings": reach.every.postings,
                "amount": _text(reach.every.amount, currency, one),
                "reached_postings": reach.full.postings,
                "reached_amount": _text(reach.reached.amount, currency, one),
                "default_amount": _text(reach.default.amount, currency, one),
                "unassigned_amount": _text(reach.left.amount, currency, one),
                "share_of_postings": round(float(reach.of_count), 4),
                "share_of_amount": round(float(reach.of_amount), 4),
            }
            for currency, reach in sorted(_known(one.sums).items())
        },
        "rules": [
            {
                "rule": rule,
                "currency": currency,
                "postings": found.postings,
                "amount": _text(found.amount, currency, one),
            }
            for (rule, currency), found in one.sums.rules.items()
        ],
        "doubts": [str(doubt) for doubt in doubts(one.allocation)],
        "never_matched": [{"rule": rule.name, "where": str(rule.place)} for rule in one.idle],
        "unassigned": [
            {
                "why": reason,
                "currency": currency,
                "postings": found.postings,
                "amount": _text(found.amount, currency, one),
            }
            for (reason, currency), found in one.sums.reasons.items()
        ],
        "unknown_budgets": [
            {"budget": key, "postings": count, "first": first, "rule": rule}
            for key, (count, first, rule) in one.unknown.items()
        ],
        "problems": one.seen.problems,
        "problem_count": one.seen.problem_count,
        "nobody_claims": [
            {"field": name, "value": value, "postings": count}
            for (name, value), count in one.seen.left.most_common(_SHOWN)
        ],
    }


def _known(sums: Coverage) -> dict[str, Reach]:
    """Currencies whose amounts can be told; postings of others are among the problems."""
    return {
        currency: reach for currency, reach in sums.currencies.items() if reach.refused.postings < reach.every.postings
    }


def _text(amount: int, currency: str, one: Covered) -> str:
    return told(amount, currency, one.allocation.exponents).partition(" ")[0]


def show_covered(one: Covered) -> None:
    """On the terminal."""
    exponents = one.allocation.exponents
    of = "all years" if one.year is None else str(one.year)
    out.print(f"[bold]{escape(one.allocation.name)}[/bold]: {one.seen.postings} postings of {of}")
    reached = Table("currency", "postings", "reached", "amount", "reached", "default", "unassigned")
    for currency, reach in sorted(_known(one.sums).items()):
        reached.add_row(
            escape(currency),
            str(reach.every.postings),
            f"{float(reach.of_count):.1%}",
            _text(reach.every.amount, currency, one),
            f"{float(reach.of_amount):.1%}",
            _text(reach.default.amount, currency, one),
            _text(reach.left.amount, currency, one),
        )
    out.print(reached)
    rules = Table("rule", "postings", "amount")
    for (rule, currency), found in sorted(one.sums.rules.items(), key=lambda pair: -pair[1].postings):
        rules.add_row(escape(rule), str(found.postings), escape(told(found.amount, currency, exponents)))
    out.print(rules)
    for (reason, currency), found in one.sums.reasons.items():
        out.print(f"unassigned {told(found.amount, currency, exponents)} of {found.postings}: {escape(reason)}")
    _show_trouble(one)


def _show_trouble(one: Covered) -> None:
    for doubt in doubts(one.allocation):
        out.print(f"[yellow]note[/yellow] {escape(str(doubt))}")
    for rule in one.idle:
        out.print(f"[yellow]never matched[/yellow] {escape(f'{rule.place}: rule {rule.name}')}")
    for key, (count, first, name) in one.unknown.items():
        what = f"{one.allocation.target_field} {key}, named by rule {name} for {count} postings, first {first}"
        mapping = escape(str(one.allocation.links.target.mapping))
        out.print(f"[red]unknown[/red] {escape(what)}: mapping {mapping} has not linked it")
    for text in one.seen.problems:
        out.print(f"[red]refused[/red] {escape(text)}")
    if one.seen.problem_count > len(one.seen.problems):
        out.print(f"[red]refused[/red] and {one.seen.problem_count - len(one.seen.problems)} more postings")
    for (word, value), count in one.seen.left.most_common(_SHOWN):
        out.print(f"no rule claims {count} postings with {escape(word)} {escape(value) or '(empty)'}")
