"""Which targets a posting lands on, and how much of it each gets: the rules, applied. Pure and total.

The parts and what is unassigned add up to the posting exactly, all have its sign, and no two parts share a target. The
result depends on nothing but the posting and the rules; the order of a split's pieces makes no difference to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from syncd.budgets.conditions import Condition
from syncd.budgets.model import DEFAULT, Allocated, Mode, Part, Posting, Rule, RuleSet, Window
from syncd.budgets.money import apportion, exponent, told
from syncd.budgets.splits import NOWHERE, CannotSplitError, Claims, scale_of, sole_target, splitter
from syncd.budgets.templates import Aim, Key
from syncd.budgets.values import getter, plain


class Compiled:
    """One rule, ready to be applied."""

    def __init__(self, rule: Rule, rules: RuleSet, scale: int) -> None:
        self.rule = rule
        self.conditions = tuple(Condition(name, test, rules.exponents) for name, test in rule.when.items())
        self._valid = rule.valid if rule.valid != Window() else None
        self._holds = tuple(one.holds for one in self.conditions)
        self.split = splitter(rule, rule.split, rules, scale) if rule.split is not None else None
        self.sole = sole_target(rule.split, rules.exponents)

    def matches(self, posting: Posting) -> bool:
        """True when it is in force on the posting's day and every condition holds."""
        if self._valid is not None and not self._valid.holds(posting.on):
            return False
        for holds in self._holds:  # noqa: SIM110 - this loop runs for every rule and posting; all() takes twice as long
            if not holds(posting):
                return False
        return True


