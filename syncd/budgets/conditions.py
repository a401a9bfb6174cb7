"""What a rule asks of a posting, compiled to plain functions. Pure; says in words why something did not match."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TypeAlias

from syncd.budgets.model import Posting, Test, Window
from syncd.budgets.values import OWN, Getter, day, getter, number, plain

Holds: TypeAlias = Callable[[object], bool]
MAX_TOLD = 6
MONTH_DIGITS = 2


class Condition:
    """One field of a rule's ``when``."""

    def __init__(self, name: str, test: Test, exponents: Mapping[str, int]) -> None:
        self.name = name
        self.get: Getter = getter(name, exponents)
        self.equal = equal_to(name, test)
        self._checks = tuple(_checks(test, self.equal))
        self.holds = self._compiled(test)
        """True for a posting of which everything holds that is asked of the field."""

    def _compiled(self, test: Test) -> Callable[[Posting], bool]:
        """The fewest calls for what is asked most: this runs for every rule and posting."""
        name, get, equal = self.name, self.get, self.equal
        checks = [check for check, _ in self._checks]
        if test == Test(test.equal) and equal and name not in OWN:
            return lambda posting: plain(posting.fields.get(name)) in equal
        if len(checks) == 1:
            (check,) = checks
            return lambda posting: check(get(posting))
        return lambda posting: all(check(value) for value in (get(posting),) for check in checks)

    def why(self, posting: Posting) -> str:
        """What the field is; where something does not hold, also what it should be."""
        value = self.get(posting)
        told = f"{self.name} is {plain(value) or 'empty'}"
        return next((f"{told}, {wanted}" for check, wanted in self._checks if not check(value)), told)


def equal_to(name: str, test: Test) -> frozenset[str]:
    """What the field may be, as values compare. A month may be written as 1 or 01, a currency as eur."""
    found = frozenset(plain(value) for value in test.equal)
    if name == "currency":
        return frozenset(value.upper() for value in found)
    return frozenset(value.zfill(MONTH_DIGITS) for value in found) if name == "month" else found


def passes(name: str, test: Test, value: str) -> bool:
    """True when a field with this value (as values compare) is as it should be."""
    return all(check(value) for check, _ in _checks(test, equal_to(name, test)))


def described(window: Window) -> str:
    """A window in words."""
    if window.first and window.last:
        return f"from {window.first} to {window.last}"
    return f"from {window.first} on" if window.first else f"until {window.last}" if window.last else "on any day"


def pattern(like: tuple[str, ...]) -> re.Pattern[str]:
    """One expression for patterns with ``*`` and ``?``, whatever the case; it takes no more than linear time."""
    return re.compile("|".join(f"(?:{_translated(one.strip())})" for one in like), re.IGNORECASE | re.DOTALL)


def _checks(test: Test, equal: frozenset[str]) -> list[tuple[Holds, str]]:
    """All that is asked, each with what is said when it does not hold."""
    checks: list[tuple[Holds, str]] = []
    if test.empty is not None:
        empty = test.empty
        wanted = "which should be empty" if empty else "which should have a value"
        checks.append((lambda value: (not plain(value)) is empty, wanted))
    if test.equal:
        checks.append((lambda value: plain(value) in equal, f"not {_one_of(sorted(equal))}"))
    if test.like:
        found = pattern(test.like)
        checks.append((lambda value: _alike(found, value), f"not like {_one_of(sorted(test.like))}"))
    if test.least is not None:
        checks.append((_at_least(test.least), f"less than {plain(test.least)} or no number"))
    if test.most is not None:
        checks.append((_at_most(test.most), f"more than {plain(test.most)} or no number"))
    if test.window is not None:
        checks.append((_within(test.window), f"not {described(test.window)}"))
    return checks


def _alike(found: re.Pattern[str], value: object) -> bool:
    text = value.strip() if isinstance(value, str) else plain(value)
    return bool(text) and found.fullmatch(text) is not None


def _at_least(least: Decimal) -> Holds:
    return lambda value: (found := number(value)) is not None and found >= least


def _at_most(most: Decimal) -> Holds:
    return lambda value: (found := number(value)) is not None and found <= most


def _within(window: Window) -> Holds:
    return lambda value: (found := day(value)) is not None and window.holds(found)


def _one_of(wanted: list[str]) -> str:
    told = ", ".join(one or "empty" for one in wanted[:MAX_TOLD])
    more = f" and {len(wanted) - MAX_TOLD} more" if len(wanted) > MAX_TOLD else ""
    return f"one of {told}{more}" if len(wanted) > 1 else told


def _translated(text: str) -> str:
    """A pattern as an expression. What is between two stars is found once and kept, so nothing is tried again."""
    first, *others = [re.escape(piece).replace(r"\?", ".") for piece in re.split(r"\*+", text)]
    if not others:
        return first
    *between, last = others
    kept = "".join(f"(?>.*?{piece})" for piece in between)
    return f"{first}{kept}.*{last}"
