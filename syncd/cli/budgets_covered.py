"""What the rules of an allocation reach, from its postings as the ERP has them now. Changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from syncd.budgets.allocate import prepared
from syncd.budgets.coverage import Coverage, coverage
from syncd.budgets.model import DEFAULT, Allocated, Posting, Rule, Window
from syncd.cli.budgets_reading import all_postings
from syncd.core.model import Side
from syncd.engine.allocating.compiling import Allocation, PostingProblem, posting_of
from syncd.wiring import App

_SHOWN: Final = 10
_LONGEST: Final = 40  # characters of a field's value that a table repeats


@dataclass(slots=True)
class Seen:
    """What was met besides the sums: problems, targets with their first posting, fields of what nobody claims."""

    postings: int = 0
    problems: list[str] = field(default_factory=list)
    problem_count: int = 0
    matched: set[str] = field(default_factory=set)
    targets: dict[str, tuple[int, str, str]] = field(default_factory=dict)
    left: Counter[tuple[str, str]] = field(default_factory=Counter)

    def problem(self, text: str) -> None:
        """A posting that cannot be read or allocated."""
        self.problem_count += 1
        if len(self.problems) < _SHOWN:
            self.problems.append(text)

    def take(self, posting: Posting, result: Allocated, rules: Collection[str]) -> None:
        """Count one posting; ``rules``: those that matched it."""
        if result.problem:
            self.problem(result.problem)
        for part in result.parts:
            count, first, rule = self.targets.get(part.budget, (0, posting.key, part.rule))
            self.targets[part.budget] = (count + 1, first, rule)
        if not rules and (result.unassigned or any(part.rule == DEFAULT for part in result.parts)):
            self.left.update((name, _short(value)) for name, value in posting.fields.items())


@dataclass(frozen=True, slots=True)
class Covered:
    """What an allocation's rules reach in one year."""

    allocation: Allocation
    year: int | None
    sums: Coverage
    seen: Seen
    idle: tuple[Rule, ...]
    unknown: dict[str, tuple[int, str, str]]


def covered(app: App, allocation: Allocation, year: int | None) -> Covered:
    """Read and count; postings of other years than ``year`` are left out."""
    seen = Seen()
    sums = coverage(_results(app, allocation, year, seen))
    rules = allocation.rules.rules
    idle = (rule for rule in rules if rule.name not in seen.matched and _in_force(rule.valid, year))
    return Covered(allocation, year, sums, seen, tuple(idle), _unknown(app, allocation, seen))


def _results(app: App, allocation: Allocation, year: int | None, seen: Seen) -> Iterator[tuple[str, int, Allocated]]:
    allocator = prepared(allocation.rules)
    for entry in all_postings(app, allocation):
        try:
            posting = posting_of(allocation, entry.record, entry.lines)
        except PostingProblem as problem:
            seen.problem(str(problem))
            continue
        if year is not None and posting.on.year != year:
            continue
        seen.postings += 1
        rules = {one.rule.name for one in allocator.matching(posting)}
        seen.matched.update(rules)
        result = allocator.allocate(posting)
        seen.take(posting, result, rules)
        yield posting.currency, posting.amount, result


def _unknown(app: App, allocation: Allocation, seen: Seen) -> dict[str, tuple[int, str, str]]:
    """Targets that no link leads to: how many postings name it, the first of them, and its rule."""
    mapping = allocation.links.target.mapping
    if mapping is None:
        return {}
    linked = app.store.links_by_key(mapping, Side.EXTERNAL, list(seen.targets))
    return {key: told for key, told in sorted(seen.targets.items()) if key not in linked}


def _in_force(valid: Window, year: int | None) -> bool:
    if year is None:
        return True
    return (valid.first or date.min).year <= year <= (valid.last or date.max).year


def _short(value: object) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
