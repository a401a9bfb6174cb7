"""Intents are committed before anything is sent, one open create a source record, and a person may end a doubt."""

from __future__ import annotations

from decimal import Decimal
from threading import Thread
from uuid import uuid4

import pytest

from syncd.errors import BadAnswer, NotFound, Stale
from syncd.ports import Intent, NewConflict, Operation, OperationState, Settlement, Status
from tests.store.kit import EXTERNAL, FLOWTLY, MAPPING, Kit, iri, pending


def create(key: str = "a") -> Intent:
    return Intent("create", FLOWTLY, key, None, {"name": "x", "limit": Decimal("1.5")}, "only here")


def intend(kit: Kit, *intents: Intent) -> list[Operation]:
    return kit.store.intend(intents, MAPPING, kit.run, kit.lease)


def end(kit: Kit, operation: Operation, state: OperationState) -> None:
    kit.settle(Settlement(operation.intent.source_key, None, operation=operation.id, operation_state=state))


def test_intents_come_back_in_their_order_and_are_open(kit: Kit) -> None:
    intents = [create(f"k{number}") for number in range(20)]
    stored = intend(kit, *intents)
    assert [one.intent for one in stored] == intents
    assert {one.state for one in stored} == {OperationState.INTENDED}
    assert {one.run_id for one in stored} == {kit.run}
    assert {one.id for one in kit.store.open_operations(MAPPING)} == {one.id for one in stored}
    assert intend(kit) == []
    assert kit.scalar("SELECT max(fence) FROM operation") == kit.lease.fence


def test_a_second_create_for_a_source_waits_until_the_first_has_ended(kit: Kit) -> None:
    (first,) = intend(kit, create())
    for state in (OperationState.IN_DOUBT, OperationState.QUARANTINED):
        with pytest.raises(Stale):
            intend(kit, create("other"), create())
        end(kit, first, state)
    assert len(kit.store.open_operations(MAPPING)) == 1, "nothing of a refused batch is kept"
    end(kit, first, OperationState.DROPPED)
    (second,) = intend(kit, create())
    assert second.id != first.id


def test_a_create_on_the_other_side_and_patches_are_no_second_create(kit: Kit) -> None:
    intend(
        kit,
        create(),
        Intent("create", EXTERNAL, "a", None, {}, "r"),
        Intent("patch", FLOWTLY, "a", iri("a"), {}, "r"),
        Intent("patch", FLOWTLY, "a", iri("a"), {}, "r"),
    )
    assert len(kit.store.open_operations(MAPPING)) == 4


def test_of_two_who_intend_the_same_create_at_once_one_is_refused(kit: Kit) -> None:
    outcomes: list[str] = []

    def try_it() -> None:
        try:
            intend(kit, create())
        except Stale:
            outcomes.append("refused")
        else:
            outcomes.append("stored")

    threads = [Thread(target=try_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert sorted(outcomes) == ["refused", "refused", "refused", "stored"]


def test_a_payload_that_cannot_be_stored_is_refused_with_its_record(kit: Kit) -> None:
    with pytest.raises(BadAnswer, match="'a' holds a NUL"):
        intend(kit, Intent("create", FLOWTLY, "a", None, {"name": "\x00"}, "r"))


def test_people_see_the_newest_first_and_may_ask_for_one_mapping(kit: Kit) -> None:
    (old,) = intend(kit, create("old"))
    (new,) = intend(kit, create("new"))
    end(kit, old, OperationState.DONE)
    assert [one.id for one in kit.store.operations(MAPPING, open_only=False)] == [new.id, old.id]
    assert [one.id for one in kit.store.operations(None, open_only=True)] == [new.id]
    assert kit.store.operations("suppliers", open_only=False) == []


def doubt(kit: Kit) -> Operation:
    kit.walk({"a": 1})
    (operation,) = intend(kit, create())
    kit.settle(
        Settlement(
            "a",
            None,
            external=pending("a", 1),
            operation=operation.id,
            operation_state=OperationState.QUARANTINED,
            opened=(NewConflict("in_doubt", "a", None, detail="two could be it"),),
        )
    )
    return operation


def test_adopting_leaves_the_answer_for_the_next_run_to_link(kit: Kit) -> None:
    operation = doubt(kit)
    kit.store.decide_operation(operation.id, "adopt", iri(7))
    assert kit.store.open_operations(MAPPING) == []
    (answer,) = kit.store.answers(MAPPING, "ambiguous")
    assert answer.resolution == f"link a = {iri(7)}"
    assert kit.store.conflicts(MAPPING, open_only=True) == []
    assert [entry.event for _, _, entry in kit.store.history(MAPPING, None, iri(7))] == ["resolved"]
    waits = kit.observation("a")
    assert (waits.status, waits.problem) == (Status.ASKED, f"is {iri(7)}, said a person")


def test_adopting_into_the_external_side_names_the_pair_the_right_way_round(kit: Kit) -> None:
    (operation,) = intend(kit, Intent("create", EXTERNAL, iri(1), None, {}, "r"))
    kit.settle(Settlement(None, iri(1), operation=operation.id, operation_state=OperationState.IN_DOUBT))
    kit.store.decide_operation(operation.id, "adopt", "c1")
    assert kit.store.answers(MAPPING, "ambiguous")[0].resolution == f"link c1 = {iri(1)}"


def test_retrying_frees_the_source_record_to_be_created_again(kit: Kit) -> None:
    operation = doubt(kit)
    kit.settle(Settlement("a", None, external=pending("a", 1, status=Status.PARKED)))
    kit.store.decide_operation(operation.id, "retry", None)
    assert kit.observation("a").status is Status.DIRTY
    assert kit.store.operations(MAPPING, open_only=False)[0].state is OperationState.DROPPED
    intend(kit, create())


def test_rejecting_leaves_the_source_record_alone_until_it_changes(kit: Kit) -> None:
    operation = doubt(kit)
    kit.store.decide_operation(operation.id, "reject", None)
    assert kit.observation("a").status is Status.SETTLED_ALONE
    assert kit.observation("a").document == {"name": "1"}
    assert kit.store.operations(MAPPING, open_only=False)[0].state is OperationState.REJECTED
    kit.walk({"a": 2})
    assert kit.observation("a").status is Status.DIRTY


def test_only_a_create_in_doubt_can_be_decided(kit: Kit) -> None:
    (sending,) = intend(kit, create())
    (patch,) = intend(kit, Intent("patch", FLOWTLY, "b", iri("b"), {}, "r"))
    end(kit, patch, OperationState.IN_DOUBT)
    for operation in (sending, patch):
        with pytest.raises(Stale, match="only a create in doubt"):
            kit.store.decide_operation(operation.id, "retry", None)
    with pytest.raises(NotFound):
        kit.store.decide_operation(uuid4(), "retry", None)
    with pytest.raises(ValueError, match="needs the key"):
        kit.store.decide_operation(sending.id, "adopt", None)
