"""One side of a mapping: digests, documents, scope, the smallest write, and match keys."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from syncd.core.model import Side
from syncd.mapping.compiled import RecordProblem
from tests.unit.mapping.helpers import HEAD, LOOKUPS, compiled, fields, read, write

EXTERNAL, FLOWTLY = Side.EXTERNAL, Side.FLOWTLY

CLIENTS = (
    HEAD.replace("[[name]]", "[[vat], [name, country]]")
    + """\
fields:
  name: {external: company, through: squeeze, required: true}
  vat: {external: vat_no, through: vat_number}
  country: {external: country_code, through: {lookup: countries, by: code}}
  due: {external: terms, flowtly: dueDays}
  status: {constant: {flowtly: active}}
  origin: {constant: {external: flowtly}, external: source}
  currency: {constant: {flowtly: PL}, through: {lookup: countries, by: code}}
"""
)
RAW = {"company": " Acme  ApS ", "vat_no": "DK 10 00 79 19", "country_code": "DK", "terms": 14, "more": "ignored"}


class TestDocuments:
    def test_both_sides_read_to_the_same_document(self) -> None:
        mapping = compiled(CLIENTS)
        theirs = {
            "name": "Acme ApS",
            "tinCountry": "DK",
            "tin": "10007919",
            "country": "/api/countries/2",
            "dueDays": 14,
        }
        expected = {"name": "Acme ApS", "vat": "DK10007919", "country": "DK", "due": 14}
        assert read(mapping, EXTERNAL, RAW) == read(mapping, FLOWTLY, theirs) == expected

    def test_what_a_record_does_not_carry_is_absent_and_not_null(self) -> None:
        mapping = compiled(CLIENTS)
        assert read(mapping, EXTERNAL, {"company": "A", "terms": None}) == {"name": "A", "due": None}
        assert read(mapping, FLOWTLY, {"name": "A", "tin": "1"}) == {"name": "A"}

    def test_a_required_field_that_is_empty_names_itself(self) -> None:
        with pytest.raises(RecordProblem, match="name: is required and empty in external"):
            read(compiled(CLIENTS), EXTERNAL, {**RAW, "company": "  "})

    def test_a_required_field_may_be_empty_where_it_is_only_written(self) -> None:
        mapping = fields("  a: {external: a, required: true, direction: to_flowtly}\n")
        assert read(mapping, FLOWTLY, {"name": "n", "a": None}) == {"name": "n", "a": None}

    def test_a_problem_names_the_canonical_field(self) -> None:
        with pytest.raises(RecordProblem) as raised:
            read(compiled(CLIENTS), EXTERNAL, {**RAW, "vat_no": 5})
        assert (raised.value.field, raised.value.message) == ("vat", "expected text, got a whole number")

    def test_an_expression_is_computed_on_its_source_and_plain_on_the_other(self) -> None:
        mapping = fields("  city: {expr: \"join(' ', [zip, town.name])\"}\n")
        assert read(mapping, EXTERNAL, {"company": "A", "zip": "80-002", "town": {"name": "Gdańsk"}})["city"] == (
            "80-002 Gdańsk"
        )
        assert read(mapping, FLOWTLY, {"name": "A", "city": "x"})["city"] == "x"
        with pytest.raises(RecordProblem, match="city: the expression does not work on this record"):
            read(mapping, EXTERNAL, {"company": "A", "zip": 80, "town": None})
        with pytest.raises(RecordProblem, match="city: is computed here"):
            write(mapping, EXTERNAL, {"city": "x"})

    def test_an_expression_compares_decimals_and_gives_exact_numbers(self) -> None:
        mapping = fields('  rate: {expr: "amount > `100` && `0.1` || amount"}\n')
        values = [read(mapping, EXTERNAL, {"amount": raw})["rate"] for raw in (Decimal("100.5"), Decimal("99.50"))]
        assert values == [Decimal("0.1"), Decimal("99.5")]

    def test_an_expression_may_miss_some_of_its_fields_but_not_all(self) -> None:
        mapping = fields("  a: {expr: x || y}\n")
        assert read(mapping, EXTERNAL, {"company": "A", "y": 5})["a"] == 5
        assert "a" not in read(mapping, EXTERNAL, {"company": "A"})


class TestDigests:
    def test_only_mapped_fields_count(self) -> None:
        projection = compiled(CLIENTS).external
        assert projection.digest(RAW) == projection.digest({**RAW, "more": "changed"})
        assert len(projection.digest(RAW)) == 16

    @pytest.mark.parametrize("name", ["company", "vat_no", "country_code", "terms"])
    def test_every_mapped_field_counts(self, name: str) -> None:
        projection = compiled(CLIENTS).external
        assert projection.digest(RAW) != projection.digest({**RAW, name: "changed"})

    def test_absent_null_and_empty_are_three_things(self) -> None:
        projection = compiled(CLIENTS).external
        without = {key: value for key, value in RAW.items() if key != "terms"}
        found = {projection.digest(raw) for raw in (without, {**RAW, "terms": None}, {**RAW, "terms": ""})}
        assert len(found) == 3

    def test_values_do_not_run_into_each_other(self) -> None:
        projection = fields("  a: a\n  b: b\n").external
        assert projection.digest({"company": "x", "a": 'y","z', "b": ""}) != projection.digest(
            {"company": "x", "a": "y", "b": "z"}
        )

    def test_sides_and_mappings_have_their_own(self) -> None:
        one, other = fields("  a: {external: a, flowtly: a}\n"), fields("  a: {external: a, through: trim}\n")
        same_raw = {"company": "x", "name": "x", "a": "y"}
        found = {m.projection(side).digest(same_raw) for m in (one, other) for side in Side}
        assert len(found) == 4

    def test_dates_decimals_lists_and_oddities_have_a_digest(self) -> None:
        projection = fields("  a: a\n").external
        values = [
            date(2024, 1, 1),
            datetime(2024, 1, 1, tzinfo=UTC),
            Decimal("1.5"),
            ["x"],
            {"k": 1},
            b"x",
            10**5000,
            {(1,): 2},
        ]
        assert all(len(projection.digest({"company": "x", "a": value})) == 16 for value in values)

    def test_one_single_field_has_a_digest(self) -> None:
        projection = compiled(HEAD + "fields: {name: company}\n").external
        assert projection.digest({"company": "a"}) != projection.digest({"company": "b"})
        assert projection.digest({}) != projection.digest({"company": None})


class TestScope:
    MAPPING = HEAD.replace("key: id", "key: id, where: {stage: [qualified, lost], live: true, gone: null}")

    @pytest.mark.parametrize(
        ("changes", "inside"),
        [
            ({}, True),
            ({"stage": "lost"}, True),
            ({"stage": "Qualified"}, False),
            ({"stage": "prospect"}, False),
            ({"stage": None}, False),
            ({"live": 1}, False),
            ({"live": "true"}, False),
            ({"gone": ""}, True),
            ({"gone": "2024"}, False),
            ({"stage": b"lost"}, False),
            ({"stage": ["lost"]}, False),
        ],
    )
    def test_the_filter_is_checked_again_and_exactly(self, changes: dict[str, object], inside: bool) -> None:
        projection = fields("", self.MAPPING).external
        assert projection.in_scope({"stage": "qualified", "live": True, "gone": None, **changes}) is inside

    def test_a_field_that_is_absent_counts_as_null(self) -> None:
        projection = fields("", self.MAPPING).external
        assert projection.in_scope({"stage": "lost", "live": True})
        assert not projection.in_scope({"live": True})

    def test_numbers_are_compared_by_value(self) -> None:
        projection = fields("", HEAD.replace("key: id", "key: id, where: {a: 5}")).external
        assert projection.in_scope({"a": Decimal("5.00")})
        assert not projection.in_scope({"a": "5"})

    def test_without_a_filter_everything_is_inside(self) -> None:
        assert compiled(CLIENTS).flowtly.in_scope({})


CHANGES = {"name": "Acme", "vat": "DK10007919", "country": "DK", "due": None}


class TestWrites:
    def test_a_create_carries_constants_and_no_empty_values(self) -> None:
        mapping = compiled(CLIENTS)
        assert write(mapping, FLOWTLY, CHANGES) == {
            "name": "Acme",
            "tinCountry": "DK",
            "tin": "10007919",
            "country": "/api/countries/2",
            "status": "active",
            "currency": "/api/countries/1",
        }
        assert write(mapping, EXTERNAL, CHANGES) == {
            "company": "Acme",
            "vat_no": "DK10007919",
            "country_code": "DK",
            "source": "flowtly",
        }

    def test_a_patch_carries_only_what_differs_and_no_constants(self) -> None:
        mapping = compiled(CLIENTS)
        current = {"name": "Acme ", "tinCountry": "DK", "tin": "1", "country": None, "dueDays": 14}
        assert write(mapping, FLOWTLY, CHANGES, current) == {
            "tin": "10007919",
            "country": "/api/countries/2",
            "dueDays": None,
        }

    def test_a_patch_that_finds_everything_in_place_is_empty(self) -> None:
        mapping = compiled(CLIENTS)
        assert write(mapping, EXTERNAL, {"vat": "DK10007919"}, {"vat_no": "dk 10 00 79 19"}) == {}

    def test_nothing_known_of_the_record_means_everything_is_sent(self) -> None:
        assert write(compiled(CLIENTS), FLOWTLY, {"vat": None}, {}) == {"tinCountry": None, "tin": None}

    def test_a_field_that_is_not_mapped_cannot_be_written(self) -> None:
        for name in ("nope", "status"):
            with pytest.raises(RecordProblem, match="not a field of this mapping"):
                write(compiled(CLIENTS), FLOWTLY, {name: "x"})

    def test_what_would_read_back_as_something_else_is_refused(self) -> None:
        with pytest.raises(RecordProblem, match="name: cannot be written to flowtly so that it reads back the same"):
            write(compiled(CLIENTS), FLOWTLY, {"name": " Acme  ApS "})

    def test_a_native_date_without_a_lens_is_not_sent_as_text(self) -> None:
        with pytest.raises(RecordProblem, match="check the field's lenses"):
            write(fields("  a: a\n"), FLOWTLY, {"a": date(2024, 1, 1)})

    def test_a_list_is_sent_as_a_list(self) -> None:
        assert write(fields("  a: a\n"), FLOWTLY, {"a": ("x", "y")}) == {"a": ["x", "y"]}


class TestMatchKeys:
    def test_case_blanks_and_composition_do_not_count(self) -> None:
        projection = compiled(CLIENTS).external
        plain = projection.match_keys({"vat": "DK1", "name": "ŻÓŁW  Straße", "country": "PL"})
        other = projection.match_keys({"vat": "dk1", "name": " z\u0307o\u0301łw STRASSE ", "country": "pl"})
        assert plain == other == ("dk1", "żółw strasse\x1fpl")

    def test_a_level_with_an_empty_part_has_no_key(self) -> None:
        projection = compiled(CLIENTS).external
        assert projection.match_keys({"vat": None, "name": "A"}) == (None, None)
        assert projection.match_keys({"vat": "1", "name": " ", "country": "PL"}) == ("1", None)

    def test_numbers_match_by_value_and_parts_stay_apart(self) -> None:
        mapping = compiled(HEAD.replace("[[name]]", "[[a, b]]") + "fields: {name: company, a: a, b: b}\n")
        keys = mapping.external.match_keys
        assert keys({"a": Decimal(5), "b": 1}) == keys({"a": 5, "b": Decimal(1)})
        assert keys({"a": "x", "b": "yz"}) != keys({"a": "xy", "b": "z"})
        assert keys({"a": True, "b": date(2024, 1, 1)}) == ("true\x1f2024-01-01",)
        assert keys({"a": ("x", "Y"), "b": 1}) == ("x,y\x1f1",)


def test_both_sides_of_a_record_share_their_match_keys() -> None:
    mapping = compiled(CLIENTS)
    theirs = {"name": "ACME aps", "tinCountry": "DK", "tin": "10007919", "country": "/api/countries/2"}
    here = mapping.external.match_keys(mapping.external.document(RAW, LOOKUPS))
    there = mapping.flowtly.match_keys(mapping.flowtly.document(theirs, LOOKUPS))
    assert here == there == ("dk10007919", "acme aps\x1fdk")
