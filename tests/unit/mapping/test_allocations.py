"""Allocation files: what is read from them, every fault at its own place, and the mappings that are made of them."""

from __future__ import annotations

from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from syncd.budgets.model import ByLines, ByTable, Mode, Pieces, RuleSet
from syncd.budgets.values import OWN, plain
from syncd.core.model import Side
from syncd.engine.allocating.compiling import allocation_of, rules_of
from syncd.mapping.allocation_checks import OWN_WORDS, Around, allocation_problems, parse_allocation
from syncd.mapping.allocation_mappings import commitments_of, expanded, made_of
from syncd.mapping.allocation_values import text_of
from syncd.mapping.allocations import AllocationSpec, fingerprint_of
from syncd.mapping.compiled import CompiledMapping, compile_mapping
from syncd.mapping.laws import check_laws
from syncd.mapping.links import fixed_links, table_of
from syncd.mapping.problems import ConfigError
from syncd.mapping.records import RecordProblem
from syncd.mapping.reference import ALLOCATION_BLOCKS, render
from syncd.mapping.spec import ExternalSpec, MappingSpec
from syncd.mapping.yaml_source import Node, load_text

HEAD = """\
allocation: costs
postings:
  {of: transactions, amount: sum, currency: cur, date: booked, sign: negative, account: acc, fields: {cost_centre: kst}}
links: {target: {mapping: budgets}, employee: {mapping: employees}}
"""
RULES = """\
rules:
  - {rule: all, budget: "{cost_centre}:{year}"}
"""
ERP = ExternalSpec(system="erp", resource="bank_postings", key="posting_id")
LINKS = {
    table_of("transactions"): fixed_links({"P1": "/api/transactions/1"}),
    table_of("budgets"): fixed_links({"4100:2026": "/api/budgets/1"}),
    table_of("employees"): fixed_links({"E7": "/api/employees/7"}),
}


def node(text: str) -> Node:
    return load_text(text, {}, name="a.yaml")


def spec_of(text: str) -> AllocationSpec:
    return parse_allocation(node(text))


def rules(text: str, head: str = HEAD) -> RuleSet:
    source = node(head + text)
    return rules_of(parse_allocation(source), source)


def said(text: str, head: str = HEAD) -> list[str]:
    """Every problem as it is printed; what follows the head starts on line 5."""
    with pytest.raises(ConfigError) as raised:
        spec_of(head + text)
    return [str(problem) for problem in raised.value.problems]


def made(text: str = RULES, head: str = HEAD) -> dict[str, CompiledMapping]:
    source = node(head + text)
    pairs = expanded(parse_allocation(source), source, ERP)
    return {spec.mapping: compile_mapping(spec, at) for spec, at in pairs}


# ------------------------------------------------------------------ what is read


def test_rules_become_rules_with_their_places() -> None:
    found = rules("""\
tables:
  overhead:
    4100: [{budget: "4100:{year}", share: 60%}, {budget: "4200:{year}", rest: true}]
    "4200": {budget: 4200}
match: all
rules:
  - rule: ads
    when: {cost_centre: [4100, "0410"], amount: {min: 10, max: 50.5}, text: {like: "*ads*"}, project: {empty: true}}
    valid: {from: 2026-01-01}
    budget: 4100
    employee: "{employee_no}"
  - rule: rent
    split:
      - {budget: a, share: 0.4}
      - {budget: b, share: 1/3}
      - {budget: c, amount: 500.00}
      - {budget: d, rest: true}
  - {rule: table, split: {table: overhead, by: cost_centre}}
  - {rule: own, when: {counterparty: own, date: {to: 2026-06-30}}, leave: unassigned}
default: {budget: "9999:{year}"}
""")
    ads, rent, table, own = found.rules
    assert (found.mode, found.default and found.default.budget) == (Mode.ALL, "9999:{year}")
    assert (ads.place.line, ads.place.file, str(ads.valid.first), ads.valid.last) == (11, "a.yaml", "2026-01-01", None)
    assert isinstance(ads.split, Pieces)
    assert [(one.target.budget, one.target.employee, one.rest) for one in ads.split.pieces] == [
        ("4100", "{employee_no}", True)
    ]
    assert ads.when["cost_centre"].equal == {"4100", "0410"}
    assert (str(ads.when["amount"].least), str(ads.when["amount"].most)) == ("10", "50.5")
    assert (ads.when["text"].like, ads.when["project"].empty) == (("*ads*",), True)
    assert isinstance(rent.split, Pieces)
    assert [(one.share, one.amount, one.rest, one.place.line) for one in rent.split.pieces] == [
        (Fraction(2, 5), None, False, 18),
        (Fraction(1, 3), None, False, 19),
        (None, 500, False, 20),
        (None, None, True, 21),
    ]
    assert table.split == ByTable("overhead", "cost_centre")
    assert [(one.target.budget, one.share, one.rest) for one in found.tables["overhead"]["4100"]] == [
        ("4100:{year}", Fraction(3, 5), False),
        ("4200:{year}", None, True),
    ]
    assert [(one.target.budget, one.rest) for one in found.tables["overhead"]["4200"]] == [("4200", True)]
    assert own.split is None
    assert own.when["date"].window is not None
    assert str(own.when["date"].window.last) == "2026-06-30"


