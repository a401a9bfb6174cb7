"""Where merged records went, and everything of ours that follows them."""

from __future__ import annotations

import pytest

from syncd.core.aliasing import Standing, carry
from syncd.core.model import Base, Document
from syncd.errors import LeaseLost, Stale
from syncd.ports import Intent, Lease, NewConflict, Settlement, SideState, Status
from syncd.ports.merges import Referring
from syncd.store.postgres import PostgresStore
from tests.store.kit import EXTERNAL, FLOWTLY, MAPPING, NOW, TTL, Kit, digest, iri, pending, rest, seen
from tests.store.merges_kit import DIRECTORY, ONCE, approved, led, redirect


@pytest.fixture
def lease(store: PostgresStore) -> Lease:
    taken = store.acquire(f"dedupe:{DIRECTORY}", "first", TTL)
    assert taken is not None
    return taken


def test_a_record_is_found_over_several_merges(kit: Kit) -> None:
    store = kit.store
    store.follow(redirect(iri(2), iri(1)), kit.lease)
    store.follow(redirect(iri(3), iri(2)), kit.lease)
    store.follow(redirect(iri(2), iri(9)), kit.lease)
    for one in (1, 2, 9):
        found = store.redirect("flowtly", "clients", iri(one))
        assert found is not None
        assert found.survivor == iri(3)
    assert store.redirect("flowtly", "clients", iri(3)) is store.redirect("flowtly", "other", iri(1)) is None
    store.follow(redirect(iri(2), iri(1)), kit.lease)
    store.follow(redirect(iri(3), iri(1)), kit.lease)
    with pytest.raises(Stale, match=r"gone to .*3"):
        store.follow(redirect(iri(8), iri(1)), kit.lease)
    with pytest.raises(Stale, match="the other way round"):
        store.follow(redirect(iri(1), iri(3)), kit.lease)


def test_the_link_follows_to_a_survivor_without_one(kit: Kit) -> None:
    kit.link("2", "4")
    kit.settle(Settlement(None, iri(1), flowtly=pending(iri(1), "S", status=Status.SETTLED_ALONE)))
    (followed,) = kit.store.follow(redirect(), kit.lease)
    assert (followed.external_key, followed.flowtly_key, followed.alias, followed.lost) == ("2", iri(1), False, ())
    assert {one.external_key: one.flowtly_key for one in kit.store.links(MAPPING)} == {"2": iri(1), "4": iri(4)}
    assert kit.digests("2") == (digest("1"), b"")
    waiting = kit.observation(iri(1), FLOWTLY)
    assert waiting is not None
    assert waiting.status is Status.DIRTY
    assert kit.work() == [("2", False, True)]
    assert [entry.event for _, _, entry in kit.store.history(MAPPING, None, iri(1))] == ["merged"]
    assert kit.store.follow(redirect(), kit.lease) == []


def test_the_link_becomes_an_alias_where_the_survivor_has_one(kit: Kit) -> None:
    kit.link("1")
    kit.link("2", word="two")
    (followed,) = kit.store.follow(redirect(), kit.lease)
    assert (followed.alias, followed.primary, followed.flowtly_key) == (True, "1", iri(1))
    assert [one.external_key for one in kit.store.links(MAPPING)] == ["1"]
    (alias,) = kit.store.aliases(MAPPING)
    assert (alias.external_key, alias.primary, alias.flowtly_key) == ("2", "1", iri(1))
    assert (alias.base, alias.told, alias.by) == ({"name": "two"}, {"name": "two"}, "people")


def test_a_field_that_nobody_agreed_on_before_the_merge_is_not_taken_for_agreed(kit: Kit) -> None:
    kit.link("2", word="2")
    base: Document = {"name": "1", "city": "Odense"}
    kit.settle(Settlement("1", iri(1), Base(base, base), "created", rest("1"), rest("1")))
    kit.store.follow(redirect(), kit.lease)
    (alias,) = kit.store.aliases(MAPPING)
    assert (alias.base, alias.told) == ({"name": "2", "city": None}, {"name": "2"})
    asked = carry(Standing({"name": "2", "city": "Vejle"}, alias.base, alias.told), base, {"city": True}, {})
    assert [(one.field, one.alias, one.primary) for one in asked.contests] == [("city", "Vejle", "Odense")]


def test_the_aliases_of_the_merged_record_go_with_it(kit: Kit) -> None:
    for key in "123":
        kit.link(key, word=key)
    kit.store.follow(redirect(iri(2), iri(3)), kit.lease)
    kit.store.follow(redirect(iri(1), iri(2)), kit.lease)
    assert {one.external_key: one.primary for one in kit.store.aliases(MAPPING)} == {"2": "1", "3": "1"}
    assert {one.external_key: one.told["name"] for one in kit.store.aliases(MAPPING)} == {"2": "2", "3": "3"}


