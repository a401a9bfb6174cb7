"""Parents and children at both ends for tests of references: customers with activities, clients with notes.

``mixed`` is one moment in which everything is to be done at once; ``end`` is what matters when all is quiet again.
"""

from __future__ import annotations

from typing import Any

import psycopg

from tests.engine.world import World

NOTES = """
mapping: notes
external: {resource: activities, key: id}
flowtly: {resource: client-notes}
match: [[client, note]]
fields:
  client: {external: customer_no, through: {reference: clients}, required: true}
  note: text
  employee: {constant: {flowtly: /api/employees/1}}
"""
TABLE = "CREATE TABLE activities (id serial PRIMARY KEY, customer_no text, text text)"

SNAPSHOT = """
DO $$ DECLARE one text; BEGIN
    DROP SCHEMA IF EXISTS kept CASCADE; CREATE SCHEMA kept;
    FOR one IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
        EXECUTE format('CREATE TABLE kept.%1$I AS TABLE public.%1$I', one);
    END LOOP;
END $$
"""
RESTORE = """
DO $$ DECLARE one text; BEGIN
    SET LOCAL session_replication_role = replica;
    FOR one IN SELECT tablename FROM pg_tables WHERE schemaname = 'kept' LOOP
        EXECUTE format('DELETE FROM public.%1$I', one);
        EXECUTE format('INSERT INTO public.%1$I OVERRIDING SYSTEM VALUE SELECT * FROM kept.%1$I', one);
    END LOOP;
END $$
"""


class Moment:
    """A moment of a whole world, to which it can go back."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._flowtly = world.flowtly.state.dump()
        self._execute(SNAPSHOT)

    def restore(self) -> None:
        """Go back."""
        self._execute(RESTORE)
        state = self._world.flowtly.state
        for name in ("ClientNote", "Client"):
            kept = {row["id"] for row in self._flowtly[name]["rows"]}
            for row in state.rows(name):
                if row["id"] not in kept:
                    state.delete(name, row["id"])
        state.restore(self._flowtly)

    def _execute(self, statement: str) -> None:
        for database in (self._world.erp_url, self._world.env["SYNCD_DATABASE_URL"]):
            with psycopg.connect(database, autocommit=True) as connection:
                connection.execute(statement)  # type: ignore[call-overload]


def activity(world: World, customer: str | None, text: str) -> str:
    """A person adds an activity; its number."""
    found = world.erp("INSERT INTO activities (customer_no, text) VALUES (%s, %s) RETURNING id", customer, text)
    return str(found[0][0])


def note(world: World, client: str, text: str) -> str:
    """A person adds a note in Flowtly; its IRI."""
    made = world.in_flowtly("POST", "client-notes", {"client": client, "employee": "/api/employees/1", "note": text})
    return f"/api/client-notes/{made['id']}"


def notes(world: World) -> dict[str, dict[str, Any]]:
    """All notes by IRI."""
    return {f"/api/client-notes/{one['id']}": one for one in world.in_flowtly("GET", "client-notes")}


def waiting(world: World) -> set[str]:
    """What records wait for."""
    return {row[0] for row in world.erp_store("SELECT waiting_for FROM observation WHERE status = 'waiting'")}


def mixed(world: World) -> None:
    """Clients that are to be matched, made here and made there, each with children of every kind."""
    world.customer("M", company_name="Matched ApS", vat_no="DK10000001")
    world.customer("N", company_name="New here ApS", vat_no="DK10000002")
    matched = world.client(name="Matched ApS", tinCountry="DK", tin="10000001")
    there = world.client(name="New there ApS", tinCountry="DK", tin="10000003")
    activity(world, "M", "On both sides")
    note(world, matched, "On both sides")
    activity(world, "M", "Only in the ERP")
    note(world, matched, "Only in Flowtly")
    activity(world, "N", "Of the one made in Flowtly")
    note(world, there, "Of the one made in the ERP")


def both(world: World) -> None:
    """Runs until neither mapping has anything left to do."""
    for _ in range(6):
        reports = [world.run(name) for name in ("clients", "notes")]
        if not any(one.open_operations or one.plan is None or one.plan.pending for one in reports):
            return
    raise AssertionError(f"did not settle in six runs: {world.events[-12:]}")


def end(world: World) -> dict[str, Any]:
    """All that matters when everything is quiet, without the keys that differ from time to time."""
    clients, found = world.clients(), notes(world)
    names = {iri: one["name"] for iri, one in clients.items()}
    customers = {key: row["company_name"] for key, row in world.customers().items()}
    rows = {str(key): (no, text) for key, no, text in world.erp("SELECT id, customer_no, text FROM activities")}
    return {
        "customers": sorted(customers.values()),
        "clients": sorted(names.values()),
        "activities": sorted((customers[no], text) for no, text in rows.values()),
        "notes": sorted((names[one["client"]], one["note"]) for one in found.values()),
        "links": sorted((rows[key][1], found[iri]["note"]) for key, iri in world.links("notes").items()),
        "parents": sorted((customers[key], names[iri]) for key, iri in world.links().items()),
        "questions": [(row.kind, row.detail) for name in ("clients", "notes") for row in world.questions(name=name)],
        "operations": [str(one.state) for name in ("clients", "notes") for one in world.store.open_operations(name)],
        "pending": sorted(world.erp_store("SELECT mapping, status FROM observation")),
    }


def quiet(world: World, name: str = "notes") -> None:
    """Nothing left to do, and doing it writes nothing."""
    world.settled(name)
    before = world.writes()
    report = world.run(name)
    assert report.plan is not None
    assert (report.plan.pending, world.writes()) == (False, before)