def test_lines_and_projects_are_targets_too() -> None:
    head = HEAD.replace("fields: {cost", "lines: {resource: l, key: id, posting: p, amount: a}, fields: {cost")
    found = rules('rules:\n  - {rule: x, split: {lines: {budget: "{line.kst}:{year}"}}}\n', head).rules[0].split
    assert isinstance(found, ByLines)
    assert found.target.budget == "{line.kst}:{year}"
    head = HEAD.replace("links: {target: {mapping: budgets}, employee: {mapping: employees}}", PROJECTS)
    assert spec_of(f'{head}rules:\n  - {{rule: x, project: "{{p}}"}}\n').target_field == "project"


PROJECTS = "links: {resource: project-transactions, target: {mapping: projects}}"


@given(st.one_of(st.text(), st.integers(), st.booleans(), st.decimals(allow_nan=False, allow_infinity=False, places=4)))
def test_values_are_written_so_that_rules_compare_them_as_they_do_postings(value: object) -> None:
    assert plain(text_of(value)) == plain(value)


def test_words_of_the_postings_own_are_the_ones_that_rules_know() -> None:
    assert OWN_WORDS == OWN


def test_every_key_is_described() -> None:
    page = render()
    models: list[type[BaseModel]] = [AllocationSpec, *(model for _, model in ALLOCATION_BLOCKS)]
    for model in models:
        for name, info in model.model_fields.items():
            assert info.description, f"{model.__name__}.{name} has no description"
            assert f"`{info.alias or name}`" in page


# ------------------------------------------------------------------ what is wrong

