"""Whether one rule takes all that another asks for, and whether both can match one posting. Pure.

Both answers err on the quiet side: ``covers`` and ``apart`` are True only where that is certain from what is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from syncd.budgets.conditions import described, equal_to, passes
from syncd.budgets.model import Rule, Test, Window
from syncd.budgets.values import OWN, number, plain

_LETTERS = 3


def never(rule: Rule) -> str:
    """Why no posting at all can match a rule; '' when one can."""
    valid = rule.valid
    if _void(valid):
        return f"it is in force {described(valid)}"
    for name, test in rule.when.items():
        if why := _impossible(name, test):
            return f"{name} {why}"
    asked = rule.when["date"].window if "date" in rule.when else None
    if asked is not None and _void(_both(valid, asked)):
        return f"it is in force {described(valid)} and asks for a date {described(asked)}"
    return ""


def covers(wide: Rule, narrow: Rule) -> bool:
    """True when every posting that matches ``narrow`` matches ``wide``."""
    if not _contains(wide.valid, _days(narrow)):
        return False
    for name, test in wide.when.items():
        days = test == Test(window=test.window) and test.window is not None and name == "date"
        if days and test.window is not None and _contains(test.window, _days(narrow)):
            continue
        asked = narrow.when.get(name)
        if asked is None or not _wider(name, test, asked):
            return False
    return True


def variants(rule: Rule) -> Iterator[list[Rule]]:
    """A rule as several ones that match the same postings together: one for each value of a field, field by field."""
    for name, test in rule.when.items():
        values = sorted(equal_to(name, test))
        if len(values) > 1:
            single = [replace(test, equal=frozenset({value})) for value in values if passes(name, test, value)]
            yield [replace(rule, when={**rule.when, name: one}) for one in single]


def apart(left: Rule, right: Rule) -> bool:
    """True when no posting can match both."""
    if _void(_both(_days(left), _days(right))):
        return True
    shared = left.when.keys() & right.when.keys()
    return any(_disjoint(name, left.when[name], right.when[name]) for name in shared)


def _impossible(name: str, test: Test) -> str:
    if test.least is not None and test.most is not None and test.least > test.most:
        return f"should be at least {plain(test.least)} and at most {plain(test.most)}"
    if test.window is not None and _void(test.window):
        return f"should be {described(test.window)}"
    if name == "amount" and test.most is not None and test.most < 0:
        return f"should be at most {plain(test.most)}, and is told without its sign"
    if test.empty and (name in OWN or _needs_value(replace(test, empty=None))):
        return "should be empty, and cannot be" if name in OWN else "should be empty and have a value"
    equal = equal_to(name, test)
    if equal and not any(passes(name, test, value) and _possible(name, value) for value in equal):
        return f"should be {', '.join(sorted(equal))}, and cannot be"
    return ""


def _possible(name: str, value: str) -> bool:
    """False for what one of the posting's own words never is."""
    if name == "amount":
        return (number(value) or 0) >= 0 and number(value) is not None
    if name == "month":
        return value in {f"{month:02}" for month in range(1, 13)}
    if name == "currency":
        return len(value) == _LETTERS and value.isalpha()
    return name != "quarter" or value in {"1", "2", "3", "4"}


def _needs_value(test: Test) -> bool:
    """True when an empty field does not pass."""
    asked = (test.like, test.least is not None, test.most is not None, test.window, test.empty is False)
    return any(asked) or (bool(test.equal) and not any(plain(value) == "" for value in test.equal))


def _wider(name: str, wide: Test, narrow: Test) -> bool:
    if equal := equal_to(name, narrow):
        # A number is compared by value and matched as it is written: of that, nothing is certain.
        spelled = not wide.like or all(number(value) is None for value in equal)
        return spelled and all(passes(name, wide, value) for value in equal if passes(name, narrow, value))
    return not wide.equal and all(
        (
            not wide.like or _likes(wide, narrow),
            wide.least is None or (narrow.least is not None and narrow.least >= wide.least),
            wide.most is None or (narrow.most is not None and narrow.most <= wide.most),
            wide.window is None or (narrow.window is not None and _contains(wide.window, narrow.window)),
            wide.empty is not False or _needs_value(narrow),
            wide.empty is not True or narrow.empty is True,
        )
    )


def _likes(wide: Test, narrow: Test) -> bool:
    patterns = {one.strip().lower() for one in wide.like}
    if "*" in patterns:
        return _needs_value(narrow)
    return bool(narrow.like) and all(one.strip().lower() in patterns for one in narrow.like)


def _disjoint(name: str, left: Test, right: Test) -> bool:
    for one, other in ((left, right), (right, left)):
        equal = equal_to(name, one)
        if equal and not any(passes(name, one, value) and passes(name, other, value) for value in equal):
            return True
        if one.empty and _needs_value(other):
            return True
        if one.least is not None and other.most is not None and one.least > other.most:
            return True
    return left.window is not None and right.window is not None and _void(_both(left.window, right.window))


def _days(rule: Rule) -> Window:
    """The days on which a rule can match."""
    asked = rule.when["date"].window if "date" in rule.when else None
    return rule.valid if asked is None else _both(rule.valid, asked)


def _both(left: Window, right: Window) -> Window:
    firsts = [one.first for one in (left, right) if one.first is not None]
    lasts = [one.last for one in (left, right) if one.last is not None]
    return Window(max(firsts, default=None), min(lasts, default=None))


def _void(window: Window) -> bool:
    return window.first is not None and window.last is not None and window.first > window.last


def _contains(outer: Window, inner: Window) -> bool:
    starts = outer.first is None or (inner.first is not None and inner.first >= outer.first)
    return starts and (outer.last is None or (inner.last is not None and inner.last <= outer.last))