def test_what_was_asked_missed_and_promised_about_the_loser_ends(kit: Kit) -> None:
    kit.link("1", "2")
    store = kit.store
    intent = Intent("patch", FLOWTLY, "2", iri(2), {"name": "x"}, "")
    (operation,) = store.intend([intent], MAPPING, kit.run, kit.lease)
    kit.settle(
        Settlement(
            "2",
            iri(2),
            external=pending("2", "E", status=Status.ASKED),
            opened=(NewConflict("field", "2", iri(2), "name"), NewConflict("missing", "2", iri(2))),
        )
    )
    kit.certify({iri(1): 1}, side=FLOWTLY, shrink_limit=1.0)
    assert kit.scalar("SELECT count(*) FROM absence") == 1
    store.follow(redirect(), kit.lease)
    assert store.conflicts(MAPPING, open_only=True) == []
    assert kit.scalar("SELECT count(*) FROM absence") == 0
    assert [str(one.state) for one in store.operations(MAPPING, open_only=False)] == ["dropped"]
    assert operation.id == store.operations(MAPPING, open_only=False)[0].id
    edited = kit.observation("2")
    assert edited is not None
    assert edited.status is Status.DIRTY


def test_an_edit_of_the_loser_that_had_not_flowed_is_in_the_ledger_and_asked(kit: Kit) -> None:
    kit.link("2")
    document = {"name": "edited", "city": "same"}
    kit.settle(Settlement("2", iri(2), flowtly=pending(iri(2), "L", document=document)))
    kit.settle(Settlement(None, iri(1), flowtly=pending(iri(1), "S", document={"name": "kept", "city": "same"})))
    (followed,) = kit.store.follow(redirect(), kit.lease)
    assert followed.lost == ("name",)
    ((_, _, entry),) = [one for one in kit.store.history(MAPPING, "2", None) if one[2].event == "overwritten"]
    assert (entry.field, entry.before, entry.after, entry.side) == ("name", "edited", "kept", FLOWTLY)
    (asked,) = kit.store.conflicts(MAPPING, open_only=True)
    assert (asked.kind, asked.external_key, asked.flowtly_key) == ("lost_edit", "2", iri(1))
    assert kit.observation(iri(2), FLOWTLY) is None


def test_references_that_moved_with_the_merge_are_no_edit(kit: Kit) -> None:
    """A note of the ERP names supplier 2, Flowtly's now names the survivor, which reads as 1."""
    store = kit.store
    child = store.acquire("notes", "first", TTL)
    assert child is not None
    run = store.begin_run("notes", "test", child)
    base = Base({"client": "2", "text": "a"}, {"client": "2", "text": "a"})
    apart = replace_client(base, "4")
    settled = [
        Settlement("n1", "/n/1", base, "certain", rest(), rest()),
        Settlement("n2", "/n/2", apart, "certain", rest(), rest()),
    ]
    store.settle(settled, "notes", run, child)
    edited = pending("/n/1", "N", document={"client": "2", "text": "b"})
    store.settle([Settlement("n1", "/n/1", flowtly=edited)], "notes", run, child)
    kit.link("1", "2")
    store.follow(redirect(), kit.lease, [Referring("notes", "client", MAPPING), Referring("notes", "client", "other")])
    seen_before = store.observation("notes", FLOWTLY, "/n/1")
    assert (seen_before.document, seen_before.digest) == ({"client": "1", "text": "b"}, digest("N"))
    bases = {one.external_key: one.base for one in store.links("notes")}
    assert bases == {"n1": Base(base.external, {"client": "1", "text": "a"}), "n2": apart}


def replace_client(base: Base, key: str) -> Base:
    return Base({**base.external, "client": key}, {**base.flowtly, "client": key})


def test_our_own_merge_moves_links_only_of_mappings_that_are_leased(store: PostgresStore, lease: Lease) -> None:
    kit = Kit.on(store)
    kit.link("1", "2")
    other = store.acquire("other", "first", TTL)
    assert other is not None
    base = Base({}, {})
    store.settle(
        [Settlement("X", iri(2), base, "certain", rest(), rest())], "other", store.begin_run("other", "t", other), other
    )
    made = led(store, lease, approved(store, lease), *ONCE[1:])
    store.release(other)
    with pytest.raises(LeaseLost):
        store.finish_merge(made.id, redirect(merge=made), lease, held=[kit.lease, other])
    assert store.redirect("flowtly", "clients", iri(2)) is None
    followed = store.finish_merge(made.id, redirect(merge=made), lease, held=[kit.lease])
    assert [one.mapping for one in followed] == [MAPPING]
    assert [one.flowtly_key for one in store.links("other")] == [iri(2)]
    with pytest.raises(Stale, match="done"):
        store.finish_merge(made.id, redirect(merge=made), lease)


def test_a_merge_ends_only_with_its_own_records(store: PostgresStore, lease: Lease) -> None:
    made = led(store, lease, approved(store, lease), *ONCE[1:])
    with pytest.raises(Stale, match="other records"):
        store.finish_merge(made.id, redirect(iri(3), iri(2), made), lease)
    assert store.merge(made.id) == made


def test_what_is_in_the_way(kit: Kit) -> None:
    kit.link("1", "2", "3")
    assert kit.store.in_the_way([iri(1), iri(2)]) == []
    kit.settle(Settlement(None, iri(9), flowtly=SideState(digest("x"), seen(iri(9)))))
    assert kit.store.in_the_way([iri(9)]) == []
    kit.settle(Settlement("2", iri(2), external=pending("2", "E", status=Status.ASKED)))
    kit.store.intend([Intent("create", EXTERNAL, iri(9), None, {}, "")], MAPPING, kit.run, kit.lease)
    assert kit.store.in_the_way([iri(1), iri(2)]) == [f"{MAPPING}: 2 is asked in external"]
    assert kit.store.in_the_way([iri(9)]) == [f"{MAPPING}: {iri(9)} is create intended in external"]
    assert list(kit.store.work(MAPPING, NOW)) == []
