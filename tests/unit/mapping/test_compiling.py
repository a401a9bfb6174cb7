"""Specs to working mappings: what contradicts itself is refused at its exact place, and nothing else is."""

from __future__ import annotations

import pytest

from syncd.core.model import Direction, FieldRule, Policy, Side
from tests.unit.mapping.helpers import HEAD, compiled, field_says, fields, said

ONE_WAY = HEAD + "direction: to_flowtly\n"


class TestDirections:
    def test_a_field_flows_as_its_mapping_unless_it_says_otherwise(self) -> None:
        mapping = fields("  a: a\n  b: {external: b, direction: to_external}\n")
        assert mapping.rules.fields["a"] == FieldRule(Policy.ASK, Direction.BOTH)
        assert mapping.rules.fields["b"] == FieldRule(Policy.ASK, Direction.TO_EXTERNAL)

    @pytest.mark.parametrize("written", ["both", "to_external"])
    def test_a_field_cannot_flow_where_its_mapping_does_not(self, written: str) -> None:
        text = f"  a: {{external: a, direction: {written}}}\n"
        assert field_says(text, ONE_WAY) == [
            f"m.yaml:8:31: fields.a: direction {written}, but the mapping's direction is to_flowtly"
        ]

    def test_a_lens_without_inverse_makes_its_field_one_way(self) -> None:
        mapping = fields(
            "  a: {external: [a, b], through: concat}\n  c: {external: c, flowtly: [d, e], through: concat}\n"
        )
        assert mapping.rules.fields["a"].direction is Direction.TO_FLOWTLY
        assert mapping.rules.fields["c"].direction is Direction.TO_EXTERNAL

    def test_a_lens_without_inverse_cannot_be_forced_backwards(self) -> None:
        assert field_says("  a: {external: [a, b], through: concat, direction: both}\n") == [
            (
                "m.yaml:7:53: fields.a: concat works to_flowtly only, but the direction is both "
                "(write direction: to_flowtly)"
            )
        ]
        assert field_says("  a: {external: x, flowtly: [a, b], through: concat}\n", ONE_WAY) == [
            (
                "m.yaml:8:46: fields.a: concat works to_external only, but the direction is to_flowtly "
                "(write direction: to_external)"
            )
        ]

    def test_records_are_created_where_the_direction_and_the_spec_allow(self) -> None:
        assert fields("").rules.creates == set(Side)
        assert fields("", ONE_WAY).rules.creates == {Side.FLOWTLY}
        assert fields("", HEAD + "creates: {in_flowtly: false}\n").rules.creates == {Side.EXTERNAL}

    def test_creating_against_the_direction_is_a_problem(self) -> None:
        assert field_says("", ONE_WAY + "creates: {in_external: true}\n") == [
            "m.yaml:6:24: creates.in_external: the direction is to_flowtly"
        ]

    @pytest.mark.parametrize("rule", ["delete", "{set: {a: gone}}"])
    def test_following_a_loss_against_the_direction_is_a_problem(self, rule: str) -> None:
        told = field_says("  a: a\n", ONE_WAY + f"deletes: {{in_flowtly: {rule}}}\n")
        assert len(told) == 1
        assert "writes to external, and the direction is to_flowtly" in told[0]
        fields("  a: a\n", ONE_WAY + f"deletes: {{in_flowtly: unlink, in_external: {rule}}}\n")

    def test_only_a_flowtly_record_is_made_again_and_only_where_records_may_be_made(self) -> None:
        lost = "deletes: {in_flowtly: remake}\n"
        assert fields("  a: a\n", ONE_WAY + lost).spec.deletes.in_flowtly.action == "remake"
        (told,) = field_says("  a: a\n", HEAD + "deletes: {in_external: remake}\n")
        assert told.startswith("m.yaml:5:24: deletes.in_external: remake: only a Flowtly record is made again (write ")
        for more in ("creates: {in_flowtly: false}\n", "direction: to_external\n"):
            (told,) = field_says("  a: a\n", HEAD + more + lost)
            assert "deletes.in_flowtly: remake: no record may be made in flowtly" in told


