"""Columns of the tables that syncd makes: their kinds follow the values, and what cannot be told is told where."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from random import Random

import pytest

from syncd.core.model import Side, Value
from syncd.mapping.columns import Columns, columns
from syncd.mapping.compiled import CompiledMapping
from syncd.mapping.lenses.base import Lens
from syncd.mapping.lenses.registry import LENSES
from syncd.mapping.links import fixed_links, table_of
from syncd.mapping.lookups import lookup_table
from syncd.mapping.records import Unfit
from tests.unit.mapping.helpers import compiled, said
from tests.unit.mapping.test_lenses import FIELDS

LOOKUPS = {
    ("countries", "code"): lookup_table([{"@key": "/api/countries/1", "code": "PL"}], "code"),
    table_of("others"): fixed_links({"7": "/api/others/9"}),
}
KINDS = {
    "str": "text", "bool": "boolean", "int": "integer", "Decimal": "decimal", "date": "date", "datetime": "datetime",
}  # fmt: skip
SHAPES = {
    "id": "integer", "name": "text", "amount": "decimal", "amountMinor": "integer", "paid": "boolean", "due": "date",
    "changedAt": "datetime", "tags": "json", "country": "text", "tinCountry": "text", "tin": "text", "odd": "colour",
}  # fmt: skip
HEAD = """\
mapping: invoices
external: {resource: invoices, key: id, create: true}
flowtly: {resource: invoices}
direction: to_external
match: [[id]]
fields:
  id: id
