"""The laws of the histories notice what they are there for: each test plants one bug and sees a law broken by it."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from syncd.connectors.flowtly.connector import FlowtlyConnector
from syncd.errors import UnknownOutcome
from syncd.ports import Query, Raw, Record
from syncd.store import ledger
from tests.histories.tales import told
from tests.histories.town import Move, Town

EDIT: Move = ("edit", {"side": "external", "pick": 1, "field": "name"})
LOST: list[Move] = [
    ("add", {"side": "external"}),
    ("fault", {"side": "flowtly", "kind": "status_after", "method": "POST", "times": 1, "skip": 0}),
    ("run", {}),
    ("hours_pass", {}),
    ("run", {}),
]


def broken(town: Town, tale: Iterable[Move]) -> str:
    """What a law says of a tale under a planted bug."""
    with pytest.raises(AssertionError) as caught:
        told(town, tale)
    return str(caught.value)


def test_a_create_that_is_sent_again_when_its_answer_is_lost(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    told(town, LOST)
    real = FlowtlyConnector.create

    def insisting(self: FlowtlyConnector, query: Query, fields: Raw) -> Record:
        try:
            return real(self, query, fields)
        except UnknownOutcome:
            return real(self, query, fields)

    monkeypatch.setattr(FlowtlyConnector, "create", insisting)
    assert "2 records were made in flowtly" in broken(town, LOST)


def test_a_ledger_without_what_was_written(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    told(town, [EDIT, ("run", {})])
    monkeypatch.setattr(ledger, "append", lambda *_: None)
    assert "which no ledger row has" in broken(town, [EDIT, ("run", {})])


def test_a_value_that_nobody_wrote(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    real = FlowtlyConnector.create

    def invented(self: FlowtlyConnector, query: Query, fields: Raw) -> Record:
        return real(self, query, {**fields, "displayName": "nobody's name"})

    monkeypatch.setattr(FlowtlyConnector, "create", invented)
    assert "which nobody wrote there" in broken(town, [("add", {"side": "external"}), ("run", {})])


def test_a_change_that_is_never_sent(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every change is settled as if the peer had taken it."""

    def unsent(_self: FlowtlyConnector, _query: Query, _key: str, fields: Raw, expected: Record) -> Record:
        return Record(expected.key, {**expected.raw, **fields}, expected.changed_at)

    monkeypatch.setattr(FlowtlyConnector, "update", unsent)
    with pytest.raises(AssertionError):
        told(town, [EDIT, ("run", {})])


def test_a_create_that_is_sent_twice(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    real = FlowtlyConnector.create

    def twice(self: FlowtlyConnector, query: Query, fields: Raw) -> Record:
        real(self, query, fields)
        return real(self, query, fields)

    monkeypatch.setattr(FlowtlyConnector, "create", twice)
    found = broken(town, [("add", {"side": "external"}), ("run", {})])
    assert "2 records were made in flowtly" in found
    assert "2 writes of ('create', 'flowtly'" in found
