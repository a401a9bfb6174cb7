"""Which rule gave what of a posting, and why the others gave nothing: words for a person. Pure."""

from __future__ import annotations

from syncd.budgets.allocate import Allocator, Compiled
from syncd.budgets.conditions import described
from syncd.budgets.model import DEFAULT, Allocated, Mode, Part, Place, Posting, RuleSet, Step
from syncd.budgets.money import told


def explain(posting: Posting, rules: RuleSet) -> tuple[Step, ...]:
    """A step for each rule that was tried, in order, and a last one for what no rule gave away, if there is any.

    The last one is named ``default``, or has no name when something stays unassigned or there is a problem. A part that
    several rules made together stands at each of them. Raises ValueError as ``allocate`` does.
    """
    allocator = Allocator(rules)
    result = allocator.allocate(posting)
    steps = []
    for compiled in allocator.compiled:
        matched = compiled.matches(posting)
        parts = _parts(result, compiled.rule.name) if matched else ()
        steps.append(Step(compiled.rule.name, compiled.rule.place, matched, _reason(compiled, posting), parts))
        if matched and rules.mode is Mode.FIRST:
            break
    return (*steps, *_last(posting, result, rules))


def _parts(result: Allocated, rule: str) -> tuple[Part, ...]:
    return tuple(part for part in result.parts if rule in part.rule.split(" + "))


def _reason(compiled: Compiled, posting: Posting) -> str:
    valid = compiled.rule.valid
    if not valid.holds(posting.on):
        return f"it is in force {described(valid)}, the posting is of {posting.on}"
    failed = next((one for one in compiled.conditions if not one.holds(posting)), None)
    if failed is not None:
        return failed.why(posting)
    why = ", ".join(one.why(posting) for one in compiled.conditions) or "it matches every posting"
    return f"{why}; it leaves the posting unassigned on purpose" if compiled.split is None else why


def _last(posting: Posting, result: Allocated, rules: RuleSet) -> list[Step]:
    if result.problem:
        return [Step("", Place(), False, result.problem)]
    steps = []
    if parts := _parts(result, DEFAULT):
        steps.append(Step(DEFAULT, rules.default_place, True, result.reason, parts))
    if result.unassigned:
        left = told(result.unassigned, posting.currency, rules.exponents)
        steps.append(Step("", Place(), False, f"{left} stays unassigned: {result.reason}"))
    elif not result.parts:
        steps.append(Step("", Place(), False, result.reason))
    return steps