"""


def wanted(lines: str, head: str = HEAD) -> Columns:
    return columns(compiled(head + lines), SHAPES)


def kinds(lines: str, head: str = HEAD) -> dict[str, str]:
    found = wanted(lines, head)
    assert found.problems == ()
    return {one.name: one.kind for one in found.found if one.name != "id"}


def problems(lines: str, head: str = HEAD) -> list[str]:
    """The fields start on line 8."""
    return [str(one) for one in wanted(lines, head).problems]


# ------------------------------------------------------------------ lenses tell the truth


def _mapping(line: str) -> CompiledMapping:
    text = f"mapping: m\nexternal: {{resource: r, key: id}}\nflowtly: {{resource: f}}\nmatch: [[name]]\nfields:\n  name: n\n  {line}\n"
    return compiled(text)


@pytest.mark.parametrize("line", FIELDS.values(), ids=FIELDS)
def test_a_lens_gives_the_kinds_it_says(line: str) -> None:
    for plan in _mapping(line).fields:
        for side in Side:
            for lens in plan.chains[side].lenses:
                _check(lens, Random(1))


def _check(lens: Lens, rng: Random) -> None:
    if lens.sample is None:
        assert lens.kinds == (None, None)
        return
    for _ in range(100):
        raw = lens.sample(rng, LOOKUPS)
        try:
            value = lens.read(raw if lens.arity == len(raw) else raw[:1], LOOKUPS)
            _is(value, lens.kinds[0], raw)
            written = lens.write(value, LOOKUPS)
        except Unfit:
            continue
        for part in written:
            _is(part, lens.kinds[1], value)


def _is(value: Value, kind: str | None, before: object) -> None:
    if value is not None and kind != "mixed":
        assert kind is not None, f"{value!r} was made of {before!r}"
        assert KINDS[type(value).__name__] == kind


def test_every_lens_is_tried() -> None:
    assert [word for word in LENSES if not any(word in line or f"{word}:" in line for line in FIELDS.values())] == []


# ------------------------------------------------------------------ kinds of columns


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("name: name", {"name": "text"}),
        ("paid: is_paid", {"is_paid": "boolean"}),
        ("amount: amount", {"amount": "decimal"}),
        ("tags: tags", {"tags": "json"}),
        ("due: {external: due_on, through: date}", {"due_on": "date"}),
        ("changedAt: {external: changed, through: datetime}", {"changed": "datetime"}),
        ("changedAt: {external: changed, through: date}", {"changed": "date"}),
        ('due: {external: due_on, through: {date: "%d.%m.%Y"}}', {"due_on": "text"}),
        ("due: {external: {field: due_on, type: text}}", {"due_on": "text"}),
        ("due: {external: due_on, through: trim}", {"due_on": "text"}),
        ("a: {external: a, flowtly: amountMinor, through: minor_units}", {"a": "decimal"}),
        ("a: {external: a, flowtly: amount, through: {minor_units: 2, on: external}}", {"a": "integer"}),
        ("amount: {external: a, through: {decimal: 2}}", {"a": "decimal"}),
        ("amount: {external: a, through: {decimal: 2, decimal_comma: true}}", {"a": "text"}),
        ("amountMinor: {external: a, through: integer}", {"a": "integer"}),
        ("amountMinor: {external: a, through: {integer: {text: true}}}", {"a": "text"}),
        ("amountMinor: {external: a, through: text}", {"a": "text"}),
        ("name: {external: n, through: [squeeze, {case: upper}]}", {"n": "text"}),
        ("name: {external: n, values: {open: o, shut: s}}", {"n": "text"}),
        ("name: {external: n, values: {1: o, 2: s}}", {"n": "integer"}),
        ("name: {external: n, values: {1: o, 2.5: s}}", {"n": "decimal"}),
        ("name: {external: n, values: {true: o, false: s}}", {"n": "boolean"}),
        ("paid: {external: p, through: {boolean: {true: [Y], false: [N]}}}", {"p": "text"}),
        ("paid: {external: p, through: {boolean: {true: [1, Y], false: [0, N]}}}", {"p": "integer"}),
        ("country: {external: c, through: {lookup: countries, by: code}}", {"c": "text"}),
        ("name: {external: r, through: {reference: others}}", {"r": "text"}),
        ("name: {external: r, through: {reference: others, number: true}}", {"r": "integer"}),
        ("tin: {external: vat, through: vat_number}", {"vat": "text"}),
        ("tin: {external: [vat_country, vat_digits], through: vat_number}", {"vat_country": "text", "vat_digits": "text"}),
        ("name: {external: [l1, l2], through: {split: 35}}", {"l1": "text", "l2": "text"}),
        ("full: {external: f, flowtly: [name, country], through: concat}", {"f": "text"}),
        ("amount: {external: a, through: {default: 14}}", {"a": "decimal"}),
        ("amount: {external: {field: a, through: {decimal: {places: 2, text: true}}}}", {"a": "text"}),
        ('full: {external: f, expr: "name || tin", through: trim}', {"f": "text"}),
        ('full: {external: {field: f, type: json}, expr: "tags[]"}', {"f": "json"}),
        ("odd: {external: {field: o, type: integer}}", {"o": "integer"}),
        ("source: {constant: {external: flowtly}, external: source_system}", {"source_system": "text"}),
        ("copy: {constant: {external: true}}", {"copy": "boolean"}),
        ("copy: {constant: {external: 2.5}, external: {field: c, type: integer}}", {"c": "integer"}),
        ("copy: {constant: {external: 2026-01-31}, external: c, through: date}", None),
    ],
)  # fmt: skip
def test_the_kind_of_a_column_follows_its_values(line: str, found: dict[str, str] | None) -> None:
    if found is None:
        (problem,) = problems(f"  {line}\n")
        assert "type of column 'c' is not known" in problem
    else:
        assert kinds(f"  {line}\n") == found


def test_every_kind_of_value_has_a_kind_of_column() -> None:
    known = {str: "text", bool: "boolean", int: "integer", Decimal: "decimal", date: "date", datetime: "datetime"}
    assert {kind.__name__: name for kind, name in known.items()} == KINDS


def test_the_key_and_what_is_required_are_never_null() -> None:
    found = wanted("  name: {external: n, required: true}\n  tin: t\n").found
    assert [(one.name, one.field, one.nullable) for one in found] == [
        ("id", "id", False),
        ("n", "name", False),
        ("t", "tin", True),
    ]


def test_what_people_fill_in_the_table_is_a_column_too() -> None:
    both = HEAD.replace("to_external", "both")
    assert kinds("  name: {external: n, direction: to_flowtly}\n  amount: a\n", both) == {"n": "text", "a": "decimal"}


def test_columns_that_an_expression_reads_are_not_ours() -> None:
    both = HEAD.replace("to_external", "both")
    assert kinds('  name: {expr: "first || last", direction: to_flowtly}\n', both) == {}


def test_a_mapping_that_makes_no_table_wants_no_column() -> None:
    assert wanted("  name: n\n", HEAD.replace(", create: true", "")) == Columns()


# ------------------------------------------------------------------ what cannot be told


def test_a_date_has_to_be_read() -> None:
    assert problems("  due: due_on\n  changedAt: changed\n") == [
        (
            "m.yaml:8:3: the type of column 'due_on' is not known: Flowtly sends dates as text, which has to be read "
            "(add through: date, or type: text under external to keep the text)"
        ),
        (
            "m.yaml:9:3: the type of column 'changed' is not known: Flowtly sends datetimes as text, which has to be read "
            "(add through: datetime (or date), or type: text under external to keep the text)"
        ),
    ]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("odd: odd", "Flowtly does not publish one for 'odd'"),
        ("else: e", "Flowtly does not publish one for 'else'"),
        ('full: {external: f, expr: "name || tin"}', "an expression does not tell it"),
        ("name: {external: n, values: {1: o, two: s}}", "the words of its lens are of several kinds"),
        ("c: {constant: {external: PL}, through: {lookup: countries, by: code, ignore_case: true}}", "was not read"),
    ],
)
def test_what_cannot_be_told_is_told(line: str, why: str) -> None:
    (problem,) = problems(f"  {line}\n")
    assert problem.startswith("m.yaml:8:3: the type of column ")
    assert why in problem
    assert "type" in problem.partition(why)[2]


def test_two_fields_of_one_column_agree() -> None:
    both = HEAD.replace("to_external", "both")
    lines = "  name: {external: n, direction: to_flowtly}\n  amount: {external: n, direction: to_external}\n"
    assert problems(lines, both) == [
        "m.yaml:9:3: column 'n' is text by fields.name and decimal by fields.amount (write the same type in both)"
    ]


def test_the_key_has_to_be_filled() -> None:
    assert problems("  name: n\n", HEAD.replace("key: id", "key: iri")) == [
        (
            "m.yaml:2:37: external.key: no field fills 'iri', so a new record would have no key "
            "(add one: iri: {external: iri, flowtly: id})"
        )
    ]


def test_a_key_is_needed() -> None:
    (problem,) = said(HEAD.replace("key: id, ", ""))
    assert problem.startswith("m.yaml:2:")
    assert "create: true needs a key" in problem


def test_something_has_to_flow_there() -> None:
    (problem,) = problems("  name: n\n", HEAD.replace("to_external", "to_flowtly"))
    assert problem.startswith("m.yaml:2:")
    assert "nothing flows there by to_flowtly" in problem


def test_a_type_is_for_tables_that_are_made() -> None:
    plain = HEAD.replace(", create: true", "")
    (problem,) = problems("  name: {external: {field: n, type: text}}\n", plain)
    assert (
        problem == "m.yaml:8:31: fields.name: a type is for tables that syncd makes (write create: true under external)"
    )


def test_flowtly_has_no_columns() -> None:
    (problem,) = said(HEAD + "  name: {external: n, flowtly: {field: name, type: text}}\n")
    assert "type is the type of an external column" in problem
    assert problem.startswith("m.yaml:8:")


def test_an_unknown_type_names_those_there_are() -> None:
    (problem,) = said(HEAD + "  name: {external: {field: n, type: varchar}}\n")
    assert problem.startswith("m.yaml:8:")
    assert "'decimal'" in problem