class TestPolicies:
    @pytest.mark.parametrize("policy", ["flowtly", "newest"])
    def test_nobody_but_the_source_can_win_a_one_way_field(self, policy: str) -> None:
        assert field_says(f"  a: {{external: a, direction: to_flowtly, conflict: {policy}}}\n") == [
            f"m.yaml:7:53: fields.a: flows to_flowtly only, so {policy} cannot win (write external or ask)"
        ]

    @pytest.mark.parametrize("policy", ["external", "ask"])
    def test_the_source_or_a_person_may(self, policy: str) -> None:
        mapping = fields(f"  a: {{external: a, direction: to_flowtly, conflict: {policy}}}\n")
        assert mapping.rules.fields["a"].policy == policy

    @pytest.mark.parametrize("policy", ["flowtly", "newest"])
    def test_the_mappings_default_becomes_the_source_in_a_one_way_field(self, policy: str) -> None:
        mapping = fields("  a: {external: a, direction: to_flowtly}\n", HEAD + f"conflicts: {{default: {policy}}}\n")
        assert mapping.rules.fields["a"].policy is Policy.EXTERNAL
        assert mapping.rules.fields["name"].policy == policy

    def test_a_default_that_cannot_win_anywhere_is_a_problem(self) -> None:
        assert field_says("", ONE_WAY + "conflicts: {default: newest}\n") == [
            (
                "m.yaml:6:22: conflicts.default: the mapping flows to_flowtly only, so newest cannot win "
                "(write external or ask)"
            )
        ]


class TestFields:
    def test_a_name_alone_is_the_external_field(self) -> None:
        mapping = fields("  dueDays: terms\n")
        assert mapping.external.chains["dueDays"].names == ("terms",)
        assert mapping.flowtly.chains["dueDays"].names == ("dueDays",)

    def test_flowtlys_fields_of_a_vat_number_are_known(self) -> None:
        assert fields("  vat: {external: v, through: vat_number}\n").flowtly.chains["vat"].names == (
            "tinCountry",
            "tin",
        )

    def test_a_field_says_where_it_is(self) -> None:
        assert field_says("  a: {flowtly: a}\n") == [
            "m.yaml:7:6: fields.a: missing key 'external' (name the raw field of the external record)"
        ]

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            (
                "  a: {external: [a, b]}\n",
                (
                    "m.yaml:7:17: fields.a: several raw fields need one lens that makes them one value "
                    "(through: concat, split or vat_number)"
                ),
            ),
            (
                "  a: {external: [a, b, c], through: vat_number}\n",
                (
                    "m.yaml:7:17: fields.a: several raw fields need one lens that makes them one value "
                    "(through: concat, split or vat_number)"
                ),
            ),
            (
                "  a: {external: a, through: concat}\n",
                (
                    "m.yaml:7:29: fields.a: concat has nothing to join "
                    "(it needs several raw fields on exactly one side: [street, house_no])"
                ),
            ),
            (
                "  a: {external: a, through: [trim, {split: 35}]}\n",
                (
                    "m.yaml:7:44: fields.a: split has no lines to fill "
                    "(it needs several raw fields on exactly one side: [street, house_no])"
                ),
            ),
            (
                "  a: {external: a, through: {default: 5}}\n",
                (
                    "m.yaml:7:39: fields.a: a default in both directions would be written back as if somebody had entered "
                    "it (add direction: to_flowtly or direction: to_external to the field)"
                ),
            ),
            (
                "  a: {external: {field: a, through: {lookup: countries, by: code}}}\n",
                "m.yaml:7:46: fields.a: lookup exchanges Flowtly's references (write it in the field's own through)",
            ),
            (
                "  a: {external: a, values: {x: on, y: on}}\n",
                (
                    "m.yaml:7:28: fields.a: 'x' and 'y' both stand for 'on', so it is not clear what to write back (write "
                    "through: {values: {...}, preferred: {on: x}}, or make the field one-way: direction: to_flowtly)"
                ),
            ),
            (
                "  a:\n    external: a\n    through: {values: {x: on}, preferred: {on: y}}\n",
                "m.yaml:9:43: fields.a: preferred: 'on' is not what 'y' stands for",
            ),
        ],
    )
    def test_a_lens_that_does_not_fit_says_so_at_its_place(self, text: str, problem: str) -> None:
        assert field_says(text) == [problem]

    def test_two_words_for_one_are_fine_where_they_are_never_written_back(self) -> None:
        fields("  a: {external: a, values: {x: on, y: on}, direction: to_flowtly}\n")

    def test_two_fields_cannot_write_one_raw_field(self) -> None:
        assert field_says("  a: company\n  b: {external: b, flowtly: name}\n") == [
            "m.yaml:7:3: fields.a and fields.name both write 'company' of external (make one of them one-way)",
            "m.yaml:8:3: fields.b and fields.name both write 'name' of flowtly (make one of them one-way)",
        ]

    def test_two_fields_may_read_one_raw_field(self) -> None:
        fields("  a: {external: company, direction: to_flowtly}\n")

    def test_a_constant_cannot_write_what_a_field_writes(self) -> None:
        assert field_says("  a: {constant: {flowtly: x}, flowtly: name}\n") == [
            "m.yaml:7:3: fields.a and fields.name both write 'name' of flowtly (make one of them one-way)"
        ]


