"""People at both ends who work while daemons do, and what must hold in the end. Nobody here touches a link or a store.

Each field is edited on one side only, so nothing is contested and the end is known: every last word on both sides.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

from tests.engine.world import World


class Office:
    """Adds and edits customers (ERP) and clients (Flowtly), by seed; remembers each last word."""

    def __init__(self, world: World, seed: int, first: int = 0) -> None:
        self._world = world
        self._random = random.Random(seed)
        self._next = first
        self._known: list[int] = []
        self._words: dict[int, dict[str, Any]] = {}
        self.done: Counter[str] = Counter()

    def customer(self) -> None:
        """A person adds a customer to the ERP."""
        number = self._new()
        self._world.customer(f"C{number:05}", company_name=f"Firm {number}", vat_no=_vat(number), city="Odense")
        self._words[number] = {"city": "Odense", "name": f"Firm {number}"}
        self.done["customers added"] += 1

    def client(self) -> None:
        """A person adds a client to Flowtly."""
        number = self._new()
        self._world.client(name=f"Firm {number}", tinCountry="DK", tin=_vat(number)[2:])
        self._words[number] = {"name": f"Firm {number}"}
        self.done["clients added"] += 1

    def edit_customer(self) -> None:
        """A person edits the city or the terms of a customer, if it is there yet."""
        number = self._random.choice(self._known)
        column, field, value = self._random.choice(
            [("city", "city", f"Town {self._random.random():.6f}"), ("terms", "terms", self._random.randrange(1, 90))]
        )
        rows = self._world.erp(f"UPDATE customers SET {column} = %s WHERE vat_no = %s RETURNING 1", value, _vat(number))
        if rows:
            self._words[number][field] = value
            self.done["customers edited"] += 1

    def edit_client(self) -> None:
        """A person edits the name or the phone of a client, if it is there yet."""
        number = self._random.choice(self._known)
        found = [iri for iri, one in self._world.clients().items() if one["tin"] == _vat(number)[2:]]
        if not found:
            return
        field, name = self._random.choice([("name", "name"), ("addressPhoneNumber", "phone")])
        value = f"{name} {self._random.random():.6f}"
        self._world.edit(found[0], **{field: value})
        self._words[number][name] = value
        self.done["clients edited"] += 1

    def work(self, acts: int) -> None:
        """Some of everything."""
        for _ in range(acts):
            acts_now = [self.customer, self.client]
            if self._known:
                acts_now += [self.edit_customer, self.edit_customer, self.edit_client]
            self._random.choice(acts_now)()

    @property
    def people(self) -> int:
        """How many firms there are."""
        return len(self._known)

    def _new(self) -> int:
        self._next += 1
        self._known.append(self._next)
        return self._next

    def wrong(self) -> list[str]:
        """What is not as it must be in the end: doubles, unlinked records, lost edits, leftovers."""
        world = self._world
        customers = {row["vat_no"]: row for row in world.customers().values()}
        clients = {one["tin"]: one for one in world.clients().values()}
        found = self.doubles()
        for number in self._known:
            row, one = customers.get(_vat(number)), clients.get(_vat(number)[2:])
            if row is None or one is None:
                found.append(f"firm {number} is missing in {'the ERP' if row is None else 'Flowtly'}")
                continue
            said = self._words[number]
            for word, left, right in (
                ("city", row["city"], one.get("addressCity")),
                ("terms", row["terms"], one.get("dueDays")),
                ("name", row["company_name"], one["name"]),
                ("phone", row["phone"], one.get("addressPhoneNumber")),
            ):
                wanted = said.get(word, left)
                if left != wanted or right != wanted:
                    found.append(f"firm {number}: {word} is {left!r} and {right!r}, last said was {wanted!r}")
        if len(world.links()) != self.people:
            found.append(f"{len(world.links())} links of {self.people}")
        found += [f"open operation: {one}" for one in world.store.open_operations("clients")]
        found += [f"open question: {one}" for one in world.questions()]
        return found

    def doubles(self) -> list[str]:
        """Firms that are there twice on one side; this may be asked at any moment."""
        world = self._world
        vats = Counter(row["vat_no"] for row in world.customers().values())
        tins = Counter(one["tin"] for one in world.clients().values())
        return [f"{count} of {what}" for counts in (vats, tins) for what, count in counts.items() if count > 1]


def lawless(world: World) -> list[str]:
    """What the store says of leases: fences that did not grow, intents outside their lease, writes without one."""
    found = []
    for (name,) in world.erp_store(
        "SELECT format('run %s has fence %s after %s', id, fence, before) FROM ("
        " SELECT id, fence, lag(fence) OVER (ORDER BY started_at, id) AS before FROM run WHERE mapping = 'clients') r"
        " WHERE fence <= before"
    ):
        found.append(name)
    for (name,) in world.erp_store(
        "SELECT format('operation %s of fence %s was intended under a later one', o.id, o.fence) FROM operation o"
        " WHERE EXISTS (SELECT FROM run r WHERE r.mapping = o.mapping AND r.fence > o.fence"
        " AND r.started_at < o.created_at)"
    ):
        found.append(name)
    ((intents,),) = world.erp_store("SELECT count(*) FROM operation WHERE side = 'flowtly'")
    if world.writes() > intents:
        found.append(f"Flowtly was asked for {world.writes()} writes, with {intents} intents")
    return found


def fences(world: World) -> tuple[int, int]:
    """How far the fence has grown, and how many daemons have had the lease."""
    ((highest, owners),) = world.erp_store(
        "SELECT max(fence), count(DISTINCT split_part(owner, ':', 2)) FROM run"
        " WHERE mapping = 'clients' AND owner LIKE '%:%:%'"
    )
    return int(highest), int(owners)


def _vat(number: int) -> str:
    return f"DK{10_000_000 + number}"
