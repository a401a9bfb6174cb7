"""What rules reach: counted by posting and amount, by rule, by currency and by what was left."""

from __future__ import annotations

from fractions import Fraction

from syncd.budgets.allocate import prepared
from syncd.budgets.coverage import Coverage, Sum, coverage
from syncd.budgets.model import Posting
from tests.unit.budgets.rules_kit import equal, fixed, posting, rest, rule, rules, share


def told(default: str | None, *found: Posting) -> Coverage:
    made = rules(
        rule("half", share("H", "1/2"), cc=equal("H")),
        rule("all", rest("{cc}"), cc=equal("A")),
        rule("fixed", fixed("F", "9"), rest("G"), cc=equal("F")),
        default=default,
    )
    ready = prepared(made)
    return coverage((one.currency, one.amount, ready.allocate(one)) for one in found)


FOUND = (
    posting(1000, cc="H"),
    posting(-400, cc="A"),
    posting(600, cc="A"),
    posting(100, cc="F"),
    posting(50, "JPY", cc="?"),
)


def test_without_a_default() -> None:
    found = told(None, *FOUND)
    euro, yen = found.currencies["EUR"], found.currencies["JPY"]
    assert (euro.every, euro.full, euro.reached) == (Sum(4, 2100), Sum(2, 1000), Sum(3, 1500))
    assert (euro.default, euro.left, euro.refused) == (Sum(), Sum(1, 500), Sum(1, 100))
    assert (euro.of_count, euro.of_amount) == (Fraction(1, 2), Fraction(5, 7))
    assert (yen.of_count, yen.of_amount, yen.left) == (Fraction(0), Fraction(0), Sum(1, 50))
    assert found.rules == {("half", "EUR"): Sum(1, 500), ("all", "EUR"): Sum(2, 1000)}
    assert found.reasons == {
        ("rule half gives only a part of it away", "EUR"): Sum(1, 500),
        ("cannot be allocated", "EUR"): Sum(1, 100),
        ("no rule matches", "JPY"): Sum(1, 50),
    }


def test_what_the_default_takes_is_not_reached_by_rules() -> None:
    found = told("D", *FOUND)
    assert found.currencies["EUR"].default == Sum(1, 500)
    assert found.currencies["EUR"].full == Sum(2, 1000)
    assert found.currencies["JPY"].of_amount == 0
    assert found.rules["default", "JPY"] == Sum(1, 50)
    assert set(found.reasons) == {("cannot be allocated", "EUR")}


def test_nothing_at_all_is_all_reached() -> None:
    assert told(None).currencies == {}
    assert told(None, posting(0)).currencies["EUR"].of_amount == 1
