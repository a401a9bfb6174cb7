"""What is removed when its time is over, and what stays because something still stands on it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from syncd.core.model import Side
from syncd.ports import Intent, NewConflict, OperationState, Retention, Settlement
from tests.store.kit import EXTERNAL, FLOWTLY, MAPPING, Kit, iri

DAYS = timedelta(days=90)
KEEP = Retention(timedelta(days=400), DAYS, DAYS, DAYS, DAYS)


def age(kit: Kit, *what: str, days: int = 91) -> None:
    """``table.column`` pairs: everything there happened earlier."""
    with kit.store.engine.begin() as connection:
        for one in what:
            table, column = one.split(".")
            connection.execute(text(f"UPDATE {table} SET {column} = {column} - interval '{days} days'"))


def count(kit: Kit, table: str) -> int:
    """Rows of a table."""
    return int(kit.scalar(f"SELECT count(*) FROM {table}"))


def operate(kit: Kit, state: OperationState, key: str) -> None:
    """An operation in a state."""
    intent = Intent("create", FLOWTLY, key, None, {"name": "x"}, "only_here")
    (made,) = kit.store.intend([intent], MAPPING, kit.run, kit.lease)
    kit.settle(Settlement(key, None, operation=made.id, operation_state=state))


def test_operations_that_are_over_go_and_open_ones_stay(kit: Kit) -> None:
    for number, state in enumerate(OperationState):
        operate(kit, state, f"k{number}")
    assert kit.store.sweep_history(KEEP)["operations"] == 0
    age(kit, "operation.ended_at", "operation.created_at")
    done = kit.store.sweep_history(KEEP)["operations"]
    left = {row[0] for row in kit.rows("SELECT state FROM operation")}
    assert left == {state.value for state in OperationState if state.open}
    assert done == len(OperationState) - len(left)


def test_the_latest_runs_stay_however_old(kit: Kit) -> None:
    for _ in range(60):
        run = kit.store.begin_run(MAPPING, "test", kit.lease)
        kit.store.finish_run(run, "done", {})
    total = count(kit, "run")
    age(kit, "run.finished_at")
    assert kit.store.sweep_history(KEEP)["runs"] == total - 50
    assert kit.scalar("SELECT max(id) FROM run") == run


def test_certificates_that_something_stands_on_stay(kit: Kit) -> None:
    kit.link("a", "b", "c", "d")
    everything = dict.fromkeys("abcd", "1")
    old = kit.certify(everything)
    cited = kit.certify(dict.fromkeys("abc", "1"))
    kit.certify(dict.fromkeys("abc", "1"))
    shrunk = kit.certify({"a": "1"})
    doubted = kit.certify(dict.fromkeys("abc", "1"), total=9)
    other = kit.certify(everything, side=Side.FLOWTLY, complete=False, reason="cut")
    believed = int(kit.scalar("SELECT max(id) FROM certificate WHERE complete"))
    kept = {cited.id, believed, shrunk.id, doubted.id, other.id}
    age(kit, "certificate.finished_at")
    assert kit.store.sweep_history(KEEP)["certificates"] == 1
    assert {row[0] for row in kit.rows("SELECT id FROM certificate")} == kept
    assert old.id not in kept


def asked(kit: Kit, key: str) -> int:
    """An open question about a field of a linked record."""
    question = NewConflict("field", key, iri(key), "name", "0", "0", "1", "2")
    kit.settle(Settlement(key, iri(key), opened=(question,)))
    return next(row.id for row in kit.store.conflicts(MAPPING, open_only=True) if row.external_key == key)


def test_an_answer_stays_while_its_record_is_linked_and_so_does_its_question(kit: Kit) -> None:
    kit.link("a", "b", "c")
    for key in "ab":
        kit.store.resolve(asked(kit, key), EXTERNAL, None, "tester")
        kit.settle(Settlement(key, iri(key), closed_fields=("name",)))
    open_one = asked(kit, "c")
    kit.store.unlink(MAPPING, "b", "tester")
    age(kit, "conflict.resolved_at", "conflict.opened_at", "decision.decided_at")
    done = kit.store.sweep_history(KEEP)
    assert (done["decisions"], done["conflicts"]) == (1, 1)
    assert {row[0] for row in kit.rows("SELECT external_key FROM decision")} == {"a"}
    assert {row[0] for row in kit.rows("SELECT external_key FROM conflict")} == {"a", "c"}
    assert kit.store.conflict(open_one) is not None
    assert kit.store.decisions(MAPPING, ["a"])


def test_a_word_that_waits_to_be_carried_out_stays(kit: Kit) -> None:
    for key, word in (("a", f"link a = {iri('a')}"), ("b", "never mind")):
        kit.settle(Settlement(None, None, opened=(NewConflict("ambiguous", key, None),)))
        number = next(row.id for row in kit.store.conflicts(MAPPING, open_only=True) if row.external_key == key)
        kit.store.dismiss(number, word, "tester")
    age(kit, "conflict.resolved_at")
    assert kit.store.sweep_history(KEEP)["conflicts"] == 1
    assert [row.external_key for row in kit.store.answers(MAPPING, "ambiguous")] == ["a"]


@pytest.mark.parametrize("how", ["patience", "stop"])
def test_a_sweep_ends_in_time_and_the_next_goes_on(kit: Kit, how: str) -> None:
    operate(kit, OperationState.DROPPED, "a")
    age(kit, "operation.ended_at")
    done = (
        kit.store.sweep_history(KEEP, patience=timedelta(0))
        if how == "patience"
        else kit.store.sweep_history(KEEP, stopping=lambda: True)
    )
    assert done["operations"] == 0
    assert kit.store.sweep_history(KEEP)["operations"] == 1


def test_more_than_one_batch_goes_in_one_sweep(kit: Kit) -> None:
    with kit.store.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO operation (id, mapping, kind, side, source_key, payload, reason, state, run_id, fence, "
                "ended_at) SELECT gen_random_uuid(), 'clients', 'patch', 'flowtly', n::text, '{}', '', 'done', 1, 1, "
                "now() - interval '91 days' FROM generate_series(1, 2500) n"
            )
        )
    assert kit.store.sweep_history(KEEP)["operations"] == 2500
    assert count(kit, "operation") == 0
