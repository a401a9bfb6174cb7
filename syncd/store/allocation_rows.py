"""Postings and their parts on their way into and out of rows. Must never change what an amount is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import RowMapping

from syncd.ports.allocations import PostingState, SeenPosting, Slot
from syncd.store.values import octets, readable


def posting_row(one: SeenPosting) -> dict[str, Any]:
    """A posting without its slots, for ``json_to_recordset``."""
    return {
        "posting": one.key,
        "digest": octets(one.digest),
        "state": one.state.value,
        "on_day": None if one.on is None else one.on.isoformat(),
        "account": None if one.account is None else readable(one.account),
        "currency": readable(one.currency),
        "amount": one.amount,
        "unassigned": one.unassigned,
        "base_amount": one.base,
        "base_currency": None if one.base_currency is None else readable(one.base_currency),
        "reason": readable(one.reason),
        "next_slot": one.next_slot,
    }


def slot_row(one: Slot) -> dict[str, Any]:
    """A slot, for ``json_to_recordset``."""
    return {
        "posting": one.posting,
        "slot": one.slot,
        "target": one.target,
        "employee": one.employee,
        "amount": one.amount,
        "whole": one.whole,
        "rule": readable(one.rule),
        "base_amount": one.base,
        "withdrawn": one.withdrawn,
        "skipped": readable(one.skipped),
    }


def to_posting(row: RowMapping, slots: Sequence[Slot]) -> SeenPosting:
    """A row with its slots as the value the engine works with."""
    return SeenPosting(
        key=row["posting"],
        digest=row["digest"],
        state=PostingState(row["state"]),
        on=row["on_day"],
        account=row["account"],
        currency=row["currency"],
        amount=row["amount"],
        unassigned=row["unassigned"],
        base=row["base_amount"],
        base_currency=row["base_currency"],
        reason=row["reason"],
        slots=tuple(slots),
        next_slot=row["next_slot"],
    )


def to_slot(row: RowMapping) -> Slot:
    """A row as the value the engine works with."""
    return Slot(
        posting=row["posting"],
        slot=row["slot"],
        target=row["target"],
        employee=row["employee"],
        amount=row["amount"],
        whole=row["whole"],
        rule=row["rule"],
        base=row["base_amount"],
        withdrawn=row["withdrawn"],
        skipped=row["skipped"],
    )
