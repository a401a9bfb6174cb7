"""Watches against the sandbox Flowtly and a real ERP table: what is told, what is not, and dying between any two steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from types import GeneratorType
from typing import Any

import pytest

from syncd.errors import LeaseLost, Refused
from tests.engine.watching import HOLD, told, waiting, walk, watched
from tests.engine.world import World

CLIENTS = """
    - name: w
      system: flowtly
      resource: clients
      fields: [name, status, dueDays]
      emit:
        - {event: client.new, when: appears}
        - {event: client.gone, when: disappears}
        - {event: client.status, when: {changes: [status]}}
        - {event: client.inactive, when: {becomes: {status: [inactive, archived]}}}
        - {event: client.slow, when: {crosses: {field: dueDays, above: [30, 60], back: 10}}}
"""
CUSTOMERS = """
    - name: w
      system: erp
      resource: customers
      key: customer_no
      where: {country_code: [DK, SE]}
      fields: [company_name, terms]
      emit: [{event: customer.new, when: appears}, {event: customer.gone, when: disappears},
             {event: customer.changed, when: changes}]
"""
SUMS = """
    - name: w
      system: erp
      resource: customers
      key: customer_no
      sum: {by: city, of: terms}
      emit: [{event: city.new, when: appears}, {event: city.gone, when: disappears},
             {event: city.over, when: {crosses: {field: total, above: [100], back: 20}}},
             {event: city.changed, when: {changes: [total]}}]
