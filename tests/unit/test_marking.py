"""A text that Flowtly refuses for its mark goes without one; any other refusal stands. The sandbox refuses no note."""

from __future__ import annotations

from typing import Any, cast

import pytest

from syncd.engine.marking import MARK, Marking
from syncd.errors import Refused, Violation
from syncd.ports import Connector, Query, Raw, Record


class Narrow:
    """A peer whose notes hold ten characters, and whose amounts must not be negative."""

    def __init__(self) -> None:
        self.asked: list[Raw] = []

    def create(self, _query: Query, fields: Raw) -> Record:
        self.asked.append(fields)
        if len(str(fields.get("note") or "")) > 10:
            raise Refused("invalid", violations=(Violation("note", "is too long"),))
        if cast("int", fields.get("amount", 0)) < 0:
            raise Refused("invalid", violations=(Violation("amount", "is negative"),))
        return Record("/api/transactions/1", dict(fields))


def created(fields: dict[str, Any]) -> tuple[list[Raw], Raw]:
    peer = Narrow()
    made = Marking(cast("Connector", peer), "note").create(Query("transactions"), {**fields, MARK: "P-1"})
    return peer.asked, made.raw


def test_a_note_too_long_for_its_mark_goes_without() -> None:
    asked, raw = created({"note": "paper"})
    assert [one["note"] for one in asked] == ["paper [syncd:P-1]", "paper"]
    assert raw == {"note": "paper"}


def test_what_is_refused_for_another_reason_is_not_sent_twice() -> None:
    peer = Narrow()
    with pytest.raises(Refused):
        Marking(cast("Connector", peer), "city").create(Query("transactions"), {"amount": -1, MARK: "P-1"})
    assert peer.asked == [{"amount": -1, "city": "[syncd:P-1]"}]
