"""Which unit a tenant's links count in: its links and transactions are read and judged. Writes nothing.

Printing the evidence, and keeping a person's decision with ``LinkMemory.calibrate``, is the command line's work.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from syncd.budgets.calibrate import Proposal, Sample, proposal
from syncd.budgets.money import exponent
from syncd.engine.allocating.facts import TRANSACTIONS, Facts, iri_of, total_of
from syncd.engine.allocating.seen import seen_links
from syncd.ports import Connector, Query
from syncd.ports.budget_links import SeenLink


def examined(flowtly: Connector, facts: Facts, resource: str, target: str, exponents: Mapping[str, int]) -> Proposal:
    """What the links of ``resource`` say about the unit of amounts and the sign of a cost.

    ``target``: the raw field with the budget or project. ``exponents``: decimals of currencies that differ from ISO
    4217. One walk of the links; one of all transactions where the links do not embed theirs. Raises what the connector
    raises: a walk that did not reach its end proves nothing.
    """
    links: list[SeenLink] = []
    for page in flowtly.pages(Query(resource), None):
        links.extend(seen_links(page.records, target))
    return proposal(_samples(flowtly, facts, links, exponents))


def _samples(flowtly: Connector, facts: Facts, links: list[SeenLink], exponents: Mapping[str, int]) -> Iterator[Sample]:
    lacking = {one.transaction for one in links if one.total is None}
    read = _read(flowtly, lacking) if lacking else {}
    currencies = facts.currencies()
    for one in links:
        total, account = read.get(one.transaction, (one.total, one.account))
        if total is not None:
            places = _exponent(currencies.get(account or ""), exponents)
            yield Sample(one.iri, one.transaction, one.amount, total, places)


def _read(flowtly: Connector, wanted: set[str]) -> dict[str, tuple[Decimal | None, str | None]]:
    found: dict[str, tuple[Decimal | None, str | None]] = {}
    for page in flowtly.pages(TRANSACTIONS, None):
        for record in page.records:
            if record.key in wanted:
                found[record.key] = total_of(record.raw.get("amount")), iri_of(record.raw.get("bankAccount"))
    return found


def _exponent(currency: str | None, exponents: Mapping[str, int]) -> int | None:
    try:
        return None if currency is None else exponent(currency, exponents)
    except ValueError:
        return None
