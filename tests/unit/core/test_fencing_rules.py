"""What looks restored or swapped, and what does not: each rule at its edge, and the days that must not alarm anybody."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from syncd.core.fencing import (
    Facts,
    Past,
    SideFacts,
    Thresholds,
    breaches,
    changed_fields,
    is_foreign,
    moved_together,
    went_back,
)
from syncd.core.model import ABSENT, Base, Side

LIMITS = Thresholds()
LEVELS = (("vat",), ("name", "country"))
FIELDS = ("vat", "name", "country", "city")


def rules(links: int = 100, changed: int = 0, together: int = 0, twins: int = 0, **side: Any) -> list[str]:
    """The rules that one side's facts break."""
    facts = Facts(links, {Side.FLOWTLY: SideFacts(**side)}, changed, together, twins)
    return [one.rule for one in breaches(facts, LIMITS)]


@pytest.mark.parametrize(
    ("facts", "broken"),
    [
        ({}, []),
        ({"seen": 100, "unseen": 0}, []),
        ({"seen": 50, "unseen": 100}, ["swapped"]),
        ({"seen": 50, "unseen": 90, "foreign": 10, "changed": 10}, ["swapped"]),
        ({"seen": 50, "unseen": 99}, []),  # one is left: uncertified, not swapped
        ({"seen": 0, "unseen": 100}, []),  # an empty answer proves nothing
        ({"links": 1, "seen": 1, "unseen": 1}, []),
        ({"links": 2, "seen": 1, "unseen": 2}, ["swapped"]),
        ({"vanished": 21}, ["vanished"]),
        ({"vanished": 20}, []),
        ({"links": 10, "vanished": 4}, []),
        ({"links": 10, "vanished": 5}, ["vanished"]),
        ({"vanished": 5, "above": 5}, ["went_back"]),
        ({"vanished": 5, "above": 4}, []),
        ({"vanished": 9, "above": 6}, []),  # older ones are gone as well: people tidy up
        ({"vanished": 4, "above": 4}, []),
        ({"vanished": 2, "above": 2, "changed": 3, "back": 3}, ["went_back"]),
        ({"changed": 5, "back": 5}, ["went_back"]),
        ({"changed": 6, "back": 5}, ["went_back"]),
        ({"changed": 7, "back": 5}, []),
        ({"changed": 4, "back": 4}, []),
        ({"changed": 9, "foreign": 5}, ["foreign"]),
        ({"changed": 10, "foreign": 5}, []),
        ({"changed": 60, "foreign": 21}, ["foreign"]),
        ({"changed": 4, "foreign": 4}, []),
        ({"changed": 9, "together": 5}, ["store_is_old"]),
        ({"changed": 10, "together": 5}, []),
        ({"changed": 4, "together": 4}, []),
        ({"twins": 5}, ["links_lost"]),
        ({"twins": 4}, []),
        ({"links": 4, "twins": 40}, []),  # hardly anything is linked yet: this is what a first link looks like
    ],
)
def test_each_rule_at_its_edge(facts: dict[str, Any], broken: list[str]) -> None:
    if "together" in facts:
        facts = {"links": 100, "changed": 0, "together": 0, **facts}
        found = Facts(facts["links"], {}, facts["changed"], facts["together"])
        assert [one.rule for one in breaches(found, LIMITS)] == broken
    else:
        assert rules(**{"links": 100, **facts}) == broken if "changed" not in facts else _with_changed(facts) == broken


def _with_changed(facts: dict[str, Any]) -> list[str]:
    links = facts.get("links", 100)
    side = SideFacts(**{name: value for name, value in facts.items() if name != "links"})
    return [one.rule for one in breaches(Facts(links, {Side.EXTERNAL: side}), LIMITS)]


