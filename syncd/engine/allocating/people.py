"""Links that people made in Flowtly, as records that can be written to the ERP. Reads only; ours are left out."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from decimal import Decimal

from syncd.budgets.money import from_minor
from syncd.core.model import Side
from syncd.engine.allocating.facts import Facts
from syncd.engine.allocating.judging import Terms
from syncd.engine.allocating.seen import BESIDE, seen_link
from syncd.errors import Later, NotFound, Refused
from syncd.mapping.allocation_mappings import THEIRS
from syncd.ports import Capabilities, Connector, FieldShape, Page, Query, Raw, Record, Shape, Store
from syncd.ports.budget_links import SeenLink, Unit

AMOUNT = "amount"
_SHAPES = {
    "iri": "text",
    "transaction": "text",
    "budget": "text",  # the project, of a link to a project
    "employee": "text",
    AMOUNT: "decimal",
}


class PeoplesLinks:
    """Links of an allocation's resource that none of our allocations made; raw fields as ``_SHAPES`` lists them.

    ``amount`` is a cost in whole currency units as a Decimal, the transaction's own where the link has none, and null
    where it cannot be told: the unit is not calibrated, or the currency is not known. Make one for a run.
    """

    def __init__(self, flowtly: Connector, store: Store, terms: Terms, facts: Facts) -> None:
        self._flowtly, self._store, self._terms, self._facts = flowtly, store, terms, facts
        self._kin = terms.kin or (terms.allocation,)

    @property
    def requests(self) -> int:
        """As the connector counts them."""
        return self._flowtly.requests

    def capabilities(self, query: Query) -> Capabilities:
        """Nothing is written here."""
        return replace(
            self._flowtly.capabilities(replace(query, where={})),
            create=False,
            update=False,
            delete=False,
            incremental=False,
            filters=False,
        )

    def shape(self, query: Query) -> Shape | None:
        """The raw fields; of another resource, which is looked up in, what Flowtly says."""
        if THEIRS not in query.options:
            return self._flowtly.shape(query)
        return Shape(query.resource, {name: FieldShape(name, kind, writable=False) for name, kind in _SHAPES.items()})

    def pages(self, query: Query, cursor: str | None) -> Iterator[Page]:
        """All links of people. Raises Later while a create of ours is in doubt: its link would count as theirs."""
        for name in self._kin:
            if any(one.intent.kind == "create" for one in self._store.open_operations(name)):
                raise Later(f"{name}: a link of ours is in doubt, so nobody can say whose it is")
        with closing(_generator(self._flowtly.pages(_plain(query), cursor))) as pages:
            for page in pages:
                yield Page(self._theirs(page.records), page.cursor)

    def read(self, query: Query, key: str) -> Record:
        """One link of people. NotFound also for one of ours."""
        found = self._theirs((self._flowtly.read(_plain(query), key),))
        if not found:
            raise NotFound(f"{key} is a link of ours")
        return found[0]

    def find(self, query: Query, values: Raw) -> Iterator[Record]:
        """Links of people with these values, after a walk of all."""
        for page in self.pages(query, None):
            for record in page.records:
                if all(record.raw.get(name) == value for name, value in values.items()):
                    yield record

    def create(self, query: Query, fields: Raw) -> Record:  # noqa: ARG002 - refused whatever it is
        """Refused."""
        raise Refused("links of people are only read")

    def update(self, query: Query, key: str, fields: Raw, expected: Record) -> Record:  # noqa: ARG002 - as above
        """Refused."""
        raise Refused("links of people are only read")

    def delete(self, query: Query, key: str, expected: Record) -> None:  # noqa: ARG002 - as above
        """Refused."""
        raise Refused("links of people are only read")

    def rows(self, resource: str) -> Iterator[Raw]:
        """As the connector gives them."""
        return self._flowtly.rows(resource)

    def check(self) -> str:
        """As the connector says."""
        return self._flowtly.check()

    def close(self) -> None:
        """Release connections."""
        self._flowtly.close()

    def _theirs(self, records: Iterable[Record]) -> tuple[Record, ...]:
        links = {record.key: link for record in records if (link := seen_link(record, self._terms.target)) is not None}
        costs = {record.key: record.raw for record in records}
        ours = {iri for name in self._kin for iri in self._store.ours(name, list(links))}
        theirs = [link for key, link in links.items() if key not in ours]
        currencies = self._currencies(theirs)
        return tuple(Record(one.iri, self._raw(one, costs[one.iri], currencies.get(one.transaction))) for one in theirs)

    def _raw(self, link: SeenLink, raw: Raw, currency: str | None) -> Raw:
        return {
            "iri": link.iri,
            "transaction": link.transaction,
            "budget": link.target,
            "employee": link.employee or None,
            AMOUNT: self._amount(link, raw, currency),
        }

    def _amount(self, link: SeenLink, raw: Raw, currency: str | None) -> Decimal | None:
        if link.amount is None:
            total = raw.get(f"{BESIDE}amount") if link.total is None else link.total
            return None if total is None else Decimal(total) * self._terms.sign
        if self._terms.unit is Unit.MAJOR:
            return Decimal(link.amount)
        if self._terms.unit is None or currency is None:
            return None
        try:
            return from_minor(link.amount, currency, self._terms.exponents)
        except ValueError:
            return None

    def _currencies(self, links: Iterable[SeenLink]) -> Mapping[str, str]:
        """The currency of each transaction: its posting's, else its bank account's."""
        links = list(links)
        of, allocation = self._terms.of, self._terms.allocation
        keys = self._store.partners(of, Side.FLOWTLY, sorted({one.transaction for one in links}))
        postings = self._store.postings(allocation, sorted(set(keys.values())))
        found = {iri: postings[key].currency for iri, key in keys.items() if key in postings}
        lacking = {one.transaction: one.account for one in links if one.transaction not in found and one.account}
        accounts = self._facts.currencies() if lacking else {}
        return found | {iri: accounts[account] for iri, account in lacking.items() if account in accounts}


def _plain(query: Query) -> Query:
    """The query as Flowtly's connector takes it: without our own filter and options."""
    return replace(query, fields=(), where={}, options={})


def _generator(pages: Iterable[Page]) -> Generator[Page, None, None]:
    """The connector's pages as a generator that can be closed."""
    yield from pages
