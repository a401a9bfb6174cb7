"""Who survives a merge and what it gets first: the rules one by one, and that the order given says nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.counterparties.survivor import (
    Candidate,
    Chosen,
    Fields,
    account_text,
    choose,
    missing_accounts,
    same_account,
    values,
)

VALID, OTHER_VALID = "DK13585628", "DK10403782"
IBAN, IBAN_SPACED, OTHER = "DK5000400440116243", "dk50 0040 0440 1162 43", "GB29NWBK60161331926819"


def one(number: object = 1, *, pinned: bool = False, confirmed: str = "", **raw: Any) -> Candidate:
    return Candidate(f"/api/counterparties/{number}", raw, "DK", confirmed, pinned)


def got(survivor: dict[str, Any], loser: dict[str, Any], **loser_is: Any) -> Fields:
    return values(Chosen(one(1, **survivor), one(2, **loser, **loser_is), "x"))


# ------------------------------------------------------------------ who survives


@pytest.mark.parametrize(
    ("better", "worse", "rule"),
    [
        (one(9, pinned=True), one(1, client="/c/1", supplier="/s/1", transactionsCount=50), "pinned by a person"),
        (one(9, client="/c/1", supplier="/s/1"), one(1, client="/c/1", transactionsCount=50), "more structural links"),
        (one(9, supplier="/s/1"), one(1, transactionsCount=50), "more structural links"),
        (one(9, transactionsCount=3), one(1, transactionsCount=2), "more transactions"),
        (one(9, transactionsCount=1), one(1, transactionsCount=None), "more transactions"),
        (one(9), one(10), "the older number"),
        (one(99), one("0b7e-x"), "the older number"),
        (one("a-x"), one("b-x"), "the older number"),
    ],
)
def test_the_rules_in_their_order(better: Candidate, worse: Candidate, rule: str) -> None:
    for pair in ((better, worse), (worse, better)):
        assert choose(*pair) == Chosen(better, worse, rule)


def test_one_record_or_two_pins_cannot_be_chosen_between() -> None:
    with pytest.raises(ValueError, match="itself"):
        choose(one(), one())
    with pytest.raises(ValueError, match="both pinned"):
        choose(one(1, pinned=True), one(2, pinned=True))


maybe = st.none() | st.sampled_from(["/c/1", "/c/2"])
candidates = st.builds(
    lambda number, client, supplier, count, pinned: one(
        number, client=client, supplier=supplier, transactionsCount=count, pinned=pinned
    ),
    st.integers(1, 5) | st.text("ab", min_size=1),
    maybe,
    maybe,
    st.none() | st.integers(0, 3),
    st.just(False),
)


@given(candidates, candidates)
def test_the_order_given_says_nothing(left: Candidate, right: Candidate) -> None:
    if left.key != right.key:
        assert choose(left, right) == choose(right, left)


# ------------------------------------------------------------------ fields


@pytest.mark.parametrize(
    ("ours", "theirs", "change", "reviewed"),
    [
        (VALID, VALID, None, False),
        (VALID, None, None, False),
        (None, VALID, VALID, False),
        ("", VALID, VALID, False),
        ("DK13585627", VALID, VALID, False),
        (VALID, "DK13585627", None, False),
        (None, "DK13585627", "DK13585627", True),
        ("DK13585627", "DK13585626", None, True),
        ("DK13585627", None, None, False),
    ],
)
def test_the_valid_tax_number(ours: Any, theirs: Any, change: Any, reviewed: bool) -> None:
    found = got({"tin": ours}, {"tin": theirs})
    assert (found.changes.get("tin"), bool(found.review), found.forbidden) == (change, reviewed, ())


def test_a_number_that_only_its_client_carries_counts_as_the_records_own() -> None:
    found = got({"tin": None, "clientTin": VALID}, {"tin": VALID})
    assert (found.changes, found.review, found.forbidden) == ({"tin": VALID}, (), ())
    assert "both tax numbers are valid" in got({"clientTin": VALID}, {"tin": OTHER_VALID}).forbidden[0]


def test_a_text_is_not_valid_because_another_field_of_its_record_is() -> None:
    found = got({}, {"tin": "DK13585627", "clientTin": VALID})
    assert found.review == ("the only tax number is not valid: DK13585627",)
    assert got({"tin": "DK13585627", "clientTin": VALID}, {"tin": VALID}).changes == {"tin": VALID}


def test_a_registers_confirmation_is_told() -> None:
    assert got({}, {"tin": VALID}, confirmed=VALID).provenance["tin"]["rule"] == "confirmed by a register"
    assert got({}, {"tin": VALID}).provenance["tin"]["rule"] == "the valid one"


def test_two_companies_are_never_one() -> None:
    assert got({"tin": VALID}, {"tin": OTHER_VALID}).forbidden
    assert got({"client": "/c/1"}, {"client": "/c/2"}).forbidden == (
        "they belong to two different clients: /c/1 and /c/2",
    )
    assert got({"supplier": "/s/1"}, {"supplier": "/s/2"}).forbidden
    assert not got({"supplier": "/s/1"}, {"supplier": "/s/1", "client": "/c/1"}).forbidden


def test_client_and_supplier_of_the_loser_are_not_lost() -> None:
    found = got({"client": "/c/1"}, {"supplier": "/s/1"})
    assert found.changes == {"supplier": "/s/1"}
    assert found.provenance["supplier"]["from"] == "/api/counterparties/2"
    assert found.provenance["client"]["from"] == "/api/counterparties/1"


def test_accounts_are_a_union_and_new_ones_are_named() -> None:
    found = got({"bankAccounts": [IBAN_SPACED]}, {"bankAccounts": [IBAN, OTHER, OTHER]})
    assert (found.changes["bankAccounts"], found.accounts) == ([IBAN_SPACED, OTHER], (OTHER,))
    none = got({"bankAccounts": [IBAN, OTHER]}, {"bankAccounts": [OTHER, IBAN_SPACED]})
    assert ("bankAccounts" in none.changes, none.accounts) == (False, ())


def test_nested_accounts_cannot_be_written_and_still_need_a_person() -> None:
    found = got({"bankAccounts": [IBAN]}, {"bankAccounts": {"0": {"iban": OTHER}, "1": {"iban": IBAN}}})
    assert ("bankAccounts" in found.changes, found.accounts) == (False, (OTHER,))
    assert "left to the merge" in found.provenance["bankAccounts"]["rule"]


def test_one_account_has_many_spellings() -> None:
    assert same_account(IBAN, IBAN_SPACED)
    assert same_account({"iban": IBAN, "name": "x"}, IBAN)
    assert same_account("12-34 56", "123456")
    assert not same_account(IBAN, OTHER)
    assert not same_account({"name": "a"}, {"name": "b"})
    assert account_text({"number": "12 3"}) == "123"
    assert missing_accounts({"bankAccounts": None}, [IBAN, IBAN_SPACED]) == [IBAN]


@pytest.mark.parametrize(
    ("ours", "theirs", "change"), [(False, True, True), (True, False, None), (None, True, True), (False, False, None)]
)
def test_a_document_is_wanted_if_either_wants_one(ours: Any, theirs: Any, change: Any) -> None:
    found = got({"requireAttachment": ours}, {"requireAttachment": theirs})
    assert (found.changes.get("requireAttachment"), found.review) == (change, ())


@pytest.mark.parametrize("name", ["budgetNeutral", "cyclic", "costGroup", "type", "defaultProject"])
def test_what_differs_in_meaning_is_for_a_person_and_the_survivors_stays(name: str) -> None:
    found = got({name: "a"}, {name: "b"})
    assert (name in found.changes, len(found.review)) == (False, 1)
    assert found.provenance[name]["value"] == "a"
    assert not got({name: "a"}, {name: "a"}).review


def test_false_is_a_value_and_differs_from_nothing() -> None:
    assert got({"cyclic": False}, {"cyclic": True}).review
    assert got({"cyclic": None}, {"cyclic": False}).review
    assert got({"defaultProject": None}, {"defaultProject": "/p/1"}).changes == {"defaultProject": "/p/1"}


def test_names_and_what_the_enrichment_wrote_are_left_alone() -> None:
    brand = {"logoUrl": "https://x.example/l", "corporateWebsiteUrl": "https://x.example"}
    found = got({"displayName": "Kept"}, {"displayName": "Lost", **brand})
    assert found.changes == {}
    assert found.provenance["displayName"] == {
        "value": "Kept",
        "from": "/api/counterparties/1",
        "rule": "the survivor's",
        "also": ["Lost"],
    }
    assert not {*brand} & {*found.provenance}
