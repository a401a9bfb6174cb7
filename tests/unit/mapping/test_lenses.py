"""Each lens reads and writes what it says, refuses what it cannot represent, and keeps the round-trip laws."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from functools import lru_cache
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.core.canon import canonical, same
from syncd.core.model import Side
from syncd.mapping.compiled import CompiledMapping, RecordProblem
from syncd.mapping.laws import check_laws
from syncd.mapping.lenses.registry import LENSES
from tests.unit.mapping.helpers import LOOKUPS, fields, read, write

EXTERNAL, FLOWTLY = Side.EXTERNAL, Side.FLOWTLY

FIELDS = {
    "trim": "x: {external: x, through: trim}",
    "squeeze": "x: {external: x, through: squeeze}",
    "case": "x: {external: x, through: {case: upper}}",
    "text": "x: {external: x, through: text}",
    "values": "x: {external: x, values: {qualified: active, 7: archived, true: open}}",
    "boolean": "x: {external: x, through: {boolean: {true: [Y, J], false: [N]}}}",
    "boolean plain": "x: {external: x, through: boolean}",
    "date": 'x: {external: x, through: {date: "%d.%m.%Y"}}',
    "date native": "x: {external: x, through: date}",
    "date in two digits": 'x: {external: x, through: {date: "%d/%m/%y"}}',
    "datetime": 'x: {external: x, through: {datetime: "%d.%m.%Y %H:%M", zone: Europe/Warsaw}}',
    "datetime native": "x: {external: x, through: {datetime: {zone: America/New_York}}}",
    "datetime at flowtly": 'x: {external: x, through: {datetime: "%Y%m%d %H%M%S", on: flowtly}}',
    "decimal": "x: {external: x, through: {decimal: 2}}",
    "decimal comma": "x: {external: x, through: {decimal: 2, decimal_comma: true}}",
    "minor_units": "x: {external: x, through: minor_units}",
    "minor_units here": "x: {external: x, through: {minor_units: 3, on: external}}",
    "integer": "x: {external: x, through: integer}",
    "integer text": "x: {external: x, through: {integer: {text: true}}}",
    "vat_number": "x: {external: x, through: vat_number}",
    "vat_number in one": "x: {external: x, flowtly: vatNumber, through: vat_number}",
    "lookup": "x: {external: x, through: {lookup: countries, by: code}}",
    "lookup any case": "x: {external: x, through: {lookup: countries, by: code, ignore_case: true}}",
    "lookup after tidying": "x: {external: x, through: [trim, {case: upper}, {lookup: countries, by: code}]}",
    "reference": "x: {external: x, through: {reference: others}}",
    "reference by number": "x: {external: x, through: {reference: others, number: true}}",
    "reference or nothing": "x: {external: x, through: {reference: others, unlinked: empty}, direction: to_flowtly}",
    "reference or list": "x: {external: x, through: {reference: others, unlinked: {lookup: countries, by: code}}}",
    "concat": "x: {external: [a, b, c], through: concat}",
    "concat from flowtly": "x: {external: x, flowtly: [a, b], through: {concat: ', '}}",
    "split": "x: {external: [a, b, c], through: {split: 12}}",
    "split at flowtly": "x: {external: x, flowtly: [a, b, c], through: {split: 35}}",
    "default": "x: {external: x, through: {default: 14}, direction: to_flowtly}",
    "nothing": "x: {external: x, through: [trim, {nothing: nobody}]}",
    "side lenses": "x: {external: {field: x, through: {decimal: 2}}, flowtly: {field: y, through: {minor_units: 2}}}",
    "tidied date": 'x: {external: x, through: [trim, {date: "%d.%m.%Y"}]}',
    "expr": 'x: {expr: "a || b", through: trim}',
    "none": "x: x",
}  # fmt: skip


@lru_cache
def one(name: str) -> CompiledMapping:
    return fields(f"  {FIELDS[name]}\n")


def external(mapping: CompiledMapping, *values: Any) -> Any:
    """The canonical x of raw external values."""
    names = mapping.external.chains["x"].names
    return read(mapping, EXTERNAL, dict(zip(names, values, strict=True))).get("x")


def flowtly(mapping: CompiledMapping, *values: Any) -> Any:
    names = mapping.flowtly.chains["x"].names
    return read(mapping, FLOWTLY, dict(zip(names, values, strict=True))).get("x")


def test_every_lens_is_among_the_examples() -> None:
    assert set(LENSES) <= {name.split()[0] for name in FIELDS}


@pytest.mark.parametrize("name", FIELDS)
def test_every_lens_keeps_the_laws_on_its_own_samples(name: str) -> None:
    for seed in range(5):
        assert check_laws(one(name), LOOKUPS if seed else {}, Random(seed), samples=200) == []


_RAW = st.one_of(
    st.none(),
    st.text(max_size=30),
    st.integers(-(10**30), 10**30),
    st.booleans(),
    st.decimals(allow_nan=True, allow_infinity=True),
    st.floats(),
    st.dates(),
    st.datetimes(timezones=st.sampled_from([None, UTC, timezone(timedelta(hours=5, minutes=30))])),
    st.sampled_from(["qualified", "PL", "dk", "/api/countries/1", "01.02.2024", "1.234,50", "Y", " J ", "DK 10 00 79 19"]),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    st.binary(max_size=5),
    st.just(object()),
)  # fmt: skip


@given(name=st.sampled_from(sorted(FIELDS)), data=st.data())
@settings(max_examples=400, deadline=None)
def test_any_raw_value_is_read_to_a_canonical_one_or_refused(name: str, data: st.DataObject) -> None:
    mapping = one(name)
    for side in Side:
        projection = mapping.projection(side)
        raw = {raw_name: data.draw(_RAW) for raw_name in projection.inputs}
        projection.digest(raw)
        try:
            value = read(mapping, side, {**raw, "company": "x", "name": "x"}).get("x")
        except RecordProblem:
            continue
        assert same(value, canonical(value))


@given(name=st.sampled_from(sorted(FIELDS)), data=st.data())
@settings(max_examples=400, deadline=None)
def test_whatever_is_written_reads_back_as_it_was_meant(name: str, data: st.DataObject) -> None:
    mapping = one(name)
    value = data.draw(st.one_of(_RAW.filter(lambda raw: not isinstance(raw, dict | bytes | list | float)), st.none()))
    for side in Side:
        try:
            wanted = canonical(value)  # type: ignore[arg-type]  # an object() is refused further on
            fields_sent = write(mapping, side, {"x": value}, current={})
        except (RecordProblem, ValueError):
            continue
        assert same(read(mapping, side, fields_sent)["x"], wanted)


@given(name=st.sampled_from(sorted(FIELDS)), data=st.data())
@settings(max_examples=400, deadline=None)
def test_writing_what_was_read_sends_nothing(name: str, data: st.DataObject) -> None:
    mapping = one(name)
    plan = next(plan for plan in mapping.fields if plan.name == "x")
    for side in (side for side in Side if plan.rule.direction.allows(side)):
        raw = {raw_name: data.draw(_RAW) for raw_name in mapping.projection(side).chains["x"].names}
        try:
            value = read(mapping, side, raw)["x"]
        except RecordProblem:
            continue
        assert write(mapping, side, {"x": value}, current=raw) == {}


class TestTexts:
    def test_untidiness_is_no_difference(self) -> None:
        squeezed = one("squeeze")
        assert external(squeezed, "  Acme\t ApS ") == flowtly(squeezed, "Acme ApS") == "Acme ApS"
        assert external(one("trim"), "  ") is None
        assert external(one("case"), "straße") == "STRASSE"

    def test_numbers_read_as_text_where_asked(self) -> None:
        assert [external(one("text"), raw) for raw in (14, "14", Decimal("1.50"), True)] == ["14", "14", "1.50", "true"]

    @pytest.mark.parametrize("raw", [5, Decimal(5), True, date(2024, 1, 1)])
    def test_what_is_no_text_is_refused(self, raw: object) -> None:
        with pytest.raises(RecordProblem, match="expected text, got"):
            external(one("trim"), raw)


class TestWords:
    def test_words_are_exchanged_with_their_types(self) -> None:
        mapping = one("values")
        assert [external(mapping, raw) for raw in ("qualified", 7, True)] == ["active", "archived", "open"]
        assert [write(mapping, EXTERNAL, {"x": word})["x"] for word in ("active", "archived", "open")] == [
            "qualified",
            7,
            True,
        ]

    @pytest.mark.parametrize("raw", ["7", 1, "Qualified", ""])
    def test_another_spelling_is_another_word(self, raw: object) -> None:
        mapping = one("values")
        if raw == "":
            assert external(mapping, raw) is None
        else:
            with pytest.raises(RecordProblem, match="unknown word"):
                external(mapping, raw)

    def test_an_unknown_word_is_named_with_the_known_ones(self) -> None:
        mapping = one("values")
        with pytest.raises(RecordProblem) as raised:
            external(mapping, "won")
        assert str(raised.value) == "x: unknown word 'won'; known are 'qualified', 7, True"
        with pytest.raises(RecordProblem, match="unknown word 'draft'; known are 'active'"):
            flowtly(mapping, "draft")
        with pytest.raises(RecordProblem, match="unknown word 'draft'"):
            write(mapping, EXTERNAL, {"x": "draft"})

    def test_where_flowtly_is_only_written_its_other_words_can_still_be_read(self) -> None:
        mapping = fields("  x: {external: x, values: {a: active, b: active}, direction: to_flowtly}\n")
        assert flowtly(mapping, "draft") == "draft"
        assert external(mapping, "b") == "active"

    def test_a_preferred_word_is_written_where_two_mean_the_same(self) -> None:
        mapping = fields("  x: {external: x, through: {values: {a: active, b: active}, preferred: {active: b}}}\n")
        assert external(mapping, "a") == external(mapping, "b") == "active"
        assert write(mapping, EXTERNAL, {"x": "active"}) == {"x": "b"}
        assert write(mapping, EXTERNAL, {"x": "active"}, current={"x": "a"}) == {}

    def test_truth_in_words(self) -> None:
        mapping = one("boolean")
        assert [external(mapping, raw) for raw in ("Y", " j ", "n", None)] == [True, True, False, None]
        assert write(mapping, EXTERNAL, {"x": False}) == {"x": "N"}
        assert write(mapping, FLOWTLY, {"x": True}) == {"x": True}
        with pytest.raises(RecordProblem, match="unknown word 'maybe'"):
            external(mapping, "maybe")


class TestTimes:
    def test_a_date_in_each_sides_form(self) -> None:
        mapping = one("date")
        assert external(mapping, " 31.12.2026 ") == flowtly(mapping, "2026-12-31T00:00:00+00:00") == date(2026, 12, 31)
        assert flowtly(mapping, "2026-12-31") == external(mapping, date(2026, 12, 31)) == date(2026, 12, 31)
        assert write(mapping, EXTERNAL, {"x": date(2026, 2, 1)}) == {"x": "01.02.2026"}
        assert write(mapping, FLOWTLY, {"x": date(2026, 2, 1)}) == {"x": "2026-02-01T00:00:00+00:00"}
        assert write(one("date native"), EXTERNAL, {"x": date(2026, 2, 1)}) == {"x": date(2026, 2, 1)}

    def test_a_moment_is_compared_in_utc(self) -> None:
        mapping = one("datetime")
        moment = datetime(2026, 7, 1, 10, 30, tzinfo=UTC)
        assert external(mapping, "01.07.2026 12:30") == moment
        assert flowtly(mapping, "2026-07-01T10:30:59+00:00") == moment
        assert flowtly(mapping, "2026-07-01T12:30:00+02:00") == moment
        assert write(mapping, EXTERNAL, {"x": moment}) == {"x": "01.07.2026 12:30"}
        assert write(mapping, FLOWTLY, {"x": moment}) == {"x": "2026-07-01T10:30:00+00:00"}

    def test_a_native_stamp_without_zone_is_in_the_given_one(self) -> None:
        assert external(one("datetime native"), datetime(2026, 1, 1, 12)) == datetime(2026, 1, 1, 17, tzinfo=UTC)  # noqa: DTZ001

    def test_the_hour_that_a_clock_change_repeats_is_refused_and_not_shifted(self) -> None:
        second_half_past_two = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
        with pytest.raises(RecordProblem, match="without loss"):
            write(one("datetime"), EXTERNAL, {"x": second_half_past_two})

    def test_a_year_that_two_digits_cannot_carry_is_refused(self) -> None:
        with pytest.raises(RecordProblem, match="without loss"):
            write(one("date in two digits"), EXTERNAL, {"x": date(1950, 1, 1)})

    @pytest.mark.parametrize("raw", ["31.02.2026", "tomorrow", "2026-13-01", 20260101, True])
    def test_what_is_no_date_is_refused(self, raw: object) -> None:
        with pytest.raises(RecordProblem, match=r"not a date|expected a date"):
            external(one("date"), raw)
        with pytest.raises(RecordProblem, match=r"not a date|expected a date"):
            flowtly(one("datetime"), raw)


class TestNumbers:
    @pytest.mark.parametrize("raw", ["1.234,50", "1 234,5", "1234.5", 1234.5, Decimal("1234.500")])
    def test_one_amount_in_many_spellings(self, raw: object) -> None:
        mapping = one("decimal comma")
        expected = Decimal(12345) if raw == "1234.5" else Decimal("1234.5")  # a point groups where a comma divides
        assert external(mapping, raw) == expected

    def test_both_sides_are_compared_rounded_half_up(self) -> None:
        mapping = one("decimal")
        assert external(mapping, Decimal("0.125")) == flowtly(mapping, "0.13") == Decimal("0.13")
        assert write(one("decimal comma"), EXTERNAL, {"x": Decimal("-1234.5")}) == {"x": "-1234,50"}

    def test_minor_units_are_whole_on_one_side(self) -> None:
        mapping = one("minor_units")
        assert external(mapping, "12.50") == flowtly(mapping, 1250) == Decimal("12.5")
        assert write(mapping, FLOWTLY, {"x": Decimal("12.5")}) == {"x": 1250}
        assert type(write(mapping, FLOWTLY, {"x": Decimal("12.5")})["x"]) is int

    def test_a_fraction_of_a_cent_is_refused_and_not_rounded(self) -> None:
        with pytest.raises(RecordProblem, match="more than 2 decimal places"):
            write(one("minor_units"), FLOWTLY, {"x": Decimal("0.125")})

    def test_whole_numbers_may_be_text_on_one_side(self) -> None:
        mapping = one("integer text")
        assert external(mapping, "0014") == flowtly(mapping, 14) == 14
        assert write(mapping, EXTERNAL, {"x": 14}) == {"x": "14"}

    @pytest.mark.parametrize("raw", ["", None])
    def test_nothing_is_nothing(self, raw: object) -> None:
        assert external(one("integer"), raw) is None

    @pytest.mark.parametrize(
        "raw", ["12x", "1.2.3", "٣", True, "1e5", Decimal("1.5"), float("nan"), float("inf"), 10**40, "9" * 50]
    )
    def test_what_is_no_whole_number_is_refused(self, raw: object) -> None:
        with pytest.raises(RecordProblem):
            external(one("integer"), raw)


class TestVatNumbers:
    @pytest.mark.parametrize(
        ("text", "prefix", "number"),
        [
            ("DK 10 00 79 19", "DK", "10007919"),
            ("pl123-456-78-90", "PL", "1234567890"),
            ("EL 123456789", "EL", "123456789"),
            ("GR123456789", "GR", "123456789"),
            ("XI 123 4567 89", "XI", "123456789"),
            ("EU372000041", "EU", "372000041"),
            ("ATU12345678", "AT", "U12345678"),
            ("CHE-123.456.789", "CH", "E123456789"),
            ("FR XX 999999999", "FR", "XX999999999"),
            ("IE1234567WA", "IE", "1234567WA"),
            ("10007919", None, "10007919"),
            ("B12345678", None, "B12345678"),
            ("QQ1", None, "QQ1"),
            ("SEAB", None, "SEAB"),
        ],
    )
    def test_prefix_and_number_are_taken_apart_and_put_together(
        self, text: str, prefix: str | None, number: str
    ) -> None:
        mapping = one("vat_number")
        value = external(mapping, text)
        assert value == (prefix or "") + number
        assert write(mapping, FLOWTLY, {"x": value}, current={}) == {"tinCountry": prefix, "tin": number}
        assert flowtly(mapping, prefix, number) == value

    def test_flowtlys_own_spelling_is_kept_where_it_means_the_same(self) -> None:
        mapping = one("vat_number")
        kept = {"tinCountry": "dk", "tin": "10 00 79 19"}
        assert write(mapping, FLOWTLY, {"x": "DK10007919"}, current=kept) == {}

    def test_only_the_part_that_changed_is_sent(self) -> None:
        mapping = one("vat_number")
        assert write(mapping, FLOWTLY, {"x": "DK99"}, current={"tinCountry": "DK", "tin": "10"}) == {"tin": "99"}

    def test_a_prefix_written_twice_counts_once(self) -> None:
        assert flowtly(one("vat_number"), "DK", "DK10007919") == "DK10007919"

    def test_a_prefix_alone_is_no_number(self) -> None:
        assert flowtly(one("vat_number"), "DK", None) is None
        assert external(one("vat_number"), " - ") is None

    def test_a_new_record_without_prefix_is_sent_without_one(self) -> None:
        assert write(one("vat_number"), FLOWTLY, {"x": "10007919"}) == {"tin": "10007919"}

    @pytest.mark.parametrize("raw", [10007919, "DK1000/ñ", "x" * 50])
    def test_what_is_no_vat_number_is_refused(self, raw: object) -> None:
        with pytest.raises(RecordProblem):
            external(one("vat_number"), raw)


class TestLookups:
    def test_a_reference_is_exchanged_for_its_code(self) -> None:
        mapping = one("lookup")
        assert flowtly(mapping, "/api/countries/2") == "DK"
        assert write(mapping, FLOWTLY, {"x": "PL"}) == {"x": "/api/countries/1"}
        assert set(mapping.lookups) == {("countries", "code")}

    def test_a_code_that_is_not_there_yet_is_waited_for(self) -> None:
        with pytest.raises(RecordProblem, match="have no code 'ZZ'") as raised:
            write(one("lookup"), FLOWTLY, {"x": "ZZ"})
        assert raised.value.waiting_for == "countries:code=ZZ"

    def test_a_code_that_two_rows_have_is_never_used(self) -> None:
        with pytest.raises(RecordProblem, match="several rows") as raised:
            write(one("lookup"), FLOWTLY, {"x": "XK"})
        assert raised.value.waiting_for == "countries:code=XK"
        with pytest.raises(RecordProblem, match="several rows"):
            flowtly(one("lookup"), "/api/countries/3")

    @pytest.mark.parametrize("raw", ["/api/countries/9", "/api/countries/5"])
    def test_a_reference_without_code_is_waited_for(self, raw: str) -> None:
        with pytest.raises(RecordProblem) as raised:
            flowtly(one("lookup"), raw)
        assert raised.value.waiting_for == f"countries:code={raw}"

    def test_what_is_no_reference_is_refused(self) -> None:
        with pytest.raises(RecordProblem) as raised:
            flowtly(one("lookup"), 5)
        assert raised.value.waiting_for is None

    def test_a_code_in_another_case_is_nothing_to_wait_for(self) -> None:
        with pytest.raises(RecordProblem, match="but 'DK': spell it so, or set ignore_case") as raised:
            write(one("lookup"), FLOWTLY, {"x": "dk"})
        assert raised.value.waiting_for is None

    def test_the_lists_spelling_counts_where_case_does_not(self) -> None:
        mapping = one("lookup any case")
        assert external(mapping, "dk") == "DK"
        assert external(mapping, "zz") == "zz"
        assert write(mapping, FLOWTLY, {"x": "DK"}) == {"x": "/api/countries/2"}
        with pytest.raises(RecordProblem):
            write(one("lookup"), FLOWTLY, {"x": "dk"})

    def test_a_list_that_was_not_read_is_a_problem_of_the_record(self) -> None:
        with pytest.raises(RecordProblem, match="list countries was not read"):
            one("lookup").flowtly.document({"x": "/api/countries/1", "name": "x"}, {})

    def test_a_table_knows_what_it_has(self) -> None:
        table = LOOKUPS["countries", "code"]
        assert [table.has(text) for text in ("DK", "dk", "ZZ", "None")] == [True, True, False, False]
        assert [table.has(f"/api/countries/{number}") for number in (2, 9, 5)] == [True, False, False]
        assert not table.has("XK"), "what two rows have cannot be used"


class TestLines:
    def test_several_fields_are_joined_and_empty_ones_left_out(self) -> None:
        mapping = one("concat")
        assert external(mapping, " Main Street ", None, "5") == "Main Street 5"
        assert external(mapping, None, "", None) is None
        with pytest.raises(RecordProblem, match="cannot be taken apart"):
            write(mapping, EXTERNAL, {"x": "Main Street 5"})

    def test_a_text_is_wrapped_into_lines_and_read_back(self) -> None:
        mapping = one("split")
        sent = write(mapping, EXTERNAL, {"x": "Acme Denmark ApS Copenhagen"}, current={})
        assert sent == {"a": "Acme Denmark", "b": "ApS", "c": "Copenhagen"}
        assert external(mapping, "Acme", "Denmark ApS", " Copenhagen") == "Acme Denmark ApS Copenhagen"

    def test_nobodys_line_breaks_are_moved(self) -> None:
        lines = {"a": "Acme", "b": "Denmark", "c": None}
        assert write(one("split"), EXTERNAL, {"x": "Acme Denmark"}, current=lines) == {}

    @pytest.mark.parametrize(("text", "why"), [("x" * 13, "a word of 13"), ("aaaaaaaaaa " * 4, "does not fit into 3")])
    def test_what_does_not_fit_is_refused_and_not_cut(self, text: str, why: str) -> None:
        with pytest.raises(RecordProblem, match=why):
            write(one("split"), EXTERNAL, {"x": " ".join(text.split())})


class TestDefaults:
    def test_it_stands_in_on_the_source_only(self) -> None:
        mapping = one("default")
        assert (external(mapping, None), external(mapping, 7), flowtly(mapping, None)) == (14, 7, None)


class TestNothing:
    def test_no_value_is_a_word_on_both_sides_and_is_written_as_none(self) -> None:
        mapping = one("nothing")
        assert (external(mapping, None), flowtly(mapping, ""), external(mapping, "Ann")) == ("nobody", "nobody", "Ann")
        assert write(mapping, EXTERNAL, {"x": "nobody"}, {"x": "Ann"}) == {"x": None}
        assert write(mapping, FLOWTLY, {"x": "nobody"}) == {}

    def test_the_word_itself_is_no_value(self) -> None:
        with pytest.raises(RecordProblem, match="the word for no value"):
            external(one("nothing"), "nobody")


class TestRawValues:
    @pytest.mark.parametrize(
        ("raw", "why"),
        [
            ("a\0b", "NUL byte"),
            ("x" * (1024 * 1024 + 1), "longer than"),
            ("\ud800", "surrogate"),
            (b"x", "type bytes"),
            ({"a": 1}, "type dict"),
            (float("inf"), "not finite"),
            (Decimal("1E+999999"), "of this size"),
        ],
    )
    @pytest.mark.parametrize("name", ["none", "trim"])
    def test_an_unusable_value_is_a_problem_of_its_record(self, name: str, raw: object, why: str) -> None:
        with pytest.raises(RecordProblem, match=why):
            external(one(name), raw)

    def test_a_list_nested_without_end_is_refused(self) -> None:
        deep: list[Any] = []
        for _ in range(100_000):
            deep = [deep]
        with pytest.raises(RecordProblem, match="RecursionError"):
            external(one("none"), deep)
        assert len(one("none").external.digest({"company": "x", "x": deep})) == 16

    def test_floats_are_exact_by_their_text(self) -> None:
        assert external(one("none"), 0.1) == Decimal("0.1")

    def test_empty_text_is_null(self) -> None:
        assert external(one("none"), "") is None
