"""The invented data: the same for the same seed, unique, and the demo ERP overlaps as it says."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from syncd.sandbox.config import SandboxConfig
from syncd.sandbox.demo_erp import erp_customers
from syncd.sandbox.resources import declarations
from syncd.sandbox.sample import companies, seed_reference_data
from syncd.sandbox.sample_data import seed_sample
from syncd.sandbox.state import State
from syncd.sandbox.writer import Writer
from tests.sandbox.conftest import Api
from tests.sandbox.test_concurrency import dangling, disordered

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


@pytest.mark.parametrize("references", ["iri", "code"])
def test_every_sample_record_passes_the_servers_own_constraints(run: Callable[..., Api], references: str):
    """Each is sent back as it was answered, by the words of the API or, without them, by the back door."""
    api = run(references=references)
    state = api.server.state
    writer = Writer(api.server.config, state)
    for resource in state.resources.values():
        linked = [name for name, field in resource.writable.items() if not field.children]
        for row in state.rows(resource.name):
            body = {name: row[name] for name in linked if name in row}
            assert writer.patch(resource, row["id"], body, origin="") == row


def test_the_sample_has_something_of_everything_and_nothing_dangles(run: Callable[..., Api]):
    api = run(references="iri", envelope="hydra")
    state = api.server.state
    own = {name for name in state.resources if "Webhook" not in name and name != "AttributeSet"}
    assert [name for name in sorted(own) if not state.count(name)] == []
    assert dangling(state) == []
    assert disordered(state) == []
    sizes = ("Client", "Counterparty", "Budget", "Transaction", "Invoice", "TransactionAttachment")
    assert [state.count(name) for name in sizes] == [65, 24, 6, 120, 24, 12]
    for path in ("/transactions/unassigned", "/transactions/with-problems", "/invoices/draft"):
        total = api.get(path).json()["hydra:totalItems"]
        assert 0 < total < api.get(f"/{path.split('/')[1]}").json()["hydra:totalItems"]
    assert {row["status"] for row in state.rows("Invoice")} == {"draft", "sent", "paid"}
    assert any(row.get("parent") for row in state.rows("Invoice"))
    assert {bool(row.get("transaction")) for row in state.rows("TransactionAttachment")} == {True, False}


def test_sample_attachments_have_their_bytes(run: Callable[..., Api]):
    state = run().server.state
    rows = {state.resources["TransactionAttachment"].iri(row["id"]): row for row in state.rows("TransactionAttachment")}
    assert {iri: row["size"] for iri, row in rows.items()} == {iri: len(data) for iri, data in state.blobs.items()}


def test_the_same_settings_give_the_same_records_whatever_the_clock_says():
    def made(seed: int, now: float) -> dict[str, Any]:
        state = sampled(seed=seed, now=lambda: now)
        stamped = state.dump()
        return {
            name: [{field: value for field, value in row.items() if field != "updatedAt"} for row in part["rows"]]
            for name, part in stamped.items()
        }

    assert made(4, 1.7e9) == made(4, 1.9e9)
    assert made(4, 1.7e9)["Transaction"] != made(5, 1.7e9)["Transaction"]


def test_the_balance_of_each_account_adds_up():
    state = sampled(transactions=300)
    for account in ("/api/bank-accounts/1", "/api/bank-accounts/2"):
        rows = state.children("Transaction", "bankAccount", account)
        assert [row["execDate"] for row in rows] == sorted(row["execDate"] for row in rows)
        cents = [(round(row["endingBalance"] * 100), round(row["amount"] * 100)) for row in rows]
        assert all(after[0] == before[0] + after[1] for before, after in pairwise(cents))
    assert len({row["operationNumber"] for row in state.rows("Transaction")}) == 300


def test_the_amount_of_an_invoice_is_that_of_its_rows():
    state = sampled(invoices=50)
    for invoice in state.rows("Invoice"):
        rows = state.children("InvoiceRow", "invoice", f"/api/invoices/{invoice['id']}")
        net = sum(Decimal(str(row["quantity"])) * Decimal(str(row["unitPriceNet"])) for row in rows)
        assert Decimal(str(invoice["amountNet"])) == net
        assert Decimal(str(invoice["amount"])) == net * 5 / 4
        assert (net < 0) == (invoice["type"] == "credit_note")


@pytest.mark.parametrize("none", ["clients", "counterparties", "budgets", "transactions", "invoices", "attachments"])
def test_any_part_of_the_sample_may_be_left_out(none: str):
    state = sampled(**{none: 0})
    assert dangling(state) == []
    name = {"counterparties": "Counterparty", "attachments": "TransactionAttachment"}.get(none)
    assert state.count(name or none.removesuffix("s").capitalize()) == 0


def test_no_size_is_negative():
    with pytest.raises(ValueError, match="less than no"):
        SandboxConfig(transactions=-1)


def test_a_large_sample_is_one_table_of_small_rows():
    """Memory is bounded by the records: nothing else is kept for each of them, and equal texts are one object."""
    state = sampled(transactions=20_000, invoices=2_000)
    rows = state.rows("Transaction")
    assert len(rows) == 20_000
    shared = ("orderDate", "execDate", "connectedMonth", "updatedAt", "counterparty")
    texts = {id(row[name]) for row in rows for name in shared if name in row}
    assert len(texts) < 1000
    assert sum(sys.getsizeof(row) for row in rows) / len(rows) < 1000


def sampled(**settings: Any) -> State:
    config = SandboxConfig(**settings)
    state = State(declarations(config.references), config.now, config.seed)
    seed_reference_data(config, state)
    seed_sample(config, state)
    return state


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
