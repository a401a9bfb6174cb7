"""A record that is gone on one side: what proves it, what follows, and everything that holds it back."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from tests.engine.world import MAPPING, SETTINGS, World

COMPARED = MAPPING.replace("  status: {constant: {flowtly: active}}\n", "  status: {external: note, flowtly: status}\n")
NAMES = [f"C{number}" for number in range(1, 9)]


@pytest.fixture
def eight(world: World) -> Callable[..., World]:
    """Eight linked customers under a mapping with these ``deletes``; ours are those that the run created."""

    def made(deletes: str, settings: str = SETTINGS, *, mapping: str = MAPPING) -> World:
        world.configure(f"{mapping}deletes: {deletes}\n", settings)
        for number, key in enumerate(NAMES):
            world.customer(key, company_name=f"Firm {key}", vat_no=f"DK1000000{number}", city="Odense", note="active")
        world.run(person=True)
        world.settled()
        assert len(world.links()) == len(NAMES)
        return world

    return made


def lose_client(world: World, key: str) -> str:
    """A person deletes the client of a customer."""
    iri = world.links()[key]
    world.in_flowtly("DELETE", f"clients/{iri.rpartition('/')[2]}")
    return iri


def lose_customer(world: World, key: str) -> None:
    """A person deletes a customer."""
    world.erp("DELETE FROM customers WHERE customer_no = %s", key)


def full(world: World, times: int = 1) -> None:
    """Complete readings of both sides."""
    for _ in range(times):
        world.run(full=True)


def open_removals(world: World) -> list[str]:
    """The external keys of losses that are proven and not followed."""
    return [one.external_key for one in world.store.removals("clients", open_only=True)]


# --------------------------------------------------------------------- what follows


def test_a_record_is_deleted_after_two_readings_a_look_and_the_quarantine(eight: Callable[..., World]) -> None:
    world = eight("{in_flowtly: delete, quarantine: 1}")
    iri = lose_client(world, "C3")
    full(world)
    assert open_removals(world) == [], "one reading proves nothing"
    full(world)
    assert open_removals(world) == ["C3"]
    assert "C3" in world.customers(), "in quarantine"
    full(world)
    assert "C3" not in world.customers()
    assert "C3" not in world.links()
    assert len(world.customers()) == len(NAMES) - 1
    (removal,) = [one for one in world.store.removals("clients", open_only=False) if one.external_key == "C3"]
    assert removal.state == "done"
    assert removal.first_certificate < removal.second_certificate
    assert iri in removal.evidence
    history = [entry for _, _, entry in world.store.history("clients", "C3", iri)]
    deleted = {entry.field: entry.before for entry in history if entry.event == "deleted"}
    assert deleted["name"] == "Firm C3", "what was deleted stays in the ledger"
    assert not world.run(full=True).plan.pending  # type: ignore[union-attr]


def test_a_mapping_may_set_fields_instead_and_the_record_wakes_up_when_its_partner_returns(
    eight: Callable[..., World],
) -> None:
    world = eight("{in_external: {set: {status: archived}}, quarantine: 0}", mapping=COMPARED)
    iri = world.links()["C2"]
    lose_customer(world, "C2")
    full(world, 3)
    assert world.clients()[iri]["status"] == "archived"
    assert len(world.clients()) == len(NAMES)
    writes = world.writes()
    full(world, 3)
    assert world.writes() == writes, "followed once"
    world.customer("C2", company_name="Firm C2", vat_no="DK10000001", city="Odense", note="active", terms=14)
    full(world, 2)
    assert world.clients()[iri]["status"] == "active"
    assert world.links()["C2"] == iri


def test_unlinking_leaves_the_survivor_alone_until_it_changes(eight: Callable[..., World]) -> None:
    world = eight("{in_flowtly: unlink, quarantine: 0}")
    lose_client(world, "C4")
    full(world, 4)
    assert "C4" not in world.links()
    assert "C4" in world.customers()
    assert len(world.clients()) == len(NAMES) - 1, "not made again"
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C4'")
    full(world, 2)
    assert "C4" in world.links(), "somebody still works with it"


def test_ignore_only_reports(eight: Callable[..., World]) -> None:
    world = eight("{in_flowtly: ignore, in_external: ignore}")
    lose_client(world, "C4")
    lose_customer(world, "C5")
    full(world, 5)
    assert {"C4", "C5"} <= world.links().keys()
    assert "C4" in world.customers()
    assert len(world.clients()) == len(NAMES) - 1


def test_a_link_whose_records_are_both_gone_is_forgotten(eight: Callable[..., World]) -> None:
    world = eight("{in_flowtly: ignore, in_external: ignore}")
    lose_client(world, "C4")
    lose_customer(world, "C4")
    full(world, 4)
    assert "C4" not in world.links()
    assert len(world.links()) == len(NAMES) - 1


# --------------------------------------------------------------------- what holds it back


def test_an_edit_beats_a_delete(eight: Callable[..., World]) -> None:
    world = eight("{in_flowtly: delete, quarantine: 2}")
    lose_client(world, "C3")
    full(world, 3)
    assert open_removals(world) == ["C3"]
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C3'")
    full(world, 3)
    assert world.customers()["C3"]["city"] == "Vejle"
    assert world.clients()[world.links()["C3"]]["addressCity"] == "Vejle", "it was made again"
    assert len(world.clients()) == len(NAMES)


def test_a_record_that_comes_back_withdraws_its_removal(eight: Callable[..., World]) -> None:
    world = eight("{in_external: unlink, quarantine: 5}")
    lose_customer(world, "C3")
    full(world, 3)
    assert open_removals(world) == ["C3"]
    world.customer("C3", company_name="Firm C3", vat_no="DK10000002", city="Odense", note="active")
    full(world)
    assert open_removals(world) == []
    assert world.said("removal.withdrawn")
    full(world, 6)
    assert "C3" in world.links()


def test_one_that_is_there_although_no_list_shows_it_is_not_gone(world: World) -> None:
    world.configure(f"{MAPPING}deletes: {{in_flowtly: delete, quarantine: 0}}\n")
    for number, key in enumerate(NAMES):
        world.customer(key, company_name=f"Firm {key}", vat_no=f"DK1000000{number}")
    world.flowtly.faults.add("listing_delay", method="POST", path="/clients", times=1, after_nth=2, requests=1000)
    world.run(person=True)
    full(world, 5)
    assert world.customers().keys() == set(NAMES)
    assert open_removals(world) == []
    assert len(world.said("read.contradicted")) == 1, "looked at once, and not again for hours"
    assert len(world.links()) == len(NAMES)


def test_leaving_the_filter_is_not_being_deleted(world: World) -> None:
    scoped = MAPPING.replace("cursor: changed_at}", "cursor: changed_at, where: {note: active}}")
    world.configure(f"{scoped}deletes: {{in_external: unlink, quarantine: 0}}\n")
    for number, key in enumerate(NAMES):
        world.customer(key, company_name=f"Firm {key}", vat_no=f"DK1000000{number}", note="active")
    world.run(person=True)
    world.settled()
    world.erp("UPDATE customers SET note = 'archived' WHERE customer_no = 'C3'")
    full(world, 5)
    assert "C3" in world.links()
    assert open_removals(world) == []
    assert [said["key"] for said in world.said("record.left_scope")] == ["C3"], "looked at once, not in every run"


def test_what_was_there_before_it_was_linked_is_deleted_only_on_a_persons_word(world: World) -> None:
    world.configure(f"{MAPPING}deletes: {{in_flowtly: delete, quarantine: 0}}\n")
    for number, key in enumerate(NAMES):
        world.customer(key, company_name=f"Firm {key}", vat_no=f"DK1000000{number}")
        world.client(name=f"Firm {key}", tinCountry="DK", tin=f"1000000{number}")
    world.run(person=True)
    world.settled()
    lose_client(world, "C3")
    full(world, 4)
    assert "C3" in world.customers()
    (waiting,) = world.store.removals("clients", open_only=True)
    assert world.store.approve_removals([waiting.id], "anna") == 1
    full(world)
    assert "C3" not in world.customers()


def test_more_than_the_cap_wait_for_a_person_and_nothing_else_does(eight: Callable[..., World]) -> None:
    settings = SETTINGS.replace("limits: {", "limits: {max_removals: 1, fence_records: 100, ")
    world = eight("{in_flowtly: delete, quarantine: 0}", settings)
    for key in ("C1", "C2"):
        lose_client(world, key)
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C8'")
    full(world, 4)
    assert {"C1", "C2"} <= world.customers().keys()
    assert world.clients()[world.links()["C8"]]["addressCity"] == "Vejle", "the rest goes on"
    waiting = world.store.removals("clients", open_only=True)
    world.store.approve_removals([one.id for one in waiting], "anna")
    full(world)
    assert not {"C1", "C2"} & world.customers().keys()


def test_the_cap_counts_a_day_and_not_a_run(eight: Callable[..., World]) -> None:
    settings = SETTINGS.replace("limits: {", "limits: {max_removals: 2, fence_records: 100, ")
    world = eight("{in_flowtly: delete, quarantine: 0}", settings)
    for key in ("C1", "C2", "C3"):
        lose_client(world, key)
        full(world, 3)
    assert "C2" not in world.customers()
    assert "C3" in world.customers()


# --------------------------------------------------------------------- what the database refuses


def test_a_delete_without_a_proof_cannot_be_stored(eight: Callable[..., World]) -> None:
    world = eight("{in_flowtly: delete}")
    with psycopg.connect(world.env["SYNCD_DATABASE_URL"], autocommit=True) as connection:
        with pytest.raises(psycopg.errors.CheckViolation, match="operation_delete_needs_proof"):
            connection.execute(
                "INSERT INTO operation (id, mapping, kind, side, source_key, target_key, payload, reason, state, "
                "run_id, fence) VALUES (gen_random_uuid(), 'clients', 'delete', 'external', 'x', 'C1', '{}', 'why', "
                "'intended', 1, 1)"
            )
        for first, second, refused in (
            ("min(id)", "min(id)", psycopg.errors.CheckViolation),
            ("min(id)", "max(id) + 1000", psycopg.errors.ForeignKeyViolation),
        ):
            with pytest.raises(refused):
                connection.execute(
                    "INSERT INTO removal (mapping, side, external_key, flowtly_key, fingerprint, first_certificate, "
                    "first_run, second_certificate, second_run, verified_at, evidence, state, run_id) "
                    f"SELECT 'clients', 'flowtly', 'C1', '/api/clients/1', max(fingerprint), {first}, min(run_id), "
                    f"{second}, max(run_id), now(), '404', 'quarantined', 1 FROM certificate "
                    "WHERE side = 'flowtly' AND complete"
                )


def test_a_side_that_shrank_is_believed_once_a_person_has_applied(eight: Callable[..., World]) -> None:
    world = eight("{in_flowtly: unlink, quarantine: 0}")
    lost = NAMES[:4]
    for key in lost:
        lose_client(world, key)
    full(world, 3)
    assert open_removals(world) == [], "half of the clients at once: nobody said that this is right"
    world.run(person=True, full=True)
    full(world, 3)
    assert sorted(world.links()) == NAMES[4:]
