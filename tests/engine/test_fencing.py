"""Restored is noticed: a peer or our own store that went back in time, or another tenant, stops the mapping at once.

Every peer is real. "Restored" means what an administrator does: yesterday's data is put back, at the same address.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from syncd.sandbox.config import SandboxConfig
from syncd.sandbox.datafile import DataFile
from syncd.sandbox.server import SandboxServer
from tests.engine.world import MAPPING, PASSWORD, World, built
from tests.support.postgres import PostgresServer

CUSTOMERS = 8


@pytest.fixture
def world(tmp_path: Path, pg_url: str, store_url: str) -> Iterator[World]:
    """An empty world whose Flowtly may be another one at its end."""
    with built(tmp_path, pg_url, store_url) as made:
        try:
            yield made
        finally:
            made.flowtly.stop()


@pytest.fixture
def linked(world: World) -> World:
    """Some linked customers under an approved mapping, all at rest."""
    for number in range(1, CUSTOMERS + 1):
        world.customer(f"C{number}", company_name=f"Firm {number}", vat_no=f"DK1000000{number}", city="Odense")
    world.run(person=True)
    assert len(world.links()) == CUSTOMERS
    world.settled()
    return world


def peers(world: World) -> tuple[Any, Any]:
    """What both peers hold."""
    return world.customers(), world.clients()


def fenced_and_silent(world: World, *, runs: int = 3) -> list[str]:
    """Runs that must all be fenced and change nothing at either peer; the rules that were broken."""
    before, writes = peers(world), world.writes()
    for number in range(runs):
        report = world.run(full=number == runs - 1)
        assert report.outcome == "fenced", report
        assert report.reasons
    assert peers(world) == before
    assert world.writes() == writes
    told = world.said("mapping.fenced")
    assert len(told) == 1
    return list(told[0]["rules"])


def saved(world: World, name: str = "backup.json") -> Path:
    """What Flowtly holds now, in a file."""
    path = world.folder / name
    file = DataFile(path, world.flowtly.state, "iri")
    file.start()
    file.stop()
    return path


def served(world: World, data: Path | None) -> None:
    """Flowtly stops, and one with this data (or none) answers at the same address."""
    port = int(world.flowtly.origin.rpartition(":")[2])
    world.flowtly.stop()
    world.flowtly = SandboxServer(SandboxConfig(empty=True, password=PASSWORD, port=port, data=data)).start()


# ------------------------------------------------------------------ a peer that went back


def test_a_flowtly_restored_from_a_backup_gets_and_causes_no_write(linked: World) -> None:
    """The new values are nobody's edit: without a fence they would flow back to the ERP as old ones."""
    backup = saved(linked)
    linked.erp("UPDATE customers SET city = 'Aarhus', terms = 30")
    linked.settled()
    for number in range(1, 4):
        linked.customer(f"L{number}", company_name=f"Late {number}", vat_no=f"DK2000000{number}")
    linked.settled()
    served(linked, backup)
    assert "went_back" in fenced_and_silent(linked)
    assert {row["city"] for row in linked.customers().values()} == {"Aarhus", None}


def test_an_erp_restored_from_a_backup_gets_and_causes_no_write(linked: World) -> None:
    linked.erp("CREATE TABLE backup AS SELECT * FROM customers")
    for iri in linked.links().values():
        linked.edit(iri, addressCity="Aarhus", dueDays=30)
    linked.settled()
    linked.erp("ALTER TABLE customers DISABLE TRIGGER touch")
    linked.erp("DELETE FROM customers")
    linked.erp("INSERT INTO customers SELECT * FROM backup")
    linked.run(full=True)
    assert fenced_and_silent(linked) == ["went_back"]
    assert {one["addressCity"] for one in linked.clients().values()} == {"Aarhus"}


def test_the_newest_records_gone_at_once_are_a_restore_and_no_deletes(linked: World) -> None:
    """Less than the share that may vanish: that all of them have the highest numbers is what tells."""
    for number in range(30):
        linked.customer(f"M{number}", company_name=f"Middle {number}", vat_no=f"DK300000{number:02}")
    linked.settled()
    backup = saved(linked)
    for number in range(5):
        linked.customer(f"N{number}", company_name=f"New {number}", vat_no=f"DK400000{number:02}")
    linked.settled()
    served(linked, backup)
    assert fenced_and_silent(linked) == ["went_back"]
    assert len(linked.customers()) == CUSTOMERS + 35


