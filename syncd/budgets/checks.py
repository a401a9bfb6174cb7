"""What is wrong with rules before any posting is seen: each finding one sentence, what to do, and where. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import combinations

from syncd.budgets.conditions import equal_to
from syncd.budgets.field_checks import field_findings, name_findings
from syncd.budgets.finding import Finding, near
from syncd.budgets.model import ByLines, ByTable, Mode, Pieces, Rule, RuleSet
from syncd.budgets.overlaps import apart, covers, never, variants
from syncd.budgets.piece_checks import decimal_findings, percent, piece_findings, shares_of, table_findings, warnings
from syncd.budgets.templates import OF_LINE

__all__ = ["Finding", "checks", "warnings"]


def checks(
    rules: RuleSet, fields: Collection[str] | None = None, line_fields: Collection[str] | None = None
) -> list[Finding]:
    """Everything that keeps rules from being used. ``fields``: names that postings (and lines) are known to have."""
    return [
        *name_findings(rules),
        *(finding for rule in rules.rules for finding in _one_rule(rule, rules)),
        *table_findings(rules),
        *(_shadowed(rules) if rules.mode is Mode.FIRST else _together(rules)),
        *field_findings(rules, fields, line_fields),
    ]


def _one_rule(rule: Rule, rules: RuleSet) -> Iterator[Finding]:
    if why := never(rule):
        yield Finding(rule.place, f"rule {rule.name} can never match: {why}", "mend it or remove the rule")
    for name in rule.when:
        if name.startswith(OF_LINE):
            message = f"rule {rule.name}: {name} is of a line, and rules match postings"
            yield Finding(rule.place, message, "use a field of the posting")
    if isinstance(rule.split, ByTable) and rule.split.table not in rules.tables:
        hint = near(rule.split.table, rules.tables)
        yield Finding(rule.place, f"rule {rule.name}: there is no table {rule.split.table!r}", hint)
    if isinstance(rule.split, Pieces):
        most = rule.when["amount"].most if "amount" in rule.when else None
        asked = equal_to("currency", rule.when["currency"]) if "currency" in rule.when else frozenset[str]()
        yield from piece_findings(f"rule {rule.name}", rule.place, rule.split.pieces, most)
        if not never(rule):
            yield from decimal_findings(rule, rule.split.pieces, sorted(asked), rules)


def _shadowed(rules: RuleSet) -> Iterator[Finding]:
    """Rules that an earlier one, or earlier ones together, leave nothing to; only the first that matches counts."""
    for at, rule in enumerate(rules.rules):
        before = [one for one in rules.rules[:at] if not never(one)]
        if never(rule) or not before:
            continue
        single = next(([one] for one in before if covers(one, rule)), [])
        if found := single or _jointly(before, rule):
            names = " and ".join(dict.fromkeys(f"rule {one.name} ({one.place})" for one in found))
            message = (
                f"rule {rule.name} can never match: {names} before it {'take' if len(found) > 1 else 'takes'} it all"
            )
            yield Finding(rule.place, message, f"put it above, ask {found[0].name} for more, or remove it")


def _jointly(before: Sequence[Rule], rule: Rule) -> list[Rule]:
    for parts in variants(rule):
        found = [next((one for one in before if covers(one, part)), None) for part in parts]
        taking = [one for one in found if one is not None]
        if parts and len(taking) == len(parts):
            return list({one.name: one for one in taking}.values())
    return []


def _together(rules: RuleSet) -> Iterator[Finding]:
    """Rules that cannot both be applied to one posting; all that match count."""
    for left, right in combinations(rules.rules, 2):
        if _claims_rest(left, rules) and _claims_rest(right, rules) and not apart(left, right):
            message = (
                f"rules {left.name} ({left.place}) and {right.name} both claim the rest of postings that match both"
            )
            yield Finding(right.place, message, "keep one rest, or let them ask for different postings")
        if isinstance(left.split, ByLines) and isinstance(right.split, ByLines) and not apart(left, right):
            message = f"rules {left.name} ({left.place}) and {right.name} both split by lines what matches both"
            yield Finding(right.place, message, "let them ask for different postings")
        if covers(left, right) or covers(right, left):
            shares = sum(shares_of(one.split.pieces) for one in (left, right) if isinstance(one.split, Pieces))
            if shares > 1 and all(isinstance(one.split, Pieces) for one in (left, right)):
                message = f"the shares of rules {left.name} ({left.place}) and {right.name} add up to {percent(shares)}"
                yield Finding(right.place, message, "both apply to the same postings: lower them to 100% at most")


def _claims_rest(rule: Rule, rules: RuleSet) -> bool:
    if isinstance(rule.split, Pieces):
        return any(piece.rest for piece in rule.split.pieces)
    if isinstance(rule.split, ByTable):
        return any(piece.rest for row in rules.tables.get(rule.split.table, {}).values() for piece in row)
    return False