def test_no_rule_breaks_below_its_count_whatever_else_is_true() -> None:
    """Small numbers say nothing: under four of everything only a complete swap is noticed."""
    few = range(4)
    for vanished, above, changed, foreign, back in product(few, repeat=5):
        side = SideFacts(vanished=vanished, above=min(above, vanished), changed=changed, foreign=foreign, back=0)
        assert breaches(Facts(4, {Side.EXTERNAL: side}, changed, back, back), LIMITS) == ()


@pytest.mark.parametrize(
    ("now", "foreign"),
    [
        ({"vat": "2", "name": "B", "country": "DK"}, True),
        ({"vat": "1", "name": "B", "country": "DK"}, False),
        ({"vat": "2", "name": "A", "country": "DK"}, False),
        ({"vat": "2", "name": "A", "country": "PL"}, True),
        ({"vat": None, "name": "B", "country": "DK"}, True),
        ({"name": "A", "country": "DK"}, False),
    ],
)
def test_a_record_is_foreign_when_nothing_it_is_known_by_is_left(now: dict[str, Any], foreign: bool) -> None:
    base = {"vat": "1", "name": "A", "country": "DK"}
    assert is_foreign(now, base, LEVELS, FIELDS) is foreign


def test_an_incomplete_level_does_not_make_a_record_foreign_and_does_not_save_it() -> None:
    assert is_foreign({"vat": None, "name": "B"}, {"vat": None, "name": "A", "country": "DK"}, LEVELS, FIELDS)
    assert not is_foreign({"vat": "1", "name": "B"}, {"vat": "1", "name": "A", "country": None}, LEVELS, FIELDS)


def test_without_match_keys_most_of_the_values_decide() -> None:
    base = {"vat": "1", "name": "A", "country": "DK", "city": None}
    assert is_foreign({**base, "vat": "2", "name": "B"}, base, (), FIELDS)
    assert not is_foreign({**base, "vat": "2"}, base, (), FIELDS)
    assert not is_foreign({}, {}, (), FIELDS)


@pytest.mark.parametrize(
    ("had", "now", "back"),
    [
        (("Odense", "Aarhus"), "Odense", True),
        ((None, "Aarhus"), None, True),
        ((ABSENT, "Aarhus"), None, False),
        (("Odense", "Aarhus"), "Vejle", False),
        (("Odense", "Vejle", "Aarhus"), "Odense", True),
        (("Odense", "Aarhus", "Odense", "Aarhus"), "Odense", False),  # a tug of war, not a restore
    ],
)
def test_a_value_that_was_there_before(had: tuple[Any, ...], now: Any, back: bool) -> None:
    assert went_back(["city"], {"city": now}, {"city": "Aarhus"}, {"city": Past(had)}) is back


def test_every_field_whose_past_is_known_has_to_be_back() -> None:
    past = {"city": Past(("Odense", "Aarhus")), "name": Past(("A", "B"))}
    base = {"city": "Aarhus", "name": "B", "vat": "1"}
    assert went_back(["city", "name"], {"city": "Odense", "name": "A"}, base, past)
    assert not went_back(["city", "name"], {"city": "Odense", "name": "C"}, base, past)
    assert went_back(["city", "vat"], {"city": "Odense", "vat": "9"}, base, past)
    assert not went_back(["vat"], {"vat": "9"}, base, past)


def test_both_sides_moved_to_the_same() -> None:
    base = Base({"city": "a", "vat": "1"}, {"city": "A", "vat": "1"})
    assert moved_together({"city": "x"}, {"city": "x"}, base, FIELDS)
    assert not moved_together({"city": "x"}, {"city": "y"}, base, FIELDS)
    assert not moved_together({"city": "x", "vat": "2"}, {"city": "x"}, base, FIELDS)
    assert not moved_together({"city": "a"}, {"city": "A"}, base, FIELDS)


def test_what_was_never_agreed_on_is_no_change() -> None:
    assert changed_fields({"city": "x", "name": "B"}, {"name": "A"}, FIELDS) == {"name"}
