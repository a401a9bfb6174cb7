"""Incidents and thresholds in the store: each once while it stands, told in the transaction that remembers it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from syncd.core.events import About, NewEvent
from syncd.errors import BadAnswer, LeaseLost
from syncd.ports.incidents import Breach, Incident, SpendLevel
from tests.store.kit import MAPPING, Kit

OVER = Breach("over_allocated", "t1", ("B2", "B1", "B2"), {"linked": "12.50", "records": ["P#1"]})
OFF = Breach("budget", "B1 2026-03", ("B1",), {"wanted": 1})


def note(kit: Kit, *found: Breach) -> tuple[list[Incident], list[Incident]]:
    """What one look found."""
    return kit.store.note_breaches(MAPPING, found, kit.run, kit.lease)


def test_an_incident_stands_once_and_clears_when_it_is_mended(kit: Kit) -> None:
    standing, cleared = note(kit, OVER, OFF)
    assert {(one.breach.kind, one.news) for one in standing} == {("over_allocated", True), ("budget", True)}
    assert cleared == []
    assert standing[1].breach == replace(OVER, targets=("B1", "B2"))
    rows = "SELECT id, xmin::text FROM incident ORDER BY id"
    before = kit.rows(rows)
    again, cleared = note(kit, OVER, OFF)
    assert again == [replace(one, news=False) for one in standing] and cleared == []
    assert kit.rows(rows) == before, "the same finding rewrites nothing"
    assert kit.store.frozen_targets(MAPPING) == {"B1", "B2"}

    worse = replace(OFF, detail={"wanted": 2})
    standing, cleared = note(kit, worse, worse)
    assert [(one.breach, one.news) for one in standing] == [(worse, False)]
    assert [(one.breach.kind, one.cleared_at is None) for one in cleared] == [("over_allocated", False)]
    assert kit.store.frozen_targets(MAPPING) == {"B1"}
    standing, cleared = note(kit, OVER, replace(OVER, scope="t2"))
    assert [one.news for one in standing] == [True, True], "new ones of the same kind"
    standing, cleared = note(kit, replace(OVER, scope="t2"))
    assert [one.breach.scope for one in standing] == ["t2"] and [one.breach.scope for one in cleared] == ["t1"]
    assert note(kit)[0] == [] and kit.store.frozen_targets(MAPPING) == frozenset()


def test_incidents_for_people_are_oldest_first(kit: Kit) -> None:
    note(kit, OVER)
    note(kit, OFF)
    every = kit.store.incidents(None, open_only=False)
    assert [(one.breach.kind, one.cleared_at is None) for one in every] == [("over_allocated", False), ("budget", True)]
    assert kit.store.incidents(MAPPING, open_only=True) == every[1:]
    assert kit.store.incidents("other", open_only=False) == []
    note(kit, *(Breach("many", str(number), (), {}) for number in range(600)))
    latest = kit.store.incidents(MAPPING, open_only=False)
    assert len(latest) == 500 and latest[-1].breach.kind == "many"
    assert [one.id for one in latest] == sorted(one.id for one in latest)


def test_incidents_of_allocations_are_apart_and_need_the_lease(kit: Kit) -> None:
    note(kit, OVER)
    with pytest.raises(LeaseLost):
        kit.store.note_breaches(MAPPING, [], kit.run, replace(kit.lease, fence=kit.lease.fence + 1))
    kit.store.note_breaches("other", [OVER], kit.run, kit.lease)
    kit.store.note_breaches("other", [], kit.run, kit.lease)
    assert kit.store.frozen_targets(MAPPING) == {"B1", "B2"}
    assert kit.store.frozen_targets("other") == frozenset()
    with pytest.raises(BadAnswer):
        note(kit, replace(OFF, detail={"name": "\x00"}))


def level(threshold: int, used: str, *, crossed: bool = True, target: str = "B1") -> SpendLevel:
    """A threshold of a budget."""
    return SpendLevel(target, "2026-03", threshold, crossed, Decimal(used), Decimal(1000), "EUR")


def told(threshold: int) -> NewEvent:
    """What is said about it."""
    about = About(f"allocation:{MAPPING}", "B1", {"budget": "B1"})
    return NewEvent("budget.threshold", ("bi",), about, None, {"crossed": True}, level=Decimal(threshold))


def test_levels_and_their_events_are_one_transaction(kit: Kit) -> None:
    kit.store.signal(MAPPING, [level(100, "0", crossed=False), level(80, "812.50")], [told(80)], kit.lease)
    known = kit.store.spending(MAPPING)
    assert [replace(one, changed_at=None) for one in known] == [level(80, "812.50"), level(100, "0", crossed=False)]
    lost = replace(kit.lease, fence=kit.lease.fence + 1)
    with pytest.raises(LeaseLost):
        kit.store.signal(MAPPING, [level(100, "1000")], [told(100)], lost)
    broken = replace(told(100), about=About("allocation", "\x00"))
    with pytest.raises(BadAnswer):
        kit.store.signal(MAPPING, [level(100, "1000")], [broken], kit.lease)
    assert kit.store.spending(MAPPING) == known
    (delivery,) = kit.store.deliveries(None, 10)
    assert (delivery.event.event, delivery.event.level, delivery.target) == ("budget.threshold", Decimal(80), "bi")


def test_levels_that_do_not_change_are_not_rewritten_and_others_are_forgotten(kit: Kit) -> None:
    kit.store.signal(MAPPING, [level(80, "812.50"), level(80, "5", target="B2")], [], kit.lease)
    rows = "SELECT target, threshold, xmin::text FROM spending ORDER BY target, threshold"
    before = kit.rows(rows)
    kit.store.signal(MAPPING, [level(80, "812.5")], [], kit.lease)
    assert kit.rows(rows) == before
    kit.store.signal(MAPPING, [level(80, "700", crossed=False)], [], kit.lease, forget=[("B2", "2026-03", 80)])
    (known,) = kit.store.spending(MAPPING)
    assert (known.crossed, known.used, known.target) == (False, Decimal(700), "B1")
    assert known.changed_at is not None
    assert kit.store.spending("other") == []
