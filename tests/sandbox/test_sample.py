"""The invented data: the same for the same seed, unique, and the demo ERP overlaps as it says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest

from syncd.sandbox.demo_erp import erp_customers
from syncd.sandbox.sample import companies
from tests.sandbox.conftest import Api

DIGITS = {"PL": 10, "DK": 8, "SE": 12, "DE": 9}
CURRENCY = {"PL": "PLN", "DK": "DKK", "SE": "SEK", "DE": "EUR"}


def test_the_same_seed_gives_the_same_companies_and_another_seed_others():
    assert companies(1, 50) == companies(1, 50)
    assert companies(1, 200)[:50] == companies(1, 50)
    assert companies(1, 50) != companies(2, 50)


@pytest.mark.parametrize("seed", [0, 1, 17])
def test_names_and_tax_numbers_are_unique_and_fit_their_country(seed: int):
    made = companies(seed, 20_000)
    assert len({each.name for each in made}) == len(made)
    assert len({(each.country, each.tin) for each in made}) == len(made)
    for each in made:
        assert len(each.tin) == DIGITS[each.country]
        assert each.tin.isdigit()
        assert each.currency == CURRENCY[each.country]
        assert each.email.endswith("@example.com")
        assert each.status in ("active", "archived")
    assert set(Counter(each.country for each in made)) == set(DIGITS)


def test_the_sandbox_serves_these_companies(run: Callable[..., Api]):
    for references in ("iri", "code"):
        api = run(seed=7, clients=40, references=references)
        served = api.members("/clients?itemsPerPage=100")
        assert [(each["name"], each["vatNumber"]) for each in served] == [
            (each.name, f"{each.country}{each.tin}") for each in companies(7, 40)
        ]
        assert all(api.get(f"/clients/{each['id']}").status_code == 200 for each in served[:3])


def test_every_sample_record_passes_the_servers_own_constraints(run: Callable[..., Api]):
    for references in ("iri", "code"):
        api = run(references=references)
        for path, key in (("clients", 3), ("client-contacts", 1), ("employees", 1)):
            record = {name: value for name, value in api.get(f"/{path}/{key}").json().items() if name[0] != "@"}
            record.pop("clientContacts", None)
            assert api.patch(f"/{path}/{key}", record).status_code == 200


def test_the_erp_overlaps_and_disagrees_as_asked():
    rows = erp_customers(3, 300, 200, 12)
    known = companies(3, 200)
    assert len(rows) == 300
    assert len({row["customer_no"] for row in rows}) == 300
    assert (rows[0]["customer_no"], rows[-1]["customer_no"]) == ("C00001", "C00300")
    differing = [row["customer_no"] for row, each in zip(rows, known, strict=False) if not agrees(row, each)]
    assert len(differing) == 12
    without_vat = [row for row in rows if row["vat_no"] is None]
    assert len(without_vat) == 5
    assert {(row["company_name"], row["country_code"]) for row in without_vat} <= {
        (each.name, each.country) for each in known
    }
    twice = [vat for vat, times in Counter(row["vat_no"] for row in rows if row["vat_no"]).items() if times > 1]
    assert len(twice) == 2
    assert set(twice) <= {f"{each.country}{each.tin}" for each in known}
    assert {row["stage"] for row in rows} == {"prospect", "qualified", "lost"}


def agrees(row: dict[str, object], each: object) -> bool:
    pairs = {
        "terms": "due_days",
        "phone": "phone",
        "street_line": "street",
        "building_no": "building",
        "city": "city",
        "zip": "postcode",
    }
    return all(row[column] == getattr(each, name) for column, name in pairs.items())


def test_the_rest_of_the_erp_is_unknown_to_the_sandbox():
    rows = erp_customers(3, 100, 50, 5)
    known = {f"{each.country}{each.tin}" for each in companies(3, 5_000)}
    names = {each.name for each in companies(3, 5_000)}
    alone = rows[50:-2]
    assert len(alone) == 48
    assert not [row for row in alone if row["vat_no"] in known or row["company_name"] in names]


def test_the_erp_is_the_same_each_time_and_its_stamps_are_aware():
    rows = erp_customers(1, 60, 40, 4)
    assert rows == erp_customers(1, 60, 40, 4)
    assert rows != erp_customers(2, 60, 40, 4)
    assert all(row["changed_at"].utcoffset() == timedelta(0) for row in rows)


@pytest.mark.parametrize(("count", "overlap", "disagree"), [(10, 10, 0), (10, 9, 0), (10, 5, 4), (-1, 0, 0), (5, 1, 0)])
def test_numbers_that_do_not_fit_are_refused(count: int, overlap: int, disagree: int):
    with pytest.raises(ValueError, match="must hold"):
        erp_customers(1, count, overlap, disagree)
