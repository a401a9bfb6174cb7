"""A question is asked once, answered once, and its answer is remembered for exactly the values it was about."""

from __future__ import annotations

from decimal import Decimal

import pytest

from syncd.core.model import ABSENT, Decision, MaybeValue
from syncd.errors import NotFound, Refused, Stale
from syncd.ports import ConflictRow, NewConflict, Settlement, Status
from tests.store.kit import EXTERNAL, FLOWTLY, MAPPING, Kit, iri, pending


def field(external: MaybeValue = "x", flowtly: MaybeValue = "y", name: str = "name", key: str = "a") -> NewConflict:
    return NewConflict("field", key, iri(key), name, "base", ABSENT, external, flowtly)


def ask(kit: Kit, *questions: NewConflict, key: str = "a") -> ConflictRow:
    asked = pending(key, 2, status=Status.ASKED), pending(iri(key), 3, status=Status.ASKED)
    kit.settle(Settlement(key, iri(key), external=asked[0], flowtly=asked[1], opened=questions))
    return kit.store.conflicts(MAPPING, open_only=True)[-1]


def test_a_question_keeps_both_values_and_both_bases(kit: Kit) -> None:
    row = ask(kit, field(Decimal("1.50"), None))
    assert (row.base_external, row.base_flowtly, row.external, row.flowtly) == ("base", ABSENT, Decimal("1.50"), None)
    assert (row.mapping, row.kind, row.external_key, row.flowtly_key, row.field) == (
        MAPPING,
        "field",
        "a",
        iri("a"),
        "name",
    )
    assert kit.store.conflict(row.id) == row
    assert kit.store.conflict(row.id + 1) is None


def test_the_same_question_again_rewrites_nothing_and_other_values_update_it(kit: Kit) -> None:
    first = ask(kit, field())
    version = kit.scalar("SELECT xmin::text FROM conflict")
    assert ask(kit, field(), field()) == first
    assert kit.scalar("SELECT xmin::text FROM conflict") == version
    changed = ask(kit, field("x2"))
    assert (changed.id, changed.external, changed.opened_at) == (first.id, "x2", first.opened_at)
    assert kit.store.counts(MAPPING)["conflicts"] == 1


def test_questions_about_other_fields_kinds_and_records_stand_beside_it(kit: Kit) -> None:
    ask(kit, field(), field(name="city"), NewConflict("refused", "a", iri("a")), NewConflict("ambiguous", "a", None))
    ask(kit, field(key="b"), key="b")
    assert kit.store.counts(MAPPING)["conflicts"] == 5
    assert [row.id for row in kit.store.conflicts(None, open_only=True)] == sorted(
        row.id for row in kit.store.conflicts(MAPPING, open_only=False)
    )
    assert kit.store.conflicts("suppliers", open_only=False) == []


def test_a_decision_is_remembered_and_stirs_both_sides(kit: Kit) -> None:
    row = ask(kit, field())
    kit.store.resolve(row.id, FLOWTLY, None, "kim")
    assert kit.store.decisions(MAPPING, ["a", "b"]) == {"a": {"name": (Decision("x", "y", FLOWTLY, None),)}}
    assert kit.observation("a").status is Status.DIRTY
    assert kit.observation(iri("a"), FLOWTLY).status is Status.DIRTY
    assert kit.store.conflicts(MAPPING, open_only=True) == []
    resolved = kit.store.conflict(row.id)
    assert (resolved.resolution, resolved.resolved_at is not None) == ("flowtly wins", True)
    (entry,) = [entry for _, _, entry in kit.store.history(MAPPING, "a", None)]
    assert (entry.event, entry.field, entry.rule) == ("resolved", "name", "flowtly wins, said kim")


def test_every_decision_on_a_field_is_kept_in_order_and_a_typed_value_keeps_its_type(kit: Kit) -> None:
    kit.store.resolve(ask(kit, field()).id, EXTERNAL, None, "kim")
    kit.store.resolve(ask(kit, field(ABSENT, None)).id, None, Decimal("2.5"), "kim")
    kit.store.resolve(ask(kit, field(name="city")).id, None, None, "kim")
    assert kit.store.decisions(MAPPING, ["a"])["a"] == {
        "name": (Decision("x", "y", EXTERNAL, None), Decision(ABSENT, None, None, Decimal("2.5"))),
        "city": (Decision("x", "y", None, None),),
    }
    assert kit.store.decisions(MAPPING, []) == {}