"""


class Died(BaseException):
    """The process is no more. Not an Exception: nothing that handles trouble may swallow it."""


class Mortal:
    """A store, a walk or a connector that dies right before or right after its n-th step."""

    def __init__(self, real: Any, life: list[int], *, after: bool) -> None:
        self._real, self._life, self._after = real, life, after

    def __getattr__(self, attribute: str) -> Any:
        found = getattr(self._real, attribute)
        if attribute in {"acquire", "renew", "release", "close", "based", "rebased", "shape", "capabilities"}:
            return found
        return self._step(found) if callable(found) else found

    def _step(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **named: Any) -> Any:
            if not self._after:
                self._count()
            answer = call(*arguments, **named)
            if self._after:
                self._count()
            if isinstance(answer, GeneratorType):
                return self._pages(answer)
            is_walk = hasattr(answer, "conclude")
            return Mortal(answer, self._life, after=self._after) if is_walk else answer

        return step

    def _pages(self, pages: Iterator[Any]) -> Iterator[Any]:
        for page in pages:
            self._count()
            yield page

    def _count(self) -> None:
        self._life[0] -= 1
        if self._life[0] < 0:
            raise Died


@pytest.fixture
def clients(world: World) -> World:
    """Two clients and a watch with a base."""
    watched(world, CLIENTS)
    world.client(name="Ada", tin="10000001", tinCountry="DK", dueDays=14)
    world.client(name="Bob", tin="10000002", tinCountry="DK", dueDays=14)
    walk(world)
    return world


def named(world: World, name: str) -> str:
    (iri,) = world.named(name)
    return iri


def test_the_first_walk_is_silent_and_an_idle_one_as_well(clients: World) -> None:
    assert told(clients) == []
    report = walk(clients)
    assert (report.outcome, report.complete, told(clients)) == ("done", True, [])
    assert report.counts["read"] == 2
    assert "differing" not in report.counts


def test_the_first_walk_tells_everything_where_that_is_wanted(world: World) -> None:
    watched(world, CLIENTS.replace("fields:", "initial: emit\n      fields:"))
    iri = world.client(name="Ada", tin="10000001", tinCountry="DK", dueDays=45)
    walk(world)
    assert told(world) == [("client.new", iri), ("client.slow", iri)]


def test_what_changes_appears_and_crosses(clients: World) -> None:
    ada = named(clients, "Ada")
    clients.edit(ada, status="inactive", dueDays=90)
    new = clients.client(name="Cid", tin="10000003", tinCountry="DK", dueDays=31)
    walk(clients)
    assert {(one.event.event, one.event.key, one.event.level) for one in waiting(clients)} == {
        ("client.inactive", ada, None),
        ("client.slow", ada, Decimal(30)),
        ("client.slow", ada, Decimal(60)),
        ("client.status", ada, None),
        ("client.new", new, None),
        ("client.slow", new, Decimal(30)),
    }
    assert len(waiting(clients)) == 6
    (status,) = [one.event for one in waiting(clients) if one.event.event == "client.status"]
    assert status.before == {"name": "Ada", "status": "active", "dueDays": 14}
    assert status.after == {"name": "Ada", "status": "inactive", "dueDays": 90}
    assert status.changed == ("dueDays", "status")
    assert status.subject == {"system": "flowtly", "resource": "clients", "key": ada}


def test_a_limit_is_told_again_only_after_it_came_back(clients: World) -> None:
    ada = named(clients, "Ada")
    for days in (31, 25, 31, 20, 31):
        clients.edit(ada, dueDays=days)
        walk(clients)
    assert told(clients) == [("client.slow", ada)] * 2


def test_a_field_that_is_not_watched_tells_nothing(clients: World) -> None:
    clients.edit(named(clients, "Ada"), addressCity="Odense")
    assert "differing" not in walk(clients).counts


def test_a_further_field_or_event_is_no_reason_to_tell(clients: World) -> None:
    watched(clients, CLIENTS.replace("dueDays]", "dueDays, addressCity]").replace("changes: [status]", "changes: true"))
    walk(clients)
    assert told(clients) == []
    assert clients.said("watch.rebased") == []
    clients.edit(named(clients, "Ada"), addressCity="Odense")
    walk(clients)
    assert told(clients) == [("client.status", named(clients, "Ada"))]


def test_other_records_are_a_new_base(clients: World) -> None:
    watched(clients, CLIENTS.replace("fields:", "where: {name: Ada}\n      fields:"))
    for _ in range(3):
        walk(clients)
    assert told(clients) == []
    assert len(clients.said("watch.rebased")) == 1


@pytest.fixture
def customers(world: World) -> World:
    """Three customers in two countries that are watched, and a watch with a base."""
    watched(world, CUSTOMERS)
    for number, country in enumerate(("DK", "SE", "NO")):
        world.customer(f"C{number}", company_name=f"Firm {number}", country_code=country, terms=10)
    walk(world)
    return world


def test_gone_is_told_after_two_complete_walks(customers: World) -> None:
    customers.erp("DELETE FROM customers WHERE customer_no = 'C1'")
    walk(customers)
    assert told(customers) == []
    walk(customers)
    walk(customers)
    assert told(customers) == [("customer.gone", "C1")]
    (gone,) = waiting(customers)
    assert (gone.event.before, gone.event.after) == ({"company_name": "Firm 1", "terms": 10}, None)


def test_a_record_that_leaves_the_scope_is_gone_and_one_that_enters_appears(customers: World) -> None:
    customers.erp("UPDATE customers SET country_code = 'NO' WHERE customer_no = 'C0'")
    customers.erp("UPDATE customers SET country_code = 'DK' WHERE customer_no = 'C2'")
    walk(customers)
    walk(customers)
    assert told(customers) == [("customer.new", "C2"), ("customer.gone", "C0")]


class Cut:
    """A peer whose walks end before their end."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def pages(self, query: Any, cursor: Any) -> Iterator[Any]:
        from syncd.errors import ReadCut

        for page in self._real.pages(query, cursor):
            yield type(page)(page.records[:1], page.cursor, page.total)
        raise ReadCut("cut")