def test_many_linked_records_that_vanish_in_one_complete_walk_are_not_taken_for_deletes(linked: World) -> None:
    for number in range(17):
        linked.customer(f"M{number}", company_name=f"Middle {number}", vat_no=f"DK300000{number:02}")
    linked.settled()
    for iri in sorted(linked.links().values(), key=lambda one: int(one.rpartition("/")[2]))[1:13:2]:
        linked.in_flowtly("DELETE", f"clients/{iri.rpartition('/')[2]}")
    assert fenced_and_silent(linked) == ["vanished"]
    assert len(linked.customers()) == CUSTOMERS + 17


# ------------------------------------------------------------------ another tenant


def test_another_tenant_with_other_records_under_the_same_numbers_is_noticed(linked: World) -> None:
    served(linked, None)
    for number in range(CUSTOMERS + 2):
        linked.client(name=f"Stranger {number}", tinCountry="DK", tin=f"9000000{number}", addressCity="Oslo")
    assert "swapped" in fenced_and_silent(linked)
    assert len(linked.customers()) == CUSTOMERS
    assert len(linked.clients()) == CUSTOMERS + 2


def test_another_tenant_that_shares_some_numbers_is_noticed(linked: World) -> None:
    """Some linked records go on as they were, so it is no plain swap; what changed has become somebody else."""
    for iri in sorted(linked.links().values())[:5]:
        linked.edit(iri, name=f"Other {iri[-1]} ltd", tin=f"7000000{iri[-1]}")
    assert fenced_and_silent(linked) == ["foreign"]


def test_another_tenant_with_no_number_in_common_is_noticed(linked: World) -> None:
    """The walk is not certified, as none of the oldest links was seen; the mapping is fenced all the same."""
    numbers = [iri.rpartition("/")[2] for iri in linked.links().values()]
    served(linked, None)
    for number in range(40):
        linked.client(name=f"Stranger {number}", tinCountry="DK", tin=f"900000{number:02}")
    for known in numbers:
        linked.in_flowtly("DELETE", f"clients/{known}")
    assert "swapped" in fenced_and_silent(linked)
    assert len(linked.customers()) == CUSTOMERS


# ------------------------------------------------------------------ our own store


def copied(world: World, server: PostgresServer) -> str:
    """A dump of our own store: a copy of its database. The daemon is stopped for it, as the guide says."""
    world.close()
    name = server.create(template=world.env["SYNCD_DATABASE_URL"].rpartition("/")[2].partition("?")[0])
    world.configure()
    return name


def put_back(world: World, server: PostgresServer, name: str) -> None:
    """The dump takes the place of the store."""
    world.env["SYNCD_DATABASE_URL"] = server.url(name)
    world.configure()


def test_an_old_copy_of_our_store_is_noticed_by_what_both_sides_agree_on(
    linked: World, postgres_server: PostgresServer
) -> None:
    old = copied(linked, postgres_server)
    linked.erp("UPDATE customers SET city = 'Aarhus'")
    linked.settled()
    put_back(linked, postgres_server, old)
    assert fenced_and_silent(linked) == ["store_is_old"]


def test_an_old_copy_of_our_store_is_noticed_by_pairs_that_nobody_linked(
    linked: World, postgres_server: PostgresServer
) -> None:
    old = copied(linked, postgres_server)
    for number in range(6):
        linked.customer(f"L{number}", company_name=f"Late {number}", vat_no=f"DK2000000{number}")
    linked.settled()
    put_back(linked, postgres_server, old)
    assert fenced_and_silent(linked) == ["links_lost"]
    assert len(linked.clients()) == CUSTOMERS + 6


# ------------------------------------------------------------------ accepting it


def test_after_a_person_accepted_it_everything_goes_through_a_plan(linked: World) -> None:
    backup = saved(linked)
    linked.erp("UPDATE customers SET city = 'Aarhus'")
    linked.settled()
    served(linked, backup)
    fenced_and_silent(linked)
    assert linked.run(person=True).outcome == "fenced"
    assert linked.run(write=False).outcome == "fenced"
    fence = linked.store.accept_epoch("clients", "ann")
    assert fence.evidence["flowtly"]["back"] == CUSTOMERS
    assert linked.run().outcome == "awaiting_approval"
    assert {row["city"] for row in linked.customers().values()} == {"Aarhus"}
    report = linked.run(person=True)
    assert (report.outcome, report.plan and len(report.plan.items)) == ("done", CUSTOMERS)
    assert linked.settled().outcome == "done"
    assert linked.diverged() == []
    assert len(linked.said("mapping.fenced")) == 1


