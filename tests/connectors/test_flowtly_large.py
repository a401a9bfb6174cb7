"""A long walk: one request a page, and memory that does not grow with the number of records."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any
from urllib.parse import parse_qs, urlsplit

from syncd.ports import Query
from tests.wire.peers import flowtly
from tests.wire.scripted import Got, Reply, ScriptedServer

PAGE = 100
SLACK = 1 << 19  # bytes; the records of the longer walk would be some twenty times that


class Transactions:
    """A collection of ``count`` transactions that exist only while they are answered."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __call__(self, got: Got) -> Reply:
        number = int(parse_qs(urlsplit(got.target).query)["page"][0])
        body: dict[str, Any] = {
            "member": [transaction(at) for at in range((number - 1) * PAGE, min(number * PAGE, self.count))],
            "totalItems": self.count,
        }
        if number * PAGE < self.count:
            body["view"] = {"next": f"/api/transactions?itemsPerPage={PAGE}&page={number + 1}"}
        return Reply(200, json.dumps(body).encode())


def transaction(number: int) -> dict[str, Any]:
    return {
        "@id": f"/api/transactions/01a1fb3c-8e8a-7abb-9dd1-{number:012x}",
        "counterparty": {"@id": f"/api/counterparties/{number % 40}", "displayName": f"Party {number % 40}"},
        "description": f"Payment {number} of a long year " * 3,
        "amount": -12.5 * number,
        "execDate": "2026-01-02T00:00:00+00:00",
        "budgetTransactions": [],
    }


def peak_of_a_walk(count: int) -> int:
    """Bytes at the worst moment of a walk whose records nobody keeps, beyond those before it."""
    with ScriptedServer(Transactions(count)) as server, flowtly(server.url) as connector:
        tracemalloc.start()
        try:
            keys = 0
            for page in connector.pages(Query("transactions", fields=("amount", "counterparty")), None):
                keys += len(page.records)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert keys == count
        assert len(server.got) == connector.requests == -(-count // PAGE)
    return peak


def test_memory_does_not_grow_with_the_walk_and_each_page_is_one_request() -> None:
    peak_of_a_walk(PAGE)  # what is imported and made once
    assert peak_of_a_walk(5_000) < peak_of_a_walk(1_000) + SLACK