class TestWrittenForms:
    """One lens, however it is written, is one lens."""

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("trim", "[trim]"),
            ("trim", "{trim: null}"),
            ("{case: upper}", "{case: {to: upper}}"),
            ("{lookup: countries, by: code}", "{lookup: {resource: countries, by: code}}"),
            ("{date: '%d.%m.%Y', zone: Europe/Rome}", "{date: {format: '%d.%m.%Y', zone: Europe/Rome}}"),
            ("{decimal: 3, text: true}", "{text: true, decimal: {places: 3}}"),
            ("decimal", "{decimal: 2}"),
            ("{boolean: {true: [Y], false: [N]}}", "{boolean: {'true': [Y], 'false': [N]}}"),
        ],
    )
    def test_the_forms_of_a_lens_mean_the_same(self, one: str, other: str) -> None:
        assert (
            fields(f"  a: {{external: a, through: {one}}}\n").fingerprint
            == fields(f"  a: {{external: a, through: {other}}}\n").fingerprint
        )

    @pytest.mark.parametrize(
        ("lens", "problem"),
        [
            ("trimm", "7:29: fields.a.through: unknown lens 'trimm'; did you mean 'trim'?"),
            ("[trim, {cas: upper}]", "7:36: fields.a.through[1]: unknown lens 'cas'; did you mean 'case'?"),
            ("{trim: null, case: upper}", "7:29: fields.a.through: trim and case are two lenses: write them as a list"),
            ("{trim: 5}", "7:29: fields.a.through: trim takes a block of parameters"),
            ("5", "7:29: fields.a.through: a lens is a word (trim) or a block with one ({case: upper})"),
            ("{case: uper}", "7:36: fields.a.through.case: must be one of 'upper' or 'lower' (did you mean 'upper'?)"),
            ("{case: upper, on: flowtly}", "7:43: unknown key 'on'"),
            ("case", "7:20: missing key 'to' in fields.a.through"),
            ("{lookup: countries}", "7:20: missing key 'by' in fields.a.through"),
            ("{lookup: countries, bye: code}", "7:49: unknown key 'bye' (did you mean 'by'?)"),
            ("{date: '%d.%m'}", "7:36: fields.a.through.date: the format loses a part of the date; it needs year, "),
            ("{date: {format: '%Q'}}", "7:45: fields.a.through.date.format: the format "),
            ("{date: {zone: Europe/Warsav}}", "7:43: fields.a.through.date.zone: unknown time zone 'Europe/Warsav', "),
            ("{decimal: 10}", "7:39: fields.a.through.decimal: must be less than or equal to 9"),
            ("{decimal: true}", "7:39: fields.a.through.decimal: must be a whole number"),
            ("{values: {}}", "7:38: fields.a.through.values: must not be empty"),
            ("{values: [a]}", "7:38: fields.a.through.values: must be a block of words"),
            ("{values: {a: [b]}}", "7:38: fields.a.through.values: must be text, a number, true or false"),
            ("{boolean: {true: [Y]}}", "7:39: fields.a.through.boolean: give words for both true and false"),
            ("{boolean: {true: [Y], false: [y]}}", "7:39: fields.a.through.boolean: the same word stands for"),
        ],
    )
    def test_what_is_wrong_with_a_lens_is_said_at_its_place(self, lens: str, problem: str) -> None:
        found = [line.removeprefix("m.yaml:") for line in field_says(f"  a: {{external: a, through: {lens}}}\n")]
        told = [line for line in found if line.startswith(problem)]
        assert len(told) == 1, found
        assert all("missing key" in line for line in found if line not in told)