def test_a_fence_outlives_the_process_and_what_is_in_doubt_waits_behind_it(linked: World) -> None:
    assert linked.store.raise_fence("clients", ["said so"], {}, None)
    assert not linked.store.raise_fence("clients", ["said so again"], {}, None)
    linked.configure()
    linked.customer("C99", company_name="Waits", vat_no="DK50000000")
    before = linked.writes()
    assert linked.run(person=True).reasons == ("said so",)
    assert linked.writes() == before
    linked.store.accept_epoch("clients", "ann")
    linked.run(person=True)
    assert "C99" in linked.links()


# ------------------------------------------------------------------ no false alarms


def never_fenced(world: World) -> None:
    for _ in range(3):
        assert world.run(full=True).outcome in {"done", "incomplete"}
    assert world.said("mapping.fenced") == []


def test_a_busy_day_is_no_restore(linked: World) -> None:
    """Growth, a mass edit, a few deletes of old and new records, edits taken back, the same edit on both sides."""
    for number in range(20):
        linked.customer(f"M{number}", company_name=f"Middle {number}", vat_no=f"DK300000{number:02}", city="Vejle")
    linked.settled()
    linked.erp("UPDATE customers SET city = 'Aarhus'")
    linked.settled()
    links = linked.links()
    for key in ("C1", "C2", "M1"):
        linked.edit(links[key], addressCity="Odense")  # taken back
    for key in ("C3", "M3"):
        linked.erp("DELETE FROM customers WHERE customer_no = %s", key)
    for key in ("C4", "M19", "M18"):
        linked.in_flowtly("DELETE", f"clients/{links[key].rpartition('/')[2]}")
    for key in ("M5", "M6"):
        linked.erp("UPDATE customers SET terms = 21 WHERE customer_no = %s", key)
        linked.edit(links[key], dueDays=21)
    for number in range(8):
        linked.erp(
            "UPDATE customers SET company_name = company_name || ' A/S' WHERE customer_no = %s", f"M{number + 7}"
        )
    never_fenced(linked)


def test_an_edited_mapping_whose_values_all_read_otherwise_is_no_restore(linked: World) -> None:
    linked.configure(MAPPING.replace("addressCity: city", "addressCity: {external: city, through: {case: upper}}"))
    assert linked.run(full=True).outcome == "awaiting_approval"
    assert linked.run(person=True).outcome == "done"
    never_fenced(linked)


def test_half_a_walk_and_an_empty_answer_fence_nothing(linked: World) -> None:
    backup = saved(linked)
    served(linked, None)
    for _ in range(2):
        assert linked.run(full=True).outcome != "fenced"
    served(linked, backup)
    never_fenced(linked)
    assert len(linked.customers()) == len(linked.clients()) == CUSTOMERS


def test_two_links_and_a_delete_are_no_swap(world: World) -> None:
    for number in (1, 2):
        world.customer(f"C{number}", company_name=f"Firm {number}", vat_no=f"DK1000000{number}")
    world.run(person=True)
    world.in_flowtly("DELETE", f"clients/{world.links()['C2'].rpartition('/')[2]}")
    world.client(name="New", tinCountry="DK", tin="90000000")
    never_fenced(world)


def test_a_run_that_broke_off_before_the_look_leaves_its_losses_to_the_next(linked: World) -> None:
    """The first complete reading that misses them is over, and nobody has judged what it missed."""
    for number in range(17):
        linked.customer(f"M{number}", company_name=f"Middle {number}", vat_no=f"DK300000{number:02}")
    linked.settled()
    for iri in sorted(linked.links().values(), key=lambda one: int(one.rpartition("/")[2]))[1:13:2]:
        linked.in_flowtly("DELETE", f"clients/{iri.rpartition('/')[2]}")
    linked.run()
    assert linked.app is not None
    with closing(psycopg.connect(linked.env["SYNCD_DATABASE_URL"], autocommit=True)) as connection:
        connection.execute("DELETE FROM fence")
        connection.execute(
            "UPDATE mapping_state SET approved_fingerprint = %s", [linked.app.mappings["clients"].fingerprint]
        )
        connection.execute("UPDATE run SET outcome = 'interrupted' WHERE outcome = 'fenced'")
    assert linked.run().outcome == "fenced"
