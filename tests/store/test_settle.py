"""A settlement changes everything a decision changes, in one transaction, and nothing else."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from syncd.core.model import ABSENT, Base
from syncd.errors import Stale
from syncd.ports import Intent, LedgerEntry, NewConflict, OperationState, Settlement, SideState, Status
from tests.store.kit import EXTERNAL, FLOWTLY, MAPPING, NOW, Kit, digest, iri, pending, rest, seen

BASE = Base({"name": "Ada"}, {"name": "Ada"})


def test_a_new_link_at_rest_on_both_sides_leaves_nothing_pending(kit: Kit) -> None:
    kit.walk({"a": 1})
    kit.walk({iri("a"): 1}, FLOWTLY)
    kit.settle(Settlement("a", iri("a"), BASE, "certain", rest(1), rest(1)))
    (link,) = kit.store.links(MAPPING)
    assert (link.external_key, link.flowtly_key, link.base) == ("a", iri("a"), BASE)
    assert kit.digests("a") == (digest(1), digest(1))
    assert kit.rows("SELECT * FROM observation") == []
    assert kit.rows("SELECT origin, updated_run FROM link") == [("certain", kit.run)]


def test_a_side_that_stays_pending_leaves_a_new_link_without_its_digest(kit: Kit) -> None:
    kit.settle(Settlement("a", iri("a"), BASE, "probable", pending("a", 2), rest(1)))
    assert kit.digests("a") == (b"", digest(1))
    assert kit.observation("a").digest == digest(2)
    assert kit.work() == [("a", True, False)]


def test_a_side_that_is_not_mentioned_differs_at_its_next_reading(kit: Kit) -> None:
    kit.settle(Settlement("a", iri("a"), BASE, "adopted", None, rest(1)))
    assert kit.digests("a") == (b"", digest(1))
    assert kit.walk({"a": 1})[1] == {"a"}


def test_updating_a_link_keeps_the_digest_of_a_side_that_stays_pending_or_is_not_mentioned(kit: Kit) -> None:
    kit.link("a")
    new = Base({"name": "Bo"}, {"name": "Bo"})
    kit.settle(Settlement("a", iri("a"), new, "", pending("a", 5), None))
    assert kit.digests("a") == (digest(1), digest(1))
    kit.settle(Settlement("a", iri("a"), new, "", rest(6), rest(7)))
    assert kit.digests("a") == (digest(6), digest(7))
    assert kit.observation("a") is None
    assert next(kit.store.links(MAPPING)).base == new
    assert kit.rows("SELECT origin FROM link") == [("certain",)], "how it came to be stays"


def test_without_a_base_only_the_sides_change(kit: Kit) -> None:
    kit.link("a")
    kit.settle(Settlement("a", iri("a"), external=pending("a", 2, status=Status.PARKED), flowtly=rest(9)))
    assert kit.digests("a") == (digest(1), digest(9))
    assert kit.observation("a").status is Status.PARKED
    kit.settle(Settlement(None, iri("a"), flowtly=rest(8)))
    kit.settle(Settlement("a", None, external=rest(7)))
    assert kit.digests("a") == (digest(7), digest(8))
    assert kit.observation("a") is None


def test_a_stranger_is_kept_or_forgotten_as_given(kit: Kit) -> None:
    kit.settle(Settlement("a", None, external=pending("a", 2, status=Status.ASKED, problem="who is it?")))
    assert kit.observation("a").problem == "who is it?"
    kit.settle(Settlement("a", None, external=rest(2)))
    assert kit.observation("a") is None


def test_an_observation_is_kept_as_given_but_for_when_it_was_first_seen(kit: Kit) -> None:
    kit.walk({"a": 1})
    first = kit.observation("a").first_seen
    given = seen(
        "a",
        2,
        status=Status.WAITING,
        changed_at=NOW,
        problem="no such country",
        waiting_for="countries:code=XX",
        attempts=4,
        due_at=NOW,
        first_seen=NOW,
        match_keys=("k\x1fx", None, ""),
    )
    kit.settle(Settlement("a", None, external=SideState(given.digest, given)))
    stored = kit.observation("a")
    assert stored.first_seen == first
    assert (stored.status, stored.changed_at, stored.problem, stored.waiting_for, stored.attempts, stored.due_at) == (
        Status.WAITING,
        NOW,
        "no such country",
        "countries:code=XX",
        4,
        NOW,
    )
    assert stored.match_keys == ("k\x1fx", None, "")


@pytest.mark.parametrize(("external", "flowtly"), [("a", iri("b")), ("b", iri("a"))])
def test_a_key_is_never_tied_to_two_partners_and_the_whole_batch_is_refused(
    kit: Kit, external: str, flowtly: str
) -> None:
    kit.link("a")
    other = Settlement("z", iri("z"), BASE, "certain", rest(1), rest(1))
    with pytest.raises(Stale):
        kit.settle(other, Settlement(external, flowtly, BASE, "certain", rest(1), rest(1)))
    assert [link.external_key for link in kit.store.links(MAPPING)] == ["a"]


def test_the_database_itself_refuses_two_links_for_one_key(kit: Kit) -> None:
    from sqlalchemy import text
    from sqlalchemy.exc import IntegrityError

    kit.link("a")
    insert = text(
        "INSERT INTO link (mapping, external_key, flowtly_key, base, external_digest, flowtly_digest, origin, "
        "updated_run) VALUES (:mapping, :external, :flowtly, '{}', '', '', '', 1)"
    )
    for external, flowtly in (("a", iri("b")), ("b", iri("a"))):
        with pytest.raises(IntegrityError), kit.store.engine.begin() as connection:
            connection.execute(insert, {"mapping": MAPPING, "external": external, "flowtly": flowtly})
    with kit.store.engine.begin() as connection:
        connection.execute(insert, {"mapping": "suppliers", "external": "a", "flowtly": iri("a")})


def test_settlements_of_one_record_count_in_their_order(kit: Kit) -> None:
    second = Base({"name": "Bo"}, {"name": "Bo"})
    kit.settle(
        Settlement("a", iri("a"), BASE, "certain", rest(1), rest(1)),
        Settlement("b", iri("b"), BASE, "certain", rest(1), rest(1)),
        Settlement("a", iri("a"), second, "", rest(2), pending(iri("a"), 3)),
    )
    assert kit.digests("a") == (digest(2), digest(1))
    assert kit.store.links_by_key(MAPPING, EXTERNAL, ["a"])["a"].base == second


def test_an_operation_ends_with_its_settlement(kit: Kit) -> None:
    intents = [Intent("patch", FLOWTLY, key, iri(key), {"name": "x"}, "newer") for key in ("a", "b")]
    one, other = kit.store.intend(intents, MAPPING, kit.run, kit.lease)
    kit.settle(
        Settlement("a", iri("a"), operation=one.id, operation_state=OperationState.DONE, operation_detail="ok"),
        Settlement("b", iri("b"), operation=other.id, operation_state=OperationState.IN_DOUBT, operation_detail="?"),
    )
    assert [(op.id, op.state, op.detail) for op in kit.store.open_operations(MAPPING)] == [
        (other.id, OperationState.IN_DOUBT, "?")
    ]
    assert kit.scalar("SELECT count(*) FROM operation WHERE ended_at IS NOT NULL") == 1


def test_the_ledger_gets_its_entries_in_order_with_every_kind_of_value(kit: Kit) -> None:
    from uuid import uuid4

    operation = uuid4()
    entries = (
        LedgerEntry("linked", "a", iri("a"), rule="certain by tin"),
        LedgerEntry("patched", "a", iri("a"), FLOWTLY, "name", None, "Ada", "external changed", operation),
        LedgerEntry("overwritten", "a", iri("a"), EXTERNAL, "limit", ABSENT, Decimal("1.50"), "policy"),
        LedgerEntry(
            "patched", "a", iri("a"), EXTERNAL, "lines", ("x", date(2031, 2, 3)), datetime(2031, 1, 1, tzinfo=UTC)
        ),
    )
    kit.settle(Settlement("a", iri("a"), ledger=entries))
    history = kit.store.history(MAPPING, "a", None)
    assert tuple(entry for _, _, entry in history) == entries
    assert {run for _, run, _ in history} == {kit.run}
    assert kit.store.history(MAPPING, None, iri("a")) == history
    assert kit.store.history(MAPPING, "b", None) == kit.store.history(MAPPING, None, None) == []


def test_the_ledger_refuses_to_be_rewritten(kit: Kit) -> None:
    from sqlalchemy import text
    from sqlalchemy.exc import DBAPIError

    kit.settle(Settlement("a", iri("a"), ledger=(LedgerEntry("linked", "a", iri("a")),)))
    for statement in ("UPDATE ledger SET rule = 'x'", "DELETE FROM ledger"):
        with pytest.raises(DBAPIError, match="append-only"), kit.store.engine.begin() as connection:
            connection.execute(text(statement))
    assert len(kit.store.history(MAPPING, "a", None)) == 1


def test_values_of_every_kind_survive_in_base_and_observation(kit: Kit) -> None:
    document = {
        "text": "plain $decimal and \\u0000 and \U0001f600",
        "money": Decimal("12345678901234567890.000000001"),
        "whole": 10**30,
        "yes": True,
        "no": None,
        "day": date(2031, 2, 28),
        "moment": datetime(2031, 2, 28, 23, 59, 59, 123456, tzinfo=UTC),
        "lines": ("a", None, ("b", Decimal(1))),
    }
    other = {key: value for key, value in document.items() if key != "text"}
    kit.settle(Settlement("a", iri("a"), Base(document, other), "certain", pending("a", 2, document=document), rest(1)))
    (link,) = kit.store.links(MAPPING)
    assert link.base == Base(document, other)
    assert kit.observation("a").document == document
    assert type(kit.observation("a").document["yes"]) is bool
    assert str(link.base.external["money"]) == "12345678901234567890.000000001"


def test_a_settlement_that_makes_no_sense_is_refused_before_anything_is_written(kit: Kit) -> None:
    with pytest.raises(ValueError, match="external key"):
        kit.settle(Settlement(None, iri("a"), external=rest(1)))
    with pytest.raises(ValueError, match="both keys"):
        kit.settle(Settlement("a", None, BASE))


def test_an_empty_batch_is_harmless_and_five_hundred_are_one_transaction(kit: Kit) -> None:
    kit.settle()
    kit.link(*(f"k{number}" for number in range(500)))
    assert kit.scalar("SELECT count(DISTINCT xmin::text) FROM link") == 1
    assert kit.store.counts(MAPPING)["links"] == 500


def test_texts_for_people_lose_what_the_database_cannot_hold(kit: Kit) -> None:
    kit.settle(
        Settlement(
            "a",
            None,
            external=pending("a", 2, problem="bad \x00 name \ud800"),
            opened=(NewConflict("refused", "a", None, detail="nul \x00"),),
            ledger=(LedgerEntry("refused", "a", None, rule="\x00"),),
        )
    )
    assert kit.observation("a").problem == "bad \ufffd name \ufffd"
    assert kit.store.conflicts(MAPPING, open_only=True)[0].detail == "nul \ufffd"