def test_a_walk_that_was_cut_tells_what_it_saw_and_nothing_of_the_rest(customers: World) -> None:
    assert customers.app is not None
    cut = Cut(customers.app.connector("erp"))
    customers.erp("UPDATE customers SET terms = 20")
    reports = [walk(customers, peer=cut) for _ in range(3)]
    assert [(one.outcome, one.complete) for one in reports] == [("incomplete", False)] * 3
    assert told(customers) == [("customer.changed", "C0")]
    assert customers.said("watch.incomplete")[0]["error"] == "ReadCut"
    walk(customers)
    assert told(customers) == [("customer.changed", "C0"), ("customer.changed", "C1")]


def test_a_first_walk_that_was_cut_makes_no_base(world: World) -> None:
    watched(world, CUSTOMERS)
    for number in range(3):
        world.customer(f"C{number}", company_name=f"Firm {number}")
    assert world.app is not None
    walk(world, peer=Cut(world.app.connector("erp")))
    walk(world)
    assert told(world) == []
    world.customer("C9", company_name="New")
    walk(world)
    assert told(world) == [("customer.new", "C9")]


def test_a_broken_record_is_left_out_and_not_taken_for_gone(customers: World) -> None:
    class Broken(Cut):
        def pages(self, query: Any, cursor: Any) -> Iterator[Any]:
            for page in self._real.pages(query, cursor):
                records = [
                    type(one)(one.key, {**one.raw, "company_name": "a\x00b"}) if one.key == "C0" else one
                    for one in page.records
                ]
                yield type(page)((*records, type(records[0])("k\x00", records[0].raw)), page.cursor, page.total)

    assert customers.app is not None
    for _ in range(3):
        assert walk(customers, peer=Broken(customers.app.connector("erp"))).outcome == "done"
    assert told(customers) == []
    assert [one["records"] for one in customers.said("watch.unreadable")] == [2, 2, 2]
    customers.erp("UPDATE customers SET company_name = 'Mended' WHERE customer_no = 'C0'")
    walk(customers)
    assert told(customers) == [("customer.changed", "C0")]


def test_two_records_under_one_key_do_not_flap(customers: World) -> None:
    class Doubled(Cut):
        def pages(self, query: Any, cursor: Any) -> Iterator[Any]:
            for page in self._real.pages(query, cursor):
                yield page
                twin = type(page.records[0])("C0", {**page.records[0].raw, "terms": 99})
                yield type(page)((twin,), page.cursor, page.total)

    assert customers.app is not None
    for _ in range(3):
        walk(customers, peer=Doubled(customers.app.connector("erp")))
    assert told(customers) == []
    assert {one["key"] for one in customers.said("watch.duplicate_key")} == {"C0"}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("resource: customers", "resource: custmers", "did you mean 'customers'"),
        ("fields: [company_name", "fields: [compny_name", "did you mean 'company_name'"),
        ("country_code: [DK", "country: [DK", "no field 'country'"),
    ],
)
def test_what_the_peer_does_not_have_is_refused_with_its_place(world: World, old: str, new: str, said: str) -> None:
    watched(world, CUSTOMERS.replace(old, new).replace("{changes: [terms]}", "changes"))
    with pytest.raises(Refused, match=r"syncd\.yaml:\d+:\d+: watch w: ") as refused:
        walk(world)
    assert said in str(refused.value)


def test_sums_cross_their_limits_once(world: World) -> None:
    watched(world, SUMS)
    for number, (city, terms) in enumerate([("Odense", 40), ("Odense", 40), ("Vejle", 90), (None, 5), ("Skive", None)]):
        world.customer(f"C{number}", company_name=f"Firm {number}", city=city, terms=terms)
    walk(world)
    assert told(world) == []
    world.erp("UPDATE customers SET terms = 70 WHERE customer_no = 'C0'")
    walk(world)
    over = [one.event for one in waiting(world)]
    assert [(one.event, one.key, one.level) for one in over] == [
        ("city.over", "Odense", Decimal(100)),
        ("city.changed", "Odense", None),
    ]
    assert over[0].after == {"city": "Odense", "total": Decimal(110), "count": 2, "empty": 0}
    for terms in (55, 70, 30, 70):
        world.erp("UPDATE customers SET terms = %s WHERE customer_no = 'C0'", terms)
        walk(world)
    assert [one for one, _ in told(world)].count("city.over") == 2
    (skive,) = world.erp_store("SELECT document FROM watch_record WHERE key = 'Skive'")
    assert skive[0]["count"] == skive[0]["empty"] == 1


