"""The process dies after every single step of a run that creates both ways, patches both ways and carries out an answer.

Started again, it ends where an undisturbed run ends: no second record, no lost edit, nothing open, no other question.
"""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.crash.steps import Died, Watched
from tests.engine.family import RESTORE, SNAPSHOT
from tests.engine.world import SETTINGS, World

MAPPED = ("name", "tin", "addressCity", "addressPhoneNumber", "dueDays", "country", "currency")


class Moment:
    """A moment of a whole world, to which it can go back."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._databases = (world.erp_url, world.env["SYNCD_DATABASE_URL"])
        self._clients = world.clients()
        self._execute(SNAPSHOT)

    def restore(self) -> None:
        """Go back."""
        self._execute(RESTORE)
        for iri, now in self._world.clients().items():
            before = self._clients.get(iri)
            if before is None:
                self._world.in_flowtly("DELETE", f"clients/{now['id']}")
            elif before != now:
                self._world.edit(iri, **{name: before.get(name) for name in MAPPED})

    def _execute(self, statement: str) -> None:
        for database in self._databases:
            with psycopg.connect(database, autocommit=True) as connection:
                connection.execute(statement)  # type: ignore[call-overload]


@pytest.fixture
def busy(approved: World) -> World:
    """A world in which one run has everything to do: see the module."""
    world = approved
    world.configure(settings=SETTINGS.replace("limits: {", "limits: {write_threads: 1, "))
    for number in (1, 2, 3):
        world.customer(
            f"L{number}", company_name=f"Linked {number}", vat_no=f"DK1000000{number}", city="Odense", phone="1"
        )
    world.settled()
    links = world.links()
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'L3'")
    world.edit(links["L3"], addressCity="Skive")
    world.run()
    (question,) = world.questions("field")
    world.store.resolve(question.id, None, "Odense", "tester")
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'L1'")
    world.edit(links["L2"], addressCity="Skive", dueDays=7)
    world.erp("UPDATE customers SET phone = '2' WHERE customer_no = 'L2'")
    world.customer("N1", company_name="New here", vat_no="DK10000011", city="Aarhus")
    world.client(name="New there", tinCountry="DK", tin="10000012", addressCity="Esbjerg")
    return world


def end(world: World) -> dict[str, Any]:
    """All that matters when everything is quiet, without the keys that differ from time to time."""
    customers, clients = world.customers(), world.clients()
    return {
        "customers": sorted(str(sorted({**row, "customer_no": None}.items(), key=str)) for row in customers.values()),
        "clients": sorted(str([one.get(name) for name in MAPPED]) for one in clients.values()),
        "links": sorted((customers[key]["company_name"], clients[iri]["name"]) for key, iri in world.links().items()),
        "questions": [(row.kind, row.field, row.detail) for row in world.questions()],
        "operations": [str(one.state) for one in world.store.open_operations("clients")],
        "pending": {name: count for name, count in world.store.counts("clients").items() if count and name != "links"},
        "diverged": world.diverged(),
    }


@pytest.mark.slow
def test_dying_after_any_step_changes_nothing_about_the_end(busy: World) -> None:
    world, moment = busy, Moment(busy)
    with Watched(world) as watched:
        world.run()
    steps = list(watched.steps)
    world.settled()
    wanted = end(world)
    assert len(wanted["links"]) == 5
    assert (wanted["questions"], wanted["operations"], wanted["pending"], wanted["diverged"]) == ([], [], {}, [])
    assert {"flowtly.create", "external.create", "flowtly.update", "external.update"} <= set(steps)
    wrong: list[tuple[int, str, Any]] = []
    for number in range(len(steps)):
        moment.restore()
        with Watched(world, die_after=number), pytest.raises(Died):
            world.run()
        try:
            world.settled()
        except Exception as error:  # noqa: BLE001 - all steps are tried, then all failures are shown
            wrong.append((number, steps[number - 1], error))
            continue
        found = end(world)
        if found != wanted:
            wrong.append(
                (number, steps[number - 1], {name: found[name] for name in found if found[name] != wanted[name]})
            )
    assert wrong == []