BAD = {
    "unknown key": ('rules:\n  - {rule: x, budgt: "1"}\n', "6:15: unknown key 'budgt' (did you mean 'budget'?)"),
    "unknown condition": (
        'rules:\n  - {rule: x, budget: "1", when: {kst: {mn: 4}}}\n',
        "6:41: unknown key 'mn' (did you mean 'min'?)",
    ),
    "share": (
        "rules:\n  - rule: x\n    split: [{budget: 1, share: forty}]\n",
        "7:32: rules[0].split[0].share: a share is written as 40%, 0.4 or 2/3",
    ),
    "share as a number": (
        "rules:\n  - rule: x\n    split: [{budget: 1, share: 40}]\n",
        "7:32: rules[0].split[0].share: a share is at most all of it (100%); write 40% for percent",
    ),
    "no share": (
        "rules:\n  - rule: x\n    split: [{budget: 1, share: 0%}]\n",
        "7:32: rules[0].split[0].share: a share is more than nothing",
    ),
    "divided by zero": (
        "rules:\n  - rule: x\n    split: [{budget: 1, share: 1/0}]\n",
        "7:32: rules[0].split[0].share: a share is written as 40%, 0.4 or 2/3",
    ),
    "shares over 100 %": (
        "rules:\n  - rule: x\n    split:\n      - {budget: 1, share: 2/3}\n      - {budget: 2, share: 40%}\n",
        "9:28: rules: x: shares of one split are 106.667% up to here, more than 100% (33.333% were left)",
    ),
    "decimals": (
        "rules:\n  - rule: x\n    split: [{budget: 1, amount: 1.23456}]\n",
        "7:33: rules[0].split[0].amount: 1.23456 has more decimals than any currency (4 at most)",
    ),
    "negative amount": (
        "rules:\n  - rule: x\n    split: [{budget: 1, amount: -5}]\n",
        "7:33: rules[0].split[0].amount: an amount is more than nothing; a reversal takes back the same by itself",
    ),
    "two rests": (
        "rules:\n  - rule: x\n    split: [{budget: 1, rest: true}, {budget: 2, rest: true}]\n",
        "7:50: rules: x: two pieces of one split both claim the rest (only one can have it)",
    ),
    "two ways": (
        "rules:\n  - rule: x\n    split: [{budget: 1, share: 10%, rest: true}]\n",
        "7:37: rules: x: share and rest exclude each other (write share: 40%, amount: 500.00, or rest: true)",
    ),
    "no way": (
        "rules:\n  - rule: x\n    split: [{budget: 1}]\n",
        "7:13: rules: x: how much is not said (write share: 40%, amount: 500.00, or rest: true)",
    ),
    "nowhere": (
        "rules:\n  - {rule: x}\n",
        "6:5: rules: x: no budget, no split and no leave (write budget, split, or leave: unassigned)",
    ),
    "leave and split": (
        "rules:\n  - {rule: x, split: [{budget: 1, rest: true}], leave: unassigned}\n",
        "6:49: rules: x: split and leave exclude each other (write budget, split, or leave: unassigned)",
    ),
    "unknown table": (
        "tables: {overhead: {1: {budget: 1}}}\nrules:\n  - {rule: x, split: {table: overhed, by: kst}}\n",
        "7:30: rules: x: there is no table 'overhed' (did you mean 'overhead'?)",
    ),
    "table without by": (
        "tables: {overhead: {1: {budget: 1}}}\nrules:\n  - {rule: x, split: {table: overhead}}\n",
        "7:22: rules: x: table and by belong together (write {table: NAME, by: FIELD})",
    ),
    "a table's shares": (
        "tables:\n  t:\n    1: [{budget: 1, share: 60%}, {budget: 2, share: 41%}]\n" + RULES,
        "7:53: tables.t: shares of one split are 101% up to here, more than 100% (40% were left)",
    ),
    "a table's row twice": (
        'tables: {t: {1: {budget: 1}, "1": {budget: 1}}}\n' + RULES,
        "5:30: tables.t: '1' is there twice",
    ),
    "min above max": (
        "rules:\n  - {rule: x, budget: 1, when: {amount: {min: 5, max: 4}}}\n",
        "6:41: rules[0].when.amount: nothing is at least 5 and at most 4: min is above max",
    ),
    "from after to": (
        "rules:\n  - {rule: x, budget: 1, valid: {from: 2026-02-01, to: 2026-01-31}}\n",
        "6:33: rules[0].valid: ends before it begins: from 2026-02-01 to 2026-01-31",
    ),
    "no such day": (
        "rules:\n  - {rule: x, budget: 1, valid: {from: 2026-02-30}}\n",
        "6:40: rules[0].valid.from: there is no day 2026-02-30",
    ),
    "another spelling of a day": (
        "rules:\n  - {rule: x, budget: 1, when: {date: {to: 31.1.2026}}}\n",
        "6:44: rules[0].when.date.to: a day is written as 2026-01-31",
    ),
    "nothing to be": (
        "rules:\n  - {rule: x, budget: 1, when: {kst: null}}\n",
        "6:38: rules[0].when.kst: nothing is written: a value, a list, or {empty: true}",
    ),
    "like nothing": (
        "rules:\n  - {rule: x, budget: 1, when: {kst: {like: []}}}\n",
        "6:45: rules[0].when.kst.like: must not be empty",
    ),
    "like an empty text": (
        'rules:\n  - {rule: x, budget: 1, when: {kst: {like: ""}}}\n',
        "6:45: rules[0].when.kst.like: must not be empty",
    ),
    "no rest": (
        "rules:\n  - {rule: x, split: [{budget: 1, rest: false}]}\n",
        "6:41: rules[0].split[0].rest: must be true, or left out",
    ),
    "name twice": (
        "rules:\n  - {rule: x, budget: 1, when: {kst: 1}}\n  - {rule: x, budget: 2}\n",
        "7:12: rules: 'x' is there twice (first in line 6)",
    ),
    "brace": (
        'rules:\n  - {rule: x, budget: "{kst:{year}"}\n',
        '6:23: rules[0].budget: a brace is not closed or not opened: write "{name}"',
    ),
    "empty brace": (
        'rules:\n  - {rule: x, budget: "{}:{year}"}\n',
        '6:23: rules[0].budget: a name in braces is empty or has blanks around it: write "{name}"',
    ),
    "lines that are nowhere": (
        'rules:\n  - {rule: x, split: {lines: {budget: "{line.kst}"}}}\n',
        "6:23: rules: x: split by lines, but postings.lines does not say where they are",
    ),
    "a line's field of a posting": (
        'rules:\n  - {rule: x, budget: "{line.kst}"}\n',
        "6:23: rules: x: {line.kst} is a line's field (only split: {lines: ...} has lines)",
    ),
    "project": (
        "rules:\n  - {rule: x, project: 1}\n",
        "6:15: rules: x: budget-transactions have no project (write budget)",
    ),
    "default": (
        "default: nobody\n" + RULES,
        '5:10: default: write unassigned, or a target such as {budget: "9999:{year}"}',
    ),
    "direction": (
        "direction: both\n" + RULES,
        "5:12: direction: both, but no commitments are configured (add commitments: they are written there)",
    ),
    "thresholds": (
        "plan: {resource: p, target: t, amount: a, currency: c, thresholds: [100, 80]}\n" + RULES,
        "5:7: plan: thresholds grow: [80, 100]",
    ),
    "key of commitments": (
        "commitments: {resource: c, key: id, fields: {link: l, transaction: t, budget: b, amount: a}}\n" + RULES,
        "5:14: commitments: the key of commitments is the column of the link: l",
    ),
}