class TestConstants:
    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            (
                "  a: {constant: {flowtly: x}, external: b}\n",
                (
                    "m.yaml:7:31: fields.a: external and constant exclude each other: a constant for flowtly has no "
                    "external field"
                ),
            ),
            (
                "  a: {constant: {flowtly: x}, conflict: ask}\n",
                "m.yaml:7:31: fields.a: conflict and constant exclude each other: it is never compared",
            ),
            (
                "  a: {constant: {flowtly: x, external: y}}\n",
                (
                    "m.yaml:7:17: fields.a.constant: give a value for exactly one side: {flowtly: value} or "
                    "{external: value}"
                ),
            ),
            ("  a: {constant: {flowtly: [x]}}\n", None),
            ("  a: {constant: {}}\n", None),
        ],
    )
    def test_a_constant_is_for_one_side_and_nothing_else(self, text: str, problem: str | None) -> None:
        found = field_says(text)
        assert len(found) == 1
        if problem is not None:
            assert found == [problem]

    def test_a_constant_must_be_able_to_flow(self) -> None:
        assert field_says("  a: {constant: {external: x}}\n", ONE_WAY) == [
            "m.yaml:8:17: fields.a: nothing is created in external by direction to_flowtly"
        ]

    def test_a_constant_brings_its_lookup(self) -> None:
        mapping = fields("  a: {constant: {flowtly: EUR}, through: {lookup: currencies, by: code}}\n")
        assert set(mapping.lookups) == {("currencies", "code")}
        assert "a" not in mapping.rules.fields


class TestMatch:
    def test_a_match_field_must_be_compared(self) -> None:
        text = HEAD.replace("[[name]]", "[[vat], [name, tinCountry], [nme], [kind]]") + (
            "fields:\n  name: company\n  vat: {external: v, through: vat_number}\n  kind: {constant: {flowtly: x}}\n"
        )
        assert said(text) == [
            "m.yaml:4:23: match: 'tinCountry' is not a field that is compared",
            "m.yaml:4:37: match: 'nme' is not a field that is compared (did you mean 'name'?)",
            "m.yaml:4:44: match: 'kind' is not a field that is compared",
        ]

    def test_a_raw_name_is_told_its_canonical_one(self) -> None:
        text = HEAD.replace("[[name]]", "[[vat_no]]") + "fields:\n  name: company\n  vat: {external: vat_no}\n"
        assert said(text) == [
            "m.yaml:4:10: match: 'vat_no' is not a field that is compared (the canonical field is 'vat')"
        ]

    @pytest.mark.parametrize(
        ("match", "problem"),
        [
            ("[]", "m.yaml:4:8: match: must not be empty"),
            ("[[]]", "m.yaml:4:9: match[0]: must be a list of lists of canonical fields: [[tin], [name, country]]"),
            ("[name]", "m.yaml:4:9: match[0]: must be a list of lists of canonical fields: [[tin], [name, country]]"),
            ("[[name, name]]", "m.yaml:4:9: match[0]: names the same field twice"),
            ("name", "m.yaml:4:8: match: must be a list"),
        ],
    )
    def test_match_is_a_list_of_lists(self, match: str, problem: str) -> None:
        assert said(HEAD.replace("[[name]]", match) + "fields: {name: company}\n") == [problem]

    def test_a_mapping_without_match_is_refused(self) -> None:
        assert said(HEAD.replace("match: [[name]]\n", "") + "fields: {name: company}\n") == [
            "m.yaml:1:1: missing key 'match'"
        ]


