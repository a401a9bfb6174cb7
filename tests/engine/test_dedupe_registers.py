"""Registers in a whole scan: from the configuration over HTTP and the store into a case and its explanation."""

from __future__ import annotations

import pytest

from syncd import wiring_dedupe
from syncd.counterparties.decision import Band
from syncd.ports.parties import Case, CaseState
from tests.engine.world import MAPPING, SETTINGS, World
from tests.support.vies import ViesServer

TIN = "DK13585628"
SECTION = """
dedupe:
  erp:
    system: erp
    resource: customers
    key: customer_no
    fields: {name: company_name, tin: vat_no, country: country_code, city: city}
"""


@pytest.fixture
def erp(world: World) -> World:
    """Two customers with one number, one of them without a legal form, and a stranger to be left alone."""
    world.customer("C1", company_name="Nordhavn Kraner A/S", vat_no=TIN, city="Aarhus")
    world.customer("C2", company_name="Nordhavn Kraner", vat_no=TIN, city="Aarhus")
    world.customer("C3", company_name="Østre Lamper ApS", vat_no="DK24256790", city="Odense")
    return world


def scanned(world: World, registers: str) -> Case:
    world.configure(MAPPING, SETTINGS.replace("limits:", f"{SECTION.strip()}\n{registers}\nlimits:"))
    assert world.app is not None
    assert wiring_dedupe.scan(world.app, "erp", whole=True).outcome == "done"
    (case,) = world.store.cases("erp", tuple(CaseState), limit=10)
    return case


def vies(server: ViesServer) -> str:
    return f"registers: {{vies: {{url: '{server.url}', requester: DE136695976}}}}"


def test_a_registered_name_lifts_a_pair_and_stands_in_its_explanation(erp: World) -> None:
    assert (scanned(erp, "").tier, scanned(erp, "").band) == ("T3", Band.REVIEW)
    with ViesServer({TIN: "NORDHAVN KRANER A/S"}) as server:
        case = scanned(erp, vies(server))
        assert (case.tier, case.band) == ("T1", Band.AUTO)
        assert case.decision["registers"] == ["vies: valid on 2026-11-20, consultation WAPIAAAAW1"]
        assert [got.path for got in server.got] == ["/ms/DK/vat/13585628"], "the stranger's number is nobody's business"
        assert scanned(erp, vies(server)).decision == case.decision
        assert len(server.got) == 1


def test_another_name_in_the_register_stops_a_merge(erp: World) -> None:
    erp.erp("UPDATE customers SET company_name = 'Nordhavn Kraner A/S' WHERE customer_no = 'C2'")
    assert (scanned(erp, "").tier, scanned(erp, "").band) == ("T1", Band.AUTO)
    with ViesServer({TIN: "SØNDERHOLM FISK A/S"}) as server:
        case = scanned(erp, vies(server))
    assert case.band is Band.REVIEW
    assert case.decision["vetoes"] == ["a register has the tax number under another name"]


@pytest.mark.parametrize("failing", [True, False])
def test_a_register_without_an_answer_changes_nothing(erp: World, failing: bool) -> None:
    without = scanned(erp, "")
    with ViesServer(failing=frozenset({"DK"} if failing else ())) as server:
        case = scanned(erp, vies(server))
        assert len(server.got) == 1
    assert (case.band, case.tier, case.bits) == (without.band, without.tier, without.bits)
    assert case.decision["vetoes"] == without.decision["vetoes"]
