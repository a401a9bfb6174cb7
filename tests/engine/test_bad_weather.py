"""Peers in trouble, records in trouble: nothing is concluded from silence, and one bad record stops nobody else."""

from __future__ import annotations

import pytest

from syncd.errors import SyncdError
from tests.engine.world import World


@pytest.fixture
def five(approved: World) -> World:
    """Five linked customers."""
    for number in range(5):
        approved.customer(f"C{number}", company_name=f"Firm {number}", vat_no=f"DK1000000{number}", city="Odense")
    approved.settled()
    assert len(approved.links()) == 5
    return approved


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("empty_list", {}),
        ("empty_list", {"keep_total": True}),
        ("html", {}),
        ("truncated", {}),
        ("wrong_types", {}),
        ("status", {"status": 503}),
        ("status", {"status": 500}),
        ("reset", {}),
    ],
)
def test_a_bad_answer_to_the_walk_deletes_creates_and_links_nothing(five: World, kind: str, params: dict) -> None:
    world = five
    world.customer("C9", company_name="Waits ApS", vat_no="DK10000009")
    customers, links, writes = world.customers(), world.links(), world.writes()
    world.flowtly.faults.add(kind, method="GET", path=r"^/clients($|\?)", **params)
    report = world.run(full=True)
    assert report.plan is None or not any(report.plan.missing.values())
    assert world.customers() == customers
    assert world.links() == links
    assert world.writes() == writes
    assert world.said("read.incomplete") or world.said("read.uncertified")
    world.flowtly.faults.clear()
    world.settled()
    assert len(world.links()) == 6


def test_records_that_vanish_are_reported_and_nothing_else(five: World) -> None:
    world = five
    world.in_flowtly("DELETE", f"clients/{world.links()['C0'].rpartition('/')[2]}")
    world.erp("DELETE FROM customers WHERE customer_no = 'C1'")
    report = world.run(full=True)
    assert {str(side): count for side, count in report.plan.missing.items()} == {"external": 1, "flowtly": 1}
    assert len(world.customers()) == 4
    assert len(world.clients()) == 4
    assert len(world.links()) == 5
    assert len(world.said("read.missing")) == 2


def test_an_edit_of_a_record_that_is_gone_on_the_other_side_is_asked_about(five: World) -> None:
    """Edit beats delete: nothing is deleted, and the edit is not thrown away unseen."""
    world = five
    world.in_flowtly("DELETE", f"clients/{world.links()['C0'].rpartition('/')[2]}")
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C0'")
    world.run()
    assert [row.kind for row in world.questions()] == ["missing"]
    assert world.customers()["C0"]["city"] == "Vejle"
    requests = world.writes()
    world.run()
    assert world.writes() == requests


def test_a_refused_record_is_parked_and_the_stream_goes_on(five: World) -> None:
    world = five
    world.erp("UPDATE customers SET company_name = repeat('x', 300) WHERE customer_no = 'C0'")
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no <> 'C0'")
    world.run()
    cities = {key: world.clients()[iri]["addressCity"] for key, iri in world.links().items()}
    assert cities == {"C0": "Odense", "C1": "Vejle", "C2": "Vejle", "C3": "Vejle", "C4": "Vejle"}
    (question,) = world.questions("refused")
    assert "name" in question.detail
    writes = world.writes()
    world.run()
    assert world.writes() == writes
    world.erp("UPDATE customers SET company_name = 'Fits again' WHERE customer_no = 'C0'")
    world.settled()
    assert world.questions() == []
    assert world.diverged() == []


def test_a_record_that_cannot_be_mapped_is_parked_with_its_field(five: World) -> None:
    world = five
    world.customer("C8", company_name="Nowhere ApS", vat_no="DK10000008", currency_code="ZWL")
    world.customer("C9", company_name="Fine ApS", vat_no="DK10000009")
    world.run()
    assert "C9" in world.links()
    assert "C8" not in world.links()
    world.erp("ALTER TABLE customers DISABLE TRIGGER touch")
    world.erp("UPDATE customers SET changed_at = now() - interval '1 day'")
    world.in_flowtly("POST", "currencies", {"code": "ZWL", "name": "Zimbabwe dollar"})
    world.run()
    assert "C8" in world.links(), "a record that waited for a reference is woken by it"


def test_wrong_credentials_stop_at_once_and_say_so(five: World) -> None:
    world = five
    world.env["FLOWTLY_PASSWORD"] = "wrong-password"
    world.configure()
    with pytest.raises(SyncdError) as caught:
        world.run()
    assert "wrong-password" not in str(caught.value)
    logins = sum(count for route, count in world.flowtly.requests.items() if "login" in route)
    assert logins <= 4


def test_rate_limits_are_waited_for(five: World) -> None:
    world = five
    world.flowtly.faults.add("status", method="GET", path="/clients", times=1, status=429, retry_after=0)
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C0'")
    world.settled()
    assert world.diverged() == []


def test_a_rate_limited_write_was_not_done_and_is_sent_later(five: World) -> None:
    world = five
    world.flowtly.faults.add("status", method="PATCH", path="/clients", times=1, status=429)
    world.flowtly.faults.add("status", method="POST", path="/clients", times=1, status=429)
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C0'")
    world.customer("C9", company_name="Later ApS", vat_no="DK10000009")
    world.settled()
    assert world.diverged() == []
    assert len(world.named("Later ApS")) == 1


def test_a_second_daemon_is_kept_out_by_the_lease(five: World) -> None:
    from datetime import timedelta

    world = five
    lease = world.store.acquire("clients", "another", timedelta(minutes=5))
    assert lease is not None
    report = world.run()
    assert report.outcome == "busy"
    world.store.release(lease)
    assert world.run().outcome == "done"


def test_a_page_shift_in_mid_walk_is_noticed_and_nothing_is_taken_for_gone(approved: World) -> None:
    world = approved
    for number in range(90):
        world.customer(f"C{number:03}", company_name=f"Firm {number}", vat_no=f"DK10000{number:03}")
    world.settled()
    links = world.links()
    world.in_flowtly(
        "POST", "clients", {"name": "first", "country": "DK", "currency": "DKK", "tinType": "vat", "status": "active"}
    )
    world.settled()
    world.flowtly.faults.add("page_shift", method="GET", path=r"^/clients", after_nth=1, times=1, action="remove")
    report = world.run(full=True)
    missing = sum(report.plan.missing.values())
    assert missing <= 1, "only the record that was really removed may be reported, and only under a certificate"
    assert set(links) <= set(world.links())