class TestWholeMappings:
    def test_no_fields_and_only_constants_are_refused(self) -> None:
        assert said(HEAD + "fields: {}\n") == ["m.yaml:5:9: fields: must not be empty"]
        assert said(HEAD + "fields: {name: {constant: {flowtly: x}}}\n") == [
            "m.yaml:4:10: match: 'name' is not a field that is compared",
            "m.yaml:5:9: fields: nothing but constants, so there is nothing to keep the same",
        ]

    def test_a_delete_rule_sets_fields_of_the_mapping(self) -> None:
        assert field_says("deletes: {in_external: {set: {nme: x}}}\n") == [
            "m.yaml:7:31: deletes.in_external.set: 'nme' is not a field that is compared (did you mean 'name'?)"
        ]

    @pytest.mark.parametrize("rule", ["{set: {}}", "set", "{action: delete, set: {name: x}}", "[delete]", "5"])
    def test_a_delete_rule_is_a_word_or_a_set(self, rule: str) -> None:
        assert len(field_says(f"deletes: {{in_external: {rule}}}\n")) == 1

    def test_delete_rules_are_kept(self) -> None:
        mapping = fields("deletes: {in_external: {set: {name: gone}}, in_flowtly: unlink}\n")
        assert mapping.spec.deletes.in_external.set == {"name": "gone"}
        assert mapping.spec.deletes.in_flowtly.action == "unlink"

    @pytest.mark.parametrize("schedule", ["{every: 0s}", "{every: 2h, full: 1h}", "{every: 60}", "{every: soon}"])
    def test_a_schedule_makes_sense(self, schedule: str) -> None:
        assert len(field_says(f"schedule: {schedule}\n")) == 1

    @pytest.mark.parametrize("name", ["", "a b", "5", "x" * 70, "'../x'"])
    def test_a_name_is_a_plain_word(self, name: str) -> None:
        (found,) = said(HEAD.replace("mapping: clients", f"mapping: {name}") + "fields: {name: company}\n")
        assert found.startswith("m.yaml:1:")

    def test_every_problem_of_every_field_is_reported_at_once(self) -> None:
        text = "  a: {external: [x, y]}\n  b: {flowtly: b}\n  c: {external: c, through: concat}\n"
        assert [line.split(":")[1] for line in field_says(text)] == ["7", "8", "9"]

    def test_what_the_engine_asks_for(self) -> None:
        mapping = compiled(
            "mapping: m\nexternal: {system: erp, resource: customers, key: no, cursor: at, options: {a: [1]},\n"
            "  where: {stage: [a, b], live: true}}\nflowtly: {resource: clients, where: {status: null}}\n"
            "match: [[name]]\nfields: {name: company, city: town}\n"
        )
        assert (mapping.name, mapping.system, mapping.file) == ("m", "erp", "m.yaml")
        assert (mapping.key_field, mapping.cursor_field, mapping.direction) == ("no", "at", Direction.BOTH)
        assert mapping.resource(Side.EXTERNAL) == "customers"
        assert mapping.resource(Side.FLOWTLY) == "clients"
        assert mapping.where(Side.EXTERNAL) == {"stage": ["a", "b"], "live": True}
        assert mapping.where(Side.FLOWTLY) == {"status": None}
        assert mapping.options(Side.EXTERNAL) == {"a": [1]}
        assert mapping.projection(Side.EXTERNAL).inputs == ("company", "town", "stage", "live")
        assert mapping.outputs(Side.FLOWTLY) == {"name", "city"}
        assert mapping.match == (("name",),)


