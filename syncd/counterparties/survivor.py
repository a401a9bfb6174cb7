"""Which of two counterparties survives their merge, and which values it has to get first. Pure; sends nothing.

A merge keeps the survivor's values, so what only the other one has is set at the survivor before. Bank accounts are a
union in which new ones wait for a person: an account that slips in is how payments are stolen. Never chooses between
two clients, two suppliers or two valid tax numbers: such records are two companies.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from syncd.counterparties.accounts import account
from syncd.counterparties.tins import tax_number

PARTIES: Final = ("client", "supplier")
"""The structural links of a counterparty: it joins at most one of each."""

ACCOUNTS: Final = "bankAccounts"
TRANSACTIONS: Final = "transactionsCount"

_DECIDED_BY_PEOPLE: Final = ("budgetNeutral", "cyclic", "defaultProject", "costGroup", "type")
_FILLED: Final = frozenset({"defaultProject"})
_COPIED_TINS: Final = ("clientTin", "supplierTin")
_RULES: Final = ("pinned by a person", "more structural links", "more transactions")
_NUMBER: Final = re.compile(r"(\d+)$")
_BLANKS: Final = re.compile(r"[\s-]+")
_NAMES_OF_AN_ACCOUNT: Final = ("iban", "number", "accountNumber")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of the two: its key and raw record, the country its tax number is read with, whether a person pinned it."""

    key: str
    raw: Mapping[str, Any]
    country: str = ""
    confirmed_tin: str = ""
    """A tax number that a register confirmed for this record, in canonical form."""
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class Chosen:
    """Survivor and loser, and the rule that decided."""

    survivor: Candidate
    loser: Candidate
    rule: str


@dataclass(frozen=True, slots=True)
class Fields:
    """What the survivor has to get. ``provenance``: per field the value, the record it comes from and the rule.

    ``review``: why no tier may approve this, in words. ``forbidden``: why nobody may. ``accounts``: those that the
    survivor does not have, as a person has to see them.
    """

    changes: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    accounts: tuple[str, ...] = ()
    review: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()


def choose(one: Candidate, other: Candidate) -> Chosen:
    """More structural links, then more transactions, then the older number; a pin wins. The order given says nothing.

    Raises ValueError for one record given twice, and for two pins.
    """
    if one.key == other.key:
        raise ValueError(f"{one.key} cannot be merged into itself")
    if one.pinned and other.pinned:
        raise ValueError(f"{one.key} and {other.key} are both pinned: only one can survive")
    for rule, mine, its in zip(_RULES, _ranks(one), _ranks(other), strict=True):
        if mine != its:
            return Chosen(one, other, rule) if mine > its else Chosen(other, one, rule)
    survivor, loser = sorted((one, other), key=_age)
    return Chosen(survivor, loser, "the older number")


def values(chosen: Chosen) -> Fields:
    """What the survivor has to get before the merge, field by field."""
    made = _Values(chosen.survivor, chosen.loser)
    made.parties()
    made.tax_number()
    made.accounts()
    made.attachment()
    made.people()
    made.names()
    return Fields(made.changes, made.provenance, tuple(made.new_accounts), tuple(made.review), tuple(made.forbidden))


def same_account(one: Any, other: Any) -> bool:
    """True for two ways to write one bank account."""
    return account_text(one) == account_text(other)


def account_text(value: Any) -> str:
    """A bank account in one spelling: its IBAN where it is one, else what was written without blanks."""
    if isinstance(value, Mapping):
        named = next((value[name] for name in _NAMES_OF_AN_ACCOUNT if isinstance(value.get(name), str)), None)
        return json.dumps(value, sort_keys=True, default=str) if named is None else account_text(named)
    text = str(value)
    return account(text).iban or _BLANKS.sub("", text).upper()


def accounts_of(raw: Mapping[str, Any]) -> list[Any]:
    """The bank accounts of a raw record; an array may have come as a map."""
    found = raw.get(ACCOUNTS)
    if isinstance(found, Mapping):
        return list(found.values())
    return list(found) if isinstance(found, list | tuple) else []


def missing_accounts(raw: Mapping[str, Any], wanted: Iterable[Any]) -> list[Any]:
    """Of these accounts, those that a record does not have."""
    has = {account_text(one) for one in accounts_of(raw)}
    missing: dict[str, Any] = {}
    for one in wanted:
        if account_text(one) not in has:
            missing.setdefault(account_text(one), one)
    return list(missing.values())


