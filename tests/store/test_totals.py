"""Adding up both sides of an allocation, naming what makes a sum, and what is pending on it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from syncd.core.model import Base, Document, Side
from syncd.ports import Absent, Intent, NewConflict, Settlement, Status
from syncd.ports.allocations import PostingState, SeenPosting, Slot
from syncd.ports.budget_links import SeenLink
from syncd.ports.incidents import (
    DoubledLink,
    MirroredSum,
    OverAllocated,
    PairedPosting,
    PostingSum,
    TransactionFields,
    TransactionSum,
    WantedSum,
)
from syncd.store.postgres import PostgresStore
from tests.store.kit import EXTERNAL, FLOWTLY, MAPPING, TTL, Kit, digest, iri, pending, rest

COSTS, OF = MAPPING, "transactions"
FIELDS = TransactionFields("bankAccount", "execDate", "amount")
MARCH, APRIL = date(2026, 3, 31), date(2026, 4, 1)


def slot(posting: str, number: int, target: str, amount: int, **kw: Any) -> Slot:
    """A part."""
    return Slot(posting, number, target, kw.pop("employee", ""), amount, kw.pop("whole", False), "rule", **kw)


def posting(key: str, on: date | None, amount: int | None, *slots: Slot, **kw: Any) -> SeenPosting:
    """A posting of account 4100 in euros, unless said otherwise."""
    given = {"state": PostingState.ALLOCATED, "account": "4100", "currency": "EUR", **kw}
    return SeenPosting(key, digest(key), on=on, amount=amount, slots=slots, next_slot=9, **given)


def mirror(number: object, transaction: str, target: str, amount: int | None, **kw: Any) -> SeenLink:
    """A link at Flowtly; ``iri(number)`` is its key there."""
    return SeenLink(iri(number), transaction, target, kw.pop("employee", ""), amount, **kw)


def transact(kit: Kit, key: str, amount: str, *, day: str = "2026-03-31", account: str = "4100") -> None:
    """A posting whose transaction is linked, as Flowtly has that one."""
    lease = kit.store.acquire(OF, "first", TTL)
    assert lease is not None
    document: Document = {"bankAccount": account, "execDate": date.fromisoformat(day), "amount": Decimal(amount)}
    base = Base(document, document)
    kit.store.settle([Settlement(key, f"t{key}", base, "created", rest(), rest())], OF, kit.run, lease)


@pytest.fixture
def books(store: PostgresStore) -> Kit:
    """Three postings, two months, two currencies; P4 is gone and P5 cannot be read."""
    kit = Kit.on(store)
    postings = [
        posting(
            "P1",
            MARCH,
            10_000,
            slot("P1", 1, "A", 4_000),
            slot("P1", 2, "B", 6_000),
            slot("P1", 3, "C", 1, withdrawn=True),
        ),
        posting("P2", APRIL, 500, slot("P2", 1, "A", 500, whole=True, base=125), base_currency="EUR", currency="JPY"),
        posting("P3", MARCH, -700, slot("P3", 1, "A", -700, skipped="neutral", whole=True), account=None),
        posting("P4", MARCH, 900, state=PostingState.GONE),
        posting("P5", None, None, state=PostingState.REFUSED),
    ]
    number = store.begin_derivation(COSTS, "rules", kit.lease)
    store.note_postings(COSTS, number, postings, [], kit.lease)
    transact(kit, "P1", "-100.00")
    transact(kit, "P2", "-500", day="2026-04-02", account="4200")
    return kit


def test_what_is_wanted(books: Kit) -> None:
    assert books.store.wanted_sums(COSTS) == [
        WantedSum("A", "2026-03", "EUR", 1, 4_000, 1, None, 0, 0),
        WantedSum("A", "2026-04", "JPY", 1, 500, 0, "EUR", 1, 125),
        WantedSum("B", "2026-03", "EUR", 1, 6_000, 0, None, 0, 0),
    ]
    assert books.store.wanted_sums("other") == []


def test_what_flowtly_holds(books: Kit) -> None:
    books.link("P1#1", "P2#1", origin="created")
    books.link("P1#2", origin="certain by key")
    april: dict[str, Any] = {"day": APRIL, "month": "2026-05", "account": "k"}
    links = [
        mirror("P1#1", "tP1", "a", 4_000, **april),
        mirror("P1#2", "tP1", "a", 5, **april),
        mirror("P2#1", "tP2", "a", None, total=Decimal("-500.5")),
        mirror("x", "unknown", "a", 7, day=APRIL),
        mirror("y", "unknown", "a", None, day=APRIL),
        mirror("z", "unknown", "b", 1, **april),
    ]
    books.store.mirror(MAPPING, links)
    books.store.mirror("other", links)
    assert books.store.mirrored_sums(COSTS, MAPPING, OF) == [
        MirroredSum("a", "2026-03", "k", "EUR", False, 1, 5, 0, Decimal(0), 0, True),
        MirroredSum("a", "2026-03", "k", "EUR", True, 1, 4_000, 0, Decimal(0), 0, True),
        MirroredSum("a", "2026-04", "", "", False, 2, 7, 1, Decimal(0), 1, False),
        MirroredSum("a", "2026-04", "", "JPY", True, 1, 0, 1, Decimal("-500.5"), 0, True),
        MirroredSum("b", "2026-05", "k", "", False, 1, 1, 0, Decimal(0), 0, False),
    ]


def test_postings_and_their_transactions_by_account_and_month(books: Kit) -> None:
    assert books.store.posting_sums(COSTS, OF) == [
        PostingSum("", "2026-03", "EUR", 1, -700, 0, 0, 0),
        PostingSum("4100", "", "EUR", 1, 0, 0, 0, 1),
        PostingSum("4100", "2026-03", "EUR", 1, 10_000, 1, 10_000, 0),
        PostingSum("4100", "2026-04", "JPY", 1, 500, 1, 500, 0),
    ]
    transact(books, "P4", "-9")
    assert books.store.transaction_sums(COSTS, OF, FIELDS) == [
        TransactionSum("4100", "2026-03", "EUR", 1, Decimal("-100.00"), 0),
        TransactionSum("4200", "2026-04", "JPY", 1, Decimal(-500), 0),
    ]
    lease = books.store.acquire(OF, "first", TTL)
    assert lease is not None
    newer = pending("tP1", document={"bankAccount": 7, "execDate": "2026-02-01T00:00:00Z", "amount": 12})
    books.store.settle([Settlement(None, "tP1", flowtly=newer)], OF, books.run, lease)
    assert books.store.transaction_sums(COSTS, OF, TransactionFields("", "", "amount")) == [
        TransactionSum("4100", "2026-03", "EUR", 1, Decimal(12), 0),
        TransactionSum("4100", "2026-04", "JPY", 1, Decimal(-500), 0),
    ], "what that mapping does not compare is the posting's own"
    nothing = pending("tP2", document={"bankAccount": None, "execDate": None, "amount": None})
    books.store.settle([Settlement(None, "tP2", flowtly=nothing)], OF, books.run, lease)
    assert books.store.transaction_sums(COSTS, OF, FIELDS) == [
        TransactionSum("", "", "JPY", 1, Decimal(0), 1),
        TransactionSum("7", "2026-02", "EUR", 1, Decimal(12), 0),
    ]


def test_an_account_and_month_by_name(books: Kit) -> None:
    first = PairedPosting("P1", "4100", "2026-03", "EUR", 10_000, "tP1", "4100", "2026-03", Decimal(-100))
    second = PairedPosting("P2", "4100", "2026-04", "JPY", 500, "tP2", "4200", "2026-04", Decimal(-500))

    def paired(account: str, month: str, limit: int = 10) -> list[PairedPosting]:
        found = books.store.paired_postings(COSTS, OF, FIELDS, account=account, month=month, limit=limit)
        assert all(one.changed_at is not None for one in found)
        return [replace(one, changed_at=None) for one in found]

    assert paired("4100", "2026-03") == [first]
    assert paired("4100", "2026-04") == paired("4200", "2026-04") == [second]
    assert paired("", "2026-03") == [PairedPosting("P3", None, "2026-03", "EUR", -700, None, None, "", None)]
    assert [one.posting for one in paired("4100", "")] == ["P5"]
    assert paired("4100", "2026-03", 0) == paired("9", "2026-03") == []


def over(kit: Kit, *, minor: bool = True, limit: int = 10) -> list[OverAllocated]:
    """Transactions that are linked for too much."""
    return kit.store.over_allocated(COSTS, MAPPING, OF, minor=minor, exponents={"JPY": 0}, limit=limit)


def test_a_transaction_that_is_linked_for_more_than_it_is(books: Kit) -> None:
    total = {"total": Decimal("-100.00")}
    books.store.mirror(MAPPING, [mirror(1, "tP1", "a", 4_000, **total), mirror(2, "tP1", "b", 6_000)])
    books.store.mirror(MAPPING, [mirror(3, "tP2", "a", None), mirror(4, "unknown", "a", 10**9)])
    assert over(books) == [], "all of it, and what cannot be told"
    books.store.mirror(MAPPING, [mirror(2, "tP1", "b", 6_001), mirror(5, "tP2", "b", 1)])
    books.store.mirror(MAPPING, [mirror(6, "people", "b", -101, total=Decimal("1.00"))])
    found = [
        OverAllocated("people", None, "", 101, 100, (iri(6),)),
        OverAllocated("tP1", "P1", "EUR", 10_001, 10_000, (iri(1), iri(2))),
        OverAllocated("tP2", "P2", "JPY", 501, 500, (iri(3), iri(5))),
    ]
    assert over(books) == found
    assert over(books, limit=1) == found[:1]
    assert [(one.transaction, one.linked, one.room) for one in over(books, minor=False)] == [
        ("people", 101, 1),
        ("tP1", 10_001, 100),
        ("tP2", 501, 500),
    ]


def test_whole_links_of_one_transaction_are_too_much_together(books: Kit) -> None:
    books.store.mirror(MAPPING, [mirror(1, "tP1", "a", None), mirror(2, "tP1", "b", None, total=Decimal("-99.995"))])
    assert [(one.linked, one.room) for one in over(books)] == [(19_999, 9_999)]


def test_links_that_share_a_key(books: Kit) -> None:
    links = [
        mirror(1, "t", "a", 1),
        mirror(2, "t", "a", 2),
        mirror(3, "t", "a", 3, employee="e"),
        mirror(4, "t", "b", 1),
    ]
    books.store.mirror(MAPPING, links)
    assert books.store.doubled_links(MAPPING, 10) == [DoubledLink("t", "a", "", (iri(1), iri(2)))]
    assert books.store.doubled_links(MAPPING, 0) == books.store.doubled_links("other", 10) == []


def test_a_budgets_month_by_name(books: Kit) -> None:
    books.link("P1#1", "P1#3", origin="created")
    books.link("gone#1", origin="certain")
    links = [
        mirror("P1#1", "tP1", "b", 3_999, total=Decimal(-100)),
        mirror("gone#1", "tP1", "a", 7),
        mirror("x", "tP1", "a", 8),
        mirror("y", "tP2", "a", 9),
    ]
    books.store.mirror(MAPPING, links)
    found = books.store.paired_parts(COSTS, MAPPING, OF, target="A", iri="a", month="2026-03", limit=10)
    assert [
        (one.key, one.wanted, one.skipped, one.iri, one.ours, one.mirrored, one.link_target, one.amount)
        for one in found
    ] == [
        ("P1#1", 4_000, "", iri("P1#1"), True, True, "b", 3_999),
        ("P3#1", -700, "neutral", None, False, False, None, None),
        ("gone#1", None, "", iri("gone#1"), False, True, "a", 7),
        (None, None, "", iri("x"), False, True, "a", 8),
    ]
    assert (found[0].posting, found[0].target, found[0].currency, found[0].total) == ("P1", "A", "EUR", Decimal(-100))
    elsewhere = books.store.paired_parts(COSTS, MAPPING, OF, target="C", iri="b", month="2026-03", limit=10)
    assert [(one.key, one.wanted, one.mirrored) for one in elsewhere] == [("P1#1", 4_000, True), ("P1#3", None, False)]
    first = books.store.paired_parts(COSTS, MAPPING, OF, target="A", iri="a", month="2026-03", limit=1)
    assert first == found[:1]
    later = books.store.paired_parts(COSTS, MAPPING, OF, target="A", iri="a", month="2026-04", limit=10)
    assert [(one.key, one.iri) for one in later] == [("P2#1", None), (None, iri("y"))]
    assert books.store.paired_parts(COSTS, MAPPING, OF, target=None, iri=None, month="2026-03", limit=10) == []


def test_what_is_pending_has_a_word(books: Kit) -> None:
    kit = books
    assert kit.store.pending_parts(COSTS, MAPPING, None) == {"P1#3": "withdrawn", "P3#1": "skipped"}
    kit.link("L1", "L2", "L3", "L4", origin="created")
    kit.settle(
        Settlement("S1", None, external=pending("S1")),
        Settlement("S2", None, external=pending("S2", status=Status.WAITING, waiting_for="@budgets:external=A")),
        Settlement("P3#1", None, external=pending("P3#1", status=Status.PARKED)),
        Settlement("P1#3", None, external=pending("P1#3", status=Status.ASKED)),
        Settlement("L1", iri("L1"), flowtly=pending(iri("L1"))),
        Settlement(None, iri("L2"), opened=(NewConflict("field", None, iri("L2"), "amount", external=1, flowtly=2),)),
        Settlement("S1", None, opened=(NewConflict("ambiguous", "S1", None, external=("S1",), flowtly=("x", "y")),)),
    )
    kit.store.intend([Intent("patch", FLOWTLY, "L3", iri("L3"), {}, "changed")], MAPPING, kit.run, kit.lease)
    kit.store.intend([Intent("patch", EXTERNAL, iri("L4"), "L4", {}, "changed")], MAPPING, kit.run, kit.lease)
    expected = {
        "S1": "conflict",
        "S2": "waiting",
        "P3#1": "parked",
        "P1#3": "asked",
        "L1": "dirty",
        "L2": "conflict",
        "L3": "intended",
        "L4": "intended",
    }
    assert kit.store.pending_records(MAPPING, None) == expected
    assert kit.store.pending_parts(COSTS, MAPPING, None) == {**expected, "P3#1": "skipped"}
    assert kit.store.pending_records(MAPPING, ["S2", "none"]) == {"S2": "waiting"}
    assert kit.store.pending_records("other", None) == kit.store.pending_parts(COSTS, MAPPING, []) == {}
    question = next(one for one in kit.store.conflicts(MAPPING, open_only=True) if one.kind == "ambiguous")
    kit.store.dismiss(question.id, "link S1 = x", "kim")
    assert kit.store.pending_records(MAPPING, ["S1"]) == {"S1": "conflict"}, "answered, but not carried out"


def test_a_loss_is_pending_until_it_is_followed(books: Kit) -> None:
    kit = books
    kit.link("L1", "L2", "L3", origin="created")
    records = {"L1": "1", "L2": "1"}
    kit.run = kit.store.begin_run(MAPPING, "test", kit.lease)
    certificates = []
    for _ in range(2):
        kit.run = kit.store.begin_run(MAPPING, "test", kit.lease)
        kit.certify(records, side=EXTERNAL, shrink_limit=0.9)
        certificates.append(kit.certify({iri(key): "1" for key in ("L1", "L3")}, side=FLOWTLY, shrink_limit=0.9))
    assert kit.store.pending_records(MAPPING, None) == {"L2": "missing", "L3": "missing"}
    absent = Absent(Side.FLOWTLY, "L2", iri("L2"), *(one.id for one in certificates))
    removal = kit.store.prove(absent, MAPPING, "", "404", kit.run, kit.lease)
    assert kit.store.pending_records(MAPPING, ["L2"]) == {"L2": "removal"}
    assert replace(removal, detail="").external_key == "L2"