class TestExpressions:
    def test_an_expression_reads_the_source_and_is_one_way(self) -> None:
        mapping = fields("  city: {expr: \"join(' ', [zip, town.name])\"}\n")
        assert mapping.rules.fields["city"].direction is Direction.TO_FLOWTLY
        assert mapping.external.chains["city"].names == ("zip", "town")

    def test_it_can_read_flowtly_as_well(self) -> None:
        mapping = fields("  city: {expr: a || b, external: town, direction: to_external}\n")
        assert mapping.flowtly.chains["city"].names == ("a", "b")
        assert mapping.external.chains["city"].names == ("town",)

    @pytest.mark.parametrize(
        ("text", "start"),
        [
            ("  a: {expr: 'b ||'}\n", "m.yaml:7:13: fields.a.expr: "),
            ("  a: {expr: 'length(@)'}\n", "m.yaml:7:13: fields.a.expr: it looks at the whole record"),
            ("  a: {expr: '*'}\n", "m.yaml:7:13: fields.a.expr: it looks at the whole record"),
            ("  a: {expr: '`5`'}\n", "m.yaml:7:13: fields.a.expr: it reads no field; use constant"),
            ("  a: {expr: b, external: c}\n", "m.yaml:7:26: fields.a: expr says what is read from external"),
            ("  a: {expr: b, direction: both}\n", "m.yaml:7:27: fields.a: expr works to_flowtly only"),
            ("  a: {expr: b, direction: to_external}\n", "m.yaml:7:6: fields.a: missing key 'external'"),
            ("  a: {expr: b, constant: {flowtly: c}}\n", "m.yaml:7:7: fields.a: expr and constant exclude"),
        ],
    )
    def test_what_is_wrong_with_an_expression_is_said_at_its_place(self, text: str, start: str) -> None:
        (found,) = field_says(text)
        assert found.startswith(start)


class TestFingerprint:
    BASE = HEAD + "fields:\n  name: company\n  a: {external: a, values: {1: x}}\n"

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("customers", "people"),
            ("key: id", "key: no"),
            ("key: id", "key: id, cursor: at"),
            ("key: id", "key: id, where: {a: 5}"),
            ("key: id", "key: id, where: {a: 1.5}"),
            ("key: id", "key: id, options: {q: 1}"),
            ("[[name]]", "[[a]]"),
            ("company", "firm"),
            ("company", "{external: company, through: trim}"),
            ("company", "{external: company, required: true}"),
            ("{external: a, values: {1: x}}", "{external: a, values: {1: y}}"),
            ("company", "{external: company, conflict: external}"),
            ("{1: x}", "{'1': x}"),
            ("fields:", "direction: to_flowtly\nfields:"),
            ("fields:", "conflicts: {default: flowtly}\nfields:"),
            ("fields:", "creates: {in_external: false}\nfields:"),
            ("fields:", "deletes: {in_external: unlink}\nfields:"),
            ("fields:", "fields:\n  k: {constant: {flowtly: x}}"),
        ],
    )
    def test_it_changes_with_what_changes_documents_rules_or_scope(self, old: str, new: str) -> None:
        assert compiled(self.BASE).fingerprint != compiled(self.BASE.replace(old, new, 1)).fingerprint

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("fields:", "# a comment\nfields:"),
            ("fields:", "schedule: {every: 5m}\nfields:"),
            ("fields:", "limits: {max_creates: 1}\nfields:"),
            ("fields:", "description: mine\nfields:"),
            ("fields:", "deletes: {in_external: ignore, quarantine: 3}\nfields:"),
            ("name: company", "name: {external: [company]}"),
            ("name: company", "name: {external: {field: company}}"),
            ("direction: both\n", ""),
        ],
    )
    def test_it_does_not_change_with_anything_else(self, old: str, new: str) -> None:
        assert compiled(self.BASE).fingerprint == compiled(self.BASE.replace(old, new, 1)).fingerprint

    def test_every_lens_has_a_fingerprint_of_its_own(self) -> None:
        lenses = ["trim", "squeeze", "text", "boolean", "date", "datetime", "integer", "decimal", "{decimal: 3}"]
        lenses += ["{case: upper}", "{case: lower}", "{date: '%d.%m.%Y'}", "{date: {on: flowtly}}", "[trim, text]"]
        found = {fields(f"  a: {{external: a, through: {lens}}}\n").fingerprint for lens in lenses}
        assert len(found) == len(lenses)

    def test_text_and_numbers_in_where_are_told_apart(self) -> None:
        one, other = (
            compiled(self.BASE.replace("key: id", f"key: id, where: {{a: {value}}}")).fingerprint
            for value in ("1.5", "'1.5'")
        )
        assert one != other
