"""Aliases in the store: made, carried to another primary, promoted, taken apart; never beside a link of their own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.core.model import Base, Document
from syncd.errors import LeaseLost, Stale
from syncd.ports import Intent, NewConflict, Settlement, Status
from syncd.ports.aliases import Alias
from tests.store.kit import EXTERNAL, FLOWTLY, MAPPING, NOW, TTL, Kit, digest, iri, pending, rest, seen


def linked(kit: Kit, key: str, name: str = "A", city: str = "Odense", number: str | None = None) -> None:
    """A link that is at rest on both sides."""
    base: Document = {"name": name, "city": city}
    kit.settle(Settlement(key, iri(number or key), Base(base, base), "created", rest(key), rest(key)))


def beside(kit: Kit, key: str, primary: str, base: Document | None = None, told: Document | None = None) -> Alias:
    """An alias that is up to date with its primary, unless said otherwise."""
    agreed: Document = {"name": "A", "city": "Odense"}
    one = Alias(
        MAPPING, key, primary, "", agreed if base is None else base, agreed if told is None else told, NOW, "people"
    )
    kit.store.keep_alias(one, kit.lease)
    return one


def events(kit: Kit, key: str) -> list[str]:
    """What the ledger says of a record."""
    return [entry.event for _, _, entry in kit.store.history(MAPPING, key, None)]


def test_an_alias_has_the_flowtly_key_of_its_primary(kit: Kit) -> None:
    linked(kit, "A1")
    beside(kit, "A3", "A1")
    beside(kit, "A2", "A1", {"name": "Other"})
    first, second = kit.store.aliases(MAPPING)
    assert (first.external_key, first.primary, first.flowtly_key) == ("A2", "A1", iri("A1"))
    assert first.base == {"name": "Other"}
    assert second == kit.store.alias(MAPPING, "A3")
    assert kit.store.aliases_of(MAPPING, ["A1", "B1"]) == {"A1": [first, second]}
    assert kit.store.aliases("other") == []
    assert events(kit, "A2") == ["aliased"]


def test_keeping_it_again_updates_it_and_tells_nothing_new(kit: Kit) -> None:
    linked(kit, "A1")
    one = beside(kit, "A2", "A1")
    kit.store.keep_alias(replace(one, base={"name": "B"}, told={"name": "C"}, missed_run=7), kit.lease)
    (known,) = kit.store.aliases(MAPPING)
    assert (known.base, known.told, known.missed_run, known.since) == ({"name": "B"}, {"name": "C"}, 7, NOW)
    assert events(kit, "A2") == ["aliased"]


def test_an_answer_is_carried_out_by_the_alias_itself_or_not_at_all(kit: Kit) -> None:
    """Nothing may end between the two: the answer would act once more after the alias was taken apart."""
    linked(kit, "A1")
    question = NewConflict("duplicate", "A2", None, external=("A1", "A2"), flowtly=(iri("A1"),))
    kit.settle(Settlement(None, None, opened=(question,)))
    (asked,) = kit.store.conflicts(MAPPING, open_only=True)
    kit.store.dismiss(asked.id, f"link A2 = {iri('A1')}", "kim")
    one = Alias(MAPPING, "A2", "nobody", "", {}, {}, NOW, "people")
    with pytest.raises(Stale):
        kit.store.keep_alias(one, kit.lease, asked.id)
    assert [row.id for row in kit.store.answers(MAPPING, "duplicate")] == [asked.id]
    kit.store.keep_alias(replace(one, primary="A1"), kit.lease, asked.id)
    assert kit.store.answers(MAPPING, "duplicate") == []


def test_a_record_is_never_linked_and_an_alias(kit: Kit) -> None:
    linked(kit, "A1")
    linked(kit, "B1")
    for key, primary in (("B1", "A1"), ("A2", "nobody"), ("A1", "A1")):
        with pytest.raises(Stale):
            beside(kit, key, primary)
    assert kit.store.aliases(MAPPING) == []


def test_without_the_lease_nothing_changes(kit: Kit) -> None:
    linked(kit, "A1")
    one = beside(kit, "A2", "A1")
    lost = replace(kit.lease, fence=kit.lease.fence + 1)
    for act in (
        lambda: kit.store.keep_alias(replace(one, base={}), lost),
        lambda: kit.store.drop_alias(MAPPING, "A2", "why", lost),
        lambda: kit.store.promote_alias(MAPPING, "A2", "why", kit.run, lost),
        lambda: kit.store.move_link(MAPPING, "A1", "A9", "why", kit.run, lost),
    ):
        with pytest.raises(LeaseLost):
            act()
    assert [found.base for found in kit.store.aliases(MAPPING)] == [one.base]
    assert kit.store.partners(MAPPING, EXTERNAL, ["A1", "A2"]) == {"A1": iri("A1"), "A2": iri("A1")}


def test_an_alias_is_no_stranger_and_a_reference_to_it_leads_to_the_flowtly_record(kit: Kit) -> None:
    linked(kit, "A1")
    kit.walk({"A1": "A1", "A2": "x", "S": "y"})
    assert [one.key for one in kit.store.strangers(MAPPING, EXTERNAL)] == ["A2", "S"]
    beside(kit, "A2", "A1")
    assert [one.key for one in kit.store.strangers(MAPPING, EXTERNAL)] == ["S"]
    assert kit.store.partners(MAPPING, EXTERNAL, ["A2", "S"]) == {"A2": iri("A1")}
    assert kit.store.partners(MAPPING, FLOWTLY, [iri("A1")]) == {iri("A1"): "A1"}


def test_what_waits_for_a_record_is_woken_when_that_becomes_an_alias(kit: Kit) -> None:
    linked(kit, "A1")
    waiting = seen("child", status=Status.WAITING, waiting_for=f"@{MAPPING}:external=A2")
    kit.settle(
        Settlement("child", None, external=pending("child", status=Status.WAITING, waiting_for=waiting.waiting_for))
    )
    assert kit.store.wake_linked(MAPPING) == frozenset()
    beside(kit, "A2", "A1")
    assert kit.store.wake_linked(MAPPING) == {EXTERNAL}


def test_what_was_edited_before_it_became_an_alias_counts_as_not_told(kit: Kit) -> None:
    linked(kit, "A1")
    document: Document = {"name": "A", "city": "Vejle"}
    kit.settle(Settlement("A2", None, external=pending("A2", document=document)))
    beside(kit, "A2", "A1")
    (known,) = kit.store.aliases(MAPPING)
    assert known.told == {"name": "A"}


def test_taken_apart_by_a_person_it_is_a_stranger_that_nothing_ties(kit: Kit) -> None:
    linked(kit, "A1")
    beside(kit, "A2", "A1")
    kit.settle(Settlement(None, None, opened=(NewConflict("alias", "A2", None, "city", external="x", flowtly="y"),)))
    assert kit.store.part_alias(MAPPING, "A2", "anna")
    assert not kit.store.part_alias(MAPPING, "A2", "anna")
    (alone,) = kit.store.strangers(MAPPING, EXTERNAL)
    assert (alone.key, alone.status, alone.problem) == ("A2", Status.SETTLED_ALONE, "unlinked by anna")
    assert kit.store.conflicts(MAPPING, open_only=True) == []
    assert events(kit, "A2") == ["aliased", "unaliased"]


def test_promotion_takes_over_the_link_and_the_other_aliases(kit: Kit) -> None:
    linked(kit, "A1")
    beside(kit, "A2", "A1", {"name": "Alias", "city": "Odense"})
    beside(kit, "A3", "A1")
    kit.settle(
        Settlement("A1", iri("A1"), opened=(NewConflict("field", "A1", iri("A1"), "name", external=1, flowtly=2),))
    )
    assert kit.store.promote_alias(MAPPING, "A2", "A1 is gone", kit.run, kit.lease)
    (link,) = kit.store.links(MAPPING)
    assert (link.external_key, link.flowtly_key) == ("A2", iri("A1"))
    assert link.base == Base({"name": "Alias", "city": "Odense"}, {"name": "A", "city": "Odense"})
    assert kit.digests("A2") == (b"", digest("A1")), "the external side is read anew, Flowtly's is as it was"
    (other,) = kit.store.aliases(MAPPING)
    assert (other.external_key, other.primary) == ("A3", "A2")
    assert other.told == link.base.external, "it was up to date: the other name of its new primary is no edit"
    assert kit.store.conflicts(MAPPING, open_only=True) == []
    assert kit.rows("SELECT origin FROM link") == [("promoted",)], "not made by us: never deleted unasked"
    assert "promoted" in events(kit, "A2")
    assert not kit.store.promote_alias(MAPPING, "A2", "again", kit.run, kit.lease)


def test_promotion_keeps_open_what_had_not_been_carried_to_the_alias(kit: Kit) -> None:
    linked(kit, "A1", city="Vejle")
    beside(kit, "A2", "A1", told={"name": "A", "city": "Odense"})
    kit.store.promote_alias(MAPPING, "A2", "A1 is gone", kit.run, kit.lease)
    (link,) = kit.store.links(MAPPING)
    assert link.base.external["city"] == link.base.flowtly["city"] == "Odense", "Flowtly's Vejle reads as its edit"
    assert kit.digests("A2") == (b"", b"")


def test_a_link_follows_its_external_record_with_all_that_is_known_of_it(kit: Kit) -> None:
    linked(kit, "A1")
    beside(kit, "A2", "A1")
    question = NewConflict("field", "A1", iri("A1"), "city", external="x", flowtly="y")
    kit.settle(
        Settlement("A1", iri("A1"), external=pending("A1", document={"name": "Edit", "city": "y"}), opened=(question,))
    )
    (asked,) = kit.store.conflicts(MAPPING, open_only=True)
    kit.store.resolve(asked.id, EXTERNAL, None, "anna")
    kit.settle(Settlement("B", None, external=pending("B", document={"name": "B", "city": "y"})))
    assert kit.store.move_link(MAPPING, "A1", "B", "the ERP merged them", kit.run, kit.lease)
    (link,) = kit.store.links(MAPPING)
    assert (link.external_key, link.base.external["name"]) == ("B", "A")
    assert [one.primary for one in kit.store.aliases(MAPPING)] == ["B"]
    assert kit.observation("A1") is None
    assert kit.work() == [("B", True, False)]
    assert list(kit.store.decisions(MAPPING, ["B"])["B"]) == ["city"]
    lost = [entry for _, _, entry in kit.store.history(MAPPING, "B", None) if entry.event == "overwritten"]
    assert [(entry.field, entry.before, entry.after) for entry in lost] == [("name", "Edit", "B")]


def test_a_link_does_not_follow_to_a_record_that_has_a_place_already(kit: Kit) -> None:
    linked(kit, "A1")
    linked(kit, "B1")
    beside(kit, "B2", "B1")
    kit.store.intend([Intent("create", FLOWTLY, "C", None, {"name": "C"}, "only_here")], MAPPING, kit.run, kit.lease)
    for taken in ("B1", "B2", "C"):
        assert not kit.store.move_link(MAPPING, "A1", taken, "why", kit.run, kit.lease)
    assert not kit.store.move_link(MAPPING, "gone", "D", "why", kit.run, kit.lease)
    assert kit.store.partners(MAPPING, EXTERNAL, ["A1"]) == {"A1": iri("A1")}


def test_one_mapping_has_the_lease_and_another_is_left_alone(kit: Kit) -> None:
    linked(kit, "A1")
    other = kit.store.acquire("other", "second", TTL)
    assert other is not None
    with pytest.raises(Stale):
        kit.store.keep_alias(Alias("other", "A2", "A1", "", {}, {}, NOW, "people"), other)