@pytest.mark.parametrize(("text", "wanted"), BAD.values(), ids=BAD)
def test_a_fault_is_one_clear_error_at_its_place(text: str, wanted: str) -> None:
    assert said(text) == [f"a.yaml:{wanted}"]


BAD_HEADS = {
    "find": ("{mapping: budgets}", "{lookup: budgets}", "4:17: links.target: write {mapping: NAME}, or {lookup:"),
    "currency": (
        "currency: cur",
        "currency: {constant: euro}",
        "3:56: postings.currency.constant: must be three letters",
    ),
    "own word": ("{cost_centre: kst}", "{month: kst}", "3:103: postings.fields: 'month' means something of its own"),
    "missing": ("sign: negative, ", "", "2:1: missing key 'sign' in postings"),
    "employee": (", employee: {mapping: employees}", "", "6:40: rules: all: links.employee does not say how employees"),
}


@pytest.mark.parametrize(("old", "new", "wanted"), BAD_HEADS.values(), ids=BAD_HEADS)
def test_a_fault_of_the_blocks_is_found_too(old: str, new: str, wanted: str) -> None:
    assert HEAD.count(old) == 1
    text = 'rules:\n  - {rule: all, budget: "1", employee: "{e}"}\n'
    (found,) = said(text, HEAD.replace(old, new))
    assert found.startswith(f"a.yaml:{wanted}")


def test_every_fault_is_told_at_once_in_the_order_of_the_file() -> None:
    found = said("rules:\n  - {rule: x}\n  - {rule: x, split: {table: t, by: k}}\n  - {rule: y, project: 1}\n")
    assert [line.split(": ", 1)[0] for line in found] == ["a.yaml:6:5", "a.yaml:7:12", "a.yaml:7:30", "a.yaml:8:15"]


# ------------------------------------------------------------------ beside the rest of the configuration


def _mapping(name: str, resource: str) -> MappingSpec:
    return MappingSpec.model_validate(
        {
            "mapping": name,
            "external": {"resource": name},
            "flowtly": {"resource": resource},
            "match": [["name"]],
            "fields": {"name": "name"},
        }
    )


AROUND = Around(
    {one: _mapping(one, one) for one in ("transactions", "budgets", "employees", "clients")}, {"erp"}, {"bi"}
)


def beside(text: str) -> list[str]:
    source = node(text)
    return [str(one) for one in allocation_problems(parse_allocation(source), source, AROUND)]


def test_what_an_allocation_names_must_be_there_and_be_the_right_thing() -> None:
    assert beside(HEAD + RULES) == []
    text = HEAD.replace("of: transactions", "of: transaction").replace("mapping: budgets", "mapping: clients")
    text = text.replace("mapping: employees", "mapping: staff")
    more = "plan: {system: epr, resource: p, target: t, amount: a, currency: c, to: [bi, bx1]}\n"
    known = "budgets, clients, employees, transactions"
    assert beside(text + more + RULES) == [
        "a.yaml:3:8: postings.of: there is no mapping 'transaction' (did you mean 'transactions'?)",
        "a.yaml:4:27: links.target.mapping: mapping 'clients' is about clients, not budgets (of budgets: budgets)",
        f"a.yaml:4:57: links.employee.mapping: there is no mapping 'staff' (known: {known})",
        "a.yaml:5:16: plan.system: no system is called 'epr' (did you mean 'erp'?)",
        "a.yaml:5:78: plan.to: no event target is called 'bx1' (targets are named in events.targets of syncd.yaml)",
    ]


