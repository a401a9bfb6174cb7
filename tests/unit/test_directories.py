"""The ``dedupe:`` block: what is known already, and every fault at its own place."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.connectors.flowtly.resources import RESOURCES
from syncd.mapping.directories import CLIENT_FIELDS, COUNTERPARTY_FIELDS, KNOWN_FIELDS, PartyFields
from syncd.mapping.problems import ConfigError
from syncd.settings import Settings, load

HEAD = """\
flowtly: {url: http://localhost}
systems:
  erp: {connector: sql, url: "sqlite://"}
mappings:
  - mapping: clients
    external: {resource: customers, key: id}
    flowtly: {resource: clients}
    match: [[name]]
    fields: {name: company}
dedupe:
"""


def loaded(folder: Path, text: str) -> Settings:
    (folder / "syncd.yaml").write_text(HEAD + text)
    return load(folder / "syncd.yaml", {})


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        loaded(folder, text)
    return [str(problem).replace(f"{folder}/syncd.yaml:", "") for problem in raised.value.problems]


def test_flowtlys_own_need_no_fields_and_nothing_is_merged_by_itself(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "  parties: {resource: counterparties}\n  clients: {resource: clients}\n")
    parties, clients = settings.dedupe["parties"], settings.dedupe["clients"]
    assert (parties.party_fields, clients.party_fields) == (COUNTERPARTY_FIELDS, CLIENT_FIELDS)
    assert (parties.automatic, parties.proposed, parties.merge) == ((), ("T1",), None)
    # What the enrichment may have guessed from the name is no evidence.
    assert not any(path.endswith("WebsiteUrl") for fields in KNOWN_FIELDS.values() for path in fields.website)


def test_fields_that_are_given_count(tmp_path: Path) -> None:
    text = "  parties: {resource: counterparties, fields: {name: [client.name, supplier.name], tin: tin}}\n"
    assert loaded(tmp_path, text).dedupe["parties"].party_fields == PartyFields(
        name=("client.name", "supplier.name"), tin=("tin",)
    )


@pytest.mark.parametrize("resource", sorted(KNOWN_FIELDS))
def test_the_known_fields_are_fields_that_flowtly_has(resource: str) -> None:
    for name in PartyFields.model_fields:
        for path in getattr(KNOWN_FIELDS[resource], name):
            here, steps = RESOURCES[resource], path.split(".")
            for step in steps[:-1]:
                here = RESOURCES[here.references[step]]
            assert steps[-1] in here.by_name, path


def test_every_fault_has_its_place_and_a_hint(tmp_path: Path) -> None:
    text = """\
  a: {system: epr, resource: suppliers, fields: {name: company}}
  b: {system: erp, resource: suppliers}
  c: {resource: invoices}
  d:
    system: erp
    resource: suppliers
    fields:
      tin: vat_no
  e: {resource: counterparties, automatic: [T1]}
  f:
    system: erp
    resource: suppliers
    fields: {name: company}
    merge: {body: {id: "{loser}"}}
"""
    assert problems(tmp_path, text) == [
        "11:15: dedupe.a.system: no system is called 'epr' (did you mean 'erp'?)",
        "12:6: dedupe.b: missing key 'fields' for erp suppliers (say which raw fields are name, tin, accounts and so on)",
        "13:6: dedupe.c: missing key 'fields' for flowtly invoices (say which raw fields are name, tin, accounts and so on)",
        "18:7: dedupe.d.fields: neither name nor display is given (parties are never compared without a name)",
        "19:44: dedupe.e.automatic: there is no merge to be automatic (without merge nothing is merged; review needs no tier)",
        "24:5: dedupe.f.merge: erp suppliers has no merge (only flowtly counterparties can be merged; elsewhere people merge and syncd follows)",
    ]


def test_a_body_that_does_not_say_who_goes_is_refused(tmp_path: Path) -> None:
    text = """\
  a: {resource: counterparties, merge: {body: {into: "{survivor}", these: ["{losr_id}"]}}}
  b: {resource: counterparties, merge: {body: {these: [{id: "x {loser_id}"}]}}}
"""
    assert problems(tmp_path, text) == [
        "11:47: dedupe.a.merge.body: {losr_id} stands for nothing (did you mean 'loser_id'?)",
        "11:47: dedupe.a.merge.body: neither {loser} nor {loser_id} (a body that names no loser could merge anything)",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("  a: {resource: counterparties, automatic: [T9]}\n", "11:45: dedupe.a.automatic[0]"),
        ("  a: {resource: counterparties, blok_cap: 9}\n", "11:33: unknown key 'blok_cap'"),
        ("  a: {resource: counterparties, block_cap: 1}\n", "11:44: dedupe.a.block_cap"),
        ("  a: {resource: counterparties, country: pl}\n", "11:42: dedupe.a.country: no tax numbers of 'pl'"),
        ("  a: {resource: counterparties, country: US}\n", "11:42: dedupe.a.country: no tax numbers of 'US'"),
        ("  a: {resource: counterparties, fields: {nam: x}}\n", "11:42: unknown key 'nam'"),
        ("  a: {resource: counterparties, fields: {name: []}}\n", "11:48: dedupe.a.fields.name"),
        ("  a: {resource: counterparties, merge: {body: {}}}\n", "11:47: dedupe.a.merge.body"),
        ("  a b: {resource: counterparties}\n", "11:3: "),
    ],
)
def test_what_does_not_fit_the_models_is_named_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    (found,) = problems(tmp_path, text)
    assert found.startswith(said)
