"""Whatever is written into an allocation file gives an allocation or a ConfigError with places, and nothing else."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.engine.allocating.compiling import allocation_of
from syncd.mapping.allocation_checks import parse_allocation
from syncd.mapping.allocation_mappings import expanded
from syncd.mapping.compiled import compile_mapping
from syncd.mapping.problems import ConfigError
from syncd.mapping.spec import ExternalSpec
from syncd.mapping.yaml_source import load_text
from tests.unit.mapping.test_robustness import paths

ERP = ExternalSpec(system="erp", resource="postings")
BASE: dict[str, Any] = {
    "allocation": "costs",
    "postings": {
        "of": "transactions",
        "amount": "sum",
        "currency": {"constant": "EUR"},
        "date": "booked",
        "sign": "negative",
        "account": "acc",
        "base": {"amount": "base", "currency": "EUR"},
        "fields": {"cost_centre": "kst"},
        "where": {"status": ["posted"]},
        "lines": {"resource": "l", "key": "id", "posting": "p", "amount": "a", "fields": {"kst": "k"}},
    },
    "links": {"target": {"mapping": "budgets"}, "employee": {"lookup": "employees", "by": "email"}},
    "commitments": {
        "resource": "c",
        "create": True,
        "fields": {"link": "l", "transaction": "t", "budget": "b", "employee": "e", "amount": "a"},
    },
    "plan": {"resource": "p", "target": "t", "amount": "a", "currency": "c", "thresholds": [80, 100], "to": ["bi"]},
    "match": "first",
    "exponents": {"XTS": 4},
    "tables": {"t": {"4100": [{"budget": "a", "share": "40%"}, {"budget": "b", "rest": True}], "1": {"budget": "c"}}},
    "rules": [
        {"rule": "a", "when": {"kst": [4100, "x"], "amount": {"min": 1, "max": 2.5}}, "budget": "{kst}:{year}"},
        {
            "rule": "b",
            "when": {"date": {"from": "2026-01-01"}, "t": {"like": "*x*"}},
            "split": {"table": "t", "by": "k"},
        },
        {"rule": "c", "valid": {"to": "2026-12-31"}, "split": {"lines": {"budget": "{line.kst}", "employee": "{e}"}}},
        {"rule": "d", "when": {"x": {"empty": True}}, "leave": "unassigned"},
        {"rule": "e", "when": {"y": 1}, "split": [{"budget": "a", "amount": 5.25}, {"budget": "b", "share": "1/3"}]},
    ],
    "default": {"budget": "z"},
    "deletes": {"quarantine": 1},
    "limits": {"max_removals": 5},
}
WORDS = [
    "budget",
    "share",
    "amount",
    "rest",
    "split",
    "lines",
    "table",
    "is",
    "min",
    "from",
    "{year}",
    "{",
    "40%",
    "1/0",
]
LEAF = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 10**30),
    st.decimals(allow_nan=False, allow_infinity=False).map(float),
    st.text(max_size=8),
    st.sampled_from([*WORDS, "1e99", "-1E+99", "2026-13-01", "unassigned"]),
)
ANYTHING = st.recursive(
    LEAF,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(WORDS), inner, max_size=3)
    ),
    max_leaves=6,
)  # fmt: skip


def changed(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    data: Any = deepcopy(BASE)
    place = data
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return dict(data)


def outcome(data: Any) -> str:
    """What becomes of a file: used, or refused with a place for each problem."""
    try:
        node = load_text(json.dumps(data, indent=1), {}, name="a.yaml")
        spec = parse_allocation(node)
        allocation_of(spec, node, ERP)
        for made, source in expanded(spec, node, ERP):
            compile_mapping(made, source)
    except ConfigError as error:
        vague = [one for one in error.problems if one.file != "a.yaml" or one.line < 1 or not one.message]
        return "vague" if vague or not error.problems else "refused"
    return "used"


def test_the_whole_example_is_used() -> None:
    assert outcome(BASE) == "used"


@given(st.sampled_from(paths(BASE)), ANYTHING)
@settings(max_examples=100, deadline=None)
def test_any_value_at_any_place_is_used_or_refused_with_places(path: tuple[Any, ...], value: Any) -> None:
    assert outcome(changed(path, value)) != "vague"


@given(ANYTHING)
@settings(deadline=None)
def test_any_file_is_used_or_refused_with_places(data: Any) -> None:
    assert outcome(data) != "vague"