class Allocator:
    """A rule set, compiled for speed. Raises ValueError, with the place, for rules that cannot be applied at all."""

    def __init__(self, rules: RuleSet) -> None:
        self.rules = rules
        self.scale = scale_of(rules)
        self.compiled = tuple(Compiled(rule, rules, self.scale) for rule in rules.rules)
        self.default = _default(rules)
        self._index = _Index(self.compiled, rules)

    def allocate(self, posting: Posting) -> Allocated:
        """What becomes of a posting."""
        try:
            exponent(posting.currency, self.rules.exponents)
        except ValueError as error:
            # Of an unknown currency nobody knows what an amount is.
            return _refused(posting, str(error))
        try:
            return self._allocated(posting, self.matching(posting))
        except CannotSplitError as error:
            return _refused(posting, str(error))

    def matching(self, posting: Posting) -> Sequence[Compiled]:
        """The rules that count for a posting, in the order they are written: all that match, or the first."""
        candidates = self._index.candidates(posting)
        if self.rules.mode is Mode.ALL:
            return [rule for rule in candidates if rule.matches(posting)]
        for rule in candidates:
            if rule.matches(posting):
                return [rule]
        return []

    def _allocated(self, posting: Posting, rules: Sequence[Compiled]) -> Allocated:
        if posting.amount and len(rules) == 1 and (aim := rules[0].sole) and (key := aim.key(posting)):
            return Allocated((_part(posting, key, posting.amount, rules[0].rule.name, posting.base),), 0)
        claims = Claims(abs(posting.amount), self.scale)
        for rule in rules:
            if rule.split is not None:
                rule.split(claims, posting)
        if not posting.amount:
            return Allocated((), 0, "there is nothing to allocate")
        remainder = claims.total * claims.scale - sum(claims.exact.values())
        if remainder < 0:
            raise CannotSplitError(self._too_much(claims, posting, rules))
        self._share_rest(claims, posting, rules, remainder)
        return _rounded(claims, posting)

    def _share_rest(self, claims: Claims, posting: Posting, rules: Sequence[Compiled], remainder: int) -> None:
        """Give what is left to the rule that wants it, else to the default, else to nobody."""
        if len(claims.rests) > 1:
            names = {name for _, name in claims.rests}
            raise CannotSplitError(f"{_told(one for one in rules if one.rule.name in names)}: two claims on the rest")
        for wanted, name in claims.rests:
            claims.add(wanted, remainder, name)
            remainder = 0
        if remainder and not claims.reasons:
            claims.because(_why_left(rules))
        if any(one.split is None for one in rules):
            claims.add(NOWHERE, remainder, "")
            return
        if lost := claims.exact.pop(NOWHERE, 0) + remainder:
            key = self.default.key(posting) if self.default else None
            if self.default and key is None:
                claims.because(f"default: {self.default.missing(posting)}")
            claims.add(key or NOWHERE, lost, DEFAULT)

    def _too_much(self, claims: Claims, posting: Posting, rules: Sequence[Compiled]) -> str:
        exact = sum(claims.exact.values())
        taken = told(-(-exact // claims.scale), posting.currency, self.rules.exponents)
        itself = told(claims.total, posting.currency, self.rules.exponents)
        names = _told(one for one in rules if one.split is not None)
        return f"{names}: pieces of {taken} on a posting of {itself} leave a negative remainder"


class _Index:
    """Which rules can match at all, by the value of the field that most of them ask to be equal to something."""

    def __init__(self, compiled: Sequence[Compiled], rules: RuleSet) -> None:
        asked: dict[str, int] = {}
        for rule in compiled:
            for one in rule.conditions:
                asked[one.name] = asked.get(one.name, 0) + bool(one.equal)
        self._name = max(asked, key=lambda name: asked[name], default="")
        self._get = getter(self._name, rules.exponents)
        wanted = [next((one.equal for one in rule.conditions if one.name == self._name), None) for rule in compiled]
        self._any = tuple(rule for rule, equal in zip(compiled, wanted, strict=True) if not equal)
        self._by_value = {
            value: tuple(rule for rule, equal in zip(compiled, wanted, strict=True) if not equal or value in equal)
            for value in frozenset().union(*(equal for equal in wanted if equal))
        }

    def candidates(self, posting: Posting) -> Sequence[Compiled]:
        """In the order they are written."""
        return self._by_value.get(plain(self._get(posting)), self._any) if self._by_value else self._any


def prepared(rules: RuleSet) -> Allocator:
    """Compile rules once for many postings. Raises ValueError, with the place, for rules that cannot be applied."""
    return Allocator(rules)


def allocate(posting: Posting, rules: RuleSet) -> Allocated:
    """What becomes of one posting; for many, ``prepared`` first. Raises ValueError as ``prepared`` does."""
    return prepared(rules).allocate(posting)


def _default(rules: RuleSet) -> Aim | None:
    try:
        return Aim(rules.default, rules.exponents) if rules.default is not None else None
    except ValueError as error:
        raise ValueError(f"{rules.default_place}: default: {error}") from error


def _rounded(claims: Claims, posting: Posting) -> Allocated:
    # In the order of targets, what has none last: that decides between equal remainders, not how rules are written.
    exact = claims.exact
    left = exact.pop(NOWHERE, 0)
    keys = sorted(exact)
    amounts = apportion([*[exact[key] for key in keys], left], claims.scale)
    bases: Sequence[int | None] = _bases(posting.base, amounts, claims.total)
    sign = -1 if posting.amount < 0 else 1
    parts = [
        _part(posting, key, sign * amount, " + ".join(claims.rules[key]), base)
        for key, amount, base in zip(keys, amounts, bases, strict=False)
        if amount
    ]
    return Allocated(tuple(parts), sign * amounts[-1], "; ".join(claims.reasons))


def _bases(base: int | None, amounts: Sequence[int], total: int) -> Sequence[int | None]:
    if base is None:
        return [None] * len(amounts)
    shares = apportion([abs(base) * amount for amount in amounts], total)
    return shares if base >= 0 else [-share for share in shares]


def _part(posting: Posting, key: Key, amount: int, rule: str, base: int | None) -> Part:
    return Part(key[0], key[1] or None, amount, amount == posting.amount, rule, base)


def _refused(posting: Posting, problem: str) -> Allocated:
    return Allocated((), posting.amount, problem=f"posting {posting.key}: {problem}")


def _why_left(rules: Sequence[Compiled]) -> str:
    if not rules:
        return "no rule matches"
    leaving = next((one for one in rules if one.split is None), None)
    names = ", ".join(one.rule.name for one in rules)
    return f"rule {leaving.rule.name} leaves it on purpose" if leaving else f"rule {names} gives only a part of it away"


def _told(rules: Iterable[Compiled]) -> str:
    return ", ".join(f"rule {one.rule.name} ({one.rule.place})" for one in rules)