def test_a_question_that_is_over_can_be_asked_again(kit: Kit) -> None:
    first = ask(kit, field())
    kit.store.resolve(first.id, EXTERNAL, None, "kim")
    again = ask(kit, field("new"))
    assert again.id != first.id


def test_a_field_that_is_agreed_again_closes_its_question(kit: Kit) -> None:
    row = ask(kit, field(), field(name="city"))
    kit.settle(Settlement("a", iri("a"), closed_fields=("name", "phone")))
    (left,) = kit.store.conflicts(MAPPING, open_only=True)
    assert left.field == "city"
    assert left.id == row.id
    over = next(one for one in kit.store.conflicts(MAPPING, open_only=False) if one.field == "name")
    assert over.resolution == "agreed"


def test_a_question_that_came_back_under_a_decision_is_carried_out_when_it_closes(kit: Kit) -> None:
    kit.store.resolve(ask(kit, field()).id, EXTERNAL, None, "kim")
    again = ask(kit, field("x", "y"))
    kit.settle(Settlement("a", iri("a"), closed_fields=("name",)))
    assert kit.store.conflict(again.id).resolution == "carried_out"


def test_closing_keeps_what_a_person_answered(kit: Kit) -> None:
    row = ask(kit, field())
    kit.store.resolve(row.id, EXTERNAL, None, "kim")
    answered = kit.store.conflict(row.id)
    kit.settle(Settlement("a", iri("a"), closed_fields=("name",)))
    assert kit.store.conflict(row.id) == answered


def test_a_star_closes_every_question_about_the_whole_record_by_either_key(kit: Kit) -> None:
    kit.settle(
        Settlement("a", None, opened=(NewConflict("in_doubt", "a", None),)),
        Settlement("b", None, opened=(NewConflict("refused", "b", iri("z")), field(key="b"))),
        Settlement("other", None, opened=(NewConflict("refused", "other", None),)),
    )
    kit.settle(Settlement("a", iri("z"), closed_fields=("*",)))
    assert [(row.external_key, row.field) for row in kit.store.conflicts(MAPPING, open_only=True)] == [
        ("b", "name"),
        ("other", "*"),
    ]


def test_whole_record_questions_are_dismissed_with_a_word_and_wait_as_answers(kit: Kit) -> None:
    ask(kit, NewConflict("probable", "a", iri("b")))
    row = ask(kit, NewConflict("ambiguous", "a", iri("b")))
    kit.store.dismiss(row.id, f"link a = {iri('b')}", "kim")
    (answer,) = kit.store.answers(MAPPING, "ambiguous")
    assert (answer.id, answer.resolution) == (row.id, f"link a = {iri('b')}")
    assert kit.store.answers(MAPPING, "probable") == []
    assert kit.store.answers("suppliers", "ambiguous") == []


def test_an_answer_that_names_another_pair_is_carried_out_by_that_link(kit: Kit) -> None:
    row = ask(kit, NewConflict("ambiguous", "a", iri("x")))
    kit.store.dismiss(row.id, f"link c = {iri('c')}", "kim")
    kit.link("unrelated")
    assert len(kit.store.answers(MAPPING, "ambiguous")) == 1
    kit.link("c", origin="manual")
    assert kit.store.answers(MAPPING, "ambiguous") == []


def test_each_kind_of_question_has_its_own_kind_of_answer(kit: Kit) -> None:
    one = ask(kit, field())
    whole = ask(kit, NewConflict("refused", "a", iri("a")))
    with pytest.raises(Refused, match="whole record"):
        kit.store.resolve(whole.id, EXTERNAL, None, "kim")
    with pytest.raises(Refused, match="'name'"):
        kit.store.dismiss(one.id, "never mind", "kim")
    with pytest.raises(Refused, match="no database"):
        kit.store.resolve(one.id, None, "\x00", "kim")
    for act in (lambda: kit.store.resolve(999, EXTERNAL, None, "kim"), lambda: kit.store.dismiss(999, "x", "kim")):
        with pytest.raises(NotFound):
            act()
    kit.store.resolve(one.id, EXTERNAL, None, "kim")
    kit.store.dismiss(whole.id, "fixed", "kim")
    with pytest.raises(Stale, match="external wins"):
        kit.store.resolve(one.id, FLOWTLY, None, "lee")
    with pytest.raises(Stale, match="fixed"):
        kit.store.dismiss(whole.id, "again", "lee")
