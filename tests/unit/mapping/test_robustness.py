"""Whatever is written into a mapping file gives a mapping or a ConfigError with places, and nothing else."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.mapping.compiled import compile_mapping
from syncd.mapping.lenses.registry import LENSES
from syncd.mapping.problems import ConfigError
from syncd.mapping.spec import MappingSpec
from syncd.mapping.yaml_source import load_text, parse

BASE: dict[str, Any] = {
    "mapping": "clients",
    "external": {"resource": "customers", "key": "id", "where": {"stage": ["a", "b"]}},
    "flowtly": {"resource": "clients"},
    "direction": "both",
    "match": [["vat"], ["name", "country"]],
    "creates": {"in_flowtly": True},
    "fields": {
        "name": "company",
        "vat": {"external": "vat_no", "through": "vat_number"},
        "country": {"external": "cc", "through": [{"case": "upper"}, {"lookup": "countries", "by": "code"}]},
        "status": {"external": "stage", "values": {"a": "active", "b": "archived"}, "conflict": "external"},
        "since": {"external": "since", "through": {"date": {"format": "%d.%m.%Y", "zone": "UTC"}}},
        "amount": {"external": {"field": "amount", "through": {"decimal": 2}}, "flowtly": {"field": ["minor"]}},
        "address": {"external": ["a", "b"], "through": {"concat": " "}, "direction": "to_flowtly"},
        "tinType": {"constant": {"flowtly": "vat"}},
        "city": {"expr": "zip || town"},
    },
    "deletes": {"in_external": {"set": {"status": "archived"}}, "in_flowtly": "ignore"},
    "schedule": {"every": "60s", "full": "6h"},
    "limits": {"max_creates": 5, "max_share": 0.5},
}
WORDS = [
    *LENSES,
    "both",
    "to_flowtly",
    "ask",
    "newest",
    "set",
    "name",
    "through",
    "external",
    "flowtly",
    "${X}",
    "@",
    "",
    "5s",
]
LEAF = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 10**20), st.floats(-5, 5), st.text(max_size=8), st.sampled_from(WORDS)
)
ANYTHING = st.recursive(
    LEAF,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from([*WORDS, "by", "field", "with"]), inner, max_size=3)
    ),
    max_leaves=6,
)  # fmt: skip


def paths(data: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place of nested data."""
    steps = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [*([above] if above else []), *(found for key, below in steps for found in paths(below, (*above, key)))]


def changed(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    data = deepcopy(BASE)
    place = data
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return data


def test_the_base_is_a_good_mapping() -> None:
    source = load_text(json.dumps(BASE), {}, name="m.yaml")
    assert compile_mapping(parse(MappingSpec, source), source).name == "clients"


@given(path=st.sampled_from(paths(BASE)), value=ANYTHING)
@settings(max_examples=200, deadline=None)
def test_one_wrong_value_anywhere_is_a_config_error_with_a_place(path: tuple[Any, ...], value: Any) -> None:
    try:
        source = load_text(json.dumps(changed(path, value), indent=1), {}, name="m.yaml")
        compile_mapping(parse(MappingSpec, source), source)
    except ConfigError as error:
        wrong = [problem for problem in error.problems if problem.line < 1 or not problem.message]
    else:
        wrong = []
    assert wrong == []