def test_a_record_that_comes_on_two_pages_counts_once(world: World) -> None:
    class Shifted(Cut):
        def pages(self, query: Any, cursor: Any) -> Iterator[Any]:
            for page in self._real.pages(query, cursor):
                yield page
                yield page

    watched(world, SUMS)
    world.customer("C0", company_name="Firm", city="Odense", terms=60)
    assert world.app is not None
    walk(world, peer=Shifted(world.app.connector("erp")))
    (row,) = world.erp_store("SELECT document FROM watch_record")
    assert (row[0]["count"], row[0]["total"]) == (1, {"$decimal": "60"})


def test_sums_of_half_a_walk_are_no_sums(world: World) -> None:
    watched(world, SUMS)
    for number in range(4):
        world.customer(f"C{number}", company_name=f"Firm {number}", city="Odense", terms=60)
    walk(world)
    world.erp("DELETE FROM customers WHERE customer_no = 'C0'")
    assert world.app is not None
    for _ in range(3):
        walk(world, peer=Cut(world.app.connector("erp")))
    assert told(world) == []


def test_another_daemon_walks_already(clients: World) -> None:
    taken = clients.store.acquire("watch:w", "somebody else", HOLD)
    assert taken is not None
    assert walk(clients).outcome == "busy"
    clients.store.release(taken)
    assert walk(clients).outcome == "done"


def test_a_walk_whose_lease_went_to_another_keeps_nothing(customers: World) -> None:
    store = customers.store

    class Robbed(Cut):
        def pages(self, query: Any, cursor: Any) -> Iterator[Any]:
            store.acquire("watch:w", f"test-{id(customers)}", HOLD)
            yield from self._real.pages(query, cursor)

    assert customers.app is not None
    customers.erp("UPDATE customers SET terms = 20")
    with pytest.raises(LeaseLost):
        walk(customers, peer=Robbed(customers.app.connector("erp")))
    assert told(customers) == []


@pytest.mark.parametrize("after", [False, True])
def test_dying_at_any_step_neither_loses_an_event_nor_tells_one_twice(customers: World, after: bool) -> None:
    """Every step of two walks that tell of a change, a new record and one that is gone."""
    assert customers.app is not None
    peer, store = customers.app.connector("erp"), customers.store
    rounds, died = 0, True
    while died:
        rounds += 1
        key = f"D{rounds}"
        customers.customer(key, company_name="Doomed", terms=1)
        while walk(customers).counts.get("differing") or walk(customers).counts.get("differing"):
            pass
        before = len(told(customers))
        customers.erp("DELETE FROM customers WHERE customer_no = %s", key)
        customers.erp("UPDATE customers SET terms = %s WHERE customer_no = 'C1'", 100 + rounds)
        customers.customer(f"N{rounds}", company_name="New")
        died, life = False, [rounds - 1]
        mortal_store, mortal_peer = Mortal(store, life, after=after), Mortal(peer, life, after=after)
        try:
            for _ in range(2):
                walk(customers, peer=mortal_peer, store=mortal_store)
        except Died:
            died = True
        for _ in range(3):
            walk(customers)
        assert sorted(told(customers)[before:]) == sorted(
            [("customer.changed", "C1"), ("customer.gone", key), ("customer.new", f"N{rounds}")]
        ), f"died at step {rounds - 1}"
    assert rounds > 10