# ------------------------------------------------------------------ the mappings that are made of it

FULL = """\
commitments:
  resource: commitments
  create: true
  fields: {link: link_id, transaction: posting_id, budget: budget_key, employee: employee_no, amount: amount}
limits: {max_removals: 100}
"""


def test_an_allocation_makes_a_mapping_of_its_links() -> None:
    (links,) = made().values()
    assert (links.name, links.system, links.key_field) == ("costs", "erp", "part")
    assert (links.resource(Side.EXTERNAL), links.resource(Side.FLOWTLY)) == ("allocation:costs", "budget-transactions")
    assert (made_of(links.spec), commitments_of(links.spec)) == ("costs", None)
    assert links.references == {"transactions": "transaction", "budgets": "budget", "employees": "employee"}
    deletes = links.spec.deletes
    assert (deletes.in_external.action, deletes.in_flowtly.action, deletes.quarantine) == ("delete", "remake", 0)
    assert check_laws(links, LINKS, Random(1), 100) == []


def test_a_link_is_written_as_flowtly_knows_it_and_nobody_is_nothing() -> None:
    (links,) = made().values()
    raw = {"posting": "P1", "budget": "4100:2026", "employee": "E7", "amount": 125000}
    at = {
        "transaction": "/api/transactions/1",
        "budget": "/api/budgets/1",
        "employee": "/api/employees/7",
        "amount": 125000,
    }
    document = links.external.document(raw, LINKS)
    assert links.flowtly.writes(document, LINKS, None) == at
    assert links.flowtly.document(at, LINKS) == document
    nobody = links.external.document({**raw, "employee": None, "amount": None}, LINKS)
    assert links.flowtly.writes(nobody, LINKS, None) == {name: at[name] for name in ("transaction", "budget")}
    assert links.flowtly.document({**at, "employee": None, "amount": None}, LINKS) == nobody
    assert links.flowtly.writes(nobody, LINKS, at) == {"employee": None, "amount": None}


def test_a_link_of_nobody_is_recognised_and_is_not_that_of_somebody() -> None:
    (links,) = made().values()
    raw = {"posting": "P1", "budget": "4100:2026", "employee": None, "amount": 5}
    iris = {"transaction": "/api/transactions/1", "budget": "/api/budgets/1", "employee": None, "amount": 7}
    ours = links.external.match_keys(links.external.document(raw, LINKS))
    assert ours == links.flowtly.match_keys(links.flowtly.document(iris, LINKS))
    assert ours[0] is not None
    other = links.external.match_keys(links.external.document({**raw, "employee": "E7"}, LINKS))
    assert ours != other
    with pytest.raises(RecordProblem, match="the word for no value"):
        links.external.document({**raw, "employee": "nobody"}, LINKS)


def test_without_employees_and_with_lists_the_same_mapping_is_made() -> None:
    head = HEAD.replace("{mapping: budgets}, employee: {mapping: employees}", "{lookup: budgets, by: name}")
    (links,) = made(RULES, head).values()
    assert (dict(links.lookups), set(links.references)) == ({("budgets", "name"): "budget"}, {"transactions"})
    assert links.external.document({"posting": "P1", "budget": "b", "employee": None, "amount": 1}, LINKS) == {
        "transaction": "P1",
        "budget": "b",
        "employee": "nobody",
        "amount": 1,
    }


def test_projects_have_no_employee() -> None:
    head = HEAD.replace("links: {target: {mapping: budgets}, employee: {mapping: employees}}", PROJECTS)
    (links,) = made('rules:\n  - {rule: x, project: "{p}"}\n', head).values()
    assert links.match == (("transaction", "project"),)
    assert [plan.name for plan in links.fields] == ["transaction", "project", "amount"]


