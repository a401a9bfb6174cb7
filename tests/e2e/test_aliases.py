"""Aliases and merges at the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.core.model import Side
from tests.e2e.test_cli import syncd
from tests.engine.test_aliases import make_alias
from tests.engine.world import MAPPING, World, built


@pytest.fixture
def world(tmp_path: Path, pg_url: str, store_url: str) -> Iterator[World]:
    with built(tmp_path, pg_url, store_url) as made:
        yield made


def test_links_show_their_aliases_and_one_can_be_taken_apart(world: World) -> None:
    world.customer("A1", company_name="Acme", vat_no="DK10000001", city="Odense")
    world.customer("B1", company_name="Other", vat_no="DK10000009", city="Odense")
    world.run(person=True)
    world.settled()
    world.customer("A2", company_name="Acme branch", vat_no="DK10000001", city="Odense")
    world.run()
    make_alias(world, "A2", "A1")
    world.settled()
    listed = json.loads(syncd(world, "links", "list", "--json"))
    assert [(one["external_key"], one["aliases"]) for one in listed] == [("A1", ["A2"]), ("B1", [])]
    assert "alias of A1" in syncd(world, "links", "list")
    for key in ("A1", "A2"):
        shown = json.loads(syncd(world, "links", "show", f"clients:{key}", "--json"))
        assert shown["external_key"] == "A1"
        assert [(one["external_key"], one["by"]) for one in shown["aliases"]] == [("A2", "anna")]
        assert shown["aliases"][0]["base"]["name"] == "Acme branch"
    assert "alias A2" in syncd(world, "links", "show", "clients:A1")
    syncd(world, "links", "unlink", "clients:A2")
    assert json.loads(syncd(world, "links", "show", "clients:A1", "--json"))["aliases"] == []
    syncd(world, "links", "unlink", "clients:A2", code=1)
    assert world.links().keys() == {"A1", "B1"}


def test_a_question_about_a_merge_takes_only_what_it_names(world: World) -> None:
    world.configure(f"{MAPPING}deletes: {{in_external: unlink, quarantine: 0}}\n")
    for number, key in enumerate("ABCDEF"):
        world.customer(key, company_name=f"Firm {key}", vat_no=f"DK1000000{number}")
    world.run(person=True)
    world.settled()
    iri, other = world.links()["A"], world.links()["B"]
    world.erp("DELETE FROM customers WHERE customer_no = 'A'")
    world.customer("N", company_name="Firm A again", vat_no="DK10000000")
    for _ in range(3):
        world.run(full=True)
    (asked,) = world.questions("merged")
    number = str(asked.id)
    for wrong in (f"N={other}", f"B={iri}", f"A={iri}", "N", f"X={iri}"):
        syncd(world, "conflicts", "resolve", number, "--link", wrong, code=1)
    syncd(world, "conflicts", "resolve", number, "--link", f"N={iri}")
    world.settled()
    assert world.links()["N"] == iri
    assert world.store.observation("clients", Side.EXTERNAL, "N") is None


def test_two_linked_records_that_the_erp_merged_cannot_be_tied_to_one(world: World) -> None:
    world.erp("ALTER TABLE customers ADD COLUMN replaced_by text")
    world.configure(MAPPING.replace("cursor: changed_at}", "cursor: changed_at, successor: replaced_by}"))
    for number, key in enumerate("AB"):
        world.customer(key, company_name=f"Firm {key}", vat_no=f"DK1000000{number}")
    world.run(person=True)
    world.settled()
    iri = world.links()["A"]
    world.erp("UPDATE customers SET replaced_by = 'B' WHERE customer_no = 'A'")
    world.run()
    (asked,) = world.questions("merged")
    said = syncd(world, "conflicts", "resolve", str(asked.id), "--link", f"B={iri}", code=1)
    assert "linked already" in said
    syncd(world, "conflicts", "resolve", str(asked.id), "--apart")
    world.run(full=True)
    assert world.questions() == []
