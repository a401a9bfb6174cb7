"""The guards as a person meets them: exit codes, what status says, accepting an epoch, what peers make of values."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.e2e import logbook
from tests.engine.world import World, built
from tests.support.commands import run_command

CUSTOMERS = 6


@pytest.fixture
def world(tmp_path: Path, pg_url: str, store_url: str) -> Iterator[World]:
    """Some customers that are linked under an approved mapping."""
    with built(tmp_path, pg_url, store_url) as made:
        for number in range(CUSTOMERS):
            made.customer(f"C{number}", company_name=f"Firm {number}", vat_no=f"DK1000000{number}", city="Odense")
        made.run(person=True)
        made.settled()
        yield made


def syncd(world: World, *arguments: str, code: int = 0, answer: str = "") -> str:
    """One command; its output, both streams (JSON alone where that is asked for)."""
    done = run_command([*arguments, "-c", str(world.config)], {**os.environ, **world.env}, world.folder, answer)
    logbook.keep(done.stdout + done.stderr)
    assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout if "--json" in arguments else done.stdout + done.stderr


def status(world: World, code: int) -> dict[str, Any]:
    """The mapping's line of ``syncd status``."""
    row: dict[str, Any] = json.loads(syncd(world, "status", "--json", code=code))["mappings"][0]
    return row


def test_a_swapped_tenant_ends_every_command_with_3_until_a_person_accepts_it(world: World) -> None:
    for number, iri in enumerate(world.links().values()):
        world.edit(iri, name=f"Stranger {number}", tin=f"9000000{number}")
    before = world.customers()
    assert '"mapping.fenced"' in syncd(world, "once", code=3)
    for command in (["once"], ["plan"], ["apply", "--yes"], ["apply", "--yes", "--beyond-caps"]):
        assert "none of the 6 linked records is in flowtly as it was" in syncd(world, *command, code=3)
    row = status(world, code=2)
    assert len(row["fenced"]) == 1
    assert row["approved"] is False
    assert "accept-epoch" in syncd(world, "status", code=2)
    assert world.customers() == before

    syncd(world, "accept-epoch", "-m", "clients", code=1, answer="n\n")
    assert status(world, code=2)["fenced"]
    told = syncd(world, "accept-epoch", "-m", "clients", answer="y\n")
    assert "none of the 6 linked records" in told
    assert told.count(": other content (name, vat)") == CUSTOMERS
    assert status(world, code=0)["fenced"] == []
    syncd(world, "once", code=2)
    assert world.customers() == before
    syncd(world, "apply", "--yes")
    assert {row["company_name"] for row in world.customers().values()} == {f"Stranger {n}" for n in range(CUSTOMERS)}
    assert "is not fenced" in syncd(world, "accept-epoch", "-m", "clients", "--yes")


def test_other_organizations_at_the_same_address_fence_every_mapping(world: World) -> None:
    syncd(world, "once")
    state = world.flowtly.state
    (old,) = state.rows("Organization")
    state.delete("Organization", old["id"])
    state.insert("Organization", {**old, "name": "Somebody else", "instance": "zzz"}, "zzz")
    world.customer("C99", company_name="Would be made there", vat_no="DK19999999")
    assert "organizations are others than before" in syncd(world, "once", code=3)
    assert world.named("Would be made there") == []
    evidence = json.loads(syncd(world, "accept-epoch", "-m", "clients", "--yes", "--json"))
    assert evidence["evidence"] == {"rules": ["identity"]}


def test_rewrites_are_shown_with_a_suggestion(world: World) -> None:
    assert "no peer changed a value" in syncd(world, "rewrites")
    with psycopg.connect(world.env["SYNCD_DATABASE_URL"], autocommit=True) as connection:
        for sent in ("dk1", "dk2", "dk2"):
            connection.execute(
                "INSERT INTO ledger (mapping, event, external_key, side, field, before, after, rule) "
                "VALUES ('clients', 'rewritten', 'C1', 'flowtly', 'vat', to_jsonb(%s::text), to_jsonb(%s::text), 'peer')",
                [sent, sent.upper()],
            )
    (row,) = json.loads(syncd(world, "rewrites", "--json"))
    assert (row["mapping"], row["side"], row["field"], row["count"]) == ("clients", "flowtly", "vat", 3)
    assert (row["habit"], row["lens"]) == ("upper-cases", "{case: upper}")
    assert row["examples"][0] == {"sent": "dk2", "got": "DK2", "count": 2}
    assert "add `through: {case: upper}` to vat" in syncd(world, "rewrites", "-m", "clients")
