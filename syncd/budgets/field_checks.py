"""What is wrong with the names in rules: fields in templates and conditions, and the rules' own. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from syncd.budgets.finding import Finding, near
from syncd.budgets.model import DEFAULT, ByLines, ByTable, Pieces, Place, RuleSet, Target
from syncd.budgets.templates import OF_LINE, words
from syncd.budgets.values import OWN


def name_findings(rules: RuleSet) -> Iterator[Finding]:
    """Names of rules that cannot be told apart."""
    seen: dict[str, Place] = {}
    for rule in rules.rules:
        if rule.name in seen:
            yield Finding(
                rule.place, f"two rules are named {rule.name}", f"the other is at {seen[rule.name]}; rename one"
            )
        if rule.name == DEFAULT or " + " in rule.name:
            message = f"no rule can be named {rule.name!r}: parts of the default, or of several rules, are named so"
            yield Finding(rule.place, message, "give it another name")
        seen.setdefault(rule.name, rule.place)


def field_findings(
    rules: RuleSet, fields: Collection[str] | None, line_fields: Collection[str] | None
) -> Iterator[Finding]:
    """Templates that cannot be read, and fields that are not there as far as that is known."""
    for told, place, target, of_lines in _targets(rules):
        for template in (target.budget, target.employee):
            try:
                named = words(template or "")
            except ValueError as error:
                yield Finding(place, f"{told}: {error}", 'write a field as "{name}"')
                continue
            for name in named:
                yield from _word(told, place, name, of_lines, fields, line_fields)
    for rule in rules.rules:
        by = [rule.split.by] if isinstance(rule.split, ByTable) else []
        for name in (*rule.when, *by):
            if fields is not None and name not in OWN and name not in fields and not name.startswith(OF_LINE):
                yield Finding(rule.place, f"rule {rule.name}: postings have no field {name!r}", near(name, fields))


def _word(
    told: str,
    place: Place,
    name: str,
    of_lines: bool,
    fields: Collection[str] | None,
    line_fields: Collection[str] | None,
) -> Iterator[Finding]:
    if not name.startswith(OF_LINE):
        if name == "amount":
            yield Finding(place, f"{told}: an amount names no budget", "name another field")
        elif fields is not None and name not in OWN and name not in fields:
            yield Finding(place, f"{told}: postings have no field {name!r}", near(name, fields))
    elif not of_lines:
        yield Finding(place, f"{told}: {{{name}}} is of a line", "only a split by lines knows lines")
    elif line_fields is not None and name.removeprefix(OF_LINE) not in line_fields:
        hint = near(name.removeprefix(OF_LINE), line_fields)
        yield Finding(place, f"{told}: lines have no field {name.removeprefix(OF_LINE)!r}", hint)


def _targets(rules: RuleSet) -> Iterator[tuple[str, Place, Target, bool]]:
    for rule in rules.rules:
        if isinstance(rule.split, Pieces):
            yield from ((f"rule {rule.name}", one.place, one.target, False) for one in rule.split.pieces)
        if isinstance(rule.split, ByLines):
            yield f"rule {rule.name}", rule.place, rule.split.target, True
    for name, table in rules.tables.items():
        for key, pieces in table.items():
            yield from ((f"table {name}, row {key}", one.place, one.target, False) for one in pieces)
    if rules.default is not None:
        yield DEFAULT, rules.default_place, rules.default, False