class _Values:
    """The rules, one method each."""

    def __init__(self, survivor: Candidate, loser: Candidate) -> None:
        self.survivor, self.loser = survivor, loser
        self.changes: dict[str, Any] = {}
        self.provenance: dict[str, Any] = {}
        self.new_accounts: list[str] = []
        self.review: list[str] = []
        self.forbidden: list[str] = []

    def parties(self) -> None:
        """Client and supplier: the one there is. Two different ones are two companies."""
        for name in PARTIES:
            ours, theirs = self._both(name)
            if ours is not None and theirs is not None and ours != theirs:
                self.forbidden.append(f"they belong to two different {name}s: {ours} and {theirs}")
            elif ours is None and theirs is not None:
                self._take(name, theirs, "only the merged record has one")
            elif ours is not None:
                self._keep(name, ours, "the survivor's")

    def tax_number(self) -> None:
        """The valid one, a register's confirmation before a check digit. Two valid ones are two companies."""
        ours, theirs = self._both("tin")
        mine, its = self._valid(self.survivor), self._valid(self.loser)
        if mine and its and mine != its:
            self.forbidden.append(f"both tax numbers are valid and they differ: {mine} and {its}")
            return
        if theirs is None or ours == theirs:
            self._keep("tin", ours, "the survivor's")
        elif self._is_valid(theirs, self.loser) and not self._is_valid(ours, self.survivor):
            confirmed = self.loser.confirmed_tin == its
            self._take("tin", theirs, "confirmed by a register" if confirmed else "the valid one")
        elif ours is None and not mine:
            self._take("tin", theirs, "only the merged record has one")
            self.review.append(f"the only tax number is not valid: {theirs}")
        else:
            self._keep("tin", ours, "the survivor's")
            if not mine:
                self.review.append(f"the tax numbers differ and neither is valid: {ours} and {theirs}")

    def accounts(self) -> None:
        """The union. New ones wait for a person; nested ones cannot be written and are left to the merge itself."""
        ours, new = accounts_of(self.survivor.raw), missing_accounts(self.survivor.raw, accounts_of(self.loser.raw))
        self.new_accounts = [account_text(one) for one in new]
        if not new:
            return
        union = [*ours, *new]
        plain = all(isinstance(one, str) for one in union)
        rule = "union of both; new ones are for a person to approve" if plain else "left to the merge: nested accounts"
        if plain:
            self.changes[ACCOUNTS] = union
        self.provenance[ACCOUNTS] = {"value": union, "from": [self.survivor.key, self.loser.key], "rule": rule}

    def attachment(self) -> None:
        """Required if either requires it."""
        ours, theirs = self._both("requireAttachment")
        if theirs is True and ours is not True:
            self._take("requireAttachment", True, "true if any")
        else:
            self._keep("requireAttachment", ours, "true if any")

    def people(self) -> None:
        """What only a person can weigh: the survivor's stays, and no tier approves it."""
        for name in _DECIDED_BY_PEOPLE:
            ours, theirs = self._both(name)
            if ours == theirs:
                continue
            if ours is None and name in _FILLED:
                self._take(name, theirs, "only the merged record has one")
            else:
                self._keep(name, ours, f"the survivor's; the merged record has {theirs!r}")
            self.review.append(f"{name} differs: {ours!r} and {theirs!r}")

    def names(self) -> None:
        """The survivor's; the other one is remembered. Web site and logo are the enrichment's business."""
        ours, theirs = self._both("displayName")
        self._keep("displayName", ours, "the survivor's")
        if theirs is not None and theirs != ours:
            self.provenance["displayName"]["also"] = [theirs]

    def _both(self, name: str) -> tuple[Any, Any]:
        """The values of both; an empty text is nothing, false and zero are something."""
        ours, theirs = (_value(one.raw.get(name)) for one in (self.survivor, self.loser))
        return ours, theirs

    def _take(self, name: str, value: Any, rule: str) -> None:
        self.changes[name] = value
        self.provenance[name] = {"value": value, "from": self.loser.key, "rule": rule}

    def _keep(self, name: str, value: Any, rule: str) -> None:
        self.provenance[name] = {"value": value, "from": self.survivor.key, "rule": rule}

    def _is_valid(self, text: Any, one: Candidate) -> bool:
        """True for this very text; a valid number may stand in another field of the record only."""
        return isinstance(text, str) and bool(_tin(text, one.country))

    def _valid(self, one: Candidate) -> str:
        """The record's tax number in canonical form when it is valid, whichever of its fields has it."""
        if one.confirmed_tin:
            return one.confirmed_tin
        texts = (one.raw.get(name) for name in ("tin", *_COPIED_TINS))
        return next((found for text in texts if isinstance(text, str) and (found := _tin(text, one.country))), "")


def _tin(text: str, country: str) -> str:
    return tax_number(text, country).valid


def _value(value: Any) -> Any:
    return value if value or isinstance(value, bool | int) else None


def _ranks(one: Candidate) -> tuple[int, int, int]:
    """What decides, in the order of ``_RULES``; more is better."""
    links = sum(one.raw.get(name) is not None for name in PARTIES)
    return int(one.pinned), links, _count(one.raw.get(TRANSACTIONS))


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _age(one: Candidate) -> tuple[int, int, str]:
    """Lower numbers are older; a key without a number comes last, by its text."""
    found = _NUMBER.search(one.key)
    return (0, int(found[1]), one.key) if found else (1, 0, one.key)
