"""May this link stand beside those that its transaction has already? Pure; amounts in minor units, a cost positive.

One question, asked of a plan and again right before each write: a link never exceeds its transaction, and no two links
of a transaction share a budget and an employee.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from syncd.budgets.money import exponent, told


@dataclass(frozen=True, slots=True)
class Standing:
    """A link of a transaction, or one that would be. ``target``: its budget or project. ``employee`` '' is nobody.

    ``amount`` None: the whole transaction.
    """

    name: str
    target: str
    employee: str
    amount: int | None
    ours: bool = True


@dataclass(frozen=True, slots=True)
class Money:
    """How amounts of one currency are told and counted. ``major``: links count whole currency units."""

    currency: str
    exponents: Mapping[str, int]
    major: bool = False

    @property
    def factor(self) -> int:
        """Minor units in one unit of a link's amount. Raises ValueError for an unknown currency."""
        return 10 ** exponent(self.currency, self.exponents) if self.major else 1

    def minor(self, amount: int | None) -> int | None:
        """A link's amount in minor units; None (the whole transaction) stays None."""
        return None if amount is None else amount * self.factor

    def told(self, amount: int) -> str:
        """An amount for a person."""
        return told(amount, self.currency, self.exponents)


def cost_of(total: Decimal, sign: int, money: Money) -> int | None:
    """A transaction's signed amount as a cost; None where it has more decimals than its currency.

    ``sign`` is how a cost is written there. Raises ValueError for an unknown currency.
    """
    minor = total * sign * 10 ** exponent(money.currency, money.exponents)
    return int(minor) if minor == minor.to_integral_value() else None


def doubled(new: Standing, others: Iterable[Standing]) -> str:
    """Why a link may not be: another one has its budget and its employee; '' when none has."""
    for one in others:
        if (one.target, one.employee) == (new.target, new.employee) and one.name != new.name:
            whose = "another link of ours" if one.ours else "people linked it themselves: theirs stays, and"
            return f"{whose} has the same transaction, budget and employee ({one.name})"
    return ""


def crowded(new: Standing, others: Iterable[Standing], total: int, money: Money) -> str:
    """Why a link has no room in its transaction of ``total``; '' when it fits. A reversal mirrors a cost.

    Links against the transaction's direction make no room for others.
    """
    amount = total if new.amount is None else new.amount
    side = 1 if total > 0 else -1
    if amount * side <= 0:
        return f"{money.told(amount)} has not the sign of its transaction, which is {money.told(total)} as a cost"
    weights = [total if one.amount is None else one.amount for one in others if one.name != new.name]
    taken = sum(max(0, weight * side) for weight in weights)
    if amount * side + taken <= total * side:
        return ""
    linked = f", of which {money.told(taken * side)} are linked" if taken else ""
    return f"no room for {money.told(amount)}: the transaction is {money.told(total)}{linked}"