def test_commitments_are_a_second_mapping_the_other_way() -> None:
    links, theirs = made(FULL + RULES).values()
    assert (links.name, theirs.name, commitments_of(theirs.spec)) == ("costs", "costs-commitments", "costs")
    assert (theirs.system, theirs.key_field, theirs.spec.external.create) == ("erp", "link_id", True)
    assert (links.spec.limits.max_removals, theirs.spec.limits.max_removals) == (100, 100)
    raw = {
        "iri": "/api/budget-transactions/9",
        "transaction": "/api/transactions/1",
        "budget": "/api/budgets/1",
        "employee": None,
        "amount": "1250.00",
    }
    document = theirs.flowtly.document(raw, LINKS)
    assert theirs.external.writes(document, LINKS, None) == {
        "link_id": "/api/budget-transactions/9",
        "posting_id": "P1",
        "budget_key": "4100:2026",
        "amount": 1250,
    }
    assert check_laws(theirs, LINKS, Random(1), 100) == []


def test_a_fault_of_a_made_mapping_is_told_where_the_allocation_says_it() -> None:
    with pytest.raises(ConfigError) as raised:
        made("conflicts: {default: flowtly}\n" + RULES)
    (found,) = [str(one) for one in raised.value.problems]
    assert found.startswith("a.yaml:5:12: conflicts.default: the mapping flows to_flowtly only, so flowtly cannot win")


# ------------------------------------------------------------------ fingerprints

NO_NEWS = ("limits: {max_creates: 1}\n", "schedule: {every: 5m}\n", "description: x\n", FULL)
NEWS = (
    "match: all\n",
    "exponents: {CLF: 2}\n",
    "default: {budget: 1}\n",
    "tables: {t: {1: {budget: 1}}}\n",
)


def fingerprint(text: str, erp: ExternalSpec = ERP) -> str:
    return fingerprint_of(spec_of(text), erp)


def test_an_edited_rule_is_another_fingerprint_of_the_allocation_and_of_its_mapping() -> None:
    before = fingerprint(HEAD + RULES)
    assert all(fingerprint(HEAD + more + RULES) == before for more in NO_NEWS)
    others = [fingerprint(HEAD + more + RULES) for more in NEWS]
    others.append(fingerprint(HEAD + RULES.replace("{year}", "{month}")))
    others.append(fingerprint(HEAD.replace("sign: negative", "sign: positive") + RULES))
    others.append(fingerprint(HEAD.replace("employee: {", "whole: write, employee: {") + RULES))
    others.append(fingerprint(HEAD + RULES, ERP.model_copy(update={"resource": "other"})))
    assert len({before, *others}) == len(others) + 1
    (links,), (edited,) = made().values(), made("match: all\n" + RULES).values()
    assert links.fingerprint != edited.fingerprint


def test_a_compiled_allocation_knows_which_raw_fields_it_reads() -> None:
    source = node(HEAD + RULES.replace("all,", "all, when: {account: 6000, text: {like: x}, year: 2026},"))
    found = allocation_of(parse_allocation(source), source, ERP)
    assert found.reading.names == {"account": "acc", "text": "text", "cost_centre": "kst"}
    assert found.reading.reads == ("sum", "cur", "booked", "acc", "text", "kst")
    assert (found.transaction_factor, found.reading.factor, found.of) == (-1, -1, "transactions")


def test_a_fixed_amount_that_the_only_currency_cannot_have_is_found() -> None:
    head = HEAD.replace("currency: cur", "currency: {constant: JPY}")
    source = node(head + "rules:\n  - rule: x\n    split: [{budget: 1, amount: 1.50}, {budget: 2, rest: true}]\n")
    with pytest.raises(ConfigError) as raised:
        allocation_of(parse_allocation(source), source, ERP)
    (found,) = [str(one) for one in raised.value.problems]
    assert found == "a.yaml:7:33: rules: x: 1.50 has 1 decimals, JPY has 0 (postings.currency is constant)"


def test_a_currency_that_nobody_knows_is_one_error_where_it_is_written() -> None:
    head = HEAD.replace("currency: cur", "currency: {constant: XQQ}")
    source = node(head + "rules:\n  - rule: x\n    split: [{budget: 1, amount: 1.50}, {budget: 2, rest: true}]\n")
    with pytest.raises(ConfigError) as raised:
        allocation_of(parse_allocation(source), source, ERP)
    (found,) = [str(one) for one in raised.value.problems]
    assert found.startswith("a.yaml:3:56: postings.currency: 'XQQ' is no known currency")
    assert found.endswith("(exponents: {XQQ: 2})")
