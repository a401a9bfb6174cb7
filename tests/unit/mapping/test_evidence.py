"""``evidence:`` of a mapping: it names fields that are compared, at least a name, and counts for the fingerprint."""

from __future__ import annotations

import pytest

from syncd.mapping.evidence import EvidenceSpec
from syncd.mapping.spec import mapping_schema
from tests.unit.mapping.helpers import HEAD, compiled, said

FIELDS = (
    "fields:\n  name: company\n  vat: vat_no\n  house: house\n  street: street\n  origin: {constant: {flowtly: x}}\n"
)


def test_a_field_or_several_say_what_a_company_is() -> None:
    spec = compiled(HEAD + "evidence: {name: name, tin: vat, street: [street, house]}\n" + FIELDS).spec.evidence
    assert spec == EvidenceSpec(name=("name",), tin=("vat",), street=("street", "house"))
    assert spec is not None
    assert spec.fields == {"name", "vat", "street", "house"}


def test_a_mapping_without_it_compares_no_evidence() -> None:
    assert compiled(HEAD + FIELDS).spec.evidence is None


@pytest.mark.parametrize(
    ("block", "problem"),
    [
        ("{name: nam}", "m.yaml:5:18: evidence.name: 'nam' is not a field that is compared (did you mean 'name'?)"),
        ("{name: name, tin: vat_no}", "m.yaml:5:29: evidence.tin: 'vat_no' is not a field that is compared"),
        (
            "{name: name, street: [street, haus]}",
            "m.yaml:5:41: evidence.street: 'haus' is not a field that is compared",
        ),
        ("{name: name, regno: origin}", "m.yaml:5:31: evidence.regno: 'origin' is not a field that is compared"),
        ("{tin: vat}", "needs name"),
        ("{name: []}", "must be a canonical field"),
        ("{name: [name, name]}", "names the same field twice"),
        ("{name: name, vat: vat}", "unknown key 'vat'"),
    ],
)
def test_what_cannot_be_compared_is_refused_where_it_is_written(block: str, problem: str) -> None:
    (told,) = said(f"{HEAD}evidence: {block}\n{FIELDS}")
    assert problem in told


def test_a_plan_has_to_be_seen_again_when_records_are_recognised_otherwise() -> None:
    plain, one, other = (
        compiled(HEAD + block + FIELDS).fingerprint
        for block in ("", "evidence: {name: name}\n", "evidence: {name: name, tin: vat}\n")
    )
    assert len({plain, one, other}) == 3


def test_editors_know_the_block() -> None:
    schema = mapping_schema()
    assert set(schema["$defs"]["EvidenceSpec"]["properties"]) == set(EvidenceSpec.model_fields)
