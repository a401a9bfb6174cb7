"""Questions about who is who in the store: whom they name, and that ``apart`` is remembered for good."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import text

from syncd.ports import APART, ConflictRow, NewConflict, Retention, Settlement, Status
from tests.store.kit import EXTERNAL, FLOWTLY, MAPPING, Kit, iri, pending

SHORT = Retention(*(timedelta(days=1) for _ in range(5)))


def ask(kit: Kit, kind: str = "ambiguous", key: str = "a") -> ConflictRow:
    """A question that names two external records and one of Flowtly."""
    question = NewConflict(kind, key, None, external=(key, "b"), flowtly=(iri("x"),))
    kit.settle(Settlement(None, None, opened=(question,)))
    return next(row for row in kit.store.conflicts(MAPPING, open_only=True) if row.kind == kind)


def stranger(kit: Kit, key: str, status: Status, problem: str | None = "asked") -> None:
    """A pending record."""
    kit.settle(Settlement(key, None, external=pending(key, status=status, problem=problem)))


def status(kit: Kit, key: str) -> tuple[Status, str | None]:
    """How a record is pending."""
    found = kit.store.observation(MAPPING, EXTERNAL, key)
    assert found is not None
    return found.status, found.problem


def test_a_question_names_all_its_records(kit: Kit) -> None:
    row = ask(kit)
    assert row.named(EXTERNAL) == {"a", "b"}
    assert row.named(FLOWTLY) == {iri("x")}
    bare = NewConflict("probable", "c", iri("c"))
    kit.settle(Settlement(None, None, opened=(bare,)))
    other = kit.store.conflicts(MAPPING, open_only=True)[-1]
    assert other.named(EXTERNAL) == {"c"}
    assert other.named(FLOWTLY) == {iri("c")}


def test_apart_stirs_what_was_asked_about_and_nothing_else(kit: Kit) -> None:
    stranger(kit, "a", Status.ASKED)
    stranger(kit, "b", Status.SETTLED_ALONE, "unlinked by kim")
    stranger(kit, "c", Status.ASKED)
    kit.store.dismiss(ask(kit).id, APART, "kim")
    assert status(kit, "a") == (Status.DIRTY, None)
    assert status(kit, "b") == (Status.SETTLED_ALONE, "unlinked by kim")
    assert status(kit, "c") == (Status.ASKED, "asked")


def test_another_word_stirs_nothing(kit: Kit) -> None:
    stranger(kit, "a", Status.ASKED)
    kit.store.dismiss(ask(kit).id, "dismissed", "kim")
    assert status(kit, "a") == (Status.ASKED, "asked")


def test_what_is_not_over_and_what_is_apart_is_known(kit: Kit) -> None:
    apart = ask(kit, "duplicate")
    kit.store.dismiss(apart.id, APART, "kim")
    carried = ask(kit, "probable", "d")
    kit.store.dismiss(carried.id, f"link d = {iri('d')}", "kim")
    waiting = ask(kit)
    kit.settle(Settlement(None, None, opened=(NewConflict("refused", "r", None),)))
    kit.link("d", origin="manual")
    assert [row.id for row in kit.store.who_is_who(MAPPING)] == [apart.id, waiting.id]
    assert kit.store.who_is_who("suppliers") == []
    kit.settle(Settlement("a", None, closed_fields=("*",)))
    assert [row.id for row in kit.store.who_is_who(MAPPING)] == [apart.id]


def test_apart_outlives_every_retention(kit: Kit) -> None:
    for kind, word in (("duplicate", APART), ("ambiguous", "dismissed")):
        kit.store.dismiss(ask(kit, kind).id, word, "kim")
    kit.link("a")
    with kit.store.engine.begin() as connection:
        connection.execute(text("UPDATE conflict SET resolved_at = now() - interval '10 years'"))
    assert kit.store.sweep_history(SHORT)["conflicts"] == 1
    (kept,) = kit.store.who_is_who(MAPPING)
    assert (kept.kind, kept.resolution) == ("duplicate", APART)
