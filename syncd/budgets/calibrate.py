"""Which unit amounts of links have, and how a cost is signed, judged by links that exist. Pure; it only proposes.

``BudgetTransaction.amount`` is a whole number of a unit that Flowtly does not publish. Links that are exactly their
transaction in one unit tell it, and so do links that would be many times their transaction in whole units. Currencies
without decimals tell nothing: both units are the same there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal

LEAST: Final = 3
"""Fewer telling transactions than this prove nothing."""

FAR: Final = 10
"""Nobody links a transaction for more than this many times of what it is: then the unit is the smaller one."""

NAMED: Final = 5
"""Links named in a contradiction; more are only counted."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A link and its transaction. ``amount``: as Flowtly holds it, None for the whole. ``total``: signed, in units.

    ``exponent``: decimals of the transaction's currency; None where it is not known.
    """

    link: str
    transaction: str
    amount: int | None
    total: Decimal
    exponent: int | None


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the links say. ``unit`` None: they do not tell. ``sign``: of a cost at transactions; None: they do not tell.

    ``evidence``: what was counted. ``contradictions``: what speaks against each unit or sign, in words.
    """

    unit: Literal["minor", "major"] | None
    sign: Literal[-1, 1] | None
    evidence: Mapping[str, Any]
    contradictions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Fits:
    """Transactions whose links are exactly the whole in a unit, those that they exceed in it, and by far."""

    whole: tuple[str, ...]
    over: tuple[str, ...]
    far: tuple[str, ...]


def proposal(samples: Iterable[Sample], least: int = LEAST) -> Proposal:
    """The unit and the sign that the links prove, with the evidence. The order of samples does not matter."""
    known = sorted(samples, key=lambda one: one.link)
    by_transaction: dict[str, list[Sample]] = defaultdict(list)
    for one in known:
        if one.amount is not None and one.total:
            by_transaction[one.transaction].append(one)
    telling = {key: links for key, links in by_transaction.items() if links[0].exponent}
    minor = _fits(telling, minor=True)
    major = _fits(telling, minor=False)
    against = {"minor": _against("minor", minor, major), "major": _against("major", major, minor)}
    unit: Literal["minor", "major"] | None = None
    if len({*minor.whole, *major.far}) >= least and not against["minor"]:
        unit = "minor"
    elif len(major.whole) >= least and not against["major"]:
        unit = "major"
    sign, signs, doubts = _sign(known, least)
    evidence = {
        "links": len(known),
        "with_amount": sum(one.amount is not None for one in known),
        "currency_without_decimals": sum(one.amount is not None and one.exponent == 0 for one in known),
        "currency_unknown": sum(one.amount is not None and one.exponent is None for one in known),
        "whole_in_minor": len(minor.whole),
        "whole_in_major": len(major.whole),
        "over_in_minor": len(minor.over),
        "over_in_major": len(major.over),
        "far_over_in_major": len(major.far),
        **signs,
    }
    # What speaks against one unit is what the other is proven by: only where none is left does it matter.
    disputed = () if unit is not None else tuple(text for texts in against.values() for text in texts)
    return Proposal(unit, sign, evidence, (*disputed, *doubts))


def _fits(telling: Mapping[str, Sequence[Sample]], *, minor: bool) -> _Fits:
    whole: list[str] = []
    over: list[str] = []
    far: list[str] = []
    for key, links in sorted(telling.items()):
        scale = 10 ** (links[0].exponent or 0) if minor else 1
        total = abs(links[0].total) * scale
        linked = abs(sum(one.amount or 0 for one in links))
        if linked == total:
            whole.append(key)
        elif linked > total:
            over.append(key)
        if linked > total * FAR:
            far.append(key)
    return _Fits(tuple(whole), tuple(over), tuple(far))


def _against(unit: str, own: _Fits, other: _Fits) -> list[str]:
    texts = []
    if own.over:
        texts.append(f"in {unit} units the links exceed {_named(own.over)}")
    if other.whole:
        texts.append(f"the links are exactly {_named(other.whole)} in the other unit than {unit}")
    return texts


def _sign(known: Sequence[Sample], least: int) -> tuple[Literal[-1, 1] | None, Mapping[str, int], tuple[str, ...]]:
    """A link's amount is a cost when positive: its transaction shows how a cost is signed there."""
    with_amount = [one for one in known if one.amount and one.total]
    against = [one for one in with_amount if (one.amount or 0) * one.total < 0]
    along = [one for one in with_amount if (one.amount or 0) * one.total > 0]
    wholes = [one for one in known if one.amount is None and one.total]
    negative = sum(one.total < 0 for one in wholes)
    counts = {
        "sign_opposite": len(against),
        "sign_same": len(along),
        "whole_links_negative": negative,
        "whole_links_positive": len(wholes) - negative,
    }
    if against and along:
        fewer = min(against, along, key=len)
        text = f"amounts and transactions have opposite signs {len(against)} times and the same {len(along)} times"
        return None, counts, (f"{text}: {_named([one.link for one in fewer])}",)
    if along and all(one.total < 0 for one in along):
        return None, counts, ("amounts are negative like their transactions: which sign a cost has cannot be told",)
    if max(len(against), len(along)) >= least:
        return (-1 if against else 1), counts, ()
    if not with_amount and len(wholes) >= least and negative in {0, len(wholes)}:
        return (-1 if negative else 1), counts, ()
    return None, counts, ()


def _named(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - NAMED} more" if len(keys) > NAMED else ""
    return ", ".join(keys[:NAMED]) + more
